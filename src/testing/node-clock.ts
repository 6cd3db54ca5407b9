// node-clock: the clock of a test's group of nodes as one node has it: it stops while the node is paused.
//
// Time itself goes on, as for a process that was stopped: what was due meanwhile runs when the node goes on.

import type { Clock, Timer } from '../io/clock.js';

export class NodeClock implements Clock {
  private isPaused = false;
  private isDead = false;
  private readonly held: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  wallMs(): number {
    return this.clock.wallMs();
  }

  steadyMs(): number {
    return this.clock.steadyMs();
  }

  idleMs(): number {
    return this.clock.idleMs();
  }

  processorMs(): number {
    return this.clock.processorMs();
  }

  private guarded(run: () => void): () => void {
    return () => {
      if (this.isDead) return;
      if (this.isPaused) this.held.push(run);
      else run();
    };
  }

  after(delayMs: number, run: () => void, keepsAlive = false): Timer {
    return this.clock.after(delayMs, this.guarded(run), keepsAlive);
  }

  soon(run: () => void): Timer {
    return this.clock.soon(this.guarded(run));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const run of this.held.splice(0)) this.clock.soon(this.guarded(run));
  }

  /** Nothing of the node runs any more. */
  kill(): void {
    this.isDead = true;
    this.held.length = 0;
  }
}
