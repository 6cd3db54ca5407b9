import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noWire } from '../io/wire.js';
import { Replica } from './replica.js';
import { SyncRecord } from './sync-record.js';

describe('the record of failed syncs', () => {
  /** Waits before each of so many syncs that fail after `tookMs`. */
  const delays = (count: number, tookMs: number): number[] => {
    let nowMs = 1000;
    const record = new SyncRecord(() => nowMs);
    return Array.from({ length: count }, () => {
      const replica = new Replica({ remote: noWire.remote } as Replica['client'], nowMs);
      const delayMs = record.delayMs(replica);
      nowMs += delayMs;
      replica.syncBeganMs = nowMs;
      nowMs += tookMs;
      record.lost(replica);
      return delayMs;
    });
  };

  it('makes the next wait longer each time, when they take long', () => {
    assert.deepEqual(delays(11, 60_000), [0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('makes it wait for no more than a few times as long as they take', () => {
    assert.deepEqual(delays(8, 300), [0, 0, 0, 0, 1000, 1500, 1500, 1500]);
    assert.deepEqual(delays(8, 2), [0, 0, 0, 0, 10, 10, 10, 10]);
  });
});
