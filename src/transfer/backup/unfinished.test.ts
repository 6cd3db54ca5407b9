import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { secondsInWork } from './unfinished.js';

test('a name that is on its way to a target is taken', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-unfinished-'));
  try {
    assert.deepEqual(secondsInWork(join(folder, 'missing'), 'shop'), []);
    for (const entry of [
      '.shop-20260131T180000Z.rdb.made.part', // made, and not yet on every target
      '.shop-20260131T180001Z.rdb.gz.77.part', // being made by process 77
      '.shop-20260131T180002Z.cluster.made.part',
      '.shop-20260131T180003Z.shard2of3.rdb.88.part',
      '.other-20260131T180004Z.rdb.made.part',
      'shop-20260131T180005Z.rdb', // stored: the target says so
      '.shop-soon.made.part',
      '.part',
    ])
      writeFileSync(join(folder, entry), '');
    const startMs = Date.UTC(2026, 0, 31, 18);
    assert.deepEqual(
      secondsInWork(folder, 'shop').sort((one, other) => one - other),
      [0, 1, 2, 3].map((second) => startMs + second * 1000),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
