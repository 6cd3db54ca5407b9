// command-set: the commands that the server of a profile has, with the arguments that it knows.
//
// Each declaration carries the version that brought it and that of each later argument; this file reads them. Redis and Valkey
// count their versions apart since 7.2.4, so what Valkey 8.0 has beyond that stands here by name.

import type { CommandDeclaration } from '../registry/command.js';
import type { Argument } from '../registry/grammar.js';
import { oldArities } from './arities.js';
import { type Profile, isBefore, versionNumber } from './profile.js';
import { hasNew, withoutNew } from './too-new.js';

/** Commands that Valkey had first, with its version; Redis has none of them, or later by its own count. */
const valkeyCommands: Readonly<Record<string, string>> = {
  'client|capa': '8.0.0',
  'cluster|slot-stats': '8.0.0',
  'script|show': '8.0.0',
  delifeq: '9.0.0',
  'client|import-source': '8.1.0',
  commandlog: '8.1.0',
  'commandlog|get': '8.1.0',
  'commandlog|len': '8.1.0',
  'commandlog|reset': '8.1.0',
  'commandlog|help': '8.1.0',
  'cluster|migrateslots': '9.0.0',
  'cluster|getslotmigrations': '9.0.0',
  'cluster|cancelslotmigrations': '9.0.0',
};

/** Versions of commands as servers show them, where their documentation says another. */
const seenSince: Readonly<Record<string, string>> = {
  getrange: '2.2.0',
  replconf: '2.4.0',
  'command|getkeys': '3.0.0',
};

/** Versions of arguments that their documentation tells only in its history. */
const argumentsSince: Readonly<Record<string, string>> = {
  'client|kill USER': '6.0.0',
  'client|list TYPE': '5.0.0',
  'xgroup|create ENTRIESREAD': '7.0.0',
  'xgroup|setid ENTRIESREAD': '7.0.0',
  'xinfo|stream FULL': '6.0.0',
};

/** Arguments of Valkey 8.0 that a later Redis has as well. */
const valkeyArguments: ReadonlySet<string> = new Set(['hscan NOVALUES', 'zscan NOSCORES', 'client|kill MAXAGE']);

/** Whether the server of a profile has a command. */
export function hasCommand(profile: Profile, fullName: string, since: string): boolean {
  const inValkey = valkeyCommands[fullName];
  if (profile.product === 'valkey') {
    if (inValkey !== undefined) return versionNumber(inValkey) <= versionNumber(profile.valkeyVersion);
  } else if (inValkey !== undefined && since === inValkey) {
    return false;
  }
  return !isBefore(profile, seenSince[fullName] ?? since);
}

export function arityOf(profile: Profile, fullName: string, arity: number): number {
  for (const [before, old] of oldArities[fullName] ?? []) if (isBefore(profile, before)) return old;
  return arity;
}

/** The grammar of a command for the profile, and what of the present one it does not know. */
export interface OldGrammar {
  readonly args: readonly Argument[];
  /** The present grammar, with the versions that hold for the product. */
  readonly now: readonly Argument[];
  /** Whether an argument came after the profile's version; undefined where the command has none of these. */
  readonly isNew: ((since: string) => boolean) | undefined;
}

export function grammarOf(profile: Profile, fullName: string, args: readonly Argument[]): OldGrammar {
  const isNew = (since: string): boolean => isBefore(profile, since);
  const known = withVersions(profile, fullName, args);
  return hasNew(known, isNew)
    ? { args: withoutNew(known, isNew), now: known, isNew }
    : { args: known, now: known, isNew: undefined };
}

/** Arguments with the versions that hold for the product. */
function withVersions(profile: Profile, fullName: string, args: readonly Argument[]): readonly Argument[] {
  return args.map((argument): Argument => {
    const { since: declared, children, ...rest } = argument;
    const name = `${fullName} ${argument.token ?? ''}`;
    const isKnown = profile.product === 'valkey' && valkeyArguments.has(name);
    const since = isKnown ? undefined : (argumentsSince[name] ?? declared);
    return {
      ...rest,
      ...(since === undefined ? {} : { since }),
      ...(children === undefined ? {} : { children: withVersions(profile, fullName, children) }),
    };
  });
}

/** The changes of a command's history that had happened. */
export function historyOf<C>(
  profile: Profile,
  history: NonNullable<CommandDeclaration<C>['history']>,
): NonNullable<CommandDeclaration<C>['history']> {
  return history.filter(([version]) => !isBefore(profile, version));
}
