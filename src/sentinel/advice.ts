// advice: faults of a deployment, reported before a failover finds them.

import type { Master, Replica } from './instance.js';
import type { SentinelState } from './state.js';

/** One line for each master: what is watched, and what is known already. */
export function describeWatch(state: SentinelState): string[] {
  return [...state.masters.values()].map(
    (master) =>
      `Watching ${master.name} at ${state.announced(master.address)}:${master.address.port}: quorum ${master.quorum}, ${countText(master.replicas.size, 'replica')} and ${countText(master.peers.size, 'other sentinel')} known so far`,
  );
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The faults that show now; `hasSettled`: the sentinels have had the time to find each other. */
export function findFaults(state: SentinelState, hasSettled: boolean): string[] {
  const faults: string[] = [];
  if (state.masters.size === 0)
    faults.push(
      "No master is watched: add 'sentinel monitor <name> <ip> <port> <quorum>' to the config file, or send SENTINEL MONITOR",
    );
  for (const master of state.masters.values())
    for (const fault of faultsOf(master, hasSettled)) faults.push(`${master.name}: ${fault}`);
  return faults;
}

function faultsOf(master: Master, hasSettled: boolean): string[] {
  const faults: string[] = [];
  const { address, peers, quorum } = master;
  const sentinels = peers.size + 1;
  if (address.ip === '')
    faults.push(`the name ${address.host} does not resolve; it is looked up again every second, and watched then`);
  if (isLoopback(address.ip) && [...peers.values()].some((peer) => !isLoopback(peer.address.ip)))
    faults.push(
      `the master's address ${address.ip} means another host to each sentinel: name it by an address that all hosts reach`,
    );
  if (!hasSettled) return faults;
  if (quorum > sentinels)
    faults.push(
      `the quorum is ${quorum}, but only ${countText(sentinels, 'sentinel')} with this one are known: no failover can begin. Start more sentinels, or lower the quorum by SENTINEL SET ${master.name} quorum N`,
    );
  if (sentinels === 1)
    faults.push('no other sentinel is known: when this host fails with the master, nobody makes a replica the master');
  else if (sentinels === 2)
    faults.push(
      'there are 2 sentinels: a failover needs the votes of both, so that none is possible when one is lost. Run 3 or more on hosts of their own',
    );
  if (!master.isDown && master.infoRefreshMs !== 0 && master.replicas.size === 0)
    faults.push('the master has no replica: there is nothing that could take its place');
  if (master.replicas.size > 0 && [...master.replicas.values()].every(({ priority }) => priority === 0))
    faults.push('all replicas have replica-priority 0: none of them may become the master');
  for (const replica of master.replicas.values())
    if (replica.isDown && !master.isDown && isOnline(master, replica))
      faults.push(
        `the replica ${replica.name} cannot be reached at this address, which the master tells: behind NAT or in a container it needs replica-announce-ip and replica-announce-port`,
      );
  return faults;
}

/** The master says that the replica is well. */
function isOnline(master: Master, replica: Replica): boolean {
  const { host, port } = replica.address;
  return master.info.includes(`:ip=${host},port=${port},state=online`);
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}

/** The fault that a probe of this sentinel's own announced address has shown; undefined when all is well. */
export function selfProbeFault(address: string, outcome: 'reached' | 'other' | 'silent'): string | undefined {
  if (outcome === 'reached') return undefined;
  return outcome === 'other'
    ? `Another sentinel answers at ${address}, which this one announces as its own: check 'sentinel announce-ip' and 'announce-port'`
    : `This sentinel announces itself as ${address} and cannot be reached there from its own host: the others may not reach it either. Check 'sentinel announce-ip', 'announce-port' and port forwarding`;
}
