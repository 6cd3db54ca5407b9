// cron: periodic work: expired keys, idle clients, freeing deleted values, statistics over time.
//
// A tick runs `hz` times a second. Long work is done in slices of at most SLICE_MS, each in a turn of its own, so
// that clients are served in between.

import type { ExpireCycle } from './expire-cycle.js';
import type { Settings } from './settings.js';
import type { Activity } from '../service/watch/activity.js';
import type { CommandStats } from '../service/watch/command-stats.js';
import type { Client } from '../service/clients/client.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Clock, Timer } from '../io/clock.js';
import type { Usage } from '../io/usage.js';
import { collectGarbage } from '../io/collect-garbage.js';

/** The work that a tick does, and the figures that it keeps. */
export interface CronHost {
  readonly clock: Clock;
  readonly usage: Usage;
  readonly keyspace: Keyspace;
  readonly clients: ReadonlyMap<number, Client>;
  readonly stats: CommandStats;
  readonly activity: Activity;
  readonly settings: Settings;
  readonly expireCycle: ExpireCycle;
  readonly scripting: { readonly parked: { readonly active: boolean } };
  readonly ownsProcess: boolean;
  readonly hooks: { readonly ticks: readonly (() => void)[] };
  readonly usedBytes: number;
  pendingShutdown: (() => void) | undefined;
  beginTurn(): void;
  readonly outputLimits: { checkSoftLimits(): void };
  readonly registry: { closeIdle(): void };
  readonly memoryLimit: { countClientBytes(): void };
  evictSome(): boolean;
  fieldExpireStep(isOver: () => boolean): void;
  noteLatency(event: string, milliseconds: number): void;
}

const SLICE_MS = 1;
/** Share of a tick's time that deleting expired keys may take. */
const EXPIRE_SHARE = 0.25;
/** Keys or elements that are freed between two looks at the clock; a key may hold 64 elements that are freed with it. */
const FREE_BUDGET = 500;
/** Keys that are counted by prefix between two looks at the clock. */
const PREFIX_BUDGET = 500;
/** After so many seconds with at most so many commands each, garbage is collected, if there may be many bytes of it. */
const QUIET_SECONDS = 5;
const QUIET_COMMANDS_MAX = 100;
const STRAY_BYTES_MAX = 32 * 1024 * 1024;
/** So much is worth a collection while the server is busy. */
const BUSY_STRAY_BYTES_MAX = 256 * 1024 * 1024;

export class Cron {
  /** Microseconds in ticks, in expiring keys, and in writing the AOF at the end of turns. */
  cronMicros = 0;
  expireMicros = 0;
  aofMicros = 0;
  /** How often expiring ended because its share of time was used up. */
  expireCapCount = 0;
  /** Milliseconds in which memory was over `maxmemory`: in all, and since it last was not. */
  overLimitTotalMs = 0;
  overLimitMs = 0;
  residentBytes = 0;
  residentBytesMax = 0;
  heapBytes = 0;
  private timer: Timer | undefined;
  private freeing = false;
  private countsPrefixes = false;
  /** MEMORY PURGE waits for the end of freeing. */
  private purges = false;
  /** Commands that had run a second ago, and for how many seconds there have been few. */
  private quietFrom = 0;
  private quietSeconds = 0;
  /** Bytes outside the arena and of no client's buffers that were in use when garbage was collected last. */
  private keptBytes = 0;
  private collectsAgain = false;
  private trimmedMs = 0;
  ticks = 0;

  constructor(private readonly server: CronHost) {}

  start(): void {
    this.schedule();
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private schedule(): void {
    const intervalMs = 1000 / this.server.settings.hz;
    const due = this.server.clock.steadyMs() + intervalMs;
    this.timer = this.server.clock.after(intervalMs, () => {
      const { activity, clock } = this.server;
      activity.pauseMsMax = Math.max(activity.pauseMsMax, clock.steadyMs() - due);
      this.tick(intervalMs);
      if (this.timer !== undefined) this.schedule();
    });
  }

  private tick(intervalMs: number): void {
    const { server } = this;
    this.ticks++;
    if (server.pendingShutdown !== undefined) {
      const { pendingShutdown } = server;
      server.pendingShutdown = undefined;
      pendingShutdown();
    }
    // Half of a script is done: nothing else may touch data until it has ended.
    if (server.scripting.parked.active) return;
    server.beginTurn();
    const { clock } = server;
    const startMs = clock.steadyMs();
    let capReached = false;
    const isOver = (): boolean => (capReached = clock.steadyMs() - startMs > intervalMs * EXPIRE_SHARE);
    server.expireCycle.run(isOver);
    server.fieldExpireStep(isOver);
    if (capReached) this.expireCapCount++;
    const expireMs = clock.steadyMs() - startMs;
    this.expireMicros += expireMs * 1000;
    server.noteLatency('expire-cycle', expireMs);
    server.memoryLimit.countClientBytes();
    server.evictSome();
    this.trackLimit(intervalMs);
    this.freeSoon();
    this.countPrefixesSoon();
    const nowMs = server.keyspace.nowMs;
    if (server.activity.sample(nowMs) && this.ticks % 10 === 1) this.sampleMemory();
    server.registry.closeIdle();
    server.outputLimits.checkSoftLimits();
    if (nowMs - this.trimmedMs >= 1000) {
      this.trimmedMs = nowMs;
      let bufferBytes = 0;
      for (const { connection } of server.clients.values()) {
        if (connection === undefined) continue;
        connection.trimWhenQuiet();
        bufferBytes += connection.queryBufferBytes + connection.wire.unsentBytes;
      }
      server.keyspace.arena.age();
      if (server.ownsProcess) this.collectStray(bufferBytes);
    }
    for (const tick of server.hooks.ticks) tick();
    this.cronMicros += (clock.steadyMs() - startMs) * 1000;
  }

  private trackLimit(intervalMs: number): void {
    const { maxMemory } = this.server.settings;
    const isOver = maxMemory > 0 && this.server.usedBytes > maxMemory;
    this.overLimitMs = isOver ? this.overLimitMs + intervalMs : 0;
    if (isOver) this.overLimitTotalMs += intervalMs;
  }

  /** CONFIG RESETSTAT. */
  resetStatistics(): void {
    this.cronMicros = 0;
    this.expireMicros = 0;
    this.aofMicros = 0;
    this.expireCapCount = 0;
    this.overLimitTotalMs = 0;
  }

  private sampleMemory(): void {
    const { usage } = this.server;
    this.residentBytes = usage.residentBytes();
    this.residentBytesMax = Math.max(this.residentBytesMax, this.residentBytes);
    this.heapBytes = usage.heapBytes();
  }

  /** Frees deleted values in slices until nothing is left. */
  freeSoon(): void {
    if (this.freeing || !this.server.keyspace.hasGarbage) return;
    this.freeing = true;
    const slice = (): void => {
      const startMs = this.server.clock.steadyMs();
      while (!this.server.keyspace.freeSome(FREE_BUDGET)) {
        if (this.server.clock.steadyMs() - startMs > SLICE_MS) {
          this.server.clock.soon(slice);
          return;
        }
      }
      this.freeing = false;
      if (this.purges) this.purgeNow();
    };
    this.server.clock.soon(slice);
  }

  /** Counts the keys that were there before a table of prefixes, in slices. */
  private countPrefixesSoon(): void {
    const { keyspace, clock } = this.server;
    if (this.countsPrefixes || keyspace.countMorePrefixes(0)) return;
    this.countsPrefixes = true;
    const slice = (): void => {
      const startMs = clock.steadyMs();
      while (!keyspace.countMorePrefixes(PREFIX_BUDGET)) {
        if (clock.steadyMs() - startMs > SLICE_MS) {
          clock.soon(slice);
          return;
        }
      }
      this.countsPrefixes = false;
    };
    clock.soon(slice);
  }

  /** MEMORY PURGE: everything that is not in use goes back to the system, once it is free. */
  purge(): void {
    this.freeSoon();
    if (this.freeing) this.purges = true;
    else this.purgeNow();
  }

  private purgeNow(): void {
    this.purges = false;
    this.server.keyspace.arena.purge();
    if (this.server.ownsProcess) collectGarbage();
  }

  /**
   * What scripts made, and buffers of clients that have gone, wait for a garbage collection, and a server with little to do
   * has none. With much of it that nobody is known to hold, or some and quiet seconds, it is made to collect.
   */
  private collectStray(bufferBytes: number): void {
    const { processed } = this.server.stats;
    const isQuiet = processed - this.quietFrom < QUIET_COMMANDS_MAX;
    this.quietFrom = processed;
    this.quietSeconds = isQuiet ? this.quietSeconds + 1 : 0;
    const { keptBytes } = this;
    const bytes = this.strayBytes(bufferBytes);
    const isWaiting = this.quietSeconds < QUIET_SECONDS;
    // A collection takes time for what is kept: never more of them than growth by as much.
    const bytesMax = keptBytes + (isWaiting ? Math.max(BUSY_STRAY_BYTES_MAX, keptBytes) : STRAY_BYTES_MAX);
    if (!isWaiting) this.quietSeconds = 0;
    if (bytes > bytesMax || this.collectsAgain) {
      collectGarbage();
      // The rest is in use, or was about to be let go: a second look tells.
      this.keptBytes = this.strayBytes(bufferBytes);
      this.collectsAgain = !this.collectsAgain && this.keptBytes > keptBytes + STRAY_BYTES_MAX;
    } else this.keptBytes = Math.min(keptBytes, bytes);
  }

  /** Bytes of the heap and outside of it that neither the arena nor a client's buffer is known to hold. */
  private strayBytes(bufferBytes: number): number {
    const { usage, keyspace } = this.server;
    return Math.max(0, usage.collectedBytes() - keyspace.arena.stats().reservedBytes - bufferBytes);
  }
}
