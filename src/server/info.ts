// info: the sections of INFO that the data server fills; persistence, replication, scripts and
// tracking replace or amend what is theirs.
//
// Fields are Redis's, with its names and units, because monitoring reads them. What only makes sense for another program
// (jemalloc, forks) is there with the value that means "none".

import type { ReplicationPort } from './replication-port.js';
import type { ServerCall, ServerOptions } from './call.js';
import type { Scripting } from './scripting/scripting.js';
import type { Pause } from '../service/clients/pause.js';
import type { ClientEviction } from '../service/clients/client-eviction.js';
import type { Blocking } from './blocking.js';
import type { Cron } from './cron.js';
import type { LatencyHistogram } from '../service/watch/latency-histogram.js';
import type { CommandTable } from '../registry/table.js';
import type { CommandStats } from '../service/watch/command-stats.js';
import type { Client } from '../service/clients/client.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Clock } from '../io/clock.js';
import type { Settings } from './settings.js';
import type { Config } from '../service/config/config.js';
import { machine, release, totalmem, type } from 'node:os';
import { denials } from '../service/acl/denial.js';
import { formatPercentile } from '../service/config/special-settings.js';
import { humanBytes, type Info, type InfoField } from '../service/info/info.js';
import { type ClientMemoryHost, memoryOf } from '../service/clients/client-line.js';
import type { PubSub } from '../service/pubsub/pubsub.js';
import type { Tracking } from './tracking.js';
import type { Transactions } from './transactions.js';
import { keySizeFields } from './key-sizes.js';
import { KVASIR_VERSION, SERVER_VERSION } from '../base/version.js';

/** Everything that INFO shows. */
export interface InfoHost extends ClientMemoryHost {
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  readonly transactions: Transactions;
  readonly info: Info;
  readonly config: Config;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly keyspace: Keyspace;
  readonly clients: ReadonlyMap<number, Client>;
  readonly stats: CommandStats;
  readonly table: CommandTable<ServerCall>;
  readonly histograms: ReadonlyMap<string, LatencyHistogram>;
  readonly cron: Cron;
  readonly blocking: Blocking;
  readonly clientEviction: ClientEviction;
  readonly pause: Pause;
  readonly scripting: Scripting;
  readonly startedMs: number;
  readonly usedBytes: number;
  readonly executable: string;
  readonly mode: 'standalone' | 'cluster';
  readonly port: number;
  readonly tlsPort: number;
  readonly options: Pick<ServerOptions, 'runId'>;
  readonly replication: ReplicationPort | undefined;
}

const MICROSECONDS = 1_000_000;
const DAY_SECONDS = 86400;
/** Slots of the index of expiry times that `avg_ttl` is taken from. */
const TTL_SLOTS = 4096;

export function provideInfo(server: InfoHost): void {
  const { info } = server;
  info.provide('server', () => serverFields(server));
  info.provide('clients', () => clientFields(server));
  info.provide('memory', () => memoryFields(server));
  info.provide('persistence', () => persistenceFields());
  info.provide('stats', () => statsFields(server));
  info.provide('replication', () => replicationFields(server));
  info.provide('cpu', cpuFields);
  info.provide('modules', () => []);
  info.provide('commandstats', () => commandFields(server));
  info.provide('errorstats', () => errorFields(server));
  info.provide('latencystats', () => latencyFields(server));
  info.provide('cluster', () => [['cluster_enabled', server.mode === 'cluster' ? 1 : 0]]);
  info.provide('keyspace', () => keyspaceFields(server));
  info.provide('keysizes', () => server.keyspace.databases.flatMap(keySizeFields));
  info.provide('debug', () => debugFields(server));
}

function serverFields(server: InfoHost): InfoField[] {
  const { config } = server;
  const nowMs = server.clock.wallMs();
  const seconds = Math.floor((nowMs - server.startedMs) / 1000);
  return [
    ['redis_version', SERVER_VERSION],
    ['kvasir_version', KVASIR_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', 0],
    ['redis_mode', server.mode],
    ['os', `${type()} ${release()} ${machine()}`],
    ['arch_bits', 64],
    ['monotonic_clock', 'node:perf_hooks'],
    ['multiplexing_api', 'libuv'],
    ['atomicvar_api', 'none'],
    ['node_version', process.versions.node],
    ['process_id', process.pid],
    ['process_supervised', config.choice('supervised').value],
    ['run_id', server.options.runId],
    ['tcp_port', Math.max(0, server.port >= 0 ? server.port : server.tlsPort)],
    ['server_time_usec', Math.floor(nowMs * 1000)],
    ['uptime_in_seconds', seconds],
    ['uptime_in_days', Math.floor(seconds / DAY_SECONDS)],
    ['hz', server.settings.hz],
    ['configured_hz', config.number('hz').value],
    ['lru_clock', server.keyspace.lruClock],
    ['executable', server.executable],
    ['config_file', config.file ?? ''],
    ['io_threads_active', 0],
    ...listenerFields(server),
  ];
}

/** The ports that clients come to. */
function listenerFields(server: InfoHost): InfoField[] {
  const addresses = server.config
    .special('bind')
    .value.map((host) => `bind=${host}`)
    .join(',');
  const ports = [
    ['tcp', server.port],
    ['tls', server.tlsPort],
  ] as const;
  return ports
    .filter(([, port]) => port >= 0)
    .map(([name, port], index) => [`listener${index}`, `name=${name},${addresses},port=${port}`]);
}

function clientFields(server: InfoHost): InfoField[] {
  let inputMax = 0;
  let outputMax = 0;
  for (const client of server.clients.values()) {
    inputMax = Math.max(inputMax, client.connection?.queryBufferBytes ?? 0);
    outputMax = Math.max(outputMax, client.connection?.wire.unsentBytes ?? 0);
  }
  return [
    ['connected_clients', server.clients.size],
    ['cluster_connections', 0],
    ['maxclients', server.settings.maxClients],
    ['client_recent_max_input_buffer', inputMax],
    ['client_recent_max_output_buffer', outputMax],
    ['blocked_clients', server.blocking.count + server.pause.count],
    ['tracking_clients', server.tracking.clientCount],
    ['pubsub_clients', server.pubsub.subscriberCount],
    ['watching_clients', server.transactions.watchingClients],
    ['clients_in_timeout_table', server.blocking.timedCount],
    ['total_watched_keys', server.transactions.watchedKeys],
    ['total_blocking_keys', server.blocking.keyCount],
    ['total_blocking_keys_on_nokey', server.blocking.keyCountOnDelete],
  ];
}

function sizeFields(name: string, bytes: number): InfoField[] {
  return [
    [name, bytes],
    [`${name}_human`, humanBytes(bytes)],
  ];
}

function memoryFields(server: InfoHost): InfoField[] {
  const { cron, keyspace, config } = server;
  const arena = keyspace.arena.stats();
  const scripts = server.scripting.figures;
  const used = server.usedBytes;
  const startup = used - arena.usedBytes;
  const peak = arena.peakBytes + startup;
  const resident = process.memoryUsage.rss();
  let clients = 0;
  for (const client of server.clients.values()) clients += memoryOf(server, client);
  return [
    ...sizeFields('used_memory', used),
    ...sizeFields('used_memory_rss', resident),
    ...sizeFields('used_memory_peak', peak),
    ['used_memory_peak_perc', `${((used / Math.max(1, peak)) * 100).toFixed(2)}%`],
    ['used_memory_overhead', startup],
    ['used_memory_startup', startup],
    ['used_memory_dataset', arena.usedBytes],
    ['used_memory_dataset_perc', `${arena.usedBytes === 0 ? '0.00' : '100.00'}%`],
    ['allocator_allocated', arena.usedBytes],
    ['allocator_active', arena.spanBytes],
    ['allocator_resident', arena.residentBytes],
    ['allocator_muzzy', 0],
    ...sizeFields('total_system_memory', totalmem()),
    ['used_memory_lua', scripts.engineBytes],
    ['used_memory_vm_eval', scripts.engineBytes],
    ['used_memory_lua_human', humanBytes(scripts.engineBytes)],
    ['used_memory_scripts_eval', scripts.scriptBytes],
    ['number_of_cached_scripts', scripts.scriptCount],
    ['number_of_functions', scripts.functionCount],
    ['number_of_libraries', scripts.libraryCount],
    ['used_memory_vm_functions', scripts.functionEngineBytes],
    ...sizeFields('used_memory_vm_total', scripts.engineBytes + scripts.functionEngineBytes),
    ['used_memory_functions', scripts.functionBytes],
    ...sizeFields('used_memory_scripts', scripts.scriptBytes + scripts.functionBytes),
    ...sizeFields('maxmemory', server.settings.maxMemory),
    ['maxmemory_policy', config.choice('maxmemory-policy').value],
    ['allocator_frag_ratio', (arena.spanBytes / Math.max(1, arena.usedBytes)).toFixed(2)],
    ['allocator_frag_bytes', arena.spanBytes - arena.usedBytes],
    ['allocator_rss_ratio', (arena.residentBytes / Math.max(1, arena.spanBytes)).toFixed(2)],
    ['allocator_rss_bytes', arena.residentBytes - arena.spanBytes],
    ['rss_overhead_ratio', (resident / Math.max(1, arena.residentBytes)).toFixed(2)],
    ['rss_overhead_bytes', resident - arena.residentBytes],
    ['mem_fragmentation_ratio', (resident / Math.max(1, used)).toFixed(2)],
    ['mem_fragmentation_bytes', resident - used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', server.replication?.memoryBytes ?? 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', clients],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'kvasir-arena'],
    ['mem_overhead_db_hashtable_rehashing', 0],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', keyspace.garbageCount],
    ['lazyfreed_objects', keyspace.stats.lazyFreed],
    ['javascript_heap_bytes', cron.heapBytes],
  ];
}

/** Of a server that keeps nothing on disk. */
function persistenceFields(): InfoField[] {
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

function statsFields(server: InfoHost): InfoField[] {
  const { stats, keyspace, cron } = server;
  const { bytesIn, bytesOut, reads, writes } = cron.traffic();
  return [
    ['total_connections_received', stats.connections],
    ['total_commands_processed', stats.processed],
    ['instantaneous_ops_per_sec', Math.round(cron.commands.perSecond)],
    ['total_net_input_bytes', bytesIn],
    ['total_net_output_bytes', bytesOut],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', (cron.bytesIn.perSecond / 1024).toFixed(2)],
    ['instantaneous_output_kbps', (cron.bytesOut.perSecond / 1024).toFixed(2)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', stats.rejectedConnections],
    ['sync_full', server.replication?.syncs.full ?? 0],
    ['sync_partial_ok', server.replication?.syncs.partial ?? 0],
    ['sync_partial_err', server.replication?.syncs.refused ?? 0],
    ['expired_subkeys', keyspace.stats.expiredFields],
    ['expired_keys', keyspace.stats.expired],
    ['expired_stale_perc', '0.00'],
    ['expired_time_cap_reached_count', cron.expireCapCount],
    ['expire_cycle_cpu_milliseconds', Math.round(cron.expireMicros / 1000)],
    ['evicted_keys', keyspace.stats.evicted],
    ['evicted_clients', server.clientEviction.count],
    ['evicted_scripts', server.scripting.cache.evictedCount],
    ['total_eviction_exceeded_time', Math.round(cron.overLimitTotalMs)],
    ['current_eviction_exceeded_time', Math.round(cron.overLimitMs)],
    ['keyspace_hits', keyspace.stats.hits],
    ['keyspace_misses', keyspace.stats.misses],
    ['pubsub_channels', server.pubsub.channelCount],
    ['pubsub_patterns', server.pubsub.patternCount],
    ['pubsubshard_channels', server.pubsub.shardChannelCount],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['total_active_defrag_time', 0],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', server.tracking.keyCount],
    ['tracking_total_items', server.tracking.items],
    ['tracking_total_prefixes', server.tracking.prefixCount],
    ['unexpected_error_replies', 0],
    ['total_error_replies', stats.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', reads],
    ['total_writes_processed', writes],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['client_query_buffer_limit_disconnections', stats.queryLimitDisconnections],
    ['client_output_buffer_limit_disconnections', stats.outputLimitDisconnections],
    ['reply_buffer_shrinks', 0],
    ['reply_buffer_expands', 0],
    ['eventloop_cycles', cron.loop.cycles],
    ['eventloop_duration_sum', cron.loop.activeMicros],
    ['eventloop_duration_cmd_sum', Math.round(stats.commandMicros)],
    ['instantaneous_eventloop_cycles_per_sec', Math.round(cron.loopCycles.perSecond)],
    [
      'instantaneous_eventloop_duration_usec',
      Math.round(cron.loopMicros.perSecond / Math.max(1, cron.loopCycles.perSecond)),
    ],
    ['eventloop_pause_max_usec', Math.round(cron.pauseMsMax * 1000)],
    ['acl_access_denied_auth', stats.authFailures],
    ['acl_access_denied_cmd', stats.aclDenials[denials.command]!],
    ['acl_access_denied_key', stats.aclDenials[denials.key]!],
    ['acl_access_denied_channel', stats.aclDenials[denials.channel]!],
  ];
}

/** Where the loop's time goes, in microseconds; shown only when the section is named. */
function debugFields({ cron }: InfoHost): InfoField[] {
  cron.compareCycles();
  return [
    ['eventloop_duration_aof_sum', Math.round(cron.aofMicros)],
    ['eventloop_duration_cron_sum', Math.round(cron.cronMicros)],
    ['eventloop_duration_max', Math.round(cron.pauseMsMax * 1000)],
    ['eventloop_cmd_per_cycle_max', Math.ceil(cron.commandsPerCycleMax)],
  ];
}

function replicationFields(server: InfoHost): InfoField[] {
  if (server.replication !== undefined) return server.replication.infoFields();
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', server.options.runId],
    ['master_replid2', '0'.repeat(40)],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', server.config.number('repl-backlog-size').value],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  ];
}

function cpuFields(): InfoField[] {
  const { system, user } = process.cpuUsage();
  const seconds = (micros: number): string => (micros / MICROSECONDS).toFixed(6);
  return [
    ['used_cpu_sys', seconds(system)],
    ['used_cpu_user', seconds(user)],
    ['used_cpu_sys_children', seconds(0)],
    ['used_cpu_user_children', seconds(0)],
    ['used_cpu_sys_main_thread', seconds(system)],
    ['used_cpu_user_main_thread', seconds(user)],
  ];
}

function commandFields(server: InfoHost): InfoField[] {
  const fields: InfoField[] = [];
  for (const command of server.table.all()) {
    const { calls, microseconds, rejected, failed } = server.stats.figures(command.id);
    if (calls === 0 && rejected === 0 && failed === 0) continue;
    const each = calls === 0 ? '0.00' : (microseconds / calls).toFixed(2);
    fields.push([
      `cmdstat_${command.fullName}`,
      `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${each},rejected_calls=${rejected},failed_calls=${failed}`,
    ]);
  }
  return fields;
}

function errorFields(server: InfoHost): InfoField[] {
  return [...server.stats.errors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function latencyFields(server: InfoHost): InfoField[] {
  const percentiles = server.config.special('latency-tracking-info-percentiles').value;
  const fields: InfoField[] = [];
  for (const [name, histogram] of server.histograms) {
    if (histogram.count === 0) continue;
    const shown = percentiles.map(
      (percent) => `p${formatPercentile(percent)}=${(histogram.percentile(percent) / 1000).toFixed(3)}`,
    );
    fields.push([`latency_percentiles_usec_${name}`, shown.join(',')]);
  }
  return fields;
}

function keyspaceFields(server: InfoHost): InfoField[] {
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
