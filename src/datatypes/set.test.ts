import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Encoding } from './object.js';
import { add, makeSets, member, members, openNew } from './set.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('encodings widen where those of Redis do', () => {
  const sets = makeSets();
  const fill = (count: number, make: (index: number) => string): void => {
    for (let index = 0; index < count; index++) add(sets, make(index));
  };
  openNew(sets, '1');
  fill(512, String);
  assert.equal(sets.encoding, Encoding.INTSET);
  add(sets, '512');
  assert.equal(sets.encoding, Encoding.HASHTABLE);
  openNew(sets, '1');
  fill(127, String);
  add(sets, 'x');
  assert.equal(sets.encoding, Encoding.LISTPACK);
  add(sets, 'y');
  assert.equal(sets.encoding, Encoding.HASHTABLE);
  openNew(sets, '1');
  fill(128, String);
  add(sets, 'x');
  assert.equal(sets.encoding, Encoding.HASHTABLE);
  openNew(sets, 'a');
  add(sets, 'a'.repeat(64));
  assert.equal(sets.encoding, Encoding.LISTPACK);
  add(sets, 'b'.repeat(65));
  assert.equal(sets.encoding, Encoding.HASHTABLE);
  openNew(sets, 'a', 129);
  assert.equal(sets.encoding, Encoding.HASHTABLE);
  openNew(sets, '1', 513);
  assert.equal(sets.encoding, Encoding.HASHTABLE);
});

test('members are drawn with equal chances', () => {
  const sets = makeSets();
  const prng = new Prng(seed);
  for (const kind of ['intset', 'listpack', 'dict']) {
    openNew(sets, kind === 'intset' ? '1' : 'a');
    for (let index = 0; index < 50; index++) add(sets, kind === 'intset' ? String(index) : `m${index}`);
    if (kind === 'dict') sets.convertToDict();
    const counts = new Map<string, number>();
    const seen = (): void => void counts.set(member(sets), (counts.get(member(sets)) ?? 0) + 1);
    for (let draw = 0; draw < 10000; draw++) {
      sets.random(prng);
      seen();
    }
    for (let draw = 0; draw < 500; draw++) sets.sample(10, prng, seen);
    for (let draw = 0; draw < 250; draw++) sets.sample(20, prng, seen);
    // 400 expected for each of 50 members; the standard deviation is about 20.
    assert.equal(counts.size, 50, kind);
    for (const [name, count] of counts)
      assert.ok(count > 290 && count < 510, `${kind} ${name} was drawn ${count} times`);
  }
});

test('a big set is walked to its end and freed in slices', () => {
  const sets = makeSets();
  openNew(sets, 'x');
  for (let index = 0; index < 20000; index++) add(sets, `member:${index}`);
  assert.equal(new Set(members(sets)).size, 20000);
  let steps = 0;
  while (!sets.freeStep(sets.encoding, sets.ref, 1000)) steps++;
  assert.ok(steps >= 10, `${steps} steps`);
  assert.equal(sets.arena.usedBytes, 0);
});
