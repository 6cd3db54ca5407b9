// config-reader: the `sentinel` lines of a config file: those that people write, and those in which a sentinel keeps its state.
//
// The lines may stand in any order, so they are collected first and used in three rounds: what holds for the sentinel as a whole,
// the masters, and then what is about a master. Names are looked up in between, which takes time.

import { nearestWord } from '../base/nearest-word.js';
import { ConfigError, type LinePlace } from '../service/config/config-error.js';
import { fromByteString } from '../service/config/special-settings.js';
import { isHost, isPort } from './address.js';
import { isEpoch } from './election.js';
import type { Master } from './instance.js';
import type { SentinelState } from './state.js';
import { parseVirtualAddress } from './virtual-address.js';

/** A collected line: its words without `sentinel`, and where it stands. */
export interface SentinelLine {
  readonly words: readonly string[];
  readonly place: LinePlace;
}

/** Whether a script can be run. */
export type IsExecutable = (path: string) => boolean;

interface Context {
  readonly state: SentinelState;
  readonly isExecutable: IsExecutable;
  readonly warnings: string[];
}

/** Gives the reason when it refuses. */
type Apply = (context: Context, words: readonly string[]) => string | undefined;
type ApplyToMaster = (master: Master, words: readonly string[], context: Context) => string | undefined;

interface Directive {
  /** Words, the directive's name included; several counts where words may be left out. */
  readonly counts: readonly number[];
  readonly round: 0 | 1 | 2;
  readonly apply: Apply;
}

function global(apply: (state: SentinelState, value: string) => string | undefined): Directive {
  return { counts: [2], round: 0, apply: ({ state }, words) => apply(state, words[1]!) };
}

function ofMaster(counts: number | readonly number[], apply: ApplyToMaster): Directive {
  return {
    counts: typeof counts === 'number' ? [counts] : counts,
    round: 2,
    apply(context, words) {
      const master = context.state.master(words[1]!);
      if (master !== undefined) return apply(master, words, context);
      const name = fromByteString(words[1]!);
      return `No such master with specified name.\nNo line 'sentinel monitor ${name} <ip> <port> <quorum>' names it`;
    },
  };
}

function yesOrNo(what: string, assign: (state: SentinelState, on: boolean) => void): Directive {
  return global((state, value) => {
    const word = value.toLowerCase();
    if (word !== 'yes' && word !== 'no') return `Please specify yes or no for the ${what}.`;
    assign(state, word === 'yes');
    return undefined;
  });
}

function milliseconds(word: string, min: number): number | undefined {
  return /^-?\d{1,15}$/.test(word) && Number(word) >= min ? Number(word) : undefined;
}

function period(assign: (master: Master, ms: number) => void): Directive {
  return ofMaster(3, (master, words) => {
    const ms = milliseconds(words[2]!, 1);
    if (ms === undefined) return 'negative or zero time parameter.';
    assign(master, ms);
    return undefined;
  });
}

function script(what: string, assign: (master: Master, path: string) => void): Directive {
  return ofMaster(3, (master, words, { isExecutable }) => {
    if (!isExecutable(words[2]!)) return `${what} script seems non existing or non executable.`;
    assign(master, words[2]!);
    return undefined;
  });
}

function epoch(word: string): number | undefined {
  return /^\d{1,16}$/.test(word) && isEpoch(Number(word)) ? Number(word) : undefined;
}

const badEpoch = 'an epoch is an integer of 0 to 2^53 - 1.';

const knownReplica = ofMaster(4, (master, words, { state, warnings }) => {
  const [, , host, port] = words as [string, string, string, string];
  const address = isHost(host) ? state.addressOf(host, Number(port)) : undefined;
  if (!isPort(Number(port))) return 'Invalid port number.';
  if (address === undefined) return "Can't resolve instance hostname.";
  if (state.replicaAt(master, address) === undefined) state.addReplica(master, address);
  else warnings.push(`${master.name}: the replica ${host}:${port} is named twice, or under two names: once is enough`);
  return undefined;
});

/** The names after `sentinel`. */
export function directiveNames(): string[] {
  return Object.keys(directives);
}

const directives: Readonly<Record<string, Directive>> = {
  monitor: {
    counts: [5],
    round: 1,
    apply({ state }, [, name, host, port, quorum]) {
      if (!/^\d{1,9}$/.test(quorum!) || Number(quorum) < 1) return 'Quorum must be 1 or greater.';
      if (state.master(name!) !== undefined) return 'Duplicate master name.';
      if (!/^\d{1,5}$/.test(port!) || !isPort(Number(port))) return 'Invalid port number.';
      const address = isHost(host!) ? state.addressOf(host!, Number(port)) : undefined;
      if (address === undefined)
        return `Can't resolve instance hostname.${state.settings.resolveHostnames ? '' : "\nNames instead of IP addresses need 'sentinel resolve-hostnames yes'"}`;
      state.addMaster(name!, address, Number(quorum));
      return undefined;
    },
  },
  'down-after-milliseconds': period((master, ms) => setDownAfter(master, ms)),
  'failover-timeout': period((master, ms) => (master.failoverTimeoutMs = ms)),
  'parallel-syncs': ofMaster(3, (master, words) => {
    const count = milliseconds(words[2]!, 1);
    if (count === undefined) return 'parallel-syncs must be 1 or greater.';
    master.parallelSyncs = count;
    return undefined;
  }),
  'notification-script': script('Notification', (master, path) => (master.notificationScript = path)),
  'client-reconfig-script': script('Client reconfiguration', (master, path) => (master.clientReconfigScript = path)),
  // Every page about Redis 2.6 has it.
  'can-failover': ofMaster(3, (master, words, { warnings }) => {
    if (words[2]!.toLowerCase() !== 'yes')
      return 'can-failover (Redis 2.6) is gone, and this sentinel would take part in failovers; remove the line or the sentinel';
    warnings.push(`${master.name}: can-failover (Redis 2.6) has no effect: every sentinel may be elected to fail over`);
    return undefined;
  }),
  'auth-pass': ofMaster(3, (master, words) => void (master.authPass = words[2]!)),
  'auth-user': ofMaster(3, (master, words) => void (master.authUser = words[2]!)),
  'rename-command': ofMaster(4, (master, [, , from, to]) => {
    if (master.renamed.has(from!.toLowerCase())) return 'Same command renamed multiple times with rename-command.';
    master.renamed.set(from!.toLowerCase(), to!);
    return undefined;
  }),
  'master-reboot-down-after-period': ofMaster(3, (master, words) => {
    const ms = milliseconds(words[2]!, 0);
    if (ms === undefined) return 'negative time parameter.';
    master.rebootDownAfterMs = ms;
    return undefined;
  }),
  'stale-after': ofMaster(3, (master, words) => {
    const ms = milliseconds(words[2]!, 0);
    if (ms === undefined) return 'negative time parameter.';
    master.staleAfterMs = ms;
    return undefined;
  }),
  vip: ofMaster(4, (master, [, , address, networkInterface]) => {
    const virtual = parseVirtualAddress(address!, networkInterface!);
    if (typeof virtual === 'string') return virtual;
    master.virtualAddress = virtual;
    return undefined;
  }),
  'config-epoch': ofMaster(3, (master, words, { state }) => {
    const value = epoch(words[2]!);
    if (value === undefined) return badEpoch;
    master.configEpoch = value;
    state.currentEpoch = Math.max(state.currentEpoch, value);
    return undefined;
  }),
  'leader-epoch': ofMaster(3, (master, words) => {
    const value = epoch(words[2]!);
    if (value === undefined) return badEpoch;
    master.leaderEpoch = value;
    return undefined;
  }),
  'known-replica': knownReplica,
  'known-slave': knownReplica,
  'known-sentinel': ofMaster([4, 5], (master, words, { state, warnings }) => {
    const [, , host, port, runId] = words as [string, string, string, string, string | undefined];
    if (!isPort(Number(port))) return 'Invalid port number.';
    const address = isHost(host) ? state.addressOf(host, Number(port)) : undefined;
    if (address === undefined) return "Can't resolve instance hostname.";
    // Without a run id, as very old files have it, the sentinel is found again by its hello.
    if (runId === undefined) return undefined;
    if (!/^[0-9a-zA-Z]{40}$/.test(runId)) return 'Malformed Sentinel id in known-sentinel option.';
    if (state.addPeer(master, runId, address) === undefined)
      warnings.push(`${master.name}: the sentinel ${runId} is named twice: the first line counts`);
    return undefined;
  }),
  myid: global((state, value) => {
    if (!/^[0-9a-zA-Z]{40}$/.test(value)) return 'Malformed Sentinel id in myid option.';
    state.myId = value;
    return undefined;
  }),
  'current-epoch': global((state, value) => {
    const number = epoch(value);
    if (number === undefined) return badEpoch;
    if (number > state.currentEpoch) state.currentEpoch = number;
    return undefined;
  }),
  'announce-ip': global((state, value) => {
    if (value !== '' && !isHost(value)) return 'announce-ip is no IP address and no host name.';
    state.settings.announceIp = value;
    return undefined;
  }),
  'announce-port': global((state, value) => {
    if (!/^\d{1,5}$/.test(value) || !isPort(Number(value))) return 'Invalid port number.';
    state.settings.announcePort = Number(value);
    return undefined;
  }),
  'deny-scripts-reconfig': yesOrNo(
    'deny-scripts-reconfig options',
    (state, on) => (state.settings.denyScriptsReconfig = on),
  ),
  'resolve-hostnames': yesOrNo('resolve-hostnames option', (state, on) => (state.settings.resolveHostnames = on)),
  'announce-hostnames': yesOrNo('announce-hostnames option', (state, on) => (state.settings.announceHostnames = on)),
  'sentinel-user': global((state, value) => void (state.settings.sentinelUser = value)),
  'sentinel-pass': global((state, value) => void (state.settings.sentinelPass = value)),
};

/** Sets how long a master, and what belongs to it, may be silent. */
export function setDownAfter(master: Master, ms: number): void {
  for (const instance of master.instances()) instance.downAfterMs = ms;
}

/** The hosts that lines name, which have to be looked up before `applyLines`. */
export function hostsIn(lines: readonly SentinelLine[]): string[] {
  const naming = ['monitor', 'known-replica', 'known-slave', 'known-sentinel'];
  return lines
    .filter(({ words }) => naming.includes(words[0]!.toLowerCase()) && words.length > 3)
    .map(({ words }) => words[2]!);
}

/** Applies the lines of one round: 0 settings of the sentinel, 1 masters, 2 what is about masters. Throws a ConfigError. */
export function applyLines(
  state: SentinelState,
  lines: readonly SentinelLine[],
  round: 0 | 1 | 2,
  isExecutable: IsExecutable,
): string[] {
  const context: Context = { state, isExecutable, warnings: [] };
  for (const { words, place } of lines) {
    const directive = directives[words[0]!.toLowerCase()];
    if (directive === undefined) throw new ConfigError(unknownText(words[0]!), place);
    if (directive.round !== round) continue;
    if (!directive.counts.includes(words.length)) throw new ConfigError(unrecognized, place);
    const reason = directive.apply(context, words);
    if (reason !== undefined) throw new ConfigError(reason, place);
  }
  return context.warnings;
}

const unrecognized = 'Unrecognized sentinel configuration statement.';

function unknownText(word: string): string {
  const nearest = nearestWord(word.toLowerCase(), Object.keys(directives));
  return nearest === undefined
    ? unrecognized
    : `${unrecognized}\nThere is no 'sentinel ${fromByteString(word)}'; the nearest is '${nearest}'`;
}
