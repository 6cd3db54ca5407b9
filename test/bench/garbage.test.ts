import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { collectionsIn } from './garbage.js';

test('the lines of this Node about collections are understood', () => {
  const script =
    "let kept = []; for (let i = 0; i < 300000; i++) { kept.push({ i }); if (i % 100000 === 0) kept = []; } console.log('other output'); globalThis.gc();";
  const output = execFileSync(process.execPath, ['--trace-gc', '--expose-gc', '-e', script], { encoding: 'utf8' });
  const lines = output.split('\n').filter((line) => /^\[\d+:0x/.test(line));
  const { count, longestMs, largestMegabytes } = collectionsIn(output);
  assert.ok(lines.length > 1);
  assert.equal(count, lines.length, output);
  assert.ok(longestMs > 0 && largestMegabytes > 1 && largestMegabytes < 1000);
});

test('no collections are no figures', () => {
  assert.deepEqual(collectionsIn('1:M 01 Jan 2026 * 12 ms: nothing\n'), {
    count: 0,
    longestMs: 0,
    largestMegabytes: 0,
  });
});
