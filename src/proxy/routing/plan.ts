// plan: the proxy's treatment of a command, worked out once from its declaration.
//
// Keys, the step between them and the tips (`request_policy`, `response_policy`) say whether a command goes to the server of
// its key, is split by key, or asks all servers, and how the replies become one. Only what a proxy must do itself, or cannot
// do, is named here.

import { commandFlags, type Command } from '../../registry/command.js';

export type PlanKind =
  /** To the server of its first key. */
  | 'key'
  /** A part to each server that has some of its keys. */
  | 'split'
  /** To every server. */
  | 'all'
  /** Needs no key: to any server. */
  | 'any'
  /** The proxy replies. */
  | 'local'
  /** On a connection of its own, since it may wait. */
  | 'blocking'
  | 'transaction'
  | 'pubsub'
  /** SCAN, over one server after the other. */
  | 'scan'
  | 'refused';

/** How the replies of several servers become one. */
export type MergeKind = 'values' | 'sum' | 'ok' | 'and' | 'min' | 'concat' | 'first' | 'one';

export interface Plan {
  readonly command: Command;
  readonly kind: PlanKind;
  /** Where the first key stands if that is known, else 0. */
  readonly keyIndex: number;
  /** Arguments for each key of a split command. */
  readonly keyStep: number;
  readonly merge: MergeKind;
  readonly isWrite: boolean;
  /** All keys must lie on one server; twemproxy looks at the first alone for commands that it knows. */
  readonly checksKeys: boolean;
  /** The key at `keyIndex` alone says where it goes. */
  readonly isDirect: boolean;
  /** It never has more than one key. */
  readonly hasOneKey: boolean;
  /** It goes over, or leads to, another connection than the requests before it, so these must be answered first. */
  readonly drains: boolean;
  /** Why it is refused. */
  readonly reason: string;
  /** A repeated call does no harm: a read. */
  readonly isRepeatable: boolean;
  /** Plans of the subcommands, by name. */
  readonly subplans: ReadonlyMap<string, Plan> | undefined;
  calls: number;
  failures: number;
}

/** Commands that the proxy answers itself. */
const localNames = new Set([
  'acl',
  'asking',
  'auth',
  'client',
  'cluster',
  'command',
  'config',
  'echo',
  'hello',
  'info',
  'latency',
  'ping',
  'proxy',
  'quit',
  'readonly',
  'readwrite',
  'reset',
  'role',
  'select',
  'sentinel',
  'slotshashkey',
  'slotsinfo',
  'slotsmapping',
  'slotsscan',
  'slowlog',
  'time',
]);

/** After these, requests go over other connections. */
const drainingNames = new Set(['multi', 'watch', 'hello', 'select', 'reset']);

const refusals: Readonly<Record<string, string>> = {
  bgrewriteaof: 'it is about one server, connect to that',
  bgsave: 'it is about one server, connect to that',
  debug: 'it is about one server, connect to that',
  failover: 'it is about one server, connect to that',
  commandlog: 'it is about one server, connect to that',
  himport: 'a server keeps what it prepares for one connection, and connections are shared',
  hotkeys: 'it is about one server, connect to that',
  lastsave: 'it is about one server, connect to that',
  migrate: 'keys stay where placement puts them',
  module: 'it is about one server, connect to that',
  monitor: 'it is about one server, connect to that',
  move: 'both databases would have to be open on one connection',
  pfselftest: 'it is about one server, connect to that',
  psync: 'the proxy is no master',
  replconf: 'the proxy is no master',
  replicaof: 'the proxy does not say who is whose replica',
  save: 'it is about one server, connect to that',
  shutdown: 'it would end a server; PROXY SHUTDOWN ends the proxy',
  slaveof: 'the proxy does not say who is whose replica',
  swapdb: 'it would have to happen on all servers at once',
  sync: 'the proxy is no master',
  wait: 'the connection to a server is shared with other clients',
  waitaof: 'the connection to a server is shared with other clients',
};

/** Commands of twemproxy whose keys are not looked at but for the first: its users place them together by hash tags. */
const uncheckedByTwemproxy = new Set(
  (
    'copy eval evalsha exists lmove pfcount pfmerge rpoplpush sdiff sdiffstore sinter sinterstore smove sort sunion ' +
    'sunionstore zdiffstore zinterstore zrangestore zunionstore georadius georadiusbymember geosearchstore'
  ).split(' '),
);

/** Redis's tips leave these to the client; here they are what the command means over several servers. */
const mergeByName: Readonly<Record<string, MergeKind>> = {
  'function|list': 'one',
  'function|stats': 'one',
  'memory|doctor': 'one',
  'memory|malloc-stats': 'one',
  'memory|stats': 'one',
  keys: 'concat',
  randomkey: 'first',
  mget: 'values',
  'script|load': 'one',
  'script|kill': 'one',
  'function|load': 'one',
};

function tipOf(command: Command, name: string): string | undefined {
  return command.declaration.tips?.find((tip) => tip.startsWith(`${name}:`))?.slice(name.length + 1);
}

function mergeOf(command: Command): MergeKind {
  const named = mergeByName[command.fullName];
  if (named !== undefined) return named;
  switch (tipOf(command, 'response_policy')) {
    case 'agg_sum':
      return 'sum';
    case 'agg_logical_and':
      return 'and';
    case 'agg_min':
      return 'min';
    case 'all_succeeded':
      return 'ok';
    default:
      return 'one';
  }
}

function firstKeyIndex(command: Command): number {
  const spec = command.keys.find((candidate) => !candidate.flags.includes('not_key'));
  if (spec === undefined || command.declaration.findKeys !== undefined) return 0;
  if (spec.begin === 'unknown' || !('index' in spec.begin) || spec.find === 'unknown') return 0;
  return 'last' in spec.find ? spec.begin.index : 0;
}

function hasOneKey(command: Command): boolean {
  const [spec] = command.keys;
  return (
    command.keys.length === 1 &&
    spec !== undefined &&
    typeof spec.find === 'object' &&
    'last' in spec.find &&
    spec.find.last === 0
  );
}

/** The step of a command that may be split: its keys fill its arguments to the end. */
function splitStep(command: Command): number {
  const spec = command.keys[0];
  if (command.keys.length !== 1 || spec === undefined || spec.begin === 'unknown' || spec.find === 'unknown') return 0;
  const fits = 'index' in spec.begin && spec.begin.index === 1 && 'last' in spec.find && spec.find.last === -1;
  return fits && 'step' in spec.find ? spec.find.step : 0;
}

function hasKeys(command: Command): boolean {
  return command.keys.some((spec) => !spec.flags.includes('not_key')) || command.declaration.findKeys !== undefined;
}

function kindOf(command: Command): PlanKind {
  const top = command.parent?.name ?? command.name;
  if (localNames.has(top)) return 'local';
  if (top in refusals) return 'refused';
  const { group } = command.declaration;
  if (group === 'transactions') return 'transaction';
  if (group === 'pubsub') return 'pubsub';
  if (command.name === 'scan' && command.parent === undefined) return 'scan';
  if ((command.flags & commandFlags.blocking) !== 0 && hasKeys(command)) return 'blocking';
  const policy = tipOf(command, 'request_policy');
  if (policy === 'multi_shard' && splitStep(command) > 0) return 'split';
  if (hasKeys(command)) return 'key';
  if (policy === 'all_shards' || policy === 'all_nodes') return 'all';
  if ((command.flags & commandFlags.admin) !== 0) return 'refused';
  return 'any';
}

export function planOf(command: Command): Plan {
  const subplans =
    command.subcommands.size === 0
      ? undefined
      : new Map([...command.subcommands].map(([name, subcommand]) => [name, planOf(subcommand)]));
  const kind = kindOf(command);
  const keyIndex = firstKeyIndex(command);
  const checksKeys = !uncheckedByTwemproxy.has(command.name);
  const isReadonly = (command.flags & commandFlags.readonly) !== 0;
  return {
    command,
    kind,
    keyIndex,
    keyStep: splitStep(command),
    merge: mergeOf(command),
    isWrite: !isReadonly,
    checksKeys,
    drains: kind === 'blocking' || drainingNames.has(command.name),
    isDirect: keyIndex > 0 && (!checksKeys || hasOneKey(command)),
    hasOneKey: hasOneKey(command),
    reason: refusals[command.parent?.name ?? command.name] ?? 'it is about one server, connect to that',
    isRepeatable: isReadonly,
    subplans,
    calls: 0,
    failures: 0,
  };
}
