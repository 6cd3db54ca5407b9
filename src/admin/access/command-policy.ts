// command-policy: what a command means to the admin: which role it needs, whether it changes something, and which keys it is about.
//
// Everything that the page sends to a server goes through here, the console too, so that roles, limits, read-only servers and
// the audit log hold everywhere. It follows from the commands' declarations; the table below has what they do not say. A
// command that nobody declares counts as the worst: it changes something, and needs an operator without limits.
import { latin1 } from '../../base/bytes.js';
import { Call } from '../../registry/call.js';
import { type Command, commandFlags } from '../../registry/command.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import { makeTable } from '../../server/declarations.js';
import type { Role } from './roles.js';

export interface CommandMeaning {
  /** 'get', 'config|set'; of an unknown command its first word. */
  readonly name: string;
  readonly role: Role;
  /** It changes data or the server: the audit log has it. */
  readonly changes: boolean;
  /** It changes keys: refused on a replica. */
  readonly writes: boolean;
  readonly keys: readonly Uint8Array[];
  /** May be run by people who are limited to prefixes of keys, if all keys are theirs. */
  readonly fitsPrefixes: boolean;
  /** The name of the server must be typed. */
  readonly isDangerous: boolean;
  /** Needs a connection of its own: it blocks, or sets the connection's state. */
  readonly needsConsole: boolean;
  /** Why it cannot be sent at all. */
  readonly refusal: string | undefined;
}

/** role, changes; with `!` the name of the server must be typed. */
type Rule = readonly [Role, 'reads' | 'changes' | 'changes!'];

const viewer: Rule = ['viewer', 'reads'];
const operatorReads: Rule = ['operator', 'reads'];
const operator: Rule = ['operator', 'changes'];
const operatorTyped: Rule = ['operator', 'changes!'];
const adminReads: Rule = ['admin', 'reads'];
const admin: Rule = ['admin', 'changes'];
const adminTyped: Rule = ['admin', 'changes!'];

const rules = new Map<string, Rule>();

function rule(names: string, is: Rule): void {
  for (const name of names.split(/\s+/)) rules.set(name, is);
}

rule(
  'ping echo time info role lastsave dbsize lolwut keys scan randomkey wait waitaof select multi exec discard watch unwatch',
  viewer,
);
rule(
  'asking readonly readwrite command command|count command|docs command|info command|list command|getkeys command|getkeysandflags',
  viewer,
);
rule(
  'slowlog|get slowlog|len commandlog|get commandlog|len latency|latest latency|history latency|graph latency|doctor latency|histogram',
  viewer,
);
rule(
  'memory|doctor memory|stats memory|malloc-stats memory|usage object|encoding object|freq object|idletime object|refcount',
  viewer,
);
rule('client|list client|info client|id client|getname client|setname client|setinfo client|trackinginfo', viewer);
rule(
  'cluster|info cluster|nodes cluster|slots cluster|shards cluster|links cluster|myid cluster|myshardid cluster|keyslot cluster|countkeysinslot',
  viewer,
);
rule(
  'cluster|count-failure-reports cluster|replicas cluster|slaves cluster|slot-stats cluster|getslotmigrations cluster|migration|status',
  viewer,
);
rule(
  'pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub acl|whoami acl|cat acl|genpass acl|dryrun',
  viewer,
);
rule('function|list function|stats script|exists script|show module|list eval_ro evalsha_ro fcall_ro', viewer);
rule(
  'sentinel|masters sentinel|master sentinel|replicas sentinel|slaves sentinel|sentinels sentinel|get-master-addr-by-name',
  viewer,
);
rule('sentinel|ckquorum sentinel|info-cache sentinel|myid sentinel|pending-scripts', viewer);
// IS-MASTER-DOWN-BY-ADDR asks for a vote, which raises the epoch.
rule(
  'sentinel|is-master-down-by-addr sentinel|debug sentinel|failover sentinel|flushconfig sentinel|monitor sentinel|remove sentinel|reset sentinel|set sentinel|config',
  operator,
);
rule('sentinel|simulate-failure proxy|shutdown', operatorTyped);
rule('proxy|servers proxy|stats proxy|metrics proxy|version', viewer);
rule('proxy|reload', operator);
rule('publish spublish', ['editor', 'changes']);
rule('config|get cluster|getkeysinslot function|dump', operatorReads);
rule(
  'eval evalsha fcall script|load script|kill function|load function|kill function|restore client|kill client|pause client|unpause',
  operator,
);
rule(
  'client|unblock client|no-evict client|no-touch client|tracking client|caching slowlog|reset commandlog|reset latency|reset',
  operator,
);
rule('config|resetstat config|rewrite bgsave bgrewriteaof save memory|purge migrate failover', operator);
rule(
  'flushdb flushall swapdb config|set shutdown debug replicaof slaveof script|flush function|flush function|delete cluster|reset',
  operatorTyped,
);
rule(
  'cluster|flushslots cluster|failover cluster|forget module|load module|loadex module|unload cluster|delslots cluster|delslotsrange',
  operatorTyped,
);
rule('acl|list acl|users acl|getuser acl|log', adminReads);
rule('acl|setuser acl|save', admin);
rule('acl|deluser acl|load', adminTyped);

const noPage = 'The page cannot show what follows this command: use its page for MONITOR or Pub/Sub, or kvasir-cli.';
const refusalTexts: Readonly<Record<string, string>> = {
  subscribe: noPage,
  psubscribe: noPage,
  ssubscribe: noPage,
  unsubscribe: noPage,
  punsubscribe: noPage,
  sunsubscribe: noPage,
  monitor: noPage,
  sync: noPage,
  psync: noPage,
  replconf: noPage,
  'client|reply': 'Without replies the console would not know where a reply belongs.',
  'script|debug': 'Debug scripts with kvasir-cli --ldb.',
  auth: 'The login of a server is part of its entry in the list of servers.',
  hello: 'The login and the protocol of a connection are fixed.',
  reset: 'It would log the connection out.',
  quit: 'Close the tab instead.',
};
/** A map, as the console may send a command by the name of what every object has. */
const refusals: ReadonlyMap<string, string> = new Map(Object.entries(refusalTexts));

const ownConnection = new Set(
  'multi exec discard watch unwatch select asking readonly readwrite wait waitaof client|setname client|setinfo client|tracking client|caching client|no-evict client|no-touch script|debug'.split(
    ' ',
  ),
);

/** For everybody, whatever keys they are limited to. */
const withoutKeys = new Set([
  'ping',
  'echo',
  'time',
  'command',
  'info',
  'dbsize',
  'lastsave',
  'role',
  'acl|whoami',
  'cluster|keyslot',
]);
/** They reach keys that their arguments do not name. */
const reachFurther = new Set([
  'sort',
  'sort_ro',
  'migrate',
  'eval',
  'evalsha',
  'eval_ro',
  'evalsha_ro',
  'fcall',
  'fcall_ro',
  'copy|db',
  'pfdebug',
  'debug',
]);

export class CommandPolicy {
  private readonly table = makeTable();
  private readonly call = new Call();
  private readonly found = new FoundKeys();

  meaningOf(args: readonly Uint8Array[]): CommandMeaning {
    const first = args[0];
    const word = first === undefined ? '' : latin1(first, 0, Math.min(first.length, 64)).toLowerCase();
    const second = args[1] === undefined ? '' : latin1(args[1], 0, Math.min(args[1].length, 64)).toLowerCase();
    // Declared by the sentinel and by the proxy, not by the data server.
    if (word === 'sentinel' || word === 'proxy') return this.undeclared(`${word}|${second}`);
    const container = first === undefined ? undefined : this.table.find(first, 0, first.length);
    if (container === undefined) return this.undeclared(word);
    const command = container.subcommands.get(second) ?? container;
    if (command === container && container.subcommands.size > 0 && second !== '')
      return this.undeclared(second === 'help' ? `${word}|help` : `${word}|${second}`);
    return this.declared(command as unknown as Command<never>, args);
  }

  /** The role of a declared command; a word after the subcommand may have a rule of its own. */
  private ruleFor({ fullName, flags }: Command<never>, args: readonly Uint8Array[]): Rule {
    const third = args[2];
    const word = third === undefined ? '' : latin1(third, 0, Math.min(third.length, 64)).toLowerCase();
    return (
      (fullName.includes('|') ? rules.get(`${fullName}|${word}`) : undefined) ?? rules.get(fullName) ?? ruleOf(flags)
    );
  }

  private undeclared(name: string): CommandMeaning {
    const [role, how] = rules.get(name) ?? (name.endsWith('|help') ? viewer : operator);
    return {
      name,
      role,
      changes: how !== 'reads',
      writes: !rules.has(name) && how !== 'reads',
      keys: [],
      fitsPrefixes: false,
      isDangerous: how === 'changes!',
      needsConsole: false,
      refusal: refusals.get(name),
    };
  }

  private declared(command: Command<never>, args: readonly Uint8Array[]): CommandMeaning {
    const { fullName, flags } = command;
    const { call, found } = this;
    call.setArguments(args);
    const fits = args.length >= command.countMin && findKeys(command as never, call, false, found);
    const places = fits ? Array.from(found.indexes.subarray(0, found.count)) : [];
    const writes = (flags & commandFlags.write) !== 0;
    const [role, how] = this.ruleFor(command, args);
    const reachesFurther = reachFurther.has(fullName);
    return {
      name: fullName,
      role,
      changes: how !== 'reads',
      writes,
      keys: places.map((index) => args[index]!),
      fitsPrefixes: withoutKeys.has(fullName) || (fits && places.length > 0 && !reachesFurther),
      isDangerous: how === 'changes!',
      needsConsole: ownConnection.has(fullName) || (flags & commandFlags.blocking) !== 0,
      refusal: refusals.get(fullName),
    };
  }
}

function ruleOf(flags: number): Rule {
  if ((flags & commandFlags.write) !== 0) return ['editor', 'changes'];
  if ((flags & commandFlags.admin) !== 0) return operator;
  return (flags & commandFlags.readonly) !== 0 ? viewer : operator;
}
