// info: the sections of INFO that only the data server has; those of every server are in service/info/service-fields.
//
// Fields are Redis's, with its names and units, because monitoring reads them. Fields that only make sense for another program
// (jemalloc, forks) have the value that means "none".

import { totalmem } from 'node:os';
import { counter, type Field, fixed, gauge, size, text } from '../service/info/field.js';
import { humanBytes } from '../service/info/human-bytes.js';
import type { IoThreads } from '../service/doors/io-threads.js';
import type { InfoField } from '../service/info/info.js';
import { listenerLines, provideServiceInfo, type ServiceFieldsHost } from '../service/info/service-fields.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Blocking } from './blocking.js';
import type { Cron } from './cron.js';
import { keySizeFields } from './key-sizes.js';
import { memoryFigures, type MemoryFigures, type MemoryFiguresHost } from './memory-figures.js';
import type { ReplicationTraffic } from './replication-port.js';
import type { Scripting } from './scripting/scripting.js';
import type { Settings } from './settings.js';
import type { Shutdown } from './shutdown.js';
import type { Tracking } from './tracking.js';
import type { Transactions } from './transactions.js';

/** Everything that INFO shows. */
export interface InfoHost extends ServiceFieldsHost, MemoryFiguresHost {
  readonly migrations: { readonly connectionCount: number };
  readonly ioThreads: IoThreads | undefined;
  readonly keyspace: Keyspace;
  readonly settings: Settings;
  readonly tracking: Tracking;
  readonly transactions: Transactions;
  readonly blocking: Blocking;
  readonly scripting: Scripting;
  readonly cron: Cron;
  readonly shutdown: Pick<Shutdown, 'remainingMs'>;
  /** Clients that wait for a file, or the end. */
  readonly suspendedCount: number;
}

/** Slots of the index of expiry times that `avg_ttl` is taken from. */
const TTL_SLOTS = 4096;

export function provideInfo(server: InfoHost): void {
  const { info } = server;
  provideServiceInfo(server);
  info.declare('server', serverFields(server));
  info.provide('server', () => [...listenerLines(server), ...shutdownLines(server)]);
  info.declare('clients', clientFields(server));
  info.declare('memory', memoryFields(server));
  info.provide('persistence', persistenceLines);
  info.provide('threads', () => threadLines(server));
  info.declare('stats', keyspaceStats(server));
  info.declare('stats', otherStats(server));
  info.provide('replication', () => replicationFields(server));
  info.declare('cluster', [gauge('cluster_enabled', '1 in a cluster.', () => (server.mode === 'cluster' ? 1 : 0))]);
  info.provide('keyspace', () => keyspaceLines(server));
  info.provide('keysizes', () => server.keyspace.databases.flatMap(keySizeFields));
  info.declare('debug', debugFields(server));
}

function serverFields(server: InfoHost): readonly Field[] {
  const { settings, config, keyspace } = server;
  const ioThreads = (): IoThreads | undefined => server.ioThreads;
  return [
    gauge('hz', 'Ticks of the cron per second.', () => settings.hz),
    gauge('configured_hz', 'As `hz` in the configuration.', () => config.number('hz').value),
    text('lru_clock', 'Clock of use of keys.', () => keyspace.lruClock),
    gauge('io_threads_active', '1 while threads besides the main one serve sockets.', () =>
      ioThreads()?.isActive === true ? 1 : 0,
    ),
  ];
}

/** A line for the main thread and each I/O thread, as Redis 8 has them. */
function threadLines({ ioThreads, clients, activity }: InfoHost): InfoField[] {
  const traffic = activity.traffic();
  const threads = ioThreads?.threads ?? [];
  const moved = { clients: 0, ...(ioThreads?.figures ?? { reads: 0, writes: 0 }) };
  const lines = threads.map((thread): InfoField => {
    const { reads, writes } = thread.figures();
    moved.clients += thread.connectionCount;
    return [`io_thread_${thread.index + 1}`, `clients=${thread.connectionCount},reads=${reads},writes=${writes}`];
  });
  const own = [clients.size - moved.clients, traffic.reads - moved.reads, traffic.writes - moved.writes];
  const [count, reads, writes] = own.map((figure) => Math.max(0, figure));
  return [['io_thread_0', `clients=${count},reads=${reads},writes=${writes}`], ...lines];
}

/** While a shutdown waits for replicas. */
function shutdownLines({ shutdown }: InfoHost): InfoField[] {
  return shutdown.remainingMs === undefined ? [] : [['shutdown_in_milliseconds', shutdown.remainingMs]];
}

function clientFields(server: InfoHost): readonly Field[] {
  const { blocking, pause, tracking, transactions } = server;
  return [
    gauge(
      'connected_clients',
      'Connections of clients that are no replicas.',
      () => server.clients.size - (server.replication?.followerCount ?? 0),
    ),
    gauge(
      'blocked_clients',
      'Clients whose command waits.',
      () => blocking.count + pause.count + server.suspendedCount,
    ),
    gauge('tracking_clients', 'Clients with CLIENT TRACKING.', () => tracking.clientCount),
    gauge('watching_clients', 'Clients that watch keys.', () => transactions.watchingClients),
    gauge('clients_in_timeout_table', 'Clients that wait for a limited time.', () => blocking.timedCount),
    gauge('total_watched_keys', 'Keys that clients watch.', () => transactions.watchedKeys),
    gauge('total_blocking_keys', 'Keys that clients wait for.', () => blocking.keyCount),
    gauge('total_blocking_keys_on_nokey', 'Keys whose deletion clients wait for too.', () => blocking.keyCountOnDelete),
  ];
}

function memoryFields(server: InfoHost): readonly Field[] {
  const figures = server.info.shared(() => memoryFigures(server));
  return [
    ...usedMemoryFields(figures),
    ...scriptMemoryFields(server),
    ...limitFields(server),
    ...otherMemoryFields(server, figures),
  ];
}

function usedMemoryFields(figures: () => MemoryFigures): readonly Field[] {
  const percent = (part: number, whole: number): string => `${((part / Math.max(1, whole)) * 100).toFixed(2)}%`;
  return [
    ...size('used_memory', 'Bytes in use by data, clients and replication.', () => figures().usedBytes),
    ...size('used_memory_rss', 'Bytes of the process in memory.', () => figures().residentBytes),
    ...size('used_memory_peak', 'Highest used_memory.', () => figures().peakBytes),
    text('used_memory_peak_perc', 'Share of used_memory in its peak.', () =>
      percent(figures().usedBytes, figures().peakBytes),
    ),
    gauge('used_memory_overhead', 'Bytes that are no data.', () => figures().overheadBytes),
    gauge('used_memory_startup', 'Bytes that an empty server counts.', () => figures().baseBytes),
    gauge('used_memory_dataset', 'Bytes of keys and values.', () => figures().dataBytes),
    text(
      'used_memory_dataset_perc',
      'Share of data in what came after the start.',
      () => `${figures().dataPercent.toFixed(2)}%`,
    ),
    gauge('allocator_allocated', 'Bytes of the arena in use.', () => figures().arena.usedBytes),
    gauge('allocator_active', 'Bytes of slabs in use.', () => figures().arena.spanBytes),
    gauge('allocator_resident', 'Bytes of the arena in memory.', () => figures().arena.residentBytes),
    fixed('allocator_muzzy', 'Unused.', 0),
    ...size('total_system_memory', 'Bytes of memory of the machine.', () => totalmem()),
  ];
}

function scriptMemoryFields({ scripting }: InfoHost): readonly Field[] {
  const figures = (): Scripting['figures'] => scripting.figures;
  return [
    gauge('used_memory_lua', 'Bytes of the engines of EVAL.', () => figures().engineBytes),
    gauge('used_memory_vm_eval', 'As used_memory_lua.', () => figures().engineBytes),
    text('used_memory_lua_human', 'As used_memory_lua.', () => humanBytes(figures().engineBytes)),
    gauge('used_memory_scripts_eval', 'Bytes of cached scripts.', () => figures().scriptBytes),
    gauge('number_of_cached_scripts', 'Cached scripts.', () => figures().scriptCount),
    gauge('number_of_functions', 'Functions in libraries.', () => figures().functionCount),
    gauge('number_of_libraries', 'Libraries of functions.', () => figures().libraryCount),
    gauge('used_memory_vm_functions', 'Bytes of the engines of functions.', () => figures().functionEngineBytes),
    ...size('used_memory_vm_total', 'Bytes of all script engines.', () => {
      const { engineBytes, functionEngineBytes } = figures();
      return engineBytes + functionEngineBytes;
    }),
    gauge('used_memory_functions', 'Bytes of libraries.', () => figures().functionBytes),
    ...size('used_memory_scripts', 'Bytes of scripts and libraries.', () => {
      const { scriptBytes, functionBytes } = figures();
      return scriptBytes + functionBytes;
    }),
  ];
}

function limitFields({ settings, config }: InfoHost): readonly Field[] {
  return [
    ...size('maxmemory', 'Most bytes that used_memory may be; 0: no limit.', () => settings.maxMemory),
    text('maxmemory_policy', 'What is evicted at maxmemory.', () => config.choice('maxmemory-policy').value),
  ];
}

function otherMemoryFields({ keyspace, cron }: InfoHost, figures: () => MemoryFigures): readonly Field[] {
  const ratio = (part: number, whole: number): string => (part / Math.max(1, whole)).toFixed(2);
  return [
    gauge('allocator_frag_ratio', 'Slabs by what is in use in them.', () =>
      ratio(figures().arena.spanBytes, figures().arena.usedBytes),
    ),
    gauge('allocator_frag_bytes', 'Free bytes within slabs.', () => {
      const { arena } = figures();
      return arena.spanBytes - arena.usedBytes;
    }),
    gauge('allocator_rss_ratio', 'Arena in memory by slabs.', () =>
      ratio(figures().arena.residentBytes, figures().arena.spanBytes),
    ),
    gauge('allocator_rss_bytes', 'Free pages of the arena that are in memory.', () => {
      const { arena } = figures();
      return arena.residentBytes - arena.spanBytes;
    }),
    gauge('rss_overhead_ratio', 'Process by arena.', () =>
      ratio(figures().residentBytes, figures().arena.residentBytes),
    ),
    gauge('rss_overhead_bytes', 'Bytes of the process beside the arena.', () => {
      return figures().residentBytes - figures().arena.residentBytes;
    }),
    gauge('mem_fragmentation_ratio', 'Process by used_memory.', () =>
      ratio(figures().residentBytes, figures().usedBytes),
    ),
    gauge('mem_fragmentation_bytes', 'Bytes of the process beyond used_memory.', () => {
      return figures().residentBytes - figures().usedBytes;
    }),
    gauge(
      'mem_not_counted_for_evict',
      'Bytes of used_memory that do not count against maxmemory: those of replication.',
      () => figures().uncountedBytes,
    ),
    gauge(
      'mem_replication_backlog',
      'Bytes of the stream of writes that replicas share, without what only those need that lag.',
      () => figures().backlogBytes,
    ),
    gauge(
      'mem_total_replication_buffers',
      'Bytes of the stream, with what replicas that lag have not taken.',
      () => figures().streamBytes,
    ),
    gauge(
      'mem_replica_full_sync_buffer',
      "Bytes of the master's stream that wait until its data is loaded.",
      () => figures().earlyBytes,
    ),
    gauge(
      'mem_clients_slaves',
      'Bytes of replicas as clients, and of the stream that only they need because they lag.',
      () => figures().replicaBytes,
    ),
    gauge('mem_clients_normal', 'Bytes of other clients.', () => figures().clientBytes),
    gauge('mem_cluster_links', 'Bytes that wait on the cluster bus.', () => figures().clusterLinkBytes),
    fixed('mem_aof_buffer', 'Unused.', 0),
    fixed('mem_allocator', 'What hands out memory.', 'kvasir-arena'),
    fixed('mem_overhead_db_hashtable_rehashing', 'Tables grow without a second table.', 0),
    fixed('active_defrag_running', 'Unused.', 0),
    gauge('lazyfree_pending_objects', 'Deleted values that are being freed.', () => keyspace.garbageCount),
    counter('lazyfreed_objects', 'Deleted values that were freed later.', () => keyspace.stats.lazyFreed),
    gauge('javascript_heap_bytes', 'Bytes of the JavaScript heap in use.', () => cron.heapBytes),
  ];
}

/** Of a server that keeps nothing on disk. */
function persistenceLines(): InfoField[] {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', 0],
    ['aof_rewrite_in_progress', 0],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_last_write_status', 'ok'],
  ];
}

function keyspaceStats({ keyspace, cron }: InfoHost): readonly Field[] {
  const { stats } = keyspace;
  return [
    counter('expired_subkeys', 'Fields of hashes that expired.', () => stats.expiredFields),
    counter('expired_keys', 'Keys that expired.', () => stats.expired),
    fixed('expired_stale_perc', 'Unused: expiry reads an index.', '0.00'),
    counter('expired_time_cap_reached_count', 'Expiry cycles that used up their time.', () => cron.expireCapCount),
    counter('expire_cycle_cpu_milliseconds', 'Milliseconds in expiry cycles.', () =>
      Math.round(cron.expireMicros / 1000),
    ),
    counter('evicted_keys', 'Keys evicted for maxmemory.', () => stats.evicted),
    counter('keyspace_hits', 'Lookups that found a key.', () => stats.hits),
    counter('keyspace_misses', 'Lookups that found none.', () => stats.misses),
  ];
}

const noTraffic: ReplicationTraffic = { bytesIn: 0, bytesOut: 0, bytesInPerSecond: 0, bytesOutPerSecond: 0 };

function otherStats(server: InfoHost): readonly Field[] {
  const { scripting, cron, tracking } = server;
  const traffic = (): ReplicationTraffic => server.replication?.traffic ?? noTraffic;
  const kilobytes = (perSecond: number): string => (perSecond / 1024).toFixed(2);
  const syncs = (kind: 'full' | 'partial' | 'refused') => (): number => server.replication?.syncs[kind] ?? 0;
  return [
    counter('total_net_repl_input_bytes', 'Bytes from the master.', () => traffic().bytesIn),
    counter('total_net_repl_output_bytes', 'Bytes to replicas.', () => traffic().bytesOut),
    gauge('instantaneous_input_repl_kbps', 'Kilobytes per second from the master.', () =>
      kilobytes(traffic().bytesInPerSecond),
    ),
    gauge('instantaneous_output_repl_kbps', 'Kilobytes per second to replicas.', () =>
      kilobytes(traffic().bytesOutPerSecond),
    ),
    counter('sync_full', 'Full synchronizations of replicas.', syncs('full')),
    counter('sync_partial_ok', 'Partial synchronizations that were granted.', syncs('partial')),
    counter('sync_partial_err', 'Partial synchronizations that were refused.', syncs('refused')),

    counter('evicted_scripts', 'Cached scripts that gave way to others.', () => scripting.cache.evictedCount),
    counter('total_eviction_exceeded_time', 'Milliseconds over maxmemory.', () => Math.round(cron.overLimitTotalMs)),
    gauge('current_eviction_exceeded_time', 'Milliseconds over maxmemory since it last was not.', () =>
      Math.round(cron.overLimitMs),
    ),
    fixed('latest_fork_usec', 'Nothing forks.', 0),
    fixed('total_forks', 'Nothing forks.', 0),
    gauge('migrate_cached_sockets', 'Connections kept for MIGRATE.', () => server.migrations.connectionCount),
    gauge(
      'slave_expires_tracked_keys',
      'Keys with an age that clients set on this writable replica.',
      () => server.replication?.localExpiryCount ?? 0,
    ),
    fixed('active_defrag_hits', 'Unused.', 0),
    fixed('active_defrag_misses', 'Unused.', 0),
    fixed('active_defrag_key_hits', 'Unused.', 0),
    fixed('active_defrag_key_misses', 'Unused.', 0),
    fixed('total_active_defrag_time', 'Unused.', 0),
    fixed('current_active_defrag_time', 'Unused.', 0),
    gauge('tracking_total_keys', 'Keys that tracking clients have read.', () => tracking.keyCount),
    gauge('tracking_total_items', 'Pairs of tracking client and key.', () => tracking.items),
    gauge('tracking_total_prefixes', 'Prefixes that tracking clients follow.', () => tracking.prefixCount),
    fixed('dump_payload_sanitizations', 'Unused.', 0),
    counter('io_threaded_reads_processed', 'Reads by I/O threads.', () => server.ioThreads?.figures.reads ?? 0),
    counter('io_threaded_writes_processed', 'Writes by I/O threads.', () => server.ioThreads?.figures.writes ?? 0),
  ];
}

/** Where the loop's time goes, in microseconds; shown only when the section is named. */
function debugFields({ cron, activity }: InfoHost): readonly Field[] {
  return [
    counter('eventloop_duration_aof_sum', 'Microseconds in writing the AOF.', () => Math.round(cron.aofMicros)),
    counter('eventloop_duration_cron_sum', 'Microseconds in ticks.', () => Math.round(cron.cronMicros)),
    gauge('eventloop_duration_max', 'Longest delay of a tick, in microseconds.', () =>
      Math.round(activity.pauseMsMax * 1000),
    ),
    gauge('eventloop_cmd_per_cycle_max', 'Most commands in a turn of the loop.', () => {
      activity.compareCycles();
      return Math.ceil(activity.commandsPerCycleMax);
    }),
  ];
}

function replicationFields(server: InfoHost): InfoField[] {
  if (server.replication !== undefined) return server.replication.infoFields();
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', server.runId],
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', server.config.number('repl-backlog-size').value],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  ];
}

function keyspaceLines(server: InfoHost): InfoField[] {
  const fields: InfoField[] = [];
  for (const database of server.keyspace.databases) {
    const { size } = database;
    if (size === 0) continue;
    const { expiries, fieldExpiries, index } = database;
    const meanLeftMs = Math.round(expiries.meanLeftMs(server.keyspace.nowMs, TTL_SLOTS, server.keyspace.random));
    fields.push([
      `db${index}`,
      `keys=${size},expires=${expiries.count},avg_ttl=${meanLeftMs},subexpiry=${fieldExpiries.count}`,
    ]);
  }
  return fields;
}
