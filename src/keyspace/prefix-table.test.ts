import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { PREFIX_BYTES_MAX, PrefixBudget, PrefixTable } from './prefix-table.js';

function makeTable(more: { depth?: number; prefixesMax?: number } = {}): PrefixTable {
  const table = new PrefixTable(
    new PrefixBudget({ separators: latin1Bytes(':'), depth: 2, prefixesMax: 1000, seed: 77, ...more }),
  );
  table.reset();
  return table;
}

function note(table: PrefixTable, name: string, change = 1): void {
  const key = latin1Bytes(name);
  table.note(1, key, 0, key.length, change);
}

function countsOf(table: PrefixTable): Record<string, number> {
  const counts: Record<string, number> = {};
  table.forEach((text, count) => (counts[Buffer.from(text).toString('latin1')] = count));
  return counts;
}

test('counts each prefix up to the depth, and forgets those without keys', () => {
  const table = makeTable();
  for (const name of ['a:b:c:d', 'a:b', 'a:x:y', ':', '', 'plain', '\xff:\x00:']) note(table, name);
  assert.deepEqual(countsOf(table), { 'a:': 3, 'a:b:': 1, 'a:x:': 1, ':': 1, '\xff:': 1, '\xff:\x00:': 1 });
  note(table, 'a:x:y', -1);
  assert.deepEqual(countsOf(table), { 'a:': 2, 'a:b:': 1, ':': 1, '\xff:': 1, '\xff:\x00:': 1 });
  assert.equal(table.countOf(latin1Bytes('a:')), 2);
  assert.equal(table.countOf(latin1Bytes('no:')), 0);
});

test('does not count prefixes that are longer than what it keeps', () => {
  const table = makeTable();
  note(table, `${'x'.repeat(PREFIX_BYTES_MAX - 1)}:1`);
  note(table, `${'y'.repeat(PREFIX_BYTES_MAX)}:1`);
  assert.deepEqual(Object.values(countsOf(table)), [1]);
});

test('is full at its bound, stays exact for what it has, and small however many prefixes come and go', () => {
  const table = makeTable({ prefixesMax: 500 });
  for (let index = 0; index < 100_000; index++) {
    note(table, `come:${index}:x`);
    note(table, `come:${index}:x`, -1);
  }
  assert.equal(table.isFull, false);
  assert.ok(table.bytes < 100_000, `${table.bytes} bytes`);
  for (let index = 0; index < 2000; index++) note(table, `p${index}:x`);
  assert.equal(table.isFull, true);
  assert.ok(table.bytes < 100_000, `${table.bytes} bytes`);
  note(table, 'p0:x', -1);
  note(table, 'p0:x');
  note(table, 'p0:y');
  note(table, 'p1999:x', -1);
  const counts = countsOf(table);
  assert.equal(counts['p0:'], 2);
  assert.equal(Object.keys(counts).length, 500);
  assert.ok(Object.entries(counts).every(([name, count]) => name === 'p0:' || count === 1));
  table.reset();
  note(table, 'again:1');
  assert.deepEqual([table.isFull, countsOf(table)], [false, { 'again:': 1 }]);
});
