import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../io/clock.js';
import { WalkPace } from './walk-pace.js';

/** So that all times are whole. */
const PAUSE_PER_SLICE = 2.5;

/** A machine whose times a test moves: what passes, what the process works of it, and what it waits for events. */
class Machine {
  private steady = 0;
  private worked = 0;
  private idle = 0;
  readonly pace = new WalkPace(
    {
      wallMs: () => this.steady,
      steadyMs: () => this.steady,
      idleMs: () => this.idle,
      processorMs: () => this.worked,
      after: () => ({ cancel: () => undefined }),
      soon: () => ({ cancel: () => undefined }),
    } satisfies Clock,
    PAUSE_PER_SLICE,
  );

  pass(milliseconds: number, workedMs: number, idleMs = 0): void {
    this.steady += milliseconds;
    this.worked += workedMs;
    this.idle += idleMs;
  }

  slice(milliseconds: number, workedMs: number): void {
    this.pace.sliceBegins();
    this.pass(milliseconds, workedMs);
    this.pace.sliceEnds();
  }

  /** How many whole milliseconds a slice lasts in which the process works this share of the time. */
  sliceLength(workedShare: number): number {
    let passed = 0;
    for (this.pace.sliceBegins(); !this.pace.isSliceOver; passed++) this.pass(1, workedShare);
    this.pace.sliceEnds();
    return passed;
  }

  /** How long the pause is when the process works this share of the time and waits that share of it. */
  pause(workedShare: number, idleShare = 0): number {
    let passed = 0;
    for (let rest = this.pace.restMs; rest > 0; rest = this.pace.restMs) {
      this.pass(rest, rest * workedShare, rest * idleShare);
      passed += rest;
    }
    return passed;
  }
}

test('an engine that is busy all the time gives the walk its share', () => {
  const machine = new Machine();
  machine.slice(2, 2);
  assert.equal(machine.pause(1), 5);
});

test('time that the loop waits for events counts as much', () => {
  const machine = new Machine();
  machine.slice(2, 2);
  assert.equal(machine.pause(0, 1), 5);
  machine.slice(2, 2);
  assert.equal(machine.pause(0.1, 0.9), 5);
});

test('on a machine with more to do than it can, the walk gets half of what the process gets', () => {
  const machine = new Machine();
  machine.slice(2, 2);
  assert.equal(machine.pause(0.1), 20);
});

test('a slice that was interrupted is followed by a pause for what it worked', () => {
  const machine = new Machine();
  machine.slice(300, 2);
  assert.equal(machine.pause(1), 5);
});

test('where processor time moves in ticks, the time that a slice took counts', () => {
  const machine = new Machine();
  machine.slice(2, 0);
  assert.equal(machine.pause(1), 5);
});

test('a process that gets no processor time at all goes on in the end', () => {
  const machine = new Machine();
  machine.slice(2, 2);
  assert.equal(machine.pause(0), 100);
});

test('a slice is short, and longer after a pause that took longer than asked for, up to a bound', () => {
  const machine = new Machine();
  assert.equal(machine.sliceLength(1), 2);
  machine.pass(5, 5);
  assert.equal(machine.sliceLength(1), 2);
  machine.pass(10, 1);
  assert.equal(machine.sliceLength(1), 4);
  machine.pass(200, 10);
  assert.equal(machine.sliceLength(1), 8);
});

test('a slice that is interrupted still gets its processor time', () => {
  assert.equal(new Machine().sliceLength(0.1), 15);
});

test('a slice ends by the time that passes where processor time moves in ticks', () => {
  assert.equal(new Machine().sliceLength(0), 2);
});
