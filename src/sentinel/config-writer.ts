// config-writer: the state of a sentinel as lines of its config file, in the form that redis-sentinel writes and reads.

import { quote } from '../base/quoting.js';
import type { SentinelLines } from '../service/config/rewrite.js';
import { type Master, STALE_AFTER_MS_DEFAULT } from './instance.js';
import { sameAddress } from './address.js';
import type { SentinelState } from './state.js';

/** The lines in the order in which redis-sentinel adds them. Those that say the default stand only where they stood before. */
export function stateLines(state: SentinelState): SentinelLines {
  const { settings } = state;
  const lines: { line: string; force: boolean }[] = [];
  const put = (force: boolean, ...words: (string | number)[]): void => {
    lines.push({ line: ['sentinel', ...words.map((word) => quoted(String(word)))].join(' '), force });
  };
  put(true, 'myid', state.myId);
  put(!settings.denyScriptsReconfig, 'deny-scripts-reconfig', settings.denyScriptsReconfig ? 'yes' : 'no');
  put(settings.resolveHostnames, 'resolve-hostnames', settings.resolveHostnames ? 'yes' : 'no');
  put(settings.announceHostnames, 'announce-hostnames', settings.announceHostnames ? 'yes' : 'no');
  for (const master of state.masters.values()) putMaster(state, master, put);
  put(true, 'current-epoch', state.currentEpoch);
  if (settings.announceIp !== '') put(true, 'announce-ip', settings.announceIp);
  if (settings.announcePort !== 0) put(true, 'announce-port', settings.announcePort);
  if (settings.sentinelUser !== '') put(true, 'sentinel-user', settings.sentinelUser);
  if (settings.sentinelPass !== '') put(true, 'sentinel-pass', settings.sentinelPass);
  return lines;
}

/** Words as they were written where that is possible; redis-sentinel never quotes them. */
function quoted(word: string): string {
  return /^[!-~]+$/.test(word) && !/["'\\]/.test(word) ? word : quote(word);
}

type Put = (force: boolean, ...words: (string | number)[]) => void;

function putMaster({ timing }: SentinelState, master: Master, put: Put): void {
  const { name } = master;
  const at = master.currentAddress;
  put(true, 'monitor', name, at.host, at.port, master.quorum);
  put(master.downAfterMs !== timing['default-down-after'], 'down-after-milliseconds', name, master.downAfterMs);
  put(
    master.failoverTimeoutMs !== timing['default-failover-timeout'],
    'failover-timeout',
    name,
    master.failoverTimeoutMs,
  );
  put(master.parallelSyncs !== 1, 'parallel-syncs', name, master.parallelSyncs);
  if (master.notificationScript !== '') put(true, 'notification-script', name, master.notificationScript);
  if (master.clientReconfigScript !== '') put(true, 'client-reconfig-script', name, master.clientReconfigScript);
  if (master.authPass !== '') put(true, 'auth-pass', name, master.authPass);
  if (master.authUser !== '') put(true, 'auth-user', name, master.authUser);
  put(master.rebootDownAfterMs !== 0, 'master-reboot-down-after-period', name, master.rebootDownAfterMs);
  if (master.staleAfterMs !== STALE_AFTER_MS_DEFAULT) put(true, 'stale-after', name, master.staleAfterMs);
  if (master.virtualAddress !== undefined) {
    const { address, maskBits, networkInterface } = master.virtualAddress;
    put(true, 'vip', name, `${address}/${maskBits}`, networkInterface);
  }
  put(true, 'config-epoch', name, master.configEpoch);
  put(true, 'leader-epoch', name, master.leaderEpoch);
  for (const replica of master.replicas.values()) {
    // While the promoted replica is written as the master, the old master is written as a replica.
    const address = master.isPast && sameAddress(replica.address, at) ? master.address : replica.address;
    put(true, 'known-replica', name, address.host, address.port);
  }
  for (const peer of master.peers.values())
    put(true, 'known-sentinel', name, peer.address.host, peer.address.port, peer.runId);
  for (const [from, to] of master.renamed) put(true, 'rename-command', name, from, to);
}
