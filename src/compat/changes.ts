// changes: replies and behaviours that changed, as wrappers around the commands.
//
// A change stands for one step of history: servers before `before` did it the other way. Steps are listed per area in the files
// of this folder; where a command has several, the newest wraps first, so that each sees the reply of the version after it.

import type { Call } from '../registry/call.js';
import type { Profile } from './profile.js';
import { readReplies, type ReplyTree, writeReply } from './reply-tree.js';

export type Run = (call: Call) => void;
/** `peers`: the other commands of the server, as they were before any change. */
export type Wrap = (run: Run, profile: Profile, peers: (fullName: string) => Run | undefined) => Run;

export interface Change {
  readonly commands: readonly string[];
  /** Servers before this version; undefined: every profile, and `wrap` decides. */
  readonly before?: string;
  readonly product?: Profile['product'];
  readonly wrap: Wrap;
}

/** A wrapper that changes the reply after the command has run; undefined leaves it as it is. */
export function reshape(change: (tree: ReplyTree, call: Call, profile: Profile) => ReplyTree | undefined): Wrap {
  return (run, profile) => (call) => {
    const { reply } = call;
    const start = reply.defer();
    const { errorCount } = reply;
    run(call);
    if (reply.errorCount !== errorCount) return;
    const [tree] = readReplies(reply.since(start));
    const changed = tree === undefined ? undefined : change(tree, call, profile);
    if (changed === undefined) return;
    reply.rewind(start);
    writeReply(reply, changed);
  };
}

/** A wrapper that refuses some calls before the command sees them. */
export function refuseIf(test: (call: Call) => string | undefined): Wrap {
  return (run) => (call) => {
    const text = test(call);
    if (text === undefined) run(call);
    else call.reply.error(text);
  };
}
