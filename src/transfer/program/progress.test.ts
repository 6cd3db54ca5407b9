import assert from 'node:assert/strict';
import { it } from 'node:test';
import { humanBytes, humanTime, Progress } from './progress.js';

const quiet = { quiet: true, always: false, json: false };

it('tells counts, bytes, rate and time left', async () => {
  const progress = new Progress({ totalBytes: 4000, totalKeys: undefined }, quiet);
  assert.equal(progress.secondsLeft, undefined, 'nothing is known at the beginning');
  await new Promise((resolve) => setTimeout(resolve, 20));
  Object.assign(progress.counts, { keys: 1234, commands: 5, bytes: 1000 });
  // A quarter is done, so three times what it took is left.
  const { seconds } = progress;
  const left = progress.secondsLeft!;
  assert.ok(left >= seconds * 3 && left <= progress.seconds * 3 + 0.001, `${left} s after ${seconds} s`);
  assert.match(progress.line(), /^1,234 keys, 5 commands, 1000 B, \S+ \w+\/s, \d+:\d\d left$/);
  const summary = progress.summary();
  assert.deepEqual([summary.keys, summary.commands, summary.bytes, summary.errors], [1234, 5, 1000, 0]);
  assert.ok(summary.bytesPerSecond! > 0 && summary.bytesPerSecond! <= 1000 / 0.01, JSON.stringify(summary));
  assert.ok('secondsLeft' in summary && summary.seconds! > 0);
});

it('goes by keys where the bytes are not known, and says nothing where neither is', () => {
  const byKeys = new Progress({ totalBytes: undefined, totalKeys: 10 }, quiet);
  byKeys.counts.keys = 10;
  assert.equal(byKeys.secondsLeft, 0);
  const blind = new Progress({ totalBytes: undefined, totalKeys: undefined }, quiet);
  blind.counts.keys = 10;
  assert.equal(blind.secondsLeft, undefined);
  assert.doesNotMatch(blind.line(), /left/);
  assert.equal('secondsLeft' in blind.summary(), false);
});

it('writes sizes and times for people', () => {
  assert.deepEqual([0, 1023, 1024, 15 * 1024, 3 * 2 ** 30].map(humanBytes), [
    '0 B',
    '1023 B',
    '1.00 KB',
    '15.0 KB',
    '3.00 GB',
  ]);
  assert.deepEqual([0, 61, 3600, 86_399].map(humanTime), ['0:00', '1:01', '1:00:00', '23:59:59']);
});
