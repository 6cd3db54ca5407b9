// host: one machine of a simulated world: its clock, its disk, its address, and the process that runs on it.
//
// A process dies with `kill` (kill -9: what was written stays, connections are reset) or `powerOff` (what was not synced may
// be lost, peers hear nothing). Events of a process that is dead never happen; those of a paused one (SIGSTOP) wait.

import type { Clock, StandingClock, Timer } from '../io/clock.js';
import { TIMER_MS_MAX } from '../io/clock.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import type { Network } from '../io/network.js';
import { Prng } from '../base/prng.js';
import { HostNetwork, type SimulatedNetwork } from './network.js';
import type { World } from './world.js';

/** Milliseconds since 1970 at which every world begins: 2026-01-01. */
const WORLD_BEGINS_MS = 1_767_225_600_000;

/** A turn of an event loop takes up to this, and now and then up to STALL_MS_MAX. */
const TURN_MS_MAX = 0.02;
const STALL_PERCENT = 5;
const STALL_MS_MAX = 5;
/** How often work in slices pauses when it looks at the clock. */
const SLICE_PERCENT = 20;

export class Host {
  files: SimulatedFiles;
  readonly clock: Clock;
  readonly network: Network;
  private readonly own: HostNetwork;
  /** Counts processes: events of an earlier one are void. */
  private life = 0;
  private running = false;
  private paused = false;
  private waiting: (() => void)[] = [];
  private readonly turns: Prng;
  private turnEndsMs = 0;
  /** Milliseconds by which this host's wall clock is ahead. */
  wallErrorMs = 0;

  constructor(
    readonly world: World,
    net: SimulatedNetwork,
    readonly name: string,
    readonly address: string,
  ) {
    this.turns = new Prng(world.random.uint32() | 0);
    this.own = new HostNetwork(net, this);
    this.network = this.own;
    this.clock = new HostClock(this);
    this.files = new SimulatedFiles((run) => this.schedule(this.syncMs(), run));
  }

  /** How long a disk takes to make data durable. */
  syncMs: () => number = () => 1;

  get isUp(): boolean {
    return this.running;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** A process begins; `start` runs as its first event. */
  boot(start: () => void): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    this.running = true;
    this.life++;
    this.world.note(this.name, 'boot');
    this.schedule(0, start);
  }

  /** kill -9. */
  kill(): void {
    if (!this.running) return;
    this.world.note(this.name, 'killed');
    this.stop();
    this.own.reset();
  }

  /** The machine loses power: the disk may lose what was not synced, and peers hear nothing. */
  powerOff(): void {
    if (!this.running) return;
    this.world.note(this.name, 'power off');
    this.stop();
    this.own.vanish();
    this.files = this.files.afterCrash(new Prng(this.world.random.uint32() | 0));
    this.files.later = (run) => void this.schedule(this.syncMs(), run);
  }

  private stop(): void {
    this.running = false;
    this.paused = false;
    this.waiting = [];
    this.life++;
  }

  /** SIGSTOP: nothing happens here until `resume`; connections stay open, and bytes wait. */
  pause(): void {
    if (!this.running || this.paused) return;
    this.paused = true;
    this.world.note(this.name, 'paused');
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.world.note(this.name, 'resumed');
    const { waiting } = this;
    this.waiting = [];
    for (const run of waiting) this.schedule(0, run);
  }

  /**
   * An event of the next turn of the process's loop. A turn takes a moment, and now and then the system runs others first; so
   * a crash may come between what a process does in one turn and in the next.
   */
  scheduleTurn(run: () => void): Timer {
    const { turns, world } = this;
    const takesMs = turns.chance(STALL_PERCENT) ? turns.unit() * STALL_MS_MAX : turns.unit() * TURN_MS_MAX;
    this.turnEndsMs = Math.max(this.turnEndsMs, world.nowMs + takesMs);
    return this.schedule(this.turnEndsMs - world.nowMs, run);
  }

  /** Whether a slice of work ends here. */
  endsSlice(): boolean {
    return this.turns.chance(SLICE_PERCENT);
  }

  /** An event of the process that runs now; void when it is dead by then, late when it is paused. */
  schedule(delayMs: number, run: () => void): Timer {
    const { life } = this;
    const event = this.world.schedule(delayMs, () => {
      if (life !== this.life) return;
      if (this.paused)
        this.waiting.push(() => {
          if (!event.cancelled) run();
        });
      else run();
    });
    return {
      cancel() {
        event.cancelled = true;
      },
    };
  }
}

class HostClock implements StandingClock {
  constructor(private readonly host: Host) {}

  wallMs(): number {
    return Math.floor(WORLD_BEGINS_MS + this.host.world.nowMs + this.host.wallErrorMs);
  }

  steadyMs(): number {
    return this.host.world.nowMs;
  }

  endsSlice(endMs: number): boolean {
    return endMs !== Infinity && this.host.endsSlice();
  }

  /** A simulated process never works for long: code takes no time. */
  processorMs(): number {
    return this.host.world.nowMs;
  }

  idleMs(): number {
    return this.host.world.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.host.schedule(Math.min(Math.max(delayMs, 0), TIMER_MS_MAX), run);
  }

  soon(run: () => void): Timer {
    return this.host.scheduleTurn(run);
  }
}
