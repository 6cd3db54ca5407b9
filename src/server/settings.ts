// settings: what the configuration says, as plain fields for hot code; renewed after every CONFIG SET.

import type { ClientBounds } from './client-bounds.js';
import type { RequestReader } from '../protocol/request.js';
import type { ReclaimTimer } from '../keyspace/database.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { DataLimits } from '../commands/engine.js';
import type { Eviction, EvictionPolicy } from '../keyspace/eviction.js';
import { scriptMemory } from '../scripting/lua/script-memory.js';
import { collectGarbage } from '../service/process/process-memory.js';
import { Gate } from '../service/clients/client.js';
import type { Config } from '../service/config/config.js';
import { clampHz } from '../service/config/file.js';
import type { OptionName } from '../service/config/options.js';
import type { ClientClass, OutputLimit } from '../service/config/special-settings.js';

/** Those who hold copies of settings. */
export interface SettingsTarget {
  readonly limits: DataLimits;
  readonly keyspace: Keyspace;
  readonly eviction: Eviction;
  readonly reader: RequestReader;
  readonly clientBounds: ClientBounds;
  readonly reclaimTimer: ReclaimTimer;
  gates: number;
  queryBytesMax: number;
  unsentBytesMax: number;
  timesAll: boolean;
}

/** Replies that a client may leave unread before its further requests wait, where no limit allows more. */
export const UNSENT_BYTES_MIN = 32 * 1024 * 1024;

export class Settings {
  hz = 10;
  maxMemory = 0;
  maxMemoryClients = 0;
  evictionTenacity = 10;
  maxClients = 10000;
  timeoutSeconds = 0;
  keepAliveSeconds = 300;
  protectedMode = true;
  slowerThanMicros = 10000;
  slowLogLength = 128;
  /** Requests and replies of so many bytes are logged. */
  largeRequestBytes = Infinity;
  largeReplyBytes = Infinity;
  latencyThresholdMs = 0;
  latencyTracking = true;
  busyReplyThresholdMs = 5000;
  aclLogLength = 128;
  outputLimits: Record<ClientClass, OutputLimit>;
  /** Writes need so many good replicas; 0: none. */
  minReplicas = 0;
  lazyExpire = false;
  lazyEviction = false;

  constructor(private readonly config: Config) {
    this.outputLimits = config.special('client-output-buffer-limit').value;
  }

  /** Reads everything anew and brings it to those who hold copies. */
  apply(server: SettingsTarget): void {
    const { config } = this;
    const { limits, keyspace } = server;
    clampHz(config);
    this.hz = config.number('hz').value;
    this.maxMemory = config.number('maxmemory').value;
    this.maxMemoryClients = config.number('maxmemory-clients').value;
    this.evictionTenacity = config.number('maxmemory-eviction-tenacity').value;
    this.maxClients = config.number('maxclients').value;
    this.timeoutSeconds = config.number('timeout').value;
    this.keepAliveSeconds = config.number('tcp-keepalive').value;
    this.protectedMode = config.flag('protected-mode').value;
    this.slowerThanMicros = config.number('slowlog-log-slower-than').value;
    this.slowLogLength = config.number('slowlog-max-len').value;
    this.largeRequestBytes = logLimit(config.number('commandlog-request-larger-than').value);
    this.largeReplyBytes = logLimit(config.number('commandlog-reply-larger-than').value);
    this.latencyThresholdMs = config.number('latency-monitor-threshold').value;
    keyspace.reclaimTimer = this.latencyThresholdMs > 0 ? server.reclaimTimer : undefined;
    this.latencyTracking = config.flag('latency-tracking').value;
    this.busyReplyThresholdMs = config.number('busy-reply-threshold').value;
    const luaBytes = config.number('lua-memory-limit').value;
    scriptMemory.longStringBytesMax = luaBytes > 0 ? luaBytes : server.clientBounds.limits.luaBytes;
    scriptMemory.collect = collectGarbage;
    this.aclLogLength = config.number('acllog-max-len').value;
    this.outputLimits = config.special('client-output-buffer-limit').value;
    this.minReplicas =
      config.number('min-replicas-max-lag').value === 0 ? 0 : config.number('min-replicas-to-write').value;
    this.lazyExpire = config.flag('lazyfree-lazy-expire').value;
    this.lazyEviction = config.flag('lazyfree-lazy-eviction').value;

    limits.hashMaxListpackEntries = config.number('hash-max-listpack-entries').value;
    limits.hashMaxListpackValue = config.number('hash-max-listpack-value').value;
    limits.listMaxListpackSize = config.number('list-max-listpack-size').value;
    keyspace.values.lists.quicklists.compressDepth = config.number('list-compress-depth').value;
    limits.setMaxIntsetEntries = config.number('set-max-intset-entries').value;
    limits.setMaxListpackEntries = config.number('set-max-listpack-entries').value;
    limits.setMaxListpackValue = config.number('set-max-listpack-value').value;
    limits.zsetMaxListpackEntries = config.number('zset-max-listpack-entries').value;
    limits.zsetMaxListpackValue = config.number('zset-max-listpack-value').value;
    limits.hllSparseMaxBytes = config.number('hll-sparse-max-bytes').value;
    limits.streamNodeMaxBytes = config.number('stream-node-max-bytes').value;
    limits.streamNodeMaxEntries = config.number('stream-node-max-entries').value;
    limits.streamIdmpDuration = config.number('stream-idmp-duration').value;
    limits.streamIdmpMaxsize = config.number('stream-idmp-maxsize').value;
    limits.protoMaxBulkBytes = config.number('proto-max-bulk-len').value;
    limits.lazyfreeLazyUserDel = config.flag('lazyfree-lazy-user-del').value;
    limits.lazyfreeLazyUserFlush = config.flag('lazyfree-lazy-user-flush').value;

    server.reader.bulkBytesMax = limits.protoMaxBulkBytes;
    server.queryBytesMax = config.number('client-query-buffer-limit').value;
    const policy = config.choice('maxmemory-policy').value as EvictionPolicy;
    limits.sharesSmallNumbers = this.maxMemory === 0 || !/-l[rf]u$/.test(policy);
    server.eviction.setPolicy(policy);
    server.eviction.samples = config.number('maxmemory-samples').value;
    keyspace.usesFrequency = policy.endsWith('-lfu');
    keyspace.lfuLogFactor = config.number('lfu-log-factor').value;
    keyspace.lfuDecayMinutes = config.number('lfu-decay-time').value;
    keyspace.notifyMask = config.special('notify-keyspace-events').value;
    server.gates = this.maxMemory > 0 ? server.gates | Gate.MEMORY : server.gates & ~Gate.MEMORY;
    const { hardBytes, softBytes } = this.outputLimits.normal;
    // A client that is to be closed at a limit must be able to reach it.
    server.unsentBytesMax = Math.max(UNSENT_BYTES_MIN, hardBytes, softBytes);
    server.gates = hardBytes > 0 || softBytes > 0 ? server.gates | Gate.OUTPUT : server.gates & ~Gate.OUTPUT;
    if (this.minReplicas > 0) server.gates |= Gate.WRITES;
    // Below a millisecond, or when every command counts, sampling would miss what is asked for.
    server.timesAll = (this.slowerThanMicros >= 0 && this.slowerThanMicros < 1000) || this.latencyThresholdMs === 1;
  }

  /** All settings whose change is brought to the server by `apply`. */
  static readonly applied: readonly OptionName[] = [
    'hz',
    'maxmemory',
    'maxmemory-clients',
    'maxmemory-eviction-tenacity',
    'maxclients',
    'timeout',
    'tcp-keepalive',
    'protected-mode',
    'slowlog-log-slower-than',
    'slowlog-max-len',
    'commandlog-request-larger-than',
    'commandlog-reply-larger-than',
    'latency-monitor-threshold',
    'latency-tracking',
    'busy-reply-threshold',
    'acllog-max-len',
    'client-output-buffer-limit',
    'min-replicas-to-write',
    'min-replicas-max-lag',
    'lazyfree-lazy-expire',
    'lazyfree-lazy-eviction',
    'hash-max-listpack-entries',
    'hash-max-listpack-value',
    'list-max-listpack-size',
    'list-compress-depth',
    'set-max-intset-entries',
    'set-max-listpack-entries',
    'set-max-listpack-value',
    'zset-max-listpack-entries',
    'zset-max-listpack-value',
    'hll-sparse-max-bytes',
    'stream-node-max-bytes',
    'stream-node-max-entries',
    'stream-idmp-duration',
    'stream-idmp-maxsize',
    'proto-max-bulk-len',
    'lazyfree-lazy-user-del',
    'lazyfree-lazy-user-flush',
    'client-query-buffer-limit',
    'maxmemory-policy',
    'maxmemory-samples',
    'lfu-log-factor',
    'lfu-decay-time',
    'notify-keyspace-events',
  ];
}

/** A negative limit means: log nothing. */
function logLimit(bytes: number): number {
  return bytes < 0 ? Infinity : bytes;
}
