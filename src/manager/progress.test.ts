// The bar of a reshard on a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../io/virtual-clock.js';
import type { Context } from './context.js';
import { Progress } from './progress.js';

function watch(slots: number): { clock: VirtualClock; progress: Progress; shown: string[] } {
  const clock = new VirtualClock({ frozen: true });
  const shown: string[] = [];
  const terminal = { isWatched: true, complain: (text: string) => void shown.push(text) };
  const context = { environment: { clock, terminal }, options: { json: false } } as unknown as Context;
  return { clock, progress: new Progress(context, slots, 0), shown };
}

test('a move that is held up shows where it stands, though its last step came right after another', () => {
  const { clock, progress, shown } = watch(200);
  for (let slot = 0; slot < 5; slot++) progress.slotDone();
  assert.equal(shown.length, 1);
  assert.match(shown[0]!, / 1\/200 slots/);
  clock.advance(100);
  assert.equal(shown.length, 2);
  assert.match(shown[1]!, / 5\/200 slots/);
  clock.advance(10_000);
  assert.equal(shown.length, 2, 'nothing new, nothing drawn');
});

test('nothing is drawn once the bar was taken away', () => {
  const { clock, progress, shown } = watch(2);
  progress.slotDone();
  progress.slotDone();
  progress.clear();
  assert.equal(shown.at(-1), '\r\x1b[K');
  const { length } = shown;
  clock.advance(10_000);
  assert.equal(shown.length, length);
});
