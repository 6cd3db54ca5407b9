// known-names: the fields of INFO and the directives of CONFIG GET that each version knew.
//
// Read from running servers: the last release of each line, started without options. A row: the version in which the names are first
// seen, that from which they are gone, the names. A version between two of these knows what the older one knew.

import { isBefore, type Profile } from './profile.js';

export type NameTable = readonly (readonly [since: string, before: string | undefined, names: string])[];

/** Fields of INFO; lists like db0 and cmdstat_get stand elsewhere. */
export const infoFields: NameTable = [
  [
    '2.0.0',
    undefined,
    'arch_bits blocked_clients connected_clients connected_slaves expired_keys multiplexing_api process_id pubsub_channels pubsub_patterns redis_git_dirty redis_git_sha1 redis_version role total_commands_processed total_connections_received uptime_in_days uptime_in_seconds used_memory used_memory_human',
  ],
  ['2.0.0', '2.4.0', 'hash_max_zipmap_entries hash_max_zipmap_value'],
  ['2.0.0', '2.6.0', 'bgrewriteaof_in_progress bgsave_in_progress changes_since_last_save last_save_time vm_enabled'],
  [
    '2.4.0',
    undefined,
    'aof_enabled evicted_keys gcc_version keyspace_hits keyspace_misses latest_fork_usec loading lru_clock mem_allocator mem_fragmentation_ratio run_id used_cpu_sys used_cpu_sys_children used_cpu_user used_cpu_user_children used_memory_peak used_memory_peak_human used_memory_rss',
  ],
  ['2.4.0', '5.0.0', 'client_biggest_input_buf client_longest_output_list'],
  [
    '2.6.0',
    undefined,
    'aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_last_rewrite_time_sec aof_rewrite_in_progress aof_rewrite_scheduled hz instantaneous_ops_per_sec os rdb_bgsave_in_progress rdb_changes_since_last_save rdb_current_bgsave_time_sec rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_last_save_time redis_mode rejected_connections tcp_port used_memory_lua',
  ],
  [
    '2.8.0',
    undefined,
    'aof_last_write_status config_file instantaneous_input_kbps instantaneous_output_kbps master_repl_offset redis_build_id repl_backlog_active repl_backlog_first_byte_offset repl_backlog_histlen repl_backlog_size sync_full sync_partial_err sync_partial_ok total_net_input_bytes total_net_output_bytes',
  ],
  ['3.0.0', undefined, 'cluster_enabled migrate_cached_sockets'],
  [
    '3.2.0',
    undefined,
    'executable maxmemory maxmemory_human maxmemory_policy total_system_memory total_system_memory_human used_memory_lua_human used_memory_rss_human',
  ],
  [
    '4.0.0',
    undefined,
    'active_defrag_hits active_defrag_key_hits active_defrag_key_misses active_defrag_misses active_defrag_running aof_last_cow_size atomicvar_api expired_stale_perc expired_time_cap_reached_count lazyfree_pending_objects master_replid master_replid2 rdb_last_cow_size second_repl_offset slave_expires_tracked_keys used_memory_dataset used_memory_dataset_perc used_memory_overhead used_memory_peak_perc used_memory_startup',
  ],
  [
    '5.0.0',
    undefined,
    'allocator_active allocator_allocated allocator_frag_bytes allocator_frag_ratio allocator_resident allocator_rss_bytes allocator_rss_ratio client_recent_max_input_buffer client_recent_max_output_buffer configured_hz mem_aof_buffer mem_clients_normal mem_clients_slaves mem_fragmentation_bytes mem_not_counted_for_evict mem_replication_backlog number_of_cached_scripts rss_overhead_bytes rss_overhead_ratio used_memory_scripts used_memory_scripts_human',
  ],
  [
    '6.0.0',
    undefined,
    'clients_in_timeout_table expire_cycle_cpu_milliseconds io_threaded_reads_processed io_threaded_writes_processed io_threads_active module_fork_in_progress module_fork_last_cow_size total_reads_processed total_writes_processed tracking_clients tracking_total_items tracking_total_keys tracking_total_prefixes unexpected_error_replies',
  ],
  [
    '6.2.0',
    undefined,
    'cluster_connections current_cow_size current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total dump_payload_sanitizations lazyfreed_objects master_failover_state maxclients monotonic_clock process_supervised server_time_usec total_error_replies total_forks used_cpu_sys_main_thread used_cpu_user_main_thread',
  ],
  [
    '7.0.0',
    undefined,
    'aof_rewrites aof_rewrites_consecutive_failures async_loading current_active_defrag_time current_cow_peak current_eviction_exceeded_time evicted_clients instantaneous_input_repl_kbps instantaneous_output_repl_kbps mem_cluster_links mem_total_replication_buffers number_of_functions number_of_libraries pubsubshard_channels rdb_last_load_keys_expired rdb_last_load_keys_loaded rdb_saves reply_buffer_expands reply_buffer_shrinks total_active_defrag_time total_eviction_exceeded_time total_net_repl_input_bytes total_net_repl_output_bytes used_memory_functions used_memory_scripts_eval used_memory_vm_eval used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human',
  ],
  [
    '7.2.0',
    undefined,
    'acl_access_denied_auth acl_access_denied_channel acl_access_denied_cmd acl_access_denied_key eventloop_cycles eventloop_duration_cmd_sum eventloop_duration_sum instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec total_blocking_keys total_blocking_keys_on_nokey',
  ],
  [
    '7.4.0',
    undefined,
    'allocator_muzzy client_output_buffer_limit_disconnections client_query_buffer_limit_disconnections evicted_scripts expired_subkeys mem_overhead_db_hashtable_rehashing pubsub_clients total_watched_keys watching_clients',
  ],
];

/** Directives that CONFIG GET shows. */
export const configNames: NameTable = [
  ['2.0.0', undefined, 'appendfsync appendonly dbfilename masterauth maxmemory requirepass save timeout'],
  [
    '2.4.0',
    undefined,
    'auto-aof-rewrite-min-size auto-aof-rewrite-percentage dir loglevel maxmemory-policy maxmemory-samples no-appendfsync-on-rewrite set-max-intset-entries slave-priority slave-serve-stale-data slowlog-log-slower-than slowlog-max-len zset-max-ziplist-entries zset-max-ziplist-value',
  ],
  ['2.4.0', '2.6.0', 'hash-max-zipmap-entries hash-max-zipmap-value'],
  ['2.4.0', '3.2.0', 'list-max-ziplist-entries list-max-ziplist-value'],
  [
    '2.6.0',
    undefined,
    'activerehashing aof-rewrite-incremental-fsync bind client-output-buffer-limit daemonize databases hash-max-ziplist-entries hash-max-ziplist-value hz logfile lua-time-limit maxclients pidfile port rdbchecksum rdbcompression repl-disable-tcp-nodelay repl-ping-slave-period repl-timeout slave-read-only slaveof stop-writes-on-bgsave-error tcp-keepalive unixsocket unixsocketperm',
  ],
  ['2.6.0', '7.0.0', 'watchdog-period'],
  [
    '2.8.0',
    undefined,
    'aof-load-truncated hll-sparse-max-bytes latency-monitor-threshold min-slaves-max-lag min-slaves-to-write notify-keyspace-events repl-backlog-size repl-backlog-ttl repl-diskless-sync repl-diskless-sync-delay tcp-backlog',
  ],
  [
    '3.0.0',
    undefined,
    'cluster-migration-barrier cluster-node-timeout cluster-require-full-coverage cluster-slave-validity-factor',
  ],
  [
    '3.2.0',
    undefined,
    'list-compress-depth list-max-ziplist-size protected-mode slave-announce-ip slave-announce-port supervised syslog-facility',
  ],
  [
    '4.0.0',
    undefined,
    'active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-threshold-lower active-defrag-threshold-upper activedefrag aof-use-rdb-preamble client-query-buffer-limit cluster-announce-bus-port cluster-announce-ip cluster-announce-port cluster-slave-no-failover lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lfu-decay-time lfu-log-factor proto-max-bulk-len slave-lazy-flush',
  ],
  [
    '5.0.0',
    undefined,
    'active-defrag-max-scan-fields cluster-replica-no-failover cluster-replica-validity-factor dynamic-hz min-replicas-max-lag min-replicas-to-write rdb-save-incremental-fsync repl-ping-replica-period replica-announce-ip replica-announce-port replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only replica-serve-stale-data slave-ignore-maxmemory stream-node-max-bytes stream-node-max-entries',
  ],
  [
    '6.0.0',
    undefined,
    'aclfile acllog-max-len active-expire-effort always-show-logo aof_rewrite_cpulist appendfilename bgsave_cpulist bio_cpulist cluster-allow-reads-when-down cluster-enabled ignore-warnings io-threads io-threads-do-reads jemalloc-bg-thread lazyfree-lazy-user-del masteruser oom-score-adj oom-score-adj-values rdb-del-sync-files repl-diskless-load server_cpulist syslog-enabled syslog-ident tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-cluster tls-dh-params-file tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols tls-replication tls-session-cache-size tls-session-cache-timeout tls-session-caching tracking-table-max-keys',
  ],
  ['6.0.0', '7.0.0', 'gopher-enabled key-load-delay lua-replicate-commands rdb-key-save-delay'],
  [
    '6.2.0',
    undefined,
    'acl-pubsub-default cluster-allow-replica-migration cluster-announce-tls-port crash-log-enabled crash-memcheck-enabled disable-thp lazyfree-lazy-user-flush maxmemory-eviction-tenacity proc-title-template replica-announced sanitize-dump-payload set-proc-title',
  ],
  ['6.2.0', '7.0.0', 'use-exit-on-panic'],
  [
    '7.0.0',
    undefined,
    'aof-timestamp-enabled appenddirname bind-source-addr busy-reply-threshold cluster-allow-pubsubshard-when-down cluster-announce-hostname cluster-config-file cluster-link-sendbuf-limit cluster-port cluster-preferred-endpoint-type enable-debug-command enable-module-command enable-protected-configs hash-max-listpack-entries hash-max-listpack-value latency-tracking latency-tracking-info-percentiles list-max-listpack-size maxmemory-clients propagation-error-behavior repl-diskless-sync-max-replicas replica-ignore-disk-write-errors replicaof shutdown-on-sigint shutdown-on-sigterm shutdown-timeout socket-mark-id zset-max-listpack-entries zset-max-listpack-value',
  ],
  ['7.0.0', '7.2.0', 'aof-disable-auto-gc'],
  [
    '7.2.0',
    undefined,
    'cluster-announce-human-nodename locale-collate set-max-listpack-entries set-max-listpack-value',
  ],
  [
    '7.4.0',
    undefined,
    'aof-rewrite-cpulist bgsave-cpulist bio-cpulist hide-user-data-from-log max-new-connections-per-cycle max-new-tls-connections-per-cycle server-cpulist',
  ],
];

/** Names that Valkey 8.0 has beside those of Redis 7.2. */
const valkeyNames: ReadonlySet<string> = new Set(
  'allocator_muzzy availability_zone client_output_buffer_limit_disconnections client_query_buffer_limit_disconnections evicted_scripts io_threaded_freed_objects io_threaded_poll_processed io_threaded_total_prefetch_batches io_threaded_total_prefetch_entries mem_overhead_db_hashtable_rehashing pubsub_clients replicas_waiting_psync server_mode total_watched_keys watching_clients aof-rewrite-cpulist availability-zone bgsave-cpulist bio-cpulist cluster-announce-client-ipv4 cluster-announce-client-ipv6 cluster-blacklist-ttl cluster-slot-stats-enabled dual-channel-replication-enabled events-per-io-thread extended-redis-compatibility hide-user-data-from-log max-new-connections-per-cycle max-new-tls-connections-per-cycle prefetch-batch-max-size primaryauth primaryuser server-cpulist unixsocketgroup'.split(
    ' ',
  ),
);

const tables = new Map<NameTable, ReadonlyMap<string, readonly [since: string, before: string | undefined]>>();

function indexOf(table: NameTable): ReadonlyMap<string, readonly [since: string, before: string | undefined]> {
  let index = tables.get(table);
  if (index === undefined) {
    index = new Map(table.flatMap(([since, before, names]) => names.split(' ').map((name) => [name, [since, before]])));
    tables.set(table, index);
  }
  return index;
}

/** Whether the server of a profile had this name. */
export function isKnownName(table: NameTable, name: string, profile: Profile): boolean {
  if (profile.product === 'valkey' && valkeyNames.has(name)) return true;
  const range = indexOf(table).get(name);
  return range !== undefined && !isBefore(profile, range[0]) && (range[1] === undefined || isBefore(profile, range[1]));
}
