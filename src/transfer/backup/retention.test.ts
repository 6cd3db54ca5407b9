import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  backupName,
  clusterLabel,
  parseBackupName,
  parseClusterLabel,
  parseDuration,
  parseTime,
} from './backup-name.js';
import { expendable } from './retention.js';

const HOUR_MS = 3_600_000;
const startMs = Date.parse('2026-01-01T00:00:00Z');

function times(backups: readonly { timeMs: number }[]): string[] {
  return backups.map(({ timeMs }) => new Date(timeMs).toISOString().slice(0, 16));
}

it('keeps the newest backup of each hour and day', () => {
  // Twice an hour for five days.
  const all = Array.from({ length: 240 }, (_, index) => ({ timeMs: startMs + (index * HOUR_MS) / 2 }));
  const gone = new Set(expendable(all, { hourly: 3, daily: 3 }));
  assert.deepEqual(times(all.filter((one) => !gone.has(one))), [
    '2026-01-03T23:30',
    '2026-01-04T23:30',
    '2026-01-05T21:30',
    '2026-01-05T22:30',
    '2026-01-05T23:30',
  ]);
});

it('counts only periods that have backups, and always keeps the newest', () => {
  const old = [0, 24, 48, 24 * 400].map((hours) => ({ timeMs: startMs + hours * HOUR_MS }));
  assert.deepEqual(expendable(old, { daily: 4 }), []);
  assert.deepEqual(times(expendable(old, { daily: 2 })), ['2026-01-01T00:00', '2026-01-02T00:00']);
  assert.deepEqual(times(expendable(old, { hourly: 0 })), times(old.slice(0, 3)));
  assert.deepEqual(expendable(old, {}), []);
  assert.equal(expendable(old, { monthly: 12 }).length, 2);
  // 1 January 2026 was a Thursday: the fourth is the Sunday of its week, the fifth the Monday of the next one.
  const days = [3, 4].map((day) => ({ timeMs: startMs + day * 24 * HOUR_MS }));
  assert.deepEqual(expendable(days, { weekly: 2 }), []);
  assert.equal(expendable([days[0]!, { timeMs: startMs }], { weekly: 2 }).length, 1);
});

it('reads back the names that it makes, and no others', () => {
  for (const compression of ['none', 'gzip', 'brotli'] as const)
    for (const sealing of [undefined, 'sealed', 'age'] as const)
      for (const shard of [undefined, { index: 2, count: 10 }]) {
        const made = backupName('shop-1.a', startMs + 999, { compression, sealing, shard });
        assert.deepEqual(parseBackupName(made.file), made);
        assert.equal(made.timeMs, startMs);
      }
  assert.deepEqual(parseClusterLabel(clusterLabel('shop-1.a', startMs + 999)), { name: 'shop-1.a', timeMs: startMs });
  for (const bad of [
    'dump.rdb',
    '.a-20260101T000000Z.rdb.1.part',
    'a-20260101T000000Z.rdb.sha256',
    'a-20261399T000000Z.rdb',
    'a-20260101T000000Z.shard0of3.rdb',
    'a-20260101T000000Z.shard4of3.rdb',
    'a-20260101T000000Z.cluster',
  ])
    assert.equal(parseBackupName(bad), undefined, bad);
});

it('reads times and durations', () => {
  for (const text of [
    '2026-01-01',
    '2026-01-01 00:00',
    '2026-01-01T00:00:00Z',
    '2026-01-01 01:00+01:00',
    '20260101T000000Z',
  ])
    assert.equal(parseTime(text, 0), startMs, text);
  assert.equal(parseTime('2h ago', startMs), startMs - 2 * HOUR_MS);
  assert.equal(parseDuration('1.5h'), 1.5 * HOUR_MS);
  for (const bad of ['', 'now', '1', '2026-02-31x', '99']) assert.equal(parseTime(bad, 0), undefined, bad);
});
