// capacity: how many hosts and servers a data set needs, and where each server goes.
//
// A server with `maxmemory` m takes of its host, at its worst moment:
//
//   m * fragmentation     pages that the allocator holds
//   m * copied            pages that change while a snapshot is written, which the fork of redis-server copies
//   fixed                 replication backlog, clients' buffers, the process itself; Kvasir's snapshots, which copy no pages
//
// All servers of a host may save at the same time. The masters share the data evenly; a master and its replicas never stand on one
// host. Hosts are added until everything fits.

import { SLOT_COUNT } from '../../base/key-slot.js';
import { TransferError } from '../record/record.js';

const MB = 2 ** 20;
/** A cluster elects with a majority of masters, so it has three at least. */
const CLUSTER_MASTERS_MIN = 3;
const HOSTS_MAX = 1000;

/** Rules of a kind of server. */
export interface EngineModel {
  readonly name: 'redis' | 'kvasir';
  /** Memory for the same data, as a share of redis-server's. */
  readonly dataShare: number;
  readonly fragmentation: number;
  /** Share of the data that a snapshot copies. */
  readonly copiedShare: number;
  readonly fixedBytes: number;
}

export const engines: Readonly<Record<EngineModel['name'], EngineModel>> = {
  // A third of all pages changes during a save of a server with many writes; fragmentation as in INFO of a healthy server.
  redis: { name: 'redis', dataShare: 1, fragmentation: 1.1, copiedShare: 0.3, fixedBytes: 128 * MB },
  // docs/benchmarks.md: at most 0.8 of redis-server's memory, and 64 MB for a snapshot; the process takes 100 MB.
  kvasir: { name: 'kvasir', dataShare: 0.8, fragmentation: 1.05, copiedShare: 0, fixedBytes: 292 * MB },
};

export interface Demand {
  /** Memory of the data in redis-server. */
  readonly dataBytes: number;
  /** Factor for the data to come. */
  readonly growth: number;
  readonly replicas: number;
  readonly hostBytes: number;
  /** Share of a host that is left to the system. */
  readonly reservedShare: number;
  /** Most data of one server: the larger it is, the longer saves, full syncs and starts take. */
  readonly nodeBytesMax: number;
  readonly engine: EngineModel;
  readonly isCluster: boolean;
  /** Names of hosts; undefined: as many as needed. */
  readonly hosts: readonly string[] | undefined;
  readonly firstPort: number;
}

export interface PlannedServer {
  readonly host: string;
  readonly port: number;
  /** From 1. */
  readonly master: number;
  readonly role: 'master' | 'replica';
  /** First and last slot of a cluster's master. */
  readonly slots: readonly [number, number] | undefined;
}

export interface Plan {
  readonly hosts: readonly string[];
  readonly masters: number;
  readonly replicas: number;
  readonly dataBytes: number;
  readonly maxmemoryBytes: number;
  /** Memory of one server at its worst moment. */
  readonly serverBytes: number;
  readonly serversPerHost: number;
  readonly usableHostBytes: number;
  readonly usedHostBytes: number;
  readonly servers: readonly PlannedServer[];
}

/** Bytes of its host that a server with this maxmemory takes at most. */
export function serverBytes(engine: EngineModel, maxmemoryBytes: number): number {
  return maxmemoryBytes * (engine.fragmentation + engine.copiedShare) + engine.fixedBytes;
}

/** Throws a TransferError that names the lack when the hosts do not suffice. */
export function makePlan(demand: Demand): Plan {
  const { replicas, hosts, isCluster } = demand;
  if (demand.reservedShare < 0 || demand.reservedShare >= 1)
    throw new TransferError('the part that is left to the system is a share from 0 to below 1');
  const least = replicas + 1;
  if (hosts !== undefined) {
    if (hosts.length < least)
      throw new TransferError(
        `${hosts.length} hosts cannot keep a master and its ${replicas} replicas apart: ${least} are needed`,
      );
    const plan = planFor(demand, hosts);
    if (plan.usedHostBytes <= plan.usableHostBytes) return plan;
    const needed = Math.ceil(plan.usedHostBytes / (1 - demand.reservedShare));
    throw new TransferError(
      `the servers of a host take ${shownGb(plan.usedHostBytes)} and ${shownGb(plan.usableHostBytes)} are usable: take hosts of ${shownGb(needed)}, more hosts, or fewer replicas`,
    );
  }
  for (let count = Math.max(least, isCluster ? CLUSTER_MASTERS_MIN : 1); count <= HOSTS_MAX; count++) {
    const plan = planFor(
      demand,
      Array.from({ length: count }, (_, index) => `host${index + 1}`),
    );
    if (plan.usedHostBytes <= plan.usableHostBytes) return plan;
  }
  throw new TransferError(
    `no number of hosts up to ${HOSTS_MAX} suffices: a host of ${shownGb(demand.hostBytes)} has no room for its servers' fixed ${shownGb(demand.engine.fixedBytes)}`,
  );
}

function shownGb(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GB`;
}

function planFor(demand: Demand, hosts: readonly string[]): Plan {
  const { engine, replicas, isCluster, hostBytes, reservedShare } = demand;
  const dataBytes = Math.ceil(demand.dataBytes * demand.growth * engine.dataShare);
  const least = Math.max(isCluster ? CLUSTER_MASTERS_MIN : 1, Math.ceil(dataBytes / demand.nodeBytesMax));
  // Every host has the same number of masters.
  const masters = Math.ceil(least / hosts.length) * hosts.length;
  const maxmemoryBytes = Math.ceil(dataBytes / masters / MB) * MB;
  const serversPerHost = (masters * (1 + replicas)) / hosts.length;
  const one = serverBytes(engine, maxmemoryBytes);
  return {
    hosts,
    masters,
    replicas,
    dataBytes,
    maxmemoryBytes,
    serverBytes: one,
    serversPerHost,
    usableHostBytes: hostBytes * (1 - reservedShare),
    usedHostBytes: serversPerHost * one,
    servers: place(demand, hosts, masters),
  };
}

/** Masters in turn over the hosts, the replicas of each on the next hosts. */
function place({ replicas, isCluster, firstPort }: Demand, hosts: readonly string[], masters: number): PlannedServer[] {
  const ports = hosts.map(() => firstPort);
  const servers: PlannedServer[] = [];
  for (let step = 0; step <= replicas; step++)
    for (let index = 0; index < masters; index++) {
      // Masters of one host have replicas on different ones, so that a host that dies burdens all others.
      const shift = step === 0 ? 0 : 1 + ((step - 1 + Math.floor(index / hosts.length)) % (hosts.length - 1));
      const at = (index + shift) % hosts.length;
      const first = Math.round((index * SLOT_COUNT) / masters);
      const last = Math.round(((index + 1) * SLOT_COUNT) / masters) - 1;
      servers.push({
        host: hosts[at]!,
        port: ports[at]!++,
        master: index + 1,
        role: step === 0 ? 'master' : 'replica',
        slots: step === 0 && isCluster ? [first, last] : undefined,
      });
    }
  return servers;
}
