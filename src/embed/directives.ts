// directives: every directive of the configuration as an option of startServer, with its type.
//
// Made from src/service/config/options.ts by `npm run docs`; change the table, not this file.

export type Flag = boolean | 'yes' | 'no';

/** Several words: in a list (`['900', '1']`), or in one text as in a config file (`'900 1'`). */
export type Words = string | number | readonly (string | number)[];

export interface Directives {
  /** Addresses to listen on; a '-' in front allows an address to be missing. Default: `* -::*`. */
  readonly bind?: Words | undefined;
  /** Local address of outgoing connections. Default: `""`. */
  readonly 'bind-source-addr'?: string | undefined;
  /** TCP port for clients; 0 for none. Default: `6379`. */
  readonly port?: number | string | undefined;
  /** HTTP port with /metrics for Prometheus and /health; 0 for none. Default: `0`. */
  readonly 'metrics-port'?: number | string | undefined;
  /** Addresses that metrics-port listens on; it asks for no password. Default: `127.0.0.1`. */
  readonly 'metrics-bind'?: string | undefined;
  /** Connections that may wait to be accepted; the system is asked for eight times as many. Default: `511`. */
  readonly 'tcp-backlog'?: number | string | undefined;
  /** Path of a unix socket to listen on as well. Default: `""`. */
  readonly unixsocket?: string | undefined;
  /** Permissions of the unix socket, octal. Default: `0`. */
  readonly unixsocketperm?: string | undefined;
  /** Seconds after which an idle client is closed; 0 for never. Default: `0`. */
  readonly timeout?: number | string | undefined;
  /** Seconds between TCP keepalive probes; 0 for none. Default: `300`. */
  readonly 'tcp-keepalive'?: number | string | undefined;
  /** Without a password, serve clients of this machine only. Default: `yes`. */
  readonly 'protected-mode'?: Flag | undefined;
  /** Clients that may be connected at once. Default: `10000`. */
  readonly maxclients?: number | string | undefined;
  /** Connections accepted in one turn of the loop. Default: `10`. */
  readonly 'max-new-connections-per-cycle'?: number | string | undefined;
  /** TLS connections accepted in one turn of the loop. Default: `1`. */
  readonly 'max-new-tls-connections-per-cycle'?: number | string | undefined;
  /** Mark for packet filters; taken but without effect. Default: `0`. */
  readonly 'socket-mark-id'?: number | string | undefined;
  /** Bytes of unprocessed input above which a client is closed. Default: `1gb`. */
  readonly 'client-query-buffer-limit'?: number | string | undefined;
  /** Bytes of unsent replies, by class of client: a hard limit, and a soft limit with the seconds it may be exceeded. Default: `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`. */
  readonly 'client-output-buffer-limit'?: Words | undefined;
  /** Memory for all clients together, or percent of maxmemory; the largest clients are closed above it. Default: `0`. */
  readonly 'maxmemory-clients'?: number | string | undefined;
  /** Longest argument that a client may send. Default: `512mb`. */
  readonly 'proto-max-bulk-len'?: number | string | undefined;
  /** TCP port for clients that speak TLS; 0 for none. Default: `0`. */
  readonly 'tls-port'?: number | string | undefined;
  /** Path of the server's certificate (PEM). Default: `""`. */
  readonly 'tls-cert-file'?: string | undefined;
  /** Path of the server's private key (PEM). Default: `""`. */
  readonly 'tls-key-file'?: string | undefined;
  /** Pass phrase of the private key. Default: `""`. */
  readonly 'tls-key-file-pass'?: string | undefined;
  /** Certificate for outgoing connections, if not the same. Default: `""`. */
  readonly 'tls-client-cert-file'?: string | undefined;
  /** Private key for outgoing connections, if not the same. Default: `""`. */
  readonly 'tls-client-key-file'?: string | undefined;
  /** Pass phrase of that key. Default: `""`. */
  readonly 'tls-client-key-file-pass'?: string | undefined;
  /** Path of Diffie-Hellman parameters, for old clients. Default: `""`. */
  readonly 'tls-dh-params-file'?: string | undefined;
  /** Path of the certificates that peers are checked against. Default: `""`. */
  readonly 'tls-ca-cert-file'?: string | undefined;
  /** Folder of such certificates. Default: `""`. */
  readonly 'tls-ca-cert-dir'?: string | undefined;
  /** Whether clients must show a certificate. Default: `yes`. */
  readonly 'tls-auth-clients'?: boolean | 'no' | 'yes' | 'optional' | undefined;
  /** TLS versions to allow, such as "TLSv1.2 TLSv1.3". Default: `""`. */
  readonly 'tls-protocols'?: string | undefined;
  /** Ciphers up to TLS 1.2, in OpenSSL's notation. Default: `""`. */
  readonly 'tls-ciphers'?: string | undefined;
  /** Ciphers of TLS 1.3. Default: `""`. */
  readonly 'tls-ciphersuites'?: string | undefined;
  /** Choose the cipher by the server's order. Default: `no`. */
  readonly 'tls-prefer-server-ciphers'?: Flag | undefined;
  /** Let clients resume TLS sessions. Default: `yes`. */
  readonly 'tls-session-caching'?: Flag | undefined;
  /** TLS sessions to keep; 0 for no limit. Default: `20480`. */
  readonly 'tls-session-cache-size'?: number | string | undefined;
  /** Seconds that a TLS session can be resumed. Default: `300`. */
  readonly 'tls-session-cache-timeout'?: number | string | undefined;
  /** TLS between cluster nodes. Default: `no`. */
  readonly 'tls-cluster'?: Flag | undefined;
  /** TLS to the master. Default: `no`. */
  readonly 'tls-replication'?: Flag | undefined;
  /** Run in the background. Default: `no`. */
  readonly daemonize?: Flag | undefined;
  /** Which supervisor to tell that the server is ready. Default: `no`. */
  readonly supervised?: 'upstart' | 'systemd' | 'auto' | 'no' | undefined;
  /** Path of a file that holds the process id. Default: `""`. */
  readonly pidfile?: string | undefined;
  /** How much is logged. Default: `notice`. */
  readonly loglevel?: 'debug' | 'verbose' | 'notice' | 'warning' | 'nothing' | undefined;
  /** Path of the log; empty for standard output. Default: `""`. */
  readonly logfile?: string | undefined;
  /** Log to the system logger as well. Default: `no`. */
  readonly 'syslog-enabled'?: Flag | undefined;
  /** Name in the system log. Default: `redis`. */
  readonly 'syslog-ident'?: string | undefined;
  /** Facility of the system log. Default: `local0`. */
  readonly 'syslog-facility'?:
    'user' | 'local0' | 'local1' | 'local2' | 'local3' | 'local4' | 'local5' | 'local6' | 'local7' | undefined;
  /** Write a report when the server fails. Default: `yes`. */
  readonly 'crash-log-enabled'?: Flag | undefined;
  /** Check memory after a failure; taken but without effect. Default: `yes`. */
  readonly 'crash-memcheck-enabled'?: Flag | undefined;
  /** End by exit instead of abort after a failure. Default: `no`. */
  readonly 'use-exit-on-panic'?: Flag | undefined;
  /** Milliseconds after which a stalled loop is reported. Default: `0`. */
  readonly 'watchdog-period'?: number | string | undefined;
  /** Print the logo also when the log is no terminal. Default: `no`. */
  readonly 'always-show-logo'?: Flag | undefined;
  /** Keep keys and values out of failure reports. Default: `no`. */
  readonly 'hide-user-data-from-log'?: Flag | undefined;
  /** Set the title of the process. Default: `yes`. */
  readonly 'set-proc-title'?: Flag | undefined;
  /** Title of the process, with variables. Default: `{title} {listen-addr} {server-mode}`. */
  readonly 'proc-title-template'?: string | undefined;
  /** Locale by which SORT ALPHA compares. Default: `""`. */
  readonly 'locale-collate'?: string | undefined;
  /** Turn off huge pages; taken but without effect. Default: `yes`. */
  readonly 'disable-thp'?: Flag | undefined;
  /** Warnings at the start to leave out. Default: `""`. */
  readonly 'ignore-warnings'?: string | undefined;
  /** A line of the configuration that has no effect or another meaning today ends the start, instead of being a warning. Default: `no`. */
  readonly 'strict-config'?: Flag | undefined;
  /** CPUs of the server; taken but without effect. Default: `""`. */
  readonly 'server-cpulist'?: string | undefined;
  /** Another name of `server-cpulist`. */
  readonly server_cpulist?: string | undefined;
  /** CPUs of background work; taken but without effect. Default: `""`. */
  readonly 'bio-cpulist'?: string | undefined;
  /** Another name of `bio-cpulist`. */
  readonly bio_cpulist?: string | undefined;
  /** CPUs of AOF rewrites; taken but without effect. Default: `""`. */
  readonly 'aof-rewrite-cpulist'?: string | undefined;
  /** Another name of `aof-rewrite-cpulist`. */
  readonly aof_rewrite_cpulist?: string | undefined;
  /** CPUs of snapshots; taken but without effect. Default: `""`. */
  readonly 'bgsave-cpulist'?: string | undefined;
  /** Another name of `bgsave-cpulist`. */
  readonly bgsave_cpulist?: string | undefined;
  /** Whether to tell the kernel's out-of-memory killer whom to spare. Default: `no`. */
  readonly 'oom-score-adj'?: boolean | 'no' | 'yes' | 'relative' | 'absolute' | 'relative' | undefined;
  /** Its scores for a master, a replica and a background process. Default: `0 200 800`. */
  readonly 'oom-score-adj-values'?: Words | undefined;
  /** Threads that may read from and write to sockets under load, the main one counted: 1 to 128, or auto for as many as the machine has to spare. Default: `1`. */
  readonly 'io-threads'?: string | undefined;
  /** Taken but without effect: I/O threads always read, too. Default: `no`. */
  readonly 'io-threads-do-reads'?: Flag | undefined;
  /** The allocator's own thread; taken but without effect. Default: `yes`. */
  readonly 'jemalloc-bg-thread'?: Flag | undefined;
  /** Number of databases. Default: `16`. */
  readonly databases?: number | string | undefined;
  /** Folder of the data files. Default: `./`. */
  readonly dir?: string | undefined;
  /** How often a second the regular work is done (1 to 500). Default: `10`. */
  readonly hz?: number | string | undefined;
  /** Work more often when many clients are connected. Default: `yes`. */
  readonly 'dynamic-hz'?: Flag | undefined;
  /** Spend idle time on growing tables; taken but without effect. Default: `yes`. */
  readonly activerehashing?: Flag | undefined;
  /** How much time goes into finding expired keys. Default: `1`. */
  readonly 'active-expire-effort'?: number | string | undefined;
  /** Repair contradictions in RDB files and payloads of RESTORE where possible, as redis-server loads them; yes refuses them, clients only in payloads. Default: `no`. */
  readonly 'sanitize-dump-payload'?: boolean | 'no' | 'yes' | 'clients' | undefined;
  /** Bytes of memory for data; 0 for no limit. Default: `0`. */
  readonly maxmemory?: number | string | undefined;
  /** Which keys go when maxmemory is reached. Default: `noeviction`. */
  readonly 'maxmemory-policy'?:
    | 'volatile-lru'
    | 'volatile-lfu'
    | 'volatile-random'
    | 'volatile-ttl'
    | 'allkeys-lru'
    | 'allkeys-lfu'
    | 'allkeys-random'
    | 'noeviction'
    | undefined;
  /** Keys looked at to find one to evict. Default: `5`. */
  readonly 'maxmemory-samples'?: number | string | undefined;
  /** How long to evict before serving clients again. Default: `10`. */
  readonly 'maxmemory-eviction-tenacity'?: number | string | undefined;
  /** How fast the counter of uses saturates. Default: `10`. */
  readonly 'lfu-log-factor'?: number | string | undefined;
  /** Minutes after which that counter is lowered by one. Default: `1`. */
  readonly 'lfu-decay-time'?: number | string | undefined;
  /** Free evicted keys in the background. Default: `no`. */
  readonly 'lazyfree-lazy-eviction'?: Flag | undefined;
  /** Free expired keys in the background. Default: `no`. */
  readonly 'lazyfree-lazy-expire'?: Flag | undefined;
  /** Free overwritten values in the background. Default: `no`. */
  readonly 'lazyfree-lazy-server-del'?: Flag | undefined;
  /** DEL frees in the background, as UNLINK does. Default: `no`. */
  readonly 'lazyfree-lazy-user-del'?: Flag | undefined;
  /** FLUSHALL and FLUSHDB free in the background. Default: `no`. */
  readonly 'lazyfree-lazy-user-flush'?: Flag | undefined;
  /** Count the keys below each prefix exactly, for PREFIXES and kvasir-admin. Default: `no`. */
  readonly 'prefix-table'?: Flag | undefined;
  /** The characters that end a prefix. Default: `:`. */
  readonly 'prefix-table-separators'?: string | undefined;
  /** So many separators of a key are looked at. Default: `4`. */
  readonly 'prefix-table-depth'?: number | string | undefined;
  /** Prefixes that are counted; more stay unknown. Default: `20000`. */
  readonly 'prefix-table-max-prefixes'?: number | string | undefined;
  /** Move data to reduce fragmentation. Default: `no`. */
  readonly activedefrag?: Flag | undefined;
  /** Fragmentation below this is left alone. Default: `100mb`. */
  readonly 'active-defrag-ignore-bytes'?: number | string | undefined;
  /** Percent of fragmentation at which defragmentation begins. Default: `10`. */
  readonly 'active-defrag-threshold-lower'?: number | string | undefined;
  /** Percent at which it uses its full share of time. Default: `100`. */
  readonly 'active-defrag-threshold-upper'?: number | string | undefined;
  /** Least percent of CPU time for defragmentation. Default: `1`. */
  readonly 'active-defrag-cycle-min'?: number | string | undefined;
  /** Most percent of CPU time for defragmentation. Default: `25`. */
  readonly 'active-defrag-cycle-max'?: number | string | undefined;
  /** Collections larger than this are defragmented apart. Default: `1000`. */
  readonly 'active-defrag-max-scan-fields'?: number | string | undefined;
  /** Fields up to which a hash is one compact block. Default: `512`. */
  readonly 'hash-max-listpack-entries'?: number | string | undefined;
  /** Another name of `hash-max-listpack-entries`. */
  readonly 'hash-max-ziplist-entries'?: number | string | undefined;
  /** Longest field or value in such a hash. Default: `64`. */
  readonly 'hash-max-listpack-value'?: number | string | undefined;
  /** Another name of `hash-max-listpack-value`. */
  readonly 'hash-max-ziplist-value'?: number | string | undefined;
  /** Elements in a list's block; -1 to -5: 4, 8, 16, 32 or 64 KB. Default: `-2`. */
  readonly 'list-max-listpack-size'?: number | string | undefined;
  /** Another name of `list-max-listpack-size`. */
  readonly 'list-max-ziplist-size'?: number | string | undefined;
  /** Members up to which a set of integers is one sorted block. Default: `512`. */
  readonly 'set-max-intset-entries'?: number | string | undefined;
  /** Members up to which a set is one compact block. Default: `128`. */
  readonly 'set-max-listpack-entries'?: number | string | undefined;
  /** Longest member in such a set. Default: `64`. */
  readonly 'set-max-listpack-value'?: number | string | undefined;
  /** Members up to which a sorted set is one compact block. Default: `128`. */
  readonly 'zset-max-listpack-entries'?: number | string | undefined;
  /** Another name of `zset-max-listpack-entries`. */
  readonly 'zset-max-ziplist-entries'?: number | string | undefined;
  /** Longest member in such a sorted set. Default: `64`. */
  readonly 'zset-max-listpack-value'?: number | string | undefined;
  /** Another name of `zset-max-listpack-value`. */
  readonly 'zset-max-ziplist-value'?: number | string | undefined;
  /** Bytes up to which a HyperLogLog is kept sparse. Default: `3000`. */
  readonly 'hll-sparse-max-bytes'?: number | string | undefined;
  /** Bytes of a stream's block. Default: `4kb`. */
  readonly 'stream-node-max-bytes'?: number | string | undefined;
  /** Entries of a stream's block. Default: `100`. */
  readonly 'stream-node-max-entries'?: number | string | undefined;
  /** Seconds for which a stream remembers the names of messages (XADD IDMP), unless XCFGSET says otherwise. Default: `100`. */
  readonly 'stream-idmp-duration'?: number | string | undefined;
  /** How many names of messages of each producer a stream remembers. Default: `100`. */
  readonly 'stream-idmp-maxsize'?: number | string | undefined;
  /** Nodes of 2 KB at either end of a list that are not compressed, while all between them are (LZF); 0 compresses none. Default: `0`. */
  readonly 'list-compress-depth'?: number | string | undefined;
  /** Pairs of seconds and changes: a snapshot is made after so many changes in so long. Default: `3600 1 300 100 60 10000`. */
  readonly save?: Words | undefined;
  /** Name of the RDB file. Default: `dump.rdb`. */
  readonly dbfilename?: string | undefined;
  /** Compress long strings in RDB files. Default: `yes`. */
  readonly rdbcompression?: Flag | undefined;
  /** Write and check a CRC64 at the end of RDB files. Default: `yes`. */
  readonly rdbchecksum?: Flag | undefined;
  /** Remove RDB files that served only for replication. Default: `no`. */
  readonly 'rdb-del-sync-files'?: Flag | undefined;
  /** Sync RDB files while they are being written. Default: `yes`. */
  readonly 'rdb-save-incremental-fsync'?: Flag | undefined;
  /** Refuse writes after a snapshot has failed. Default: `yes`. */
  readonly 'stop-writes-on-bgsave-error'?: Flag | undefined;
  /** Bytes that a snapshot may keep in memory for a slow disk, else it fails; 0: half of the data, at least 256mb. Default: `0`. */
  readonly 'snapshot-memory-limit'?: number | string | undefined;
  /** Microseconds to wait after each key of a snapshot (for tests). Default: `0`. */
  readonly 'rdb-key-save-delay'?: number | string | undefined;
  /** Microseconds to wait after each loaded key (for tests). Default: `0`. */
  readonly 'key-load-delay'?: number | string | undefined;
  /** Bytes loaded between two looks at the clients. Default: `2097152`. */
  readonly 'loading-process-events-interval-bytes'?: number | string | undefined;
  /** Log every write to the append-only file. Default: `no`. */
  readonly appendonly?: Flag | undefined;
  /** First part of the names of its files. Default: `appendonly.aof`. */
  readonly appendfilename?: string | undefined;
  /** Folder of its files, in dir. Default: `appendonlydir`. */
  readonly appenddirname?: string | undefined;
  /** When it is synced to the disk. Default: `everysec`. */
  readonly appendfsync?: 'everysec' | 'always' | 'no' | undefined;
  /** Do not sync it while a snapshot or rewrite is running. Default: `no`. */
  readonly 'no-appendfsync-on-rewrite'?: Flag | undefined;
  /** Growth in percent after which it is rewritten; 0 for never. Default: `100`. */
  readonly 'auto-aof-rewrite-percentage'?: number | string | undefined;
  /** Bytes below which it is not rewritten by itself. Default: `64mb`. */
  readonly 'auto-aof-rewrite-min-size'?: number | string | undefined;
  /** Load a file that ends in the middle of a command. Default: `yes`. */
  readonly 'aof-load-truncated'?: Flag | undefined;
  /** Write the base of a rewrite as RDB. Default: `yes`. */
  readonly 'aof-use-rdb-preamble'?: Flag | undefined;
  /** Note the time in it, for recovery to a point in time. Default: `no`. */
  readonly 'aof-timestamp-enabled'?: Flag | undefined;
  /** Sync a rewrite while it is being written. Default: `yes`. */
  readonly 'aof-rewrite-incremental-fsync'?: Flag | undefined;
  /** Keep files that are no longer part of it. Default: `no`. */
  readonly 'aof-disable-auto-gc'?: Flag | undefined;
  /** Host and port of the master. Default: `""`. */
  readonly replicaof?: Words | undefined;
  /** Another name of `replicaof`. */
  readonly slaveof?: Words | undefined;
  /** Password at the master. Default: `""`. */
  readonly masterauth?: string | undefined;
  /** User name at the master. Default: `""`. */
  readonly masteruser?: string | undefined;
  /** Answer while the link to the master is down. Default: `yes`. */
  readonly 'replica-serve-stale-data'?: Flag | undefined;
  /** Another name of `replica-serve-stale-data`. */
  readonly 'slave-serve-stale-data'?: Flag | undefined;
  /** Refuse writes on a replica. Default: `yes`. */
  readonly 'replica-read-only'?: Flag | undefined;
  /** Another name of `replica-read-only`. */
  readonly 'slave-read-only'?: Flag | undefined;
  /** Send snapshots to replicas without a file. Default: `yes`. */
  readonly 'repl-diskless-sync'?: Flag | undefined;
  /** Seconds to wait for more replicas before that. Default: `5`. */
  readonly 'repl-diskless-sync-delay'?: number | string | undefined;
  /** So many waiting replicas end the wait; 0 for never. Default: `0`. */
  readonly 'repl-diskless-sync-max-replicas'?: number | string | undefined;
  /** Whether a replica loads a snapshot while it arrives. Default: `disabled`. */
  readonly 'repl-diskless-load'?: 'disabled' | 'on-empty-db' | 'swapdb' | 'flush-before-load' | undefined;
  /** Seconds between two PINGs to replicas. Default: `10`. */
  readonly 'repl-ping-replica-period'?: number | string | undefined;
  /** Another name of `repl-ping-replica-period`. */
  readonly 'repl-ping-slave-period'?: number | string | undefined;
  /** Seconds of silence after which the other side is given up. Default: `60`. */
  readonly 'repl-timeout'?: number | string | undefined;
  /** Fewer, larger packets to replicas. Default: `no`. */
  readonly 'repl-disable-tcp-nodelay'?: Flag | undefined;
  /** Bytes of recent writes kept for replicas that come back. Default: `1mb`. */
  readonly 'repl-backlog-size'?: number | string | undefined;
  /** Bytes of older writes kept on disk for replicas that were away for long; 0 for none. Default: `0`. */
  readonly 'repl-backlog-disk-size'?: number | string | undefined;
  /** Bytes a second to a replica in a full sync; 0 for no limit. Default: `0`. */
  readonly 'repl-sync-rate-limit'?: number | string | undefined;
  /** Seconds to keep them when no replica is connected; 0 for ever. Default: `3600`. */
  readonly 'repl-backlog-ttl'?: number | string | undefined;
  /** Bytes that a replica buffers during a full sync; 0: as client-output-buffer-limit. Default: `0`. */
  readonly 'replica-full-sync-buffer-limit'?: number | string | undefined;
  /** Send the snapshot of a full sync over a connection of its own. Default: `no`. */
  readonly 'repl-rdb-channel'?: Flag | undefined;
  /** Rank for Sentinel; the lowest is promoted first, 0 never. Default: `100`. */
  readonly 'replica-priority'?: number | string | undefined;
  /** Another name of `replica-priority`. */
  readonly 'slave-priority'?: number | string | undefined;
  /** Address that a replica tells its master. Default: `""`. */
  readonly 'replica-announce-ip'?: string | undefined;
  /** Another name of `replica-announce-ip`. */
  readonly 'slave-announce-ip'?: string | undefined;
  /** Port that a replica tells its master. Default: `0`. */
  readonly 'replica-announce-port'?: number | string | undefined;
  /** Another name of `replica-announce-port`. */
  readonly 'slave-announce-port'?: number | string | undefined;
  /** Let Sentinel show this replica to clients. Default: `yes`. */
  readonly 'replica-announced'?: Flag | undefined;
  /** Accepted: the old data is always freed in the background. Default: `no`. */
  readonly 'replica-lazy-flush'?: Flag | undefined;
  /** Another name of `replica-lazy-flush`. */
  readonly 'slave-lazy-flush'?: Flag | undefined;
  /** A replica evicts only what its master evicts. Default: `yes`. */
  readonly 'replica-ignore-maxmemory'?: Flag | undefined;
  /** Another name of `replica-ignore-maxmemory`. */
  readonly 'slave-ignore-maxmemory'?: Flag | undefined;
  /** A replica goes on when it cannot write to its disk. Default: `no`. */
  readonly 'replica-ignore-disk-write-errors'?: Flag | undefined;
  /** Reaction to a replicated command that fails. Default: `ignore`. */
  readonly 'propagation-error-behavior'?: 'ignore' | 'panic' | 'panic-on-replicas' | undefined;
  /** Refuse writes with fewer good replicas than this. Default: `0`. */
  readonly 'min-replicas-to-write'?: number | string | undefined;
  /** Another name of `min-replicas-to-write`. */
  readonly 'min-slaves-to-write'?: number | string | undefined;
  /** Seconds of silence up to which a replica counts as good. Default: `10`. */
  readonly 'min-replicas-max-lag'?: number | string | undefined;
  /** Another name of `min-replicas-max-lag`. */
  readonly 'min-slaves-max-lag'?: number | string | undefined;
  /** Password of the default user. Default: `""`. */
  readonly requirepass?: string | undefined;
  /** Path of a file with the users. Default: `""`. */
  readonly aclfile?: string | undefined;
  /** Entries of ACL LOG. Default: `128`. */
  readonly 'acllog-max-len'?: number | string | undefined;
  /** Channels that new users may use. Default: `resetchannels`. */
  readonly 'acl-pubsub-default'?: 'allchannels' | 'resetchannels' | undefined;
  /** Clients that may CONFIG SET the protected directives. Default: `no`. */
  readonly 'enable-protected-configs'?: boolean | 'no' | 'yes' | 'local' | undefined;
  /** Clients that may use DEBUG. Default: `no`. */
  readonly 'enable-debug-command'?: boolean | 'no' | 'yes' | 'local' | undefined;
  /** Clients that may use MODULE. Default: `no`. */
  readonly 'enable-module-command'?: boolean | 'no' | 'yes' | 'local' | undefined;
  /** Milliseconds after which others are told that a script is running. Default: `5000`. */
  readonly 'busy-reply-threshold'?: number | string | undefined;
  /** Another name of `busy-reply-threshold`. */
  readonly 'lua-time-limit'?: number | string | undefined;
  /** Bytes that a script's long strings may take, else it ends with 'not enough memory'; 0: a quarter of the memory, at most 2gb. Default: `0`. */
  readonly 'lua-memory-limit'?: number | string | undefined;
  /** Compile a sample of Lua after the start, while the server is idle, so that the first script of a client is fast. Default: `yes`. */
  readonly 'script-warm-up'?: Flag | undefined;
  /** Seconds to wait for lagging replicas at a shutdown. Default: `10`. */
  readonly 'shutdown-timeout'?: number | string | undefined;
  /** How SIGINT shuts down; failover: a replica takes the place of a master of a cluster first. Default: `default`. */
  readonly 'shutdown-on-sigint'?: Words | undefined;
  /** How SIGTERM shuts down; failover as for SIGINT. Default: `default`. */
  readonly 'shutdown-on-sigterm'?: Words | undefined;
  /** Answer as an old version of Redis, or Valkey, did, to test clients against it; see docs/compat.md. Default: `no`. */
  readonly compat?:
    | 'no'
    | 'redis-2.0'
    | 'redis-2.2'
    | 'redis-2.4'
    | 'redis-2.6'
    | 'redis-2.8'
    | 'redis-3.0'
    | 'redis-3.2'
    | 'redis-4.0'
    | 'redis-5.0'
    | 'redis-6.0'
    | 'redis-6.2'
    | 'redis-7.0'
    | 'redis-7.2'
    | 'redis-7.4'
    | 'redis-8.0'
    | 'valkey-8'
    | undefined;
  /** Be a node of a cluster. Default: `no`. */
  readonly 'cluster-enabled'?: Flag | undefined;
  /** Be a server of a codis: keep keys by its slots, and know its commands. Default: `no`. */
  readonly 'codis-enabled'?: Flag | undefined;
  /** File with this node's view of the cluster. Default: `nodes.conf`. */
  readonly 'cluster-config-file'?: string | undefined;
  /** Milliseconds of silence after which a node is taken for failed. Default: `15000`. */
  readonly 'cluster-node-timeout'?: number | string | undefined;
  /** Milliseconds after which a node is pinged; 0: half the node timeout. Default: `0`. */
  readonly 'cluster-ping-interval'?: number | string | undefined;
  /** Port of the cluster bus; 0: the port plus 10000. Default: `0`. */
  readonly 'cluster-port'?: number | string | undefined;
  /** How old data may be, in node timeouts, for a replica to be promoted; 0 for any age. Default: `10`. */
  readonly 'cluster-replica-validity-factor'?: number | string | undefined;
  /** Another name of `cluster-replica-validity-factor`. */
  readonly 'cluster-slave-validity-factor'?: number | string | undefined;
  /** Replicas that a master keeps when another lends one. Default: `1`. */
  readonly 'cluster-migration-barrier'?: number | string | undefined;
  /** Let replicas move to masters that have none. Default: `yes`. */
  readonly 'cluster-allow-replica-migration'?: Flag | undefined;
  /** Stop serving when a slot has no node. Default: `yes`. */
  readonly 'cluster-require-full-coverage'?: Flag | undefined;
  /** Never promote this replica by itself. Default: `no`. */
  readonly 'cluster-replica-no-failover'?: Flag | undefined;
  /** Another name of `cluster-replica-no-failover`. */
  readonly 'cluster-slave-no-failover'?: Flag | undefined;
  /** Answer reads while the cluster is down. Default: `no`. */
  readonly 'cluster-allow-reads-when-down'?: Flag | undefined;
  /** Allow sharded pub/sub while the cluster is down. Default: `yes`. */
  readonly 'cluster-allow-pubsubshard-when-down'?: Flag | undefined;
  /** Bytes waiting for another node above which its link is closed; 0 for no limit. Default: `0`. */
  readonly 'cluster-link-sendbuf-limit'?: number | string | undefined;
  /** Address that other nodes and clients are told. Default: `""`. */
  readonly 'cluster-announce-ip'?: string | undefined;
  /** Port that they are told. Default: `0`. */
  readonly 'cluster-announce-port'?: number | string | undefined;
  /** TLS port that they are told. Default: `0`. */
  readonly 'cluster-announce-tls-port'?: number | string | undefined;
  /** Bus port that they are told. Default: `0`. */
  readonly 'cluster-announce-bus-port'?: number | string | undefined;
  /** Host name that they are told. Default: `""`. */
  readonly 'cluster-announce-hostname'?: string | undefined;
  /** Name of this node in the logs. Default: `""`. */
  readonly 'cluster-announce-human-nodename'?: string | undefined;
  /** Kind of address in redirections. Default: `ip`. */
  readonly 'cluster-preferred-endpoint-type'?: 'ip' | 'hostname' | 'unknown-endpoint' | undefined;
  /** Percent of commands checked for use in a cluster. Default: `0`. */
  readonly 'cluster-compatibility-sample-ratio'?: number | string | undefined;
  /** Changes that may be on their way when writes are paused to hand slots over. Default: `1mb`. */
  readonly 'cluster-slot-migration-handoff-max-lag-bytes'?: number | string | undefined;
  /** Milliseconds for which writes wait at most while slots are handed over. Default: `10000`. */
  readonly 'cluster-slot-migration-write-pause-timeout'?: number | string | undefined;
  /** Slot migrations that are remembered after their end. Default: `1000`. */
  readonly 'cluster-slot-migration-log-max-len'?: number | string | undefined;
  /** Count the work of each slot. Default: `no`. */
  readonly 'cluster-slot-stats-enabled'?: Flag | undefined;
  /** Microseconds above which a command is logged; 0 all, negative none. Default: `10000`. */
  readonly 'slowlog-log-slower-than'?: number | string | undefined;
  /** Another name of `slowlog-log-slower-than`. */
  readonly 'commandlog-execution-slower-than'?: number | string | undefined;
  /** Entries of SLOWLOG. Default: `128`. */
  readonly 'slowlog-max-len'?: number | string | undefined;
  /** Another name of `slowlog-max-len`. */
  readonly 'commandlog-slow-execution-max-len'?: number | string | undefined;
  /** Bytes above which a request is logged; negative for none. Default: `1048576`. */
  readonly 'commandlog-request-larger-than'?: number | string | undefined;
  /** Entries of COMMANDLOG GET ... large-request. Default: `128`. */
  readonly 'commandlog-large-request-max-len'?: number | string | undefined;
  /** Bytes above which a reply is logged; negative for none. Default: `1048576`. */
  readonly 'commandlog-reply-larger-than'?: number | string | undefined;
  /** Entries of COMMANDLOG GET ... large-reply. Default: `128`. */
  readonly 'commandlog-large-reply-max-len'?: number | string | undefined;
  /** Milliseconds above which an event is noted for LATENCY; 0 for none. Default: `0`. */
  readonly 'latency-monitor-threshold'?: number | string | undefined;
  /** Keep a histogram of times for each command. Default: `yes`. */
  readonly 'latency-tracking'?: Flag | undefined;
  /** Percentiles that INFO shows of them. Default: `50 99 99.9`. */
  readonly 'latency-tracking-info-percentiles'?: Words | undefined;
  /** Which changes of keys are published, as a string of letters; S, T, I and V publish fields of hashes. Default: `""`. */
  readonly 'notify-keyspace-events'?: string | undefined;
  /** Keys that are remembered for client-side caching; 0 for no limit. Default: `1000000`. */
  readonly 'tracking-table-max-keys'?: number | string | undefined;
}
