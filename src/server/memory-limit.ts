// memory-limit: `maxmemory`: the memory that counts against it, and the eviction of keys when it is exceeded.

import type { Clock } from '../io/clock.js';
import type { Eviction } from '../keyspace/eviction.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Client } from '../service/clients/client.js';
import type { Settings } from './settings.js';

/** The keys, the clients and the limit. */
export interface MemoryLimitHost {
  readonly clock: Clock;
  readonly keyspace: Keyspace;
  readonly eviction: Eviction;
  readonly settings: Settings;
  readonly clients: ReadonlyMap<number, Client>;
  readonly loading: boolean;
  readonly role: 'master' | 'replica';
  readonly pause: { readonly active: boolean };
  noteLatency(event: string, milliseconds: number): void;
}

/** Bytes that an empty server counts as used, so that figures and limits compare with Redis's. */
export const BASE_BYTES = 1_000_000;

/** Values that are freed between two looks at what is left to free. */
const FREE_BUDGET = 256;

export class MemoryLimit {
  /** Bytes of clients' buffers when they were counted last; counted only where there is a limit. */
  private clientBytes = 0;
  private clientBytesCountedMs = 0;

  constructor(private readonly host: MemoryLimitHost) {}

  /** Bytes that count against maxmemory. */
  get usedBytes(): number {
    return this.host.keyspace.usedBytes + BASE_BYTES + this.clientBytes;
  }

  get isPassed(): boolean {
    return this.usedBytes > this.host.settings.maxMemory;
  }

  countClientBytes(): void {
    const { host } = this;
    let bytes = 0;
    this.clientBytesCountedMs = host.keyspace.nowMs;
    if (host.settings.maxMemory > 0) {
      for (const { connection, kind } of host.clients.values()) {
        if (connection !== undefined && kind !== 'replica')
          bytes += connection.queryBufferBytes + connection.wire.unsentBytes;
      }
    }
    this.clientBytes = bytes;
  }

  /** Deletes keys until memory suffices, the policy finds none, or the time for it is over; false: memory does not suffice. */
  evictSome(): boolean {
    const { keyspace, settings, clock, loading, pause, role } = this.host;
    if (settings.maxMemory === 0 || loading || pause.active || !this.isPassed) return true;
    if (role === 'replica' && settings.replicaIgnoresMaxMemory) return true;
    // Clients may have gone since the last tick: no key goes for their sake.
    if (this.clientBytes > 0 && this.clientBytesCountedMs !== keyspace.nowMs) {
      this.countClientBytes();
      if (!this.isPassed) return true;
    }
    const startMs = clock.steadyMs();
    const limitMs = evictionLimitMs(settings.evictionTenacity);
    let evicted = 0;
    let isEnough = true;
    let freeingMs = 0;
    while (isEnough && this.isPassed) {
      // Free what has been deleted already before evicting more keys.
      if (keyspace.hasGarbage) {
        const beforeMs = clock.steadyMs();
        keyspace.freeSome(FREE_BUDGET);
        freeingMs += clock.steadyMs() - beforeMs;
      } else if (!this.host.eviction.evictOne()) isEnough = false;
      else evicted++;
      // After that long, commands go on although there is too much: the cron and the next writes go on with it.
      if ((evicted & 15) === 15 && clock.steadyMs() - startMs > limitMs) break;
    }
    this.host.noteLatency('eviction-lazyfree', freeingMs);
    this.host.noteLatency('eviction-cycle', clock.steadyMs() - startMs);
    return isEnough;
  }
}

/** How long one round of eviction may take, in ms, by maxmemory-eviction-tenacity as in Redis. */
function evictionLimitMs(tenacity: number): number {
  if (tenacity <= 10) return 0.05 * tenacity;
  return tenacity < 100 ? 0.5 * 1.15 ** (tenacity - 10) : Infinity;
}
