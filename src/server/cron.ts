// cron: work that time brings: expired keys, idle clients, freeing what was deleted, statistics over time.
//
// A tick runs `hz` times a second. What may take long is done in slices of at most SLICE_MS, each in a turn of its own, so
// that clients are served in between.

import { heapBytes, residentBytes } from './process-memory.js';
import type { DataServer } from './server.js';

const SLICE_MS = 1;
/** Share of a tick's time that deleting expired keys may take. */
const EXPIRE_SHARE = 0.25;
const FREE_BUDGET = 2000;
const SAMPLE_COUNT = 16;
const SAMPLE_MS = 100;

/** Operations per second over the last samples. */
class Rate {
  private readonly samples: number[] = [];
  private lastCount = 0;
  private lastMs = 0;

  track(count: number, nowMs: number): void {
    const elapsed = nowMs - this.lastMs;
    if (this.lastMs > 0 && elapsed > 0) this.samples.push(((count - this.lastCount) * 1000) / elapsed);
    if (this.samples.length > SAMPLE_COUNT) this.samples.shift();
    this.lastCount = count;
    this.lastMs = nowMs;
  }

  get perSecond(): number {
    if (this.samples.length === 0) return 0;
    return this.samples.reduce((sum, value) => sum + value, 0) / this.samples.length;
  }
}

export class Cron {
  readonly commands = new Rate();
  readonly bytesIn = new Rate();
  readonly bytesOut = new Rate();
  /** Longest time between two turns of the loop that a tick saw, in ms. */
  pauseMsMax = 0;
  residentBytes = 0;
  residentBytesMax = 0;
  heapBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private freeing = false;
  private sampledMs = 0;
  ticks = 0;

  constructor(private readonly server: DataServer) {}

  start(): void {
    this.schedule();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private schedule(): void {
    const intervalMs = 1000 / this.server.settings.hz;
    const due = this.server.options.steadyClock() + intervalMs;
    this.timer = setTimeout(() => {
      this.pauseMsMax = Math.max(this.pauseMsMax, this.server.options.steadyClock() - due);
      this.tick(intervalMs);
      if (this.timer !== undefined) this.schedule();
    }, intervalMs);
    this.timer.unref();
  }

  private tick(intervalMs: number): void {
    const { server } = this;
    this.ticks++;
    // Half of a script is done: nothing else may touch data until it has ended.
    if (server.scripting.parked.active) return;
    server.beginTurn();
    const startMs = server.options.steadyClock();
    const isOver = (): boolean => server.options.steadyClock() - startMs > intervalMs * EXPIRE_SHARE;
    server.expireCycle.run(isOver);
    server.fieldExpireStep(isOver);
    server.countClientBytes();
    server.evictSome();
    this.freeSoon();
    const nowMs = server.keyspace.nowMs;
    if (nowMs - this.sampledMs >= SAMPLE_MS) {
      this.sampledMs = nowMs;
      this.sample(nowMs);
    }
    server.closeIdleClients();
    for (const told of server.ticks) told();
  }

  private sample(nowMs: number): void {
    const { server } = this;
    this.commands.track(server.stats.processed, nowMs);
    this.bytesIn.track(server.stats.bytesIn, nowMs);
    this.bytesOut.track(server.stats.bytesOut, nowMs);
    if (this.ticks % 10 !== 1) return;
    this.residentBytes = residentBytes();
    this.residentBytesMax = Math.max(this.residentBytesMax, this.residentBytes);
    this.heapBytes = heapBytes();
  }

  /** Frees deleted values in slices until nothing is left. */
  freeSoon(): void {
    if (this.freeing || !this.server.keyspace.hasGarbage) return;
    this.freeing = true;
    const slice = (): void => {
      const startMs = this.server.options.steadyClock();
      while (!this.server.keyspace.freeSome(FREE_BUDGET)) {
        if (this.server.options.steadyClock() - startMs > SLICE_MS) {
          setImmediate(slice);
          return;
        }
      }
      this.freeing = false;
    };
    setImmediate(slice);
  }
}
