// denial: whether a user may run a call, and the error if not.
//
// The caller asks only for users that are not `unrestricted`. When several selectors refuse, the error is that of
// the one that got furthest: the command first, then keys, then channels.
import type { Call } from '../../registry/call.js';
import type { Command, KeyFlag } from '../../registry/command.js';
import { findKeys, FoundKeys, specOfKey } from '../../registry/find-keys.js';
import { READ, WRITE, type Selector } from './selector.js';
import type { User } from './user.js';

/** In the order of weight; the numbers stand nowhere else. */
export const denials = { none: 0, command: 1, key: 2, auth: 3, channel: 4 } as const;
export type Denial = (typeof denials)[keyof typeof denials];

interface ChannelArguments {
  readonly all: boolean;
  readonly patterns: boolean;
}

const channelCommands: Readonly<Record<string, ChannelArguments>> = {
  publish: { all: false, patterns: false },
  spublish: { all: false, patterns: false },
  subscribe: { all: true, patterns: false },
  ssubscribe: { all: true, patterns: false },
  psubscribe: { all: true, patterns: true },
};

function permissionsOf(flags: readonly KeyFlag[]): number {
  let permissions = 0;
  if (flags.includes('access')) permissions |= READ;
  if (flags.some((flag) => flag === 'insert' || flag === 'delete' || flag === 'update')) permissions |= WRITE;
  return permissions;
}

export class AclCheck<C extends Call> {
  private readonly found = new FoundKeys();
  private readonly permissions = new Map<Command<C>, readonly number[]>();
  /** Argument index of the key or channel that was refused last. */
  deniedIndex = 0;

  /** @hot for restricted users */
  check(user: User, command: Command<C>, call: C): Denial {
    let worst: Denial = denials.command;
    let worstIndex = 0;
    this.found.count = -1;
    for (const selector of user.selectors) {
      const denial = this.checkSelector(selector, command, call);
      if (denial === denials.none) return denials.none;
      if (denial > worst || (denial === worst && this.deniedIndex > worstIndex)) {
        worst = denial;
        worstIndex = this.deniedIndex;
      }
    }
    this.deniedIndex = worstIndex;
    return worst;
  }

  /** Whether some selector allows the call and, besides, every key: what SORT's BY and GET need, as they make up key names. */
  allowsEveryKey(user: User, command: Command<C>, call: C, permissions: number): boolean {
    this.found.count = -1;
    return user.selectors.some(
      (selector) =>
        selector.allowsEveryKey(permissions) && this.checkSelector(selector, command, call) === denials.none,
    );
  }

  private checkSelector(selector: Selector, command: Command<C>, call: C): Denial {
    this.deniedIndex = 0;
    if (!command.declaration.flags.includes('no_auth')) {
      const first = command.parent === undefined ? 1 : 2;
      const there = first < call.count;
      const offset = there ? call.starts[first]! : 0;
      if (!selector.allowsCommand(command as Command<never>, call.bytes, offset, there ? call.lengths[first]! : -1))
        return denials.command;
    }
    if (!selector.allKeys && (command.keys.length > 0 || command.declaration.findKeys !== undefined)) {
      if (this.found.count < 0 && !findKeys(command, call, false, this.found)) this.found.clear();
      for (let index = 0; index < this.found.count; index++) {
        const at = this.found.indexes[index]!;
        const permissions = this.permissionsAt(command, call, index);
        if (!selector.allowsKey(call.bytes, call.starts[at]!, call.lengths[at]!, permissions)) {
          this.deniedIndex = at;
          return denials.key;
        }
      }
    }
    return selector.allChannels ? denials.none : this.checkChannels(selector, command, call);
  }

  private permissionsAt(command: Command<C>, call: C, index: number): number {
    const spec = specOfKey(command, this.found, index);
    if (spec < 0) return READ | WRITE;
    const { variableFlags } = command.declaration;
    if (variableFlags !== undefined && command.keys[spec]!.flags.includes('variable_flags'))
      return permissionsOf(variableFlags(call));
    let permissions = this.permissions.get(command);
    if (permissions === undefined) {
      permissions = command.keys.map(({ flags }) => permissionsOf(flags));
      this.permissions.set(command, permissions);
    }
    return permissions[spec]!;
  }

  private checkChannels(selector: Selector, command: Command<C>, call: C): Denial {
    const which = command.parent === undefined ? channelCommands[command.name] : undefined;
    if (which === undefined) return denials.none;
    const end = which.all ? call.count : Math.min(2, call.count);
    for (let index = 1; index < end; index++) {
      if (!selector.allowsChannel(call.bytes, call.starts[index]!, call.lengths[index]!, which.patterns)) {
        this.deniedIndex = index;
        return denials.channel;
      }
    }
    return denials.none;
  }
}

/** The error text for the client, without the code NOPERM. `object` is the key or channel, or undefined to omit it. */
export function denialText(denial: Denial, userName: string, commandName: string, object: string | undefined): string {
  if (denial === denials.command) return `User ${userName} has no permissions to run the '${commandName}' command`;
  const kind = denial === denials.key ? 'key' : 'channel';
  return object === undefined
    ? `No permissions to access a ${kind}`
    : `User ${userName} has no permissions to access the '${object}' ${kind}`;
}
