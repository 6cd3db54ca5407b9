// ownership: whether a server that was named as a replica belongs to another watched master.
//
// A master's INFO may name any address as its replica. Nothing is ordered of a server that another name stands for: neither of
// the master of another deployment, nor of a replica that follows that one.

import { sameAddress } from './address.js';
import type { Master, Replica } from './instance.js';
import type { SentinelState } from './state.js';

export function belongsElsewhere(state: SentinelState, replica: Replica): boolean {
  const { master, masterHost, masterPort, roleReported } = replica;
  for (const other of state.masters.values()) {
    if (other === master || isSameDeployment(state, other, master)) continue;
    if (sameAddress(other.address, replica.address)) return true;
    if (roleReported !== 'slave' || masterHost === '') continue;
    const followed = { host: masterHost, ip: state.names.ip(masterHost), port: masterPort };
    if (sameAddress(other.address, followed)) return true;
  }
  return false;
}

/** One deployment may be watched under two names, one of which has seen the failover already. */
function isSameDeployment(state: SentinelState, other: Master, master: Master): boolean {
  return sameAddress(other.address, master.address) || state.replicaAt(other, master.address) !== undefined;
}
