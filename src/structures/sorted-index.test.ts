import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { NUMBER } from './entry.js';
import { Harness, compareBytes, member } from './sorted-index.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('ascending and descending inserts fill the leaves', () => {
  for (const direction of [1, -1]) {
    const harness = new Harness();
    for (let index = 0; index < 50_000; index++) {
      const entry = harness.entries.create(0, NUMBER, 0, new Uint8Array(4), 0, 4, 0);
      harness.entries.setNumber(entry, index * direction);
      harness.indexes.insert(harness.set, index * direction, entry);
    }
    assert.equal(harness.indexes.verify(harness.set), 50_000);
    assert.ok(
      harness.indexes.bytes(harness.set) < 50_000 * 13.5,
      `${harness.indexes.bytes(harness.set) / 50_000} bytes a member`,
    );
  }
});

test('members of one score are found by their bytes', () => {
  const prng = new Prng(seed);
  const harness = new Harness();
  for (let index = 0; index < 3000; index++) harness.add(0, member(prng, 8));
  for (let round = 0; round < 500; round++) {
    const bytes = member(prng, 8);
    for (const beyond of [false, true]) {
      const expected = harness.items.filter((item) => compareBytes(item.member, bytes) < (beyond ? 1 : 0)).length;
      assert.equal(
        harness.indexes.seekMember(harness.set, bytes, 0, bytes.length, beyond),
        expected,
        `seed ${seed} round ${round}`,
      );
    }
  }
});

test('a set is freed in steps', () => {
  const prng = new Prng(seed);
  const harness = new Harness();
  for (let index = 0; index < 20_000; index++) harness.add(prng.below(1000), member(prng, 256));
  const count = harness.items.length;
  let freed = 0;
  for (;;) {
    const step = harness.indexes.freeStep(harness.set, 500, (entry) => {
      harness.entries.free(entry);
      freed++;
    });
    if (step === 0) break;
    assert.ok(step < 600);
  }
  harness.dicts.destroy(harness.set);
  assert.equal(freed, count);
  assert.equal(harness.arena.usedBytes, 0);
});
