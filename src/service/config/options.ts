// options: every configuration directive: names, kinds, defaults and bounds of Redis 7.0.15, and additions up to 8.0.
//
// CONFIG GET, SET and REWRITE, the reader of config files, and docs/config.md come from this table. A directive whose
// feature Kvasir does not need (jemalloc, CPU affinity) is taken and kept, so that every existing file works; its
// summary says so.
import { profiles } from '../../compat/profile.js';
import { encodingLimits, freeingLimits, sizeLimits } from '../../registry/data-limits.js';
import {
  choice,
  flag,
  intMax,
  intMin,
  longMax,
  number,
  size,
  special,
  text,
  uintMax,
  unsignedLongMax,
  words,
  type Option,
} from '../../registry/option.js';

const immutable = { immutable: true } as const;
/** For directives that Redis lacks: tools that write back what CONFIG GET gave do not know that these cannot change. */
const keepsValue = { immutable: true, acceptsOwnValue: true } as const;

function fileName(option: string, what: 'filename' | 'dirname', mayBeEmpty: boolean) {
  return (value: string): string | undefined => {
    if (value === '' && !mayBeEmpty) return `${option} can't be empty`;
    return /[/\\]/.test(value) ? `${option} can't be a path, just a ${what}` : undefined;
  };
}

function refuseHostName(value: string): string | undefined {
  if (value.length >= 256) return 'Hostnames must be less than 256 characters';
  return /^[A-Za-z0-9.-]*$/.test(value)
    ? undefined
    : 'Hostnames may only contain alphanumeric characters, hyphens or dots';
}

function refuseNodeName(value: string): string | undefined {
  return /^[ !#$%&()*+.0-9:;<>?@A-Z[\]^{|}~a-z_-]*$/.test(value)
    ? undefined
    : 'Announced human node name contained invalid character';
}

const titleVariables = new Set([
  'title',
  'listen-addr',
  'server-mode',
  'port',
  'tls-port',
  'unixsocket',
  'config-file',
]);

function refuseTitleTemplate(value: string): string | undefined {
  const reason = 'template format is invalid or contains unknown variables';
  const rest = value.replace(/\{([^{}]*)\}/g, (whole: string, name: string) => (titleVariables.has(name) ? '' : whole));
  return value === '' || /[{}]/.test(rest) ? reason : undefined;
}

/** Of what the system has, only the form of a name can be known. */
function refuseLocale(value: string): string | undefined {
  return /^(|C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\.[A-Za-z0-9-]+)?(@[a-z]+)?$/.test(value)
    ? undefined
    : 'Invalid locale name';
}

function refuseSaveAndNoSave(chosen: readonly string[]): string | undefined {
  return chosen.includes('save') && chosen.includes('nosave')
    ? "shutdown options SAVE and NOSAVE can't be used simultaneously"
    : undefined;
}

const MB = 1024 * 1024;

export const options = [
  // Network
  special(
    'bind',
    '* -::*',
    { multiple: true },
    "Addresses to listen on; a '-' in front allows an address to be missing.",
  ),
  text('bind-source-addr', null, {}, 'Local address of outgoing connections.'),
  number('port', 6379, 0, 65535, {}, 'TCP port for clients; 0 for none.'),
  number('metrics-port', 0, 0, 65535, {}, 'HTTP port with /metrics for Prometheus and /health; 0 for none.'),
  text('metrics-bind', '127.0.0.1', {}, 'Addresses that metrics-port listens on; it asks for no password.'),
  number(
    'tcp-backlog',
    511,
    0,
    intMax,
    immutable,
    'Connections that may wait to be accepted; the system is asked for eight times as many.',
  ),
  text('unixsocket', null, immutable, 'Path of a unix socket to listen on as well.'),
  number(
    'unixsocketperm',
    0,
    0,
    0o777,
    { immutable: true, unit: 'octal', unsigned: true },
    'Permissions of the unix socket, octal.',
  ),
  number('timeout', 0, 0, intMax, {}, 'Seconds after which an idle client is closed; 0 for never.'),
  number('tcp-keepalive', 300, 0, intMax, {}, 'Seconds between TCP keepalive probes; 0 for none.'),
  flag('protected-mode', true, {}, 'Without a password, serve clients of this machine only.'),
  number('maxclients', 10000, 1, uintMax, { unsigned: true }, 'Clients that may be connected at once.'),
  number(
    'max-new-connections-per-cycle',
    10,
    1,
    1000,
    { unsigned: true },
    'Connections accepted in one turn of the loop.',
  ),
  number(
    'max-new-tls-connections-per-cycle',
    1,
    1,
    1000,
    { unsigned: true },
    'TLS connections accepted in one turn of the loop.',
  ),
  number(
    'socket-mark-id',
    0,
    0,
    uintMax,
    { immutable: true, unsigned: true },
    'Mark for packet filters; taken but without effect.',
  ),
  size(
    'client-query-buffer-limit',
    1024 * MB,
    MB,
    longMax,
    {},
    'Bytes of unprocessed input above which a client is closed.',
  ),
  special(
    'client-output-buffer-limit',
    'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    { multiple: true },
    'Bytes of unsent replies, by class of client: a hard limit, and a soft limit with the seconds it may be exceeded.',
  ),
  number(
    'maxmemory-clients',
    0,
    -100,
    longMax,
    { unit: 'share' },
    'Memory for all clients together, or percent of maxmemory; the largest clients are closed above it.',
  ),
  ...sizeLimits,

  // TLS
  number('tls-port', 0, 0, 65535, {}, 'TCP port for clients that speak TLS; 0 for none.'),
  text('tls-cert-file', null, { volatile: true }, "Path of the server's certificate (PEM)."),
  text('tls-key-file', null, { volatile: true }, "Path of the server's private key (PEM)."),
  text('tls-key-file-pass', null, { sensitive: true }, 'Pass phrase of the private key.'),
  text('tls-client-cert-file', null, { volatile: true }, 'Certificate for outgoing connections, if not the same.'),
  text('tls-client-key-file', null, { volatile: true }, 'Private key for outgoing connections, if not the same.'),
  text('tls-client-key-file-pass', null, { sensitive: true }, 'Pass phrase of that key.'),
  text('tls-dh-params-file', null, { volatile: true }, 'Path of Diffie-Hellman parameters, for old clients.'),
  text('tls-ca-cert-file', null, { volatile: true }, 'Path of the certificates that peers are checked against.'),
  text('tls-ca-cert-dir', null, { volatile: true }, 'Folder of such certificates.'),
  choice('tls-auth-clients', 'yes', ['no', 'yes', 'optional'], {}, 'Whether clients must show a certificate.'),
  text('tls-protocols', null, {}, 'TLS versions to allow, such as "TLSv1.2 TLSv1.3".'),
  text('tls-ciphers', null, {}, "Ciphers up to TLS 1.2, in OpenSSL's notation."),
  text('tls-ciphersuites', null, {}, 'Ciphers of TLS 1.3.'),
  flag('tls-prefer-server-ciphers', false, {}, "Choose the cipher by the server's order."),
  flag('tls-session-caching', true, {}, 'Let clients resume TLS sessions.'),
  number('tls-session-cache-size', 20480, 0, intMax, {}, 'TLS sessions to keep; 0 for no limit.'),
  number('tls-session-cache-timeout', 300, 0, intMax, {}, 'Seconds that a TLS session can be resumed.'),
  flag('tls-cluster', false, {}, 'TLS between cluster nodes.'),
  flag('tls-replication', false, {}, 'TLS to the master.'),

  // Process and log
  flag('daemonize', false, immutable, 'Run in the background.'),
  choice(
    'supervised',
    'no',
    ['upstart', 'systemd', 'auto', 'no'],
    immutable,
    'Which supervisor to tell that the server is ready.',
  ),
  text('pidfile', null, immutable, 'Path of a file that holds the process id.'),
  choice('loglevel', 'notice', ['debug', 'verbose', 'notice', 'warning', 'nothing'], {}, 'How much is logged.'),
  text('logfile', '', immutable, 'Path of the log; empty for standard output.'),
  flag('syslog-enabled', false, immutable, 'Log to the system logger as well.'),
  text('syslog-ident', 'redis', immutable, 'Name in the system log.'),
  choice(
    'syslog-facility',
    'local0',
    ['user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
    immutable,
    'Facility of the system log.',
  ),
  flag('crash-log-enabled', true, {}, 'Write a report when the server fails.'),
  flag('crash-memcheck-enabled', true, {}, 'Check memory after a failure; taken but without effect.'),
  flag('use-exit-on-panic', false, { hidden: true }, 'End by exit instead of abort after a failure.'),
  number('watchdog-period', 0, 0, intMax, { hidden: true }, 'Milliseconds after which a stalled loop is reported.'),
  flag('always-show-logo', false, immutable, 'Print the logo also when the log is no terminal.'),
  flag('hide-user-data-from-log', false, {}, 'Keep keys and values out of failure reports.'),
  flag('set-proc-title', true, immutable, 'Set the title of the process.'),
  text(
    'proc-title-template',
    '{title} {listen-addr} {server-mode}',
    { refuse: refuseTitleTemplate },
    'Title of the process, with variables.',
  ),
  text('locale-collate', '', { refuse: refuseLocale }, 'Locale by which SORT ALPHA compares.'),
  flag('disable-thp', true, immutable, 'Turn off huge pages; taken but without effect.'),
  text('ignore-warnings', '', {}, 'Warnings at the start to leave out.'),
  flag(
    'strict-config',
    false,
    {},
    'A line of the configuration that has no effect or another meaning today ends the start, instead of being a warning.',
  ),
  text(
    'server-cpulist',
    null,
    { immutable: true, alias: 'server_cpulist' },
    'CPUs of the server; taken but without effect.',
  ),
  text(
    'bio-cpulist',
    null,
    { immutable: true, alias: 'bio_cpulist' },
    'CPUs of background work; taken but without effect.',
  ),
  text(
    'aof-rewrite-cpulist',
    null,
    { immutable: true, alias: 'aof_rewrite_cpulist' },
    'CPUs of AOF rewrites; taken but without effect.',
  ),
  text(
    'bgsave-cpulist',
    null,
    { immutable: true, alias: 'bgsave_cpulist' },
    'CPUs of snapshots; taken but without effect.',
  ),
  choice(
    'oom-score-adj',
    'no',
    ['no', 'yes', 'relative', 'absolute'],
    { synonyms: { relative: 'yes' } },
    "Whether to tell the kernel's out-of-memory killer whom to spare.",
  ),
  special(
    'oom-score-adj-values',
    '0 200 800',
    { multiple: true },
    'Its scores for a master, a replica and a background process.',
  ),
  special(
    'io-threads',
    '1',
    immutable,
    'Threads that may read from and write to sockets under load, the main one counted: 1 to 128, or auto for as many as the machine has to spare.',
  ),
  flag('io-threads-do-reads', false, immutable, 'Taken but without effect: I/O threads always read, too.'),
  flag('jemalloc-bg-thread', true, {}, "The allocator's own thread; taken but without effect."),

  // Data set
  number('databases', 16, 1, intMax, immutable, 'Number of databases.'),
  special('dir', '', { protected: true, denyLoading: true }, 'Folder of the data files.'),
  number('hz', 10, 0, intMax, {}, 'How often a second the regular work is done (1 to 500).'),
  flag('dynamic-hz', true, {}, 'Work more often when many clients are connected.'),
  flag('activerehashing', true, {}, 'Spend idle time on growing tables; taken but without effect.'),
  number('active-expire-effort', 1, 1, 10, {}, 'How much time goes into finding expired keys.'),
  choice(
    'sanitize-dump-payload',
    'no',
    ['no', 'yes', 'clients'],
    {},
    'Repair contradictions in RDB files and payloads of RESTORE where possible, as redis-server loads them; yes refuses them, clients only in payloads.',
  ),

  // Memory
  number(
    'maxmemory',
    0,
    0,
    unsignedLongMax,
    { unit: 'memory', unsigned: true },
    'Bytes of memory for data; 0 for no limit.',
  ),
  choice(
    'maxmemory-policy',
    'noeviction',
    [
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ],
    {},
    'Which keys go when maxmemory is reached.',
  ),
  number('maxmemory-samples', 5, 1, intMax, {}, 'Keys looked at to find one to evict.'),
  number('maxmemory-eviction-tenacity', 10, 0, 100, {}, 'How long to evict before serving clients again.'),
  number('lfu-log-factor', 10, 0, intMax, {}, 'How fast the counter of uses saturates.'),
  number('lfu-decay-time', 1, 0, intMax, {}, 'Minutes after which that counter is lowered by one.'),
  flag('lazyfree-lazy-eviction', false, {}, 'Free evicted keys in the background.'),
  flag('lazyfree-lazy-expire', false, {}, 'Free expired keys in the background.'),
  flag('lazyfree-lazy-server-del', false, {}, 'Free overwritten values in the background.'),
  ...freeingLimits,
  flag('prefix-table', false, {}, 'Count the keys below each prefix exactly, for PREFIXES and kvasir-admin.'),
  text('prefix-table-separators', ':', {}, 'The characters that end a prefix.'),
  number('prefix-table-depth', 4, 1, 16, {}, 'So many separators of a key are looked at.'),
  number('prefix-table-max-prefixes', 20000, 100, 10000000, {}, 'Prefixes that are counted; more stay unknown.'),
  flag('activedefrag', false, {}, 'Move data to reduce fragmentation.'),
  size('active-defrag-ignore-bytes', 100 * MB, 1, longMax, {}, 'Fragmentation below this is left alone.'),
  number('active-defrag-threshold-lower', 10, 0, 1000, {}, 'Percent of fragmentation at which defragmentation begins.'),
  number('active-defrag-threshold-upper', 100, 0, 1000, {}, 'Percent at which it uses its full share of time.'),
  number('active-defrag-cycle-min', 1, 1, 99, {}, 'Least percent of CPU time for defragmentation.'),
  number('active-defrag-cycle-max', 25, 1, 99, {}, 'Most percent of CPU time for defragmentation.'),
  number(
    'active-defrag-max-scan-fields',
    1000,
    1,
    longMax,
    { unsigned: true },
    'Collections larger than this are defragmented apart.',
  ),

  // Encodings
  ...encodingLimits,
  number(
    'list-compress-depth',
    0,
    0,
    intMax,
    {},
    'Nodes of 2 KB at either end of a list that are not compressed, while all between them are (LZF); 0 compresses none.',
  ),

  // Snapshots
  special(
    'save',
    '3600 1 300 100 60 10000',
    { multiple: true },
    'Pairs of seconds and changes: a snapshot is made after so many changes in so long.',
  ),
  text(
    'dbfilename',
    'dump.rdb',
    { protected: true, refuse: fileName('dbfilename', 'filename', true) },
    'Name of the RDB file.',
  ),
  flag('rdbcompression', true, {}, 'Compress long strings in RDB files.'),
  flag('rdbchecksum', true, immutable, 'Write and check a CRC64 at the end of RDB files.'),
  flag('rdb-del-sync-files', false, {}, 'Remove RDB files that served only for replication.'),
  flag('rdb-save-incremental-fsync', true, {}, 'Sync RDB files while they are being written.'),
  flag('stop-writes-on-bgsave-error', true, {}, 'Refuse writes after a snapshot has failed.'),
  number(
    'snapshot-memory-limit',
    0,
    0,
    longMax,
    { unit: 'memory' },
    'Bytes that a snapshot may keep in memory for a slow disk, else it fails; 0: half of the data, at least 256mb.',
  ),
  number(
    'rdb-key-save-delay',
    0,
    intMin,
    intMax,
    { hidden: true },
    'Microseconds to wait after each key of a snapshot (for tests).',
  ),
  number(
    'key-load-delay',
    0,
    intMin,
    intMax,
    { hidden: true },
    'Microseconds to wait after each loaded key (for tests).',
  ),
  number(
    'loading-process-events-interval-bytes',
    2 * MB,
    1024,
    intMax,
    { hidden: true },
    'Bytes loaded between two looks at the clients.',
  ),

  // Append-only file
  flag('appendonly', false, {}, 'Log every write to the append-only file.'),
  text(
    'appendfilename',
    'appendonly.aof',
    { immutable: true, refuse: fileName('appendfilename', 'filename', false) },
    'First part of the names of its files.',
  ),
  text(
    'appenddirname',
    'appendonlydir',
    { immutable: true, refuse: fileName('appenddirname', 'dirname', false) },
    'Folder of its files, in dir.',
  ),
  choice('appendfsync', 'everysec', ['everysec', 'always', 'no'], {}, 'When it is synced to the disk.'),
  flag('no-appendfsync-on-rewrite', false, {}, 'Do not sync it while a snapshot or rewrite is running.'),
  number(
    'auto-aof-rewrite-percentage',
    100,
    0,
    intMax,
    {},
    'Growth in percent after which it is rewritten; 0 for never.',
  ),
  number(
    'auto-aof-rewrite-min-size',
    64 * MB,
    0,
    longMax,
    { unit: 'memory' },
    'Bytes below which it is not rewritten by itself.',
  ),
  flag('aof-load-truncated', true, {}, 'Load a file that ends in the middle of a command.'),
  flag('aof-use-rdb-preamble', true, {}, 'Write the base of a rewrite as RDB.'),
  flag('aof-timestamp-enabled', false, {}, 'Note the time in it, for recovery to a point in time.'),
  flag('aof-rewrite-incremental-fsync', true, {}, 'Sync a rewrite while it is being written.'),
  flag('aof-disable-auto-gc', false, { hidden: true }, 'Keep files that are no longer part of it.'),

  // Replication
  special('replicaof', '', { alias: 'slaveof', immutable: true, multiple: true }, 'Host and port of the master.'),
  text('masterauth', null, { sensitive: true }, 'Password at the master.'),
  text('masteruser', null, { sensitive: true }, 'User name at the master.'),
  flag(
    'replica-serve-stale-data',
    true,
    { alias: 'slave-serve-stale-data' },
    'Answer while the link to the master is down.',
  ),
  flag('replica-read-only', true, { alias: 'slave-read-only' }, 'Refuse writes on a replica.'),
  flag('repl-diskless-sync', true, {}, 'Send snapshots to replicas without a file.'),
  number('repl-diskless-sync-delay', 5, 0, intMax, {}, 'Seconds to wait for more replicas before that.'),
  number('repl-diskless-sync-max-replicas', 0, 0, intMax, {}, 'So many waiting replicas end the wait; 0 for never.'),
  choice(
    'repl-diskless-load',
    'disabled',
    ['disabled', 'on-empty-db', 'swapdb', 'flush-before-load'],
    { denyLoading: true },
    'Whether a replica loads a snapshot while it arrives.',
  ),
  number(
    'repl-ping-replica-period',
    10,
    1,
    intMax,
    { alias: 'repl-ping-slave-period' },
    'Seconds between two PINGs to replicas.',
  ),
  number('repl-timeout', 60, 1, intMax, {}, 'Seconds of silence after which the other side is given up.'),
  flag('repl-disable-tcp-nodelay', false, {}, 'Fewer, larger packets to replicas.'),
  number(
    'repl-backlog-size',
    MB,
    1,
    longMax,
    { unit: 'memory' },
    'Bytes of recent writes kept for replicas that come back.',
  ),
  size(
    'repl-backlog-disk-size',
    0,
    0,
    longMax,
    {},
    'Bytes of older writes kept on disk for replicas that were away for long; 0 for none.',
  ),
  size('repl-sync-rate-limit', 0, 0, longMax, {}, 'Bytes a second to a replica in a full sync; 0 for no limit.'),
  number('repl-backlog-ttl', 3600, 0, longMax, {}, 'Seconds to keep them when no replica is connected; 0 for ever.'),
  size(
    'replica-full-sync-buffer-limit',
    0,
    0,
    longMax,
    {},
    'Bytes that a replica buffers during a full sync; 0: as client-output-buffer-limit.',
  ),
  flag('repl-rdb-channel', false, {}, 'Send the snapshot of a full sync over a connection of its own.'),
  number(
    'replica-priority',
    100,
    0,
    intMax,
    { alias: 'slave-priority' },
    'Rank for Sentinel; the lowest is promoted first, 0 never.',
  ),
  text('replica-announce-ip', null, { alias: 'slave-announce-ip' }, 'Address that a replica tells its master.'),
  number(
    'replica-announce-port',
    0,
    0,
    65535,
    { alias: 'slave-announce-port' },
    'Port that a replica tells its master.',
  ),
  flag('replica-announced', true, {}, 'Let Sentinel show this replica to clients.'),
  flag(
    'replica-lazy-flush',
    false,
    { alias: 'slave-lazy-flush' },
    'Accepted: the old data is always freed in the background.',
  ),
  flag(
    'replica-ignore-maxmemory',
    true,
    { alias: 'slave-ignore-maxmemory' },
    'A replica evicts only what its master evicts.',
  ),
  flag('replica-ignore-disk-write-errors', false, {}, 'A replica goes on when it cannot write to its disk.'),
  choice(
    'propagation-error-behavior',
    'ignore',
    ['ignore', 'panic', 'panic-on-replicas'],
    {},
    'Reaction to a replicated command that fails.',
  ),
  number(
    'min-replicas-to-write',
    0,
    0,
    intMax,
    { alias: 'min-slaves-to-write' },
    'Refuse writes with fewer good replicas than this.',
  ),
  number(
    'min-replicas-max-lag',
    10,
    0,
    intMax,
    { alias: 'min-slaves-max-lag' },
    'Seconds of silence up to which a replica counts as good.',
  ),

  // Security
  text('requirepass', null, { sensitive: true }, 'Password of the default user.'),
  text('aclfile', '', immutable, 'Path of a file with the users.'),
  number('acllog-max-len', 128, 0, longMax, { unsigned: true }, 'Entries of ACL LOG.'),
  choice(
    'acl-pubsub-default',
    'resetchannels',
    ['allchannels', 'resetchannels'],
    {},
    'Channels that new users may use.',
  ),
  choice(
    'enable-protected-configs',
    'no',
    ['no', 'yes', 'local'],
    immutable,
    'Clients that may CONFIG SET the protected directives.',
  ),
  choice('enable-debug-command', 'no', ['no', 'yes', 'local'], immutable, 'Clients that may use DEBUG.'),
  choice('enable-module-command', 'no', ['no', 'yes', 'local'], immutable, 'Clients that may use MODULE.'),

  // Scripts and shutdown
  number(
    'busy-reply-threshold',
    5000,
    0,
    longMax,
    { alias: 'lua-time-limit' },
    'Milliseconds after which others are told that a script is running.',
  ),
  number(
    'lua-memory-limit',
    0,
    0,
    longMax,
    { unit: 'memory' },
    "Bytes that a script's long strings may take, else it ends with 'not enough memory'; 0: a quarter of the memory, at most 2gb.",
  ),
  flag(
    'script-warm-up',
    true,
    keepsValue,
    'Compile a sample of Lua after the start, while the server is idle, so that the first script of a client is fast.',
  ),
  number('shutdown-timeout', 10, 0, intMax, {}, 'Seconds to wait for lagging replicas at a shutdown.'),
  words(
    'shutdown-on-sigint',
    'default',
    ['save', 'nosave', 'now', 'force', 'failover'],
    { refuse: refuseSaveAndNoSave },
    'How SIGINT shuts down; failover: a replica takes the place of a master of a cluster first.',
  ),
  words(
    'shutdown-on-sigterm',
    'default',
    ['save', 'nosave', 'now', 'force', 'failover'],
    { refuse: refuseSaveAndNoSave },
    'How SIGTERM shuts down; failover as for SIGINT.',
  ),

  // Compatibility
  choice(
    'compat',
    'no',
    ['no', ...profiles.map(({ name }) => name)],
    keepsValue,
    'Answer as an old version of Redis, or Valkey, did, to test clients against it; see docs/compat.md.',
  ),

  // Cluster
  flag('cluster-enabled', false, immutable, 'Be a node of a cluster.'),
  flag('codis-enabled', false, keepsValue, 'Be a server of a codis: keep keys by its slots, and know its commands.'),
  text('cluster-config-file', 'nodes.conf', immutable, "File with this node's view of the cluster."),
  number(
    'cluster-node-timeout',
    15000,
    0,
    longMax,
    {},
    'Milliseconds of silence after which a node is taken for failed.',
  ),
  number(
    'cluster-ping-interval',
    0,
    0,
    longMax,
    { hidden: true },
    'Milliseconds after which a node is pinged; 0: half the node timeout.',
  ),
  number('cluster-port', 0, 0, 65535, immutable, 'Port of the cluster bus; 0: the port plus 10000.'),
  number(
    'cluster-replica-validity-factor',
    10,
    0,
    intMax,
    { alias: 'cluster-slave-validity-factor' },
    'How old data may be, in node timeouts, for a replica to be promoted; 0 for any age.',
  ),
  number('cluster-migration-barrier', 1, 0, intMax, {}, 'Replicas that a master keeps when another lends one.'),
  flag('cluster-allow-replica-migration', true, {}, 'Let replicas move to masters that have none.'),
  flag('cluster-require-full-coverage', true, {}, 'Stop serving when a slot has no node.'),
  flag(
    'cluster-replica-no-failover',
    false,
    { alias: 'cluster-slave-no-failover' },
    'Never promote this replica by itself.',
  ),
  flag('cluster-allow-reads-when-down', false, {}, 'Answer reads while the cluster is down.'),
  flag('cluster-allow-pubsubshard-when-down', true, {}, 'Allow sharded pub/sub while the cluster is down.'),
  size(
    'cluster-link-sendbuf-limit',
    0,
    0,
    unsignedLongMax,
    {},
    'Bytes waiting for another node above which its link is closed; 0 for no limit.',
  ),
  text('cluster-announce-ip', null, {}, 'Address that other nodes and clients are told.'),
  number('cluster-announce-port', 0, 0, 65535, {}, 'Port that they are told.'),
  number('cluster-announce-tls-port', 0, 0, 65535, {}, 'TLS port that they are told.'),
  number('cluster-announce-bus-port', 0, 0, 65535, {}, 'Bus port that they are told.'),
  text('cluster-announce-hostname', null, { refuse: refuseHostName }, 'Host name that they are told.'),
  text('cluster-announce-human-nodename', null, { refuse: refuseNodeName }, 'Name of this node in the logs.'),
  choice(
    'cluster-preferred-endpoint-type',
    'ip',
    ['ip', 'hostname', 'unknown-endpoint'],
    {},
    'Kind of address in redirections.',
  ),
  number('cluster-compatibility-sample-ratio', 0, 0, 100, {}, 'Percent of commands checked for use in a cluster.'),
  size(
    'cluster-slot-migration-handoff-max-lag-bytes',
    1024 * 1024,
    1,
    longMax,
    {},
    'Changes that may be on their way when writes are paused to hand slots over.',
  ),
  number(
    'cluster-slot-migration-write-pause-timeout',
    10000,
    1,
    longMax,
    {},
    'Milliseconds for which writes wait at most while slots are handed over.',
  ),
  number(
    'cluster-slot-migration-log-max-len',
    1000,
    0,
    intMax,
    {},
    'Slot migrations that are remembered after their end.',
  ),
  flag('cluster-slot-stats-enabled', false, {}, 'Count the work of each slot.'),

  // Watching
  number(
    'slowlog-log-slower-than',
    10000,
    -1,
    longMax,
    { alias: 'commandlog-execution-slower-than' },
    'Microseconds above which a command is logged; 0 all, negative none.',
  ),
  number(
    'slowlog-max-len',
    128,
    0,
    longMax,
    { unsigned: true, alias: 'commandlog-slow-execution-max-len' },
    'Entries of SLOWLOG.',
  ),
  number(
    'commandlog-request-larger-than',
    1048576,
    -1,
    longMax,
    {},
    'Bytes above which a request is logged; negative for none.',
  ),
  number(
    'commandlog-large-request-max-len',
    128,
    0,
    longMax,
    { unsigned: true },
    'Entries of COMMANDLOG GET ... large-request.',
  ),
  number(
    'commandlog-reply-larger-than',
    1048576,
    -1,
    longMax,
    {},
    'Bytes above which a reply is logged; negative for none.',
  ),
  number(
    'commandlog-large-reply-max-len',
    128,
    0,
    longMax,
    { unsigned: true },
    'Entries of COMMANDLOG GET ... large-reply.',
  ),
  number(
    'latency-monitor-threshold',
    0,
    0,
    longMax,
    {},
    'Milliseconds above which an event is noted for LATENCY; 0 for none.',
  ),
  flag('latency-tracking', true, {}, 'Keep a histogram of times for each command.'),
  special(
    'latency-tracking-info-percentiles',
    '50 99 99.9',
    { multiple: true },
    'Percentiles that INFO shows of them.',
  ),
  special(
    'notify-keyspace-events',
    '',
    {},
    'Which changes of keys are published, as a string of letters; S, T, I and V publish fields of hashes.',
  ),
  number(
    'tracking-table-max-keys',
    1000000,
    0,
    longMax,
    { unsigned: true },
    'Keys that are remembered for client-side caching; 0 for no limit.',
  ),
] as const satisfies readonly Option[];

type Options = (typeof options)[number];
export type FlagName = Extract<Options, { kind: 'flag' }>['name'];
export type NumberName = Extract<Options, { kind: 'number' }>['name'];
export type TextName = Extract<Options, { kind: 'text' }>['name'];
export type ChoiceName = Extract<Options, { kind: 'choice' }>['name'];
export type WordsName = Extract<Options, { kind: 'words' }>['name'];
export type SpecialName = Extract<Options, { kind: 'special' }>['name'];
export type OptionName = Options['name'];
