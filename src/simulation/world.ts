// world: one seed, one virtual time, any number of hosts: what happens in it is the same at every run with the same seed.
//
// Everything that happens is an event with a time; events at one time happen in the order in which they were scheduled. Between two
// events the world waits until all promises that the first has resolved are served, so that code with async functions behaves
// as on an event loop. Time passes only between events: a step of code takes none, so a world runs as fast as the machine can.
//
// `note` adds a line to the timeline and to the trace's hash. Only what hosts do to each other, to disks and to clients is
// noted (bytes on the wire, syncs, crashes, replies), never how code gets there, so that the hash of a run stays when code moves.
//
// Not here: hosts (host), the network between them (network), what is tried (scenarios).

import { Prng } from '../base/prng.js';
import { EventQueue, type ScheduledEvent } from './event-queue.js';

export const FNV_OFFSET = 0x811c9dc5;
export const FNV_PRIME = 0x01000193;
/** The timeline keeps the last so many lines; the hash covers all. */
const TIMELINE_LINES_MAX = 20_000;
/** An event that runs so long in real time is a hang, whatever it does. */
const STEPS_MAX = 50_000_000;

export class World {
  readonly random: Prng;
  /** Milliseconds since the world began. */
  nowMs = 0;
  private readonly queue = new EventQueue();
  private hash = FNV_OFFSET;
  private readonly lines: string[] = [];
  private failure: Error | undefined;
  private steps = 0;
  /** Called after every event; throws when an invariant is broken. */
  readonly invariants: (() => void)[] = [];

  constructor(readonly seed: number) {
    this.random = new Prng(seed);
  }

  /** Does `run` in `delayMs`. */
  schedule(delayMs: number, run: () => void): ScheduledEvent {
    return this.queue.add(this.nowMs + Math.max(0, delayMs), run);
  }

  /** A line of the timeline. `who` is a host's or client's name. */
  note(who: string, text: string): void {
    const line = `${(this.nowMs / 1000).toFixed(6).padStart(12)}  ${who.padEnd(8)}  ${text}`;
    for (let index = 0; index < line.length; index++)
      this.hash = Math.imul(this.hash ^ line.charCodeAt(index), FNV_PRIME) >>> 0;
    this.lines.push(line);
    if (this.lines.length > TIMELINE_LINES_MAX) this.lines.splice(0, TIMELINE_LINES_MAX / 2);
  }

  /** A hash of everything that was noted. */
  get traceHash(): string {
    return this.hash.toString(16).padStart(8, '0');
  }

  /** The last lines that were noted. */
  get timeline(): readonly string[] {
    return this.lines;
  }

  /** The run has failed: `run` rejects with this error after the present event. The first failure stays. */
  fail(error: Error): void {
    this.failure ??= error;
  }

  /** Lets `durationMs` pass, or less when `isOver` says so after an event. */
  async run(durationMs: number, isOver: () => boolean = () => false): Promise<void> {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      await settled();
      if (this.failure !== undefined) throw this.failure;
      if (isOver()) return;
      const event = this.queue.takeUntil(endMs);
      if (event === undefined) break;
      if (++this.steps > STEPS_MAX) throw new Error(`the world has not come to rest after ${STEPS_MAX} events`);
      this.nowMs = Math.max(this.nowMs, event.atMs);
      try {
        event.run();
        for (const check of this.invariants) check();
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.nowMs = endMs;
  }

  /** Runs until `isOver`, for at most `limitMs` of virtual time; then it throws an Error that names `what`. */
  async runUntil(what: string, limitMs: number, isOver: () => boolean): Promise<void> {
    await this.run(limitMs, isOver);
    if (!isOver()) throw new Error(`after ${limitMs} ms: ${what} has not happened`);
  }
}

/** Resolves when every promise that is resolved already has been served. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
