// command: the declaration of a command; each is declared once, in the file that runs it, and everything else is
// derived.
//
//   export const get = command({
//     name: 'get', since: '1.0.0', group: 'string', arity: 2, flags: ['readonly', 'fast'],
//     keys: [keyAt(1, ['RO', 'access'])], args: [key('key')],
//     summary: 'Returns the string value of a key.', complexity: 'O(1)',
//     run(call) { ... },
//   });
//
// Lookup by bytes, COMMAND and its kin, ACL categories, key permissions, routing, help and fuzzing come from this.

import type { Argument } from './grammar.js';

/** Bits of `Command.flags`; the names are COMMAND INFO's. */
export const commandFlags = {
  write: 1 << 0,
  readonly: 1 << 1,
  denyoom: 1 << 2,
  admin: 1 << 3,
  pubsub: 1 << 4,
  noscript: 1 << 5,
  blocking: 1 << 6,
  loading: 1 << 7,
  stale: 1 << 8,
  skip_monitor: 1 << 9,
  skip_slowlog: 1 << 10,
  asking: 1 << 11,
  fast: 1 << 12,
  no_auth: 1 << 13,
  may_replicate: 1 << 14,
  no_mandatory_keys: 1 << 15,
  no_async_loading: 1 << 16,
  no_multi: 1 << 17,
  movablekeys: 1 << 18,
  allow_busy: 1 << 19,
  protected: 1 << 20,
  sentinel: 1 << 21,
  only_sentinel: 1 << 22,
  touches_arbitrary_keys: 1 << 23,
} as const;

export type CommandFlag = keyof typeof commandFlags;

export type KeyFlag =
  'RO' | 'RW' | 'OW' | 'RM' | 'access' | 'update' | 'insert' | 'delete' | 'not_key' | 'incomplete' | 'variable_flags';

export interface KeySpec {
  readonly flags: readonly KeyFlag[];
  /**
   * Where the search for keys begins: an argument index, or after a word (looked for from `startFrom`, negative:
   * backwards).
   */
  readonly begin: { readonly index: number } | { readonly keyword: string; readonly startFrom: number } | 'unknown';
  /**
   * Which arguments from there on are keys. range: up to `last` (relative to the beginning; negative: from the end of
   * the arguments; `limit` n > 1: only the first 1/n of what is left), every `step`. keynum: a count stands at
   * `keynum`, keys from `first`, both relative to the beginning.
   */
  readonly find:
    | { readonly last: number; readonly step: number; readonly limit: number }
    | { readonly keynum: number; readonly first: number; readonly step: number }
    | 'unknown';
  readonly notes?: string;
}

/** One key at a fixed place. */
export function keyAt(index: number, flags: readonly KeyFlag[]): KeySpec {
  return { flags, begin: { index }, find: { last: 0, step: 1, limit: 0 } };
}

/** Keys from `index` to `last` (negative: counted from the end), every `step`. */
export function keysFrom(index: number, last: number, step: number, flags: readonly KeyFlag[]): KeySpec {
  return { flags, begin: { index }, find: { last, step, limit: 0 } };
}

/** As many keys as the argument at `index` says, after it. */
export function keysCounted(index: number, flags: readonly KeyFlag[]): KeySpec {
  return { flags, begin: { index }, find: { keynum: 0, first: 1, step: 1 } };
}

export interface CommandDeclaration<C> {
  /** In lower case; of a subcommand its own name, without the container's. */
  readonly name: string;
  readonly since: string;
  readonly group: string;
  /** Count of arguments with the name(s); negative: at least. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** ACL categories besides those that follow from flags and group. */
  readonly categories?: readonly string[];
  /** The group gives it no category. */
  readonly leavesGroup?: true;
  readonly keys?: readonly KeySpec[];
  readonly args?: readonly Argument[];
  readonly tips?: readonly string[];
  readonly summary: string;
  readonly complexity?: string;
  /** A call of at most so many arguments takes the same time whatever the data. By default: 8 where the complexity is O(1) or O(log(N)), else 0. */
  readonly constantUpTo?: number;
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly deprecatedSince?: string;
  readonly replacedBy?: string;
  /** COMMAND DOCS' doc_flags. */
  readonly docFlags?: readonly ('deprecated' | 'syscmd')[];
  /** For commands whose keys no specification can find: the argument indexes of the keys. */
  readonly findKeys?: (call: C) => number[];
  /** The flags of a call for the key of a specification with 'variable_flags'. */
  readonly variableFlags?: (call: C) => readonly KeyFlag[];
  /** Subcommands; then `run` is for the bare container (COMMAND, DEBUG), and usually absent. */
  readonly subcommands?: readonly CommandDeclaration<C>[];
  /** Runs the command: reads its arguments from the call and writes one reply to `call.reply`. */
  readonly run?: (call: C) => void;
}

/** A declared command with what is derived from it. */
export interface Command<C = unknown> {
  readonly declaration: CommandDeclaration<C>;
  /** 'get', or 'config|get' of a subcommand. */
  readonly fullName: string;
  readonly name: string;
  readonly flags: number;
  readonly arity: number;
  /** Fewest and most arguments, by the arity. */
  readonly countMin: number;
  readonly countMax: number;
  /** It has a handler and no subcommands, so that its name alone says what runs. */
  readonly runsByName: boolean;
  /** Calls of at most so many arguments take the same time whatever the data; these need not all be timed. */
  readonly constantUpTo: number;
  readonly categories: readonly string[];
  readonly keys: readonly KeySpec[];
  readonly parent: Command<C> | undefined;
  readonly subcommands: ReadonlyMap<string, Command<C>>;
  readonly run: ((call: C) => void) | undefined;
  /** Place in per-server tables (statistics, ACL bitmaps); unique in one process, subcommands included. */
  readonly id: number;
}

/** Most arguments that a request may have. */
const ARGUMENTS_MAX = 0x7fffffff;
/** With more arguments than these, even what is constant for each of them takes a while. */
const CONSTANT_ARGUMENTS_MAX = 8;

let nextId = 0;

/** Checks a declaration's type and returns it as it is; the registry builds commands from declarations. */
export function command<C>(declaration: CommandDeclaration<C>): CommandDeclaration<C> {
  return declaration;
}

/** In the order in which Redis tells them. */
export const aclCategories: readonly string[] = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
];

const groupCategories: Readonly<Record<string, string>> = {
  string: 'string',
  list: 'list',
  set: 'set',
  hash: 'hash',
  sorted_set: 'sortedset',
  stream: 'stream',
  bitmap: 'bitmap',
  hyperloglog: 'hyperloglog',
  geo: 'geo',
  generic: 'keyspace',
  pubsub: 'pubsub',
  transactions: 'transaction',
  scripting: 'scripting',
  connection: 'connection',
};

/** Whether a call of the command may have so many arguments. @hot */
export function fitsArity(command: Pick<Command, 'countMin' | 'countMax'>, count: number): boolean {
  return count >= command.countMin && count <= command.countMax;
}

/** Builds a command, and its subcommands, from its declaration. */
export function buildCommand<C>(declaration: CommandDeclaration<C>, parent?: Command<C>): Command<C> {
  let flags = 0;
  for (const flag of declaration.flags) flags |= commandFlags[flag];
  if (declaration.findKeys !== undefined || hasMovableKeys(declaration.keys ?? [])) flags |= commandFlags.movablekeys;
  const subcommands = new Map<string, Command<C>>();
  const isConstantTime =
    /^O\((1|log\(N\))\)/.test(declaration.complexity ?? '') &&
    !declaration.flags.includes('admin') &&
    !declaration.flags.includes('blocking');
  const built: Command<C> = {
    declaration,
    fullName: parent === undefined ? declaration.name : `${parent.name}|${declaration.name}`,
    name: declaration.name,
    flags,
    arity: declaration.arity,
    countMin: Math.abs(declaration.arity),
    countMax: declaration.arity < 0 ? ARGUMENTS_MAX : declaration.arity,
    runsByName: declaration.run !== undefined && (declaration.subcommands ?? []).length === 0,
    constantUpTo: declaration.constantUpTo ?? (isConstantTime ? CONSTANT_ARGUMENTS_MAX : 0),
    categories: categoriesOf(declaration, flags),
    keys: declaration.keys ?? [],
    parent,
    subcommands,
    run: declaration.run,
    id: nextId++,
  };
  for (const sub of declaration.subcommands ?? []) subcommands.set(sub.name, buildCommand(sub, built));
  return built;
}

/** Keys that a client cannot find by first, last and step alone. */
function hasMovableKeys(keys: readonly KeySpec[]): boolean {
  return keys.some(
    (spec) => spec.find === 'unknown' || spec.begin === 'unknown' || !('last' in spec.find) || !('index' in spec.begin),
  );
}

function categoriesOf<C>(declaration: CommandDeclaration<C>, flags: number): readonly string[] {
  const categories = new Set(declaration.categories);
  const group = groupCategories[declaration.group];
  // A container has no category of its own group: its subcommands have.
  if (group !== undefined && declaration.subcommands === undefined && declaration.leavesGroup !== true)
    categories.add(group);
  if ((flags & commandFlags.write) !== 0) categories.add('write');
  if ((flags & commandFlags.readonly) !== 0 && !categories.has('scripting')) categories.add('read');
  if ((flags & commandFlags.admin) !== 0) categories.add('admin').add('dangerous');
  if ((flags & commandFlags.pubsub) !== 0) categories.add('pubsub');
  if ((flags & commandFlags.blocking) !== 0) categories.add('blocking');
  categories.add((flags & commandFlags.fast) !== 0 ? 'fast' : 'slow');
  return aclCategories.filter((category) => categories.has(category));
}
