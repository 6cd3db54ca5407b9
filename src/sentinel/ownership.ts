// ownership: whether a server that was named as a replica belongs to another watched master.
//
// A master's INFO may name any address as its replica, and a hello message any as the new master. Nothing is ordered of a server
// that another name stands for, and it becomes nobody's master: neither the master of another deployment, nor a replica that
// follows that one, nor one that has and is a master for the moment, such as the old master after a failover.

import { type Address, sameAddress } from './address.js';
import type { Master, Replica } from './instance.js';
import type { SentinelState } from './state.js';

export function belongsElsewhere(state: SentinelState, replica: Replica): boolean {
  const { master, address, isProven } = replica;
  for (const other of others(state, master)) if (holds(state, other, address, isProven)) return true;
  return replica.roleReported === 'slave' && followsAnother(state, replica);
}

/** Whether a replica says that it follows the master of another deployment. */
export function followsAnother(state: SentinelState, { master, masterHost, masterPort }: Replica): boolean {
  if (masterHost === '') return false;
  const followed = { host: masterHost, ip: state.names.ip(masterHost), port: masterPort };
  for (const other of others(state, master)) if (sameAddress(other.address, followed)) return true;
  return false;
}

function* others(state: SentinelState, master: Master): Generator<Master, void> {
  for (const other of state.masters.values())
    if (other !== master && !isSameDeployment(state, other, master)) yield other;
}

/** Whether an address that somebody names as the new one of `master` is known as a server of another deployment. */
export function isElsewhere(state: SentinelState, master: Master, address: Address): boolean {
  const isProven = state.replicaAt(master, address)?.isProven === true;
  for (const other of others(state, master)) if (holds(state, other, address, isProven)) return true;
  return false;
}

/** The address is the other's master, or its replica with a better claim. */
function holds(state: SentinelState, other: Master, address: Address, isProven: boolean): boolean {
  return sameAddress(other.address, address) || (!isProven && state.replicaAt(other, address)?.isProven === true);
}

/** One deployment may be watched under two names, one of which has seen the failover already. */
function isSameDeployment(state: SentinelState, other: Master, master: Master): boolean {
  return sameAddress(other.address, master.address) || state.replicaAt(other, master.address) !== undefined;
}
