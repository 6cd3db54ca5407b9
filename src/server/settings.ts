// settings: the configuration's values about data, as plain fields for hot code; renewed after every CONFIG SET.

import type { ClientBounds } from './client-bounds.js';
import type { ReclaimTimer } from '../keyspace/database.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { type DataLimits, dataLimitNames, renewDataLimits } from '../registry/data-limits.js';
import type { Eviction, EvictionPolicy } from '../keyspace/eviction.js';
import { scriptMemory } from '../scripting/lua/script-memory.js';
import { latin1Bytes } from '../base/bytes.js';
import { collectGarbage } from '../io/collect-garbage.js';
import { Gate } from '../service/clients/client.js';
import { clampHz } from '../service/config/file.js';
import type { OptionName } from '../service/config/options.js';
import { ServiceSettings, type ServiceSettingsTarget } from '../service/config/settings.js';

/** The holders of copies of settings. */
export interface SettingsTarget extends ServiceSettingsTarget {
  readonly limits: DataLimits;
  readonly keyspace: Keyspace;
  readonly eviction: Eviction;
  readonly clientBounds: ClientBounds;
  readonly reclaimTimer: ReclaimTimer;
}

export class Settings extends ServiceSettings {
  hz = 10;
  maxMemory = 0;
  maxMemoryClients = 0;
  evictionTenacity = 10;
  busyReplyThresholdMs = 5000;
  /** Writes need so many good replicas; 0: none. */
  minReplicas = 0;
  /** A replica evicts only what its master evicts. */
  replicaIgnoresMaxMemory = true;
  lazyExpire = false;
  lazyEviction = false;
  lazyServerDel = false;
  /** The settings that the table of prefixes was made with; empty without a table. */
  private prefixes = '';

  /** Reads everything anew and brings it to those who hold copies. */
  apply(server: SettingsTarget): void {
    const { config } = this;
    const { limits, keyspace } = server;
    clampHz(config);
    this.hz = config.number('hz').value;
    this.maxMemory = config.number('maxmemory').value;
    this.maxMemoryClients = config.number('maxmemory-clients').value;
    this.evictionTenacity = config.number('maxmemory-eviction-tenacity').value;
    this.applyService(server);
    keyspace.reclaimTimer = this.latencyThresholdMs > 0 ? server.reclaimTimer : undefined;
    this.busyReplyThresholdMs = config.number('busy-reply-threshold').value;
    const luaBytes = config.number('lua-memory-limit').value;
    scriptMemory.longStringBytesMax = luaBytes > 0 ? luaBytes : server.clientBounds.limits.luaBytes;
    scriptMemory.collect = collectGarbage;
    this.minReplicas =
      config.number('min-replicas-max-lag').value === 0 ? 0 : config.number('min-replicas-to-write').value;
    this.backlogBytes = config.number('repl-backlog-size').value;
    this.replicaIgnoresMaxMemory = config.flag('replica-ignore-maxmemory').value;
    this.lazyExpire = config.flag('lazyfree-lazy-expire').value;
    this.lazyEviction = config.flag('lazyfree-lazy-eviction').value;
    this.lazyServerDel = config.flag('lazyfree-lazy-server-del').value;

    renewDataLimits(limits, (name) => config.plain(name));
    keyspace.values.lists.quicklists.compressDepth = config.number('list-compress-depth').value;

    this.applyPrefixes(keyspace);

    const policy = config.choice('maxmemory-policy').value as EvictionPolicy;
    limits.sharesSmallNumbers = this.maxMemory === 0 || !/-l[rf]u$/.test(policy);
    server.eviction.setPolicy(policy);
    server.eviction.samples = config.number('maxmemory-samples').value;
    keyspace.usesFrequency = policy.endsWith('-lfu');
    keyspace.lfuLogFactor = config.number('lfu-log-factor').value;
    keyspace.lfuDecayMinutes = config.number('lfu-decay-time').value;
    keyspace.notifyMask = config.special('notify-keyspace-events').value;
    server.gates = this.maxMemory > 0 ? server.gates | Gate.MEMORY : server.gates & ~Gate.MEMORY;
    if (this.minReplicas > 0) server.gates |= Gate.WRITES;
  }

  /** A table of prefixes that is configured anew counts all keys anew. */
  private applyPrefixes(keyspace: Keyspace): void {
    const { config } = this;
    const separators = config.text('prefix-table-separators').value;
    const depth = config.number('prefix-table-depth').value;
    const prefixesMax = config.number('prefix-table-max-prefixes').value;
    const wanted = config.flag('prefix-table').value ? JSON.stringify([separators, depth, prefixesMax]) : '';
    if (wanted === this.prefixes) return;
    this.prefixes = wanted;
    const seed = keyspace.random.below(2 ** 32) | 0;
    keyspace.setPrefixes(wanted === '' ? undefined : { separators: latin1Bytes(separators), depth, prefixesMax, seed });
  }

  /** All settings whose change is brought to the server by `apply`. */
  static readonly applied: readonly OptionName[] = [
    ...ServiceSettings.appliedByService,
    ...dataLimitNames,
    'hz',
    'prefix-table',
    'prefix-table-separators',
    'prefix-table-depth',
    'prefix-table-max-prefixes',
    'maxmemory',
    'maxmemory-clients',
    'maxmemory-eviction-tenacity',
    'busy-reply-threshold',
    'repl-backlog-size',
    'replica-ignore-maxmemory',
    'min-replicas-to-write',
    'min-replicas-max-lag',
    'lazyfree-lazy-expire',
    'lazyfree-lazy-eviction',
    'lazyfree-lazy-server-del',
    'list-compress-depth',
    'maxmemory-policy',
    'maxmemory-samples',
    'lfu-log-factor',
    'lfu-decay-time',
    'notify-keyspace-events',
  ];
}
