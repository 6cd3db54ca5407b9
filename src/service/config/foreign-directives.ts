// foreign-directives: the directives of other versions and relatives of Redis that have no setting here, and the
// meaning of their lines.
//
// A start does not fail because a file is old, new, or was written for another server: such a line causes a warning
// with its present meaning. It is an error where going on would be worse than not starting: data would live in another
// place than the file says, or an unwanted client could connect. The reader of files (file), CONFIG REWRITE and
// docs/config.md use this table.
//
// Not here: values that have changed their form (value-repairs), directives that are taken without effect (options).
import type { OptionName } from './options.js';

export interface ForeignDirective {
  readonly names: readonly string[];
  /** The directive that has its place now and takes its value. */
  readonly now?: OptionName;
  /** The meaning of the line here, as the rest of a sentence that begins with the directive. */
  readonly meaning: string;
  /** All other values end the start, for this reason. */
  readonly only?: { readonly values: readonly string[]; readonly reason: string };
}

export interface ForeignGroup {
  readonly origin: string;
  readonly directives: readonly ForeignDirective[];
  /** All directives that begin so belong to the group as well. */
  readonly prefixes?: { readonly names: readonly string[]; readonly meaning: string };
}

const swap = 'virtual memory is gone since Redis 2.6: all data is in memory';
const disk = 'the disk store never left its trial: all data is in memory';
const notBuilt = 'belongs to a build for tests';
const otherThreads = 'tunes threads of another design';
const noCluster = 'tunes a part of the cluster that is not here';
const noReplication = 'belongs to a way of replication that is not here';
const memoryOnly = 'values would have to live outside of memory, and all data lives in memory here';

export const foreignGroups: readonly ForeignGroup[] = [
  {
    origin: 'Redis 1.3 to 2.6',
    directives: [
      {
        names: ['vm-enabled', 'really-use-vm'],
        meaning: swap,
        only: {
          values: ['no'],
          reason: `${memoryOnly}; write "no" and give the server the memory that all data needs`,
        },
      },
      { names: ['vm-swap-file', 'vm-max-memory', 'vm-page-size', 'vm-pages', 'vm-max-threads'], meaning: swap },
      {
        names: ['diskstore-enabled'],
        meaning: disk,
        only: {
          values: ['no'],
          reason: `${memoryOnly}; write "no" and give the server the memory that all data needs`,
        },
      },
      { names: ['diskstore-path', 'cache-max-memory', 'cache-flush-delay'], meaning: disk },
      { names: ['glueoutputbuf'], meaning: 'small replies always go out together' },
      { names: ['shareobjects', 'shareobjectspoolsize'], meaning: 'values are not shared between keys' },
      { names: ['hash-max-zipmap-entries'], now: 'hash-max-listpack-entries', meaning: '' },
      { names: ['hash-max-zipmap-value'], now: 'hash-max-listpack-value', meaning: '' },
      { names: ['list-max-ziplist-entries', 'list-max-ziplist-value'], meaning: 'list-max-listpack-size bounds lists' },
      {
        names: ['slave-output-buffer-throttling', 'slave-output-buffer-throttle', 'conditional-sync', 'syncdbfilename'],
        meaning: noReplication,
      },
      {
        names: ['load-on-startup'],
        meaning: 'the data on disk is always loaded',
        only: { values: ['yes'], reason: 'a server that begins empty would overwrite the data; give it another dir' },
      },
      {
        names: ['preload-file'],
        meaning: '',
        only: {
          values: [],
          reason: 'data is loaded from dbfilename and appenddirname in dir only; copy the file there',
        },
      },
      { names: ['minmemory-os'], meaning: 'only maxmemory starts eviction' },
    ],
  },
  {
    origin: 'Redis 3 to 7',
    directives: [
      { names: ['lua-replicate-commands'], meaning: 'scripts always log their effects, never their text' },
      { names: ['rdb-incremental-fsync'], now: 'rdb-save-incremental-fsync', meaning: '' },
      { names: ['gopher-enabled'], meaning: 'Gopher is not served' },
      { names: ['tracking-table-max-fill'], meaning: 'tracking-table-max-keys bounds the table, as a number of keys' },
      { names: ['req-res-logfile', 'client-default-resp'], meaning: notBuilt },
    ],
  },
  {
    origin: 'Redis 8',
    directives: [
      { names: ['lookahead'], meaning: otherThreads },
      { names: ['key-memory-histograms'], meaning: 'INFO keysizes has no histogram of memory' },
      { names: ['aof-load-corrupt-tail-max-size'], meaning: 'kvasir-check-aof --fix cuts a damaged end off' },
      {
        names: ['slowlog-entry-max-argc', 'slowlog-entry-max-string-len'],
        meaning: 'SLOWLOG cuts entries as Redis 7 does',
      },
      { names: ['lua-enable-deprecated-api'], meaning: 'scripts have no deprecated functions' },
      {
        names: ['tls-auth-clients-user'],
        meaning: 'certificates name no users',
        only: {
          values: ['off', ''],
          reason: 'clients would enter as the default user; write "off" and let them use AUTH',
        },
      },
      {
        names: ['cluster-slot-migration-max-archived-tasks', 'cluster-slot-migration-sync-buffer-drain-timeout'],
        meaning: noCluster,
      },
    ],
    prefixes: {
      names: ['search-', 'ts-', 'bf-', 'cf-', 'json-', 'topk-', 'cms-', 'tdigest-', 'vset-', 'array-'],
      meaning: 'belongs to a data type that is not here',
    },
  },
  {
    origin: 'Valkey 7.2 to 9',
    directives: [
      { names: ['primaryauth'], now: 'masterauth', meaning: '' },
      { names: ['primaryuser'], now: 'masteruser', meaning: '' },
      {
        names: ['dual-channel-replication-enabled', 'repl-mptcp'],
        meaning: noReplication,
      },
      {
        names: [
          'cluster-announce-client-ipv4',
          'cluster-announce-client-ipv6',
          'cluster-announce-client-port',
          'cluster-announce-client-tls-port',
          'cluster-blacklist-ttl',
          'cluster-config-save-behavior',
          'cluster-databases',
          'cluster-manual-failover-timeout',
          'cluster-message-gossip-perc',
          'cluster-replica-no-failiver',
          'slot-migration-max-failover-repl-bytes',
          'availability-zone',
        ],
        meaning: noCluster,
      },
      {
        names: [
          'events-per-io-thread',
          'io-threads-always-active',
          'prefetch-batch-max-size',
          'min-io-threads-avoid-copy-reply',
          'min-string-size-avoid-copy-reply',
          'min-string-size-avoid-copy-reply-threaded',
          'shard-threads',
        ],
        meaning: otherThreads,
      },
      { names: ['active-defrag-cycle-us'], meaning: 'active-defrag-cycle-min and -max say how much time is spent' },
      { names: ['extended-redis-compatibility'], meaning: 'the server always calls itself Redis' },
      { names: ['hash-seed'], meaning: 'every start takes a random seed' },
      { names: ['import-mode'], meaning: 'keys expire as always' },
      { names: ['log-format', 'log-timestamp-format'], meaning: "the log has Redis's format" },
      { names: ['lua-enable-insecure-api'], meaning: 'scripts have no insecure functions' },
      { names: ['mptcp'], meaning: 'clients are served over plain TCP' },
      { names: ['rdb-version-check'], meaning: 'a file of a version that is not known is refused' },
      {
        names: ['rdma-bind', 'rdma-port', 'rdma-rx-size', 'rdma-completion-vector'],
        meaning: 'RDMA is not served',
      },
      { names: ['tls-auto-reload-interval'], meaning: 'certificates are read again by CONFIG SET tls-cert-file' },
      { names: ['unixsocketgroup'], meaning: "the socket belongs to the group of the server's process" },
      { names: ['debug-context', 'enable-debug-assert'], meaning: notBuilt },
    ],
  },
  {
    origin: 'KeyDB and Redis for Windows',
    directives: [
      { names: ['server-threads', 'server-thread-affinity', 'min-clients-per-thread'], meaning: otherThreads },
      { names: ['active-replica', 'multi-master', 'replica-weighting-factor'], meaning: noReplication },
      { names: ['storage-provider'], meaning: '', only: { values: [], reason: `${memoryOnly}; remove the line` } },
      { names: ['scratch-file-path', 'db-s3-object'], meaning: 'snapshots go to dbfilename only' },
      { names: ['maxheap', 'heapdir'], meaning: 'no heap file is needed; maxmemory bounds the data' },
      { names: ['persistence-available'], meaning: 'save and appendonly say what is kept' },
    ],
  },
];

const byName = new Map<string, { directive: ForeignDirective; origin: string }>();
for (const { origin, directives } of foreignGroups) {
  for (const directive of directives) for (const name of directive.names) byName.set(name, { directive, origin });
}

/** The names of all of them, for suggestions. */
export function foreignNames(): Iterable<string> {
  return byName.keys();
}

/** The directive that has the place of a foreign one and takes its value. */
export function presentName(name: string): OptionName | undefined {
  return byName.get(name)?.directive.now;
}

export type ForeignLine =
  | { readonly kind: 'warning'; readonly text: string; readonly now: OptionName | undefined }
  | { readonly kind: 'error'; readonly text: string };

/** The treatment of a directive that is no setting; undefined for an unknown directive. */
export function judgeForeignLine(name: string, values: readonly string[]): ForeignLine | undefined {
  const found = byName.get(name);
  if (found === undefined) return judgePrefix(name);
  const { directive, origin } = found;
  if (directive.now !== undefined) {
    return {
      kind: 'warning',
      text: `${name} (${origin}) is now ${directive.now}, which takes the value`,
      now: directive.now,
    };
  }
  const { only } = directive;
  if (only !== undefined && !(values.length === 1 && only.values.includes(values[0]!.toLowerCase()))) {
    return { kind: 'error', text: `${name} (${origin}): ${only.reason}` };
  }
  return { kind: 'warning', text: `${name} (${origin}) has no effect: ${directive.meaning}`, now: undefined };
}

function judgePrefix(name: string): ForeignLine | undefined {
  if (name.includes('.')) {
    return { kind: 'warning', text: `${name} has no effect: modules are not loaded`, now: undefined };
  }
  for (const { origin, prefixes } of foreignGroups) {
    if (prefixes?.names.some((prefix) => name.startsWith(prefix) && name.length > prefix.length) === true) {
      return { kind: 'warning', text: `${name} (${origin}) has no effect: it ${prefixes.meaning}`, now: undefined };
    }
  }
  return undefined;
}

/** The modules that a stock redis-full.conf of Redis 8 loads, by the name of the file without its end. */
const bundledModules = new Set(['redisbloom', 'redisearch', 'rejson', 'redistimeseries']);

/** The warning for a loadmodule line of a stock file of Redis 8; undefined for any other module. */
export function bundledModuleWarning(path: string): string | undefined {
  const name = /([^/\\]+?)(\.[a-z]+)?$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  if (!bundledModules.has(name)) return undefined;
  return `loadmodule ${name} (Redis 8) has no effect: its data types and commands are not here`;
}
