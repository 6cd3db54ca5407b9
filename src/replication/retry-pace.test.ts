import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryPace } from './retry-pace.js';

class Hand {
  nowMs = 1000;
  readonly pace = new RetryPace({ steadyMs: () => this.nowMs });

  /** A full sync that fails after so long; returns the wait. */
  failSync(tookMs: number): number {
    this.pace.syncBegins();
    this.nowMs += tookMs;
    const waitMs = this.pace.next('in sync');
    this.nowMs += waitMs;
    return waitMs;
  }
}

const times = <T>(count: number, run: () => T): T[] => Array.from({ length: count }, run);

describe('the wait before a replica connects again', () => {
  it('doubles up to a bound while syncs of much data fail', () => {
    const hand = new Hand();
    assert.deepEqual(
      times(7, () => hand.failSync(60_000)),
      [1000, 2000, 4000, 8000, 16_000, 16_000, 16_000],
    );
  });

  it('is not much longer than the syncs that fail', () => {
    const hand = new Hand();
    assert.deepEqual(
      times(5, () => hand.failSync(700)),
      [1000, 2000, 3500, 3500, 3500],
    );
    assert.deepEqual(
      times(3, () => hand.failSync(20)),
      [3500, 1000, 1000],
    );
  });

  it('grows also when the links end soon after their syncs, and not when they last', () => {
    const hand = new Hand();
    const waits = (upMs: number): number[] =>
      times(4, () => {
        hand.pace.syncBegins();
        hand.nowMs += 30_000;
        hand.pace.syncIsDone();
        hand.nowMs += upMs;
        const waitMs = hand.pace.next('up');
        hand.nowMs += waitMs;
        return waitMs;
      });
    assert.deepEqual(waits(500), [0, 2000, 4000, 8000]);
    assert.deepEqual(waits(60_000), [16_000, 0, 0, 0]);
  });

  it('begins anew when the link continues, and stays a second while nobody answers', () => {
    const hand = new Hand();
    times(3, () => hand.failSync(60_000));
    hand.pace.hasContinued();
    hand.nowMs += 60_000;
    assert.equal(hand.pace.next('up'), 0);
    assert.deepEqual(
      times(3, () => hand.pace.next('early')),
      [1000, 1000, 1000],
    );
  });
});
