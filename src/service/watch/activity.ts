// activity: a server's recent work: commands and bytes per second, turns of the event loop, the longest pause.
//
// Counts are sampled about ten times a second; a rate is the mean of the last samples.

import type { Usage } from '../../io/usage.js';
import type { Client } from '../clients/client.js';
import { LoopClock } from '../process/loop-clock.js';
import type { CommandStats } from './command-stats.js';

const SAMPLE_COUNT = 16;
const SAMPLE_MS = 100;

/** The counts that are sampled. */
export interface ActivityHost {
  readonly clients: ReadonlyMap<number, Client>;
  readonly stats: CommandStats;
  readonly usage: Usage;
}

/** Bytes and system calls of all connections, also of those that are gone. */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reads: number;
  readonly writes: number;
}

/** Something per second over the last samples. */
export class Rate {
  private readonly samples: number[] = [];
  private lastCount = 0;
  private lastMs = 0;

  track(count: number, nowMs: number): void {
    const elapsed = nowMs - this.lastMs;
    // A count that went back was reset meanwhile.
    if (this.lastMs > 0 && elapsed > 0 && count >= this.lastCount)
      this.samples.push(((count - this.lastCount) * 1000) / elapsed);
    if (this.samples.length > SAMPLE_COUNT) this.samples.shift();
    this.lastCount = count;
    this.lastMs = nowMs;
  }

  reset(): void {
    this.samples.length = 0;
    this.lastMs = 0;
  }

  get perSecond(): number {
    if (this.samples.length === 0) return 0;
    return this.samples.reduce((sum, value) => sum + value, 0) / this.samples.length;
  }
}

export class Activity {
  readonly commands = new Rate();
  readonly bytesIn = new Rate();
  readonly bytesOut = new Rate();
  readonly loop: LoopClock;
  readonly loopCycles = new Rate();
  readonly loopMicros = new Rate();
  /** The most commands in a turn of the loop, each turn as the mean of about a tenth of a second. */
  commandsPerCycleMax = 0;
  /** Longest time by which a tick came late, in ms. */
  pauseMsMax = 0;
  private sampledMs = 0;
  private cyclesSeen = 0;
  private commandsSeen = 0;

  constructor(private readonly host: ActivityHost) {
    this.loop = new LoopClock(host.usage);
  }

  /** Takes a sample when it is time for one; whether it did. */
  sample(nowMs: number): boolean {
    if (nowMs - this.sampledMs < SAMPLE_MS) return false;
    this.sampledMs = nowMs;
    const { bytesIn, bytesOut } = this.traffic();
    this.compareCycles();
    this.commands.track(this.host.stats.processed, nowMs);
    this.bytesIn.track(bytesIn, nowMs);
    this.bytesOut.track(bytesOut, nowMs);
    this.loopCycles.track(this.loop.cycles, nowMs);
    this.loopMicros.track(this.loop.activeMicros, nowMs);
    return true;
  }

  /** Brings `commandsPerCycleMax` up to now. */
  compareCycles(): void {
    const { cycles } = this.loop;
    const { processed } = this.host.stats;
    if (cycles > this.cyclesSeen && processed >= this.commandsSeen) {
      const mean = (processed - this.commandsSeen) / (cycles - this.cyclesSeen);
      this.commandsPerCycleMax = Math.max(this.commandsPerCycleMax, mean);
    }
    this.cyclesSeen = cycles;
    this.commandsSeen = processed;
  }

  traffic(): Traffic {
    let { bytesIn, bytesOut, reads, writes } = this.host.stats;
    for (const { connection } of this.host.clients.values()) {
      if (connection === undefined) continue;
      bytesIn += connection.bytesIn;
      bytesOut += connection.bytesOut;
      reads += connection.reads;
      writes += connection.writes;
    }
    return { bytesIn, bytesOut, reads, writes };
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    // Subtract the counts of open connections from the sum of the others.
    const { stats } = this.host;
    const { bytesIn, bytesOut, reads, writes } = this.traffic();
    stats.bytesIn -= bytesIn;
    stats.bytesOut -= bytesOut;
    stats.reads -= reads;
    stats.writes -= writes;
    for (const rate of [this.commands, this.bytesIn, this.bytesOut, this.loopCycles, this.loopMicros]) rate.reset();
    this.loop.reset();
    this.cyclesSeen = 0;
    this.commandsSeen = 0;
    this.commandsPerCycleMax = 0;
    this.pauseMsMax = 0;
  }
}
