// figures: the table of what is kept of every sample: name, unit, decimals, and how INFO says it.
//
// Three sources: a field of INFO as it is, the growth of a counter per second, and what sample.ts works out (`derived`). A figure whose
// field a server lacks is simply missing there. Names are part of the files and of alert rules: they do not change.
//
// Figures of single commands are made as they come: `command:get` (calls per second) and `p99:get` (microseconds).

export type Unit =
  'bytes' | 'bytes/s' | 'percent' | 'count' | '1/s' | 'seconds' | 'ms' | 'us' | 'ratio' | 'flag' | 'days';

export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  /** Decimals that are kept. */
  readonly decimals: number;
  readonly help: string;
  /** The field of INFO that is this figure. */
  readonly field?: string;
  /** The counter of INFO whose growth per second is this figure. */
  readonly counter?: string;
}

type Row = readonly [name: string, source: string, unit: Unit, help: string];

const gauges: readonly Row[] = [
  ['memory_used', 'used_memory', 'bytes', 'Bytes of data, clients and replication'],
  ['memory_rss', 'used_memory_rss', 'bytes', 'Bytes of the process in memory'],
  ['memory_peak', 'used_memory_peak', 'bytes', 'Highest memory_used'],
  ['memory_max', 'maxmemory', 'bytes', 'Limit of memory_used; 0: none'],
  ['memory_dataset', 'used_memory_dataset', 'bytes', 'Bytes of keys and values'],
  ['memory_clients', 'mem_clients_normal', 'bytes', 'Bytes of clients'],
  ['memory_replicas', 'mem_clients_slaves', 'bytes', 'Bytes of replicas'],
  ['memory_backlog', 'mem_replication_backlog', 'bytes', 'Bytes of the backlog of writes'],
  ['heap', 'javascript_heap_bytes', 'bytes', 'JavaScript heap in use (Kvasir)'],
  ['fragmentation', 'mem_fragmentation_ratio', 'ratio', 'Process by memory_used'],
  ['clients', 'connected_clients', 'count', 'Connections of clients'],
  ['clients_blocked', 'blocked_clients', 'count', 'Clients whose command waits'],
  ['clients_pubsub', 'pubsub_clients', 'count', 'Clients with subscriptions'],
  ['channels', 'pubsub_channels', 'count', 'Channels with subscribers'],
  ['replicas', 'connected_slaves', 'count', 'Replicas that are connected'],
  ['backlog_history', 'repl_backlog_histlen', 'bytes', 'Writes that a replica may catch up with'],
  ['changes', 'rdb_changes_since_last_save', 'count', 'Changes since the last save'],
  ['saving', 'rdb_bgsave_in_progress', 'flag', 'A snapshot is being written'],
  ['rewriting', 'aof_rewrite_in_progress', 'flag', 'The AOF is being rewritten'],
  ['aof_size', 'aof_current_size', 'bytes', 'Bytes of the AOF'],
  ['loading', 'loading', 'flag', 'Data is being loaded'],
  ['fork_us', 'latest_fork_usec', 'us', 'Time of the last fork'],
  ['lazyfree', 'lazyfree_pending_objects', 'count', 'Deleted values that are being freed'],
  ['loop_us', 'instantaneous_eventloop_duration_usec', 'us', 'Time of a turn of the event loop'],
  ['loop_turns', 'instantaneous_eventloop_cycles_per_sec', '1/s', 'Turns of the event loop per second'],
  ['loop_pause_us', 'eventloop_pause_max_usec', 'us', 'Longest pause of the event loop (Kvasir)'],
  ['sentinel_masters', 'sentinel_masters', 'count', 'Masters that the sentinel watches'],
  ['sentinel_tilt', 'sentinel_tilt', 'flag', 'The sentinel only looks because time went wrong'],
  ['sentinel_scripts', 'sentinel_scripts_queue_length', 'count', 'Scripts that run or wait'],
];

const rates: readonly Row[] = [
  ['commands', 'total_commands_processed', '1/s', 'Commands per second'],
  ['connections', 'total_connections_received', '1/s', 'Connections accepted per second'],
  ['rejected', 'rejected_connections', '1/s', 'Connections refused per second, over maxclients'],
  ['net_in', 'total_net_input_bytes', 'bytes/s', 'Bytes per second from clients'],
  ['net_out', 'total_net_output_bytes', 'bytes/s', 'Bytes per second to clients'],
  ['repl_in', 'total_net_repl_input_bytes', 'bytes/s', 'Bytes per second from the master'],
  ['repl_out', 'total_net_repl_output_bytes', 'bytes/s', 'Bytes per second to replicas'],
  ['hits', 'keyspace_hits', '1/s', 'Lookups per second that found a key'],
  ['misses', 'keyspace_misses', '1/s', 'Lookups per second that found none'],
  ['expired', 'expired_keys', '1/s', 'Keys per second that expired'],
  ['evicted', 'evicted_keys', '1/s', 'Keys per second evicted for maxmemory'],
  ['evicted_clients', 'evicted_clients', '1/s', 'Clients per second closed for maxmemory-clients'],
  ['errors', 'total_error_replies', '1/s', 'Error replies per second'],
  ['syncs_full', 'sync_full', '1/s', 'Full synchronizations per second'],
  ['forward_errors', 'total_forward_errors', '1/s', 'Requests per second that the proxy could not forward'],
];

const derived: readonly Omit<Figure, 'decimals'>[] = [
  { name: 'up', unit: 'flag', help: 'The server answers' },
  { name: 'response_ms', unit: 'ms', help: 'Time until INFO was answered' },
  { name: 'cpu', unit: 'percent', help: 'Processor time, of one processor' },
  {
    name: 'memory_percent',
    unit: 'percent',
    help: 'memory_used of maxmemory, or of the machine where there is no limit',
  },
  { name: 'hit_rate', unit: 'percent', help: 'Lookups that found a key' },
  { name: 'keys', unit: 'count', help: 'Keys in all databases' },
  { name: 'keys_expiring', unit: 'count', help: 'Keys with an age' },
  { name: 'master', unit: 'flag', help: 'The server is a master' },
  { name: 'link_up', unit: 'flag', help: 'The replica is connected to its master' },
  { name: 'lag_seconds', unit: 'seconds', help: 'Since the slowest replica, or the master, was last heard of' },
  { name: 'lag_bytes', unit: 'bytes', help: 'Writes that the slowest replica does not have' },
  { name: 'save_age', unit: 'seconds', help: 'Since the last save' },
  { name: 'rdb_ok', unit: 'flag', help: 'The last save succeeded' },
  { name: 'aof_ok', unit: 'flag', help: 'The AOF is written and rewritten without errors' },
  { name: 'p50_us', unit: 'us', help: 'Median time of a command: the highest of the commands that ran' },
  { name: 'p99_us', unit: 'us', help: '99th percentile of the time of a command: the highest of those that ran' },
  { name: 'p999_us', unit: 'us', help: '99.9th percentile of the time of a command: the highest of those that ran' },
  { name: 'command_us', unit: 'us', help: 'Mean time of a command' },
  { name: 'cluster_ok', unit: 'flag', help: 'The cluster serves' },
  { name: 'cluster_nodes', unit: 'count', help: 'Nodes that the node knows' },
  { name: 'slots', unit: 'count', help: 'Slots that the node owns' },
  { name: 'certificate_days', unit: 'days', help: "Days until the server's certificate expires" },
  { name: 'sentinel_down', unit: 'count', help: 'Masters that the sentinel holds for down' },
  { name: 'backends', unit: 'count', help: 'Servers behind the proxy' },
  { name: 'backends_ejected', unit: 'count', help: 'Servers that the proxy has ejected' },
];

function decimalsOf(unit: Unit): number {
  switch (unit) {
    case 'percent':
    case 'ratio':
    case 'ms':
      return 2;
    case '1/s':
    case 'us':
    case 'days':
      return 1;
    default:
      return 0;
  }
}

export const figures: readonly Figure[] = [
  ...derived.map((row) => ({ ...row, decimals: decimalsOf(row.unit) })),
  ...gauges.map(([name, field, unit, help]) => ({ name, field, unit, help, decimals: decimalsOf(unit) })),
  ...rates.map(([name, counter, unit, help]) => ({ name, counter, unit, help, decimals: decimalsOf(unit) })),
];

const byName = new Map(figures.map((figure) => [figure.name, figure]));

/** The description of a figure, those of single commands included. Undefined for a name that no server has. */
export function figureOf(name: string): Figure | undefined {
  const known = byName.get(name);
  if (known !== undefined) return known;
  const [, kind, command] = /^(command|p99):(.+)$/.exec(name) ?? [];
  if (kind === 'command') return { name, unit: '1/s', decimals: 1, help: `Calls of ${command} per second` };
  if (kind === 'p99') return { name, unit: 'us', decimals: 1, help: `99th percentile of the time of ${command}` };
  return undefined;
}
