// memory-figures: the memory of a data server by use, counted once for INFO memory and MEMORY STATS.

import type { ArenaStats } from '../memory/arena.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Client } from '../service/clients/client.js';
import { type ClientMemoryHost, memoryOf } from '../service/clients/client-line.js';
import type { Usage } from '../io/usage.js';
import type { ClusterPort } from './cluster-port.js';
import type { ReplicationPort } from './replication-port.js';

export interface MemoryFiguresHost extends ClientMemoryHost {
  readonly keyspace: Keyspace;
  readonly clients: ReadonlyMap<number, Client>;
  readonly usage: Usage;
  readonly usedBytes: number;
  readonly baseBytes: number;
  readonly replication: ReplicationPort | undefined;
  readonly cluster: ClusterPort | undefined;
}

export interface MemoryFigures {
  readonly arena: ArenaStats;
  /** Bytes that count against maxmemory, and those of replication. */
  readonly usedBytes: number;
  /** Bytes of replication: the stream, replicas, and the stream of a master that waits. */
  readonly uncountedBytes: number;
  readonly peakBytes: number;
  readonly residentBytes: number;
  /** Bytes that an empty server counts. */
  readonly baseBytes: number;
  readonly clientBytes: number;
  /** Replicas as clients, and the part of the stream that only they need because they lag. */
  readonly replicaBytes: number;
  /** The rest of the stream of writes. */
  readonly backlogBytes: number;
  /** The stream of writes, with what replicas that lag have not taken. */
  readonly streamBytes: number;
  /** The stream of the master that waits until its data is loaded. */
  readonly earlyBytes: number;
  readonly clusterLinkBytes: number;
  /** Tables of keys and of their times of expiry. */
  readonly tableBytes: number;
  /** All that is no data: base, clients, backlog and tables. */
  readonly overheadBytes: number;
  readonly dataBytes: number;
  /** Share of the data in what came after the start, in percent. */
  readonly dataPercent: number;
}

export function memoryFigures(host: MemoryFiguresHost): MemoryFigures {
  const { keyspace, baseBytes, replication } = host;
  const arena = keyspace.arena.stats();
  let clientBytes = 0;
  const laggingBytes = replication?.laggingBytes ?? 0;
  let replicaBytes = laggingBytes;
  for (const client of host.clients.values()) {
    if (client.kind === 'replica') replicaBytes += memoryOf(host, client);
    else clientBytes += memoryOf(host, client);
  }
  let tableBytes = 0;
  for (const { size, dict, expiries } of keyspace.databases) {
    if (size > 0) tableBytes += keyspace.dicts.overheadBytes(dict) + expiries.overheadBytes;
  }
  const streamBytes = replication?.memoryBytes ?? 0;
  const backlogBytes = streamBytes - laggingBytes;
  const earlyBytes = replication?.earlyBytes ?? 0;
  const uncountedBytes = replicaBytes + backlogBytes + earlyBytes;
  const usedBytes = host.usedBytes + uncountedBytes;
  const clusterLinkBytes = host.cluster?.linkMemoryBytes ?? 0;
  const overheadBytes = baseBytes + clientBytes + uncountedBytes + tableBytes;
  const dataBytes = Math.max(0, usedBytes - overheadBytes);
  return {
    arena,
    usedBytes,
    uncountedBytes,
    peakBytes: Math.max(arena.peakBytes + baseBytes, usedBytes),
    residentBytes: host.usage.residentBytes(),
    baseBytes,
    clientBytes,
    replicaBytes,
    backlogBytes,
    streamBytes,
    earlyBytes,
    clusterLinkBytes,
    tableBytes,
    overheadBytes,
    dataBytes,
    dataPercent: (100 * dataBytes) / Math.max(1, usedBytes - baseBytes),
  };
}
