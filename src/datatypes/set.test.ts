import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts } from '../structures/dict.js';
import { Entries } from '../structures/entry.js';
import { Encoding } from './object.js';
import { Sets, type SetLimits } from './set.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const defaults: SetLimits = { setMaxIntsetEntries: 512, setMaxListpackEntries: 128, setMaxListpackValue: 64 };

function makeSets(): Sets {
  const arena = new Arena();
  return new Sets(new Entries(arena), new Dicts(arena, new HalfSipHash(seed, 99)));
}

function member(sets: Sets): string {
  return latin1(sets.bytes, sets.start, sets.length);
}

function members(sets: Sets): string[] {
  const out: string[] = [];
  for (let more = sets.first(); more; more = sets.next()) out.push(member(sets));
  return out;
}

function add(sets: Sets, text: string, limits = defaults): boolean {
  const bytes = latin1Bytes(`.${text}.`);
  return sets.add(bytes, 1, text.length, limits);
}

function openNew(sets: Sets, first: string, expected = 1, limits = defaults): void {
  sets.openNew(latin1Bytes(first), 0, first.length, expected, limits);
}

test('a set does what a Set does, whatever its encoding', () => {
  const sets = makeSets();
  for (let round = 0; round < 60; round++) {
    const prng = new Prng(seed * 1000 + round);
    const limits: SetLimits = {
      setMaxIntsetEntries: prng.below(40),
      setMaxListpackEntries: prng.below(40),
      setMaxListpackValue: prng.below(30),
    };
    const integersOnly = prng.chance(40);
    const anyMember = (): string => {
      if (integersOnly ? prng.chance(98) : prng.chance(30))
        return String(prng.below(60) * (prng.chance(10) ? 2 ** 34 : 1) - 30);
      return String.fromCharCode(97 + prng.below(26)).repeat(prng.below(prng.chance(5) ? 40 : 4));
    };
    const model = new Set<string>();
    openNew(sets, anyMember(), prng.below(60), limits);
    for (let step = 0; step < 120; step++) {
      const text = anyMember();
      const bytes = latin1Bytes(text);
      if (prng.chance(65)) {
        assert.equal(add(sets, text, limits), !model.has(text), `seed ${prng.seed} add ${text}`);
        model.add(text);
      } else if (prng.chance(70)) {
        assert.equal(sets.delete(bytes, 0, bytes.length), model.delete(text), `seed ${prng.seed} delete ${text}`);
      } else if (model.size > 0) {
        sets.random(prng);
        assert.ok(model.has(member(sets)));
        if (prng.chance(50)) {
          model.delete(member(sets));
          sets.deleteDrawn();
        }
      }
      assert.equal(sets.has(bytes, 0, bytes.length), model.has(text));
      assert.equal(sets.size(), model.size);
    }
    sets.verify();
    assert.deepEqual(members(sets).sort(), [...model].sort(), `seed ${prng.seed}`);
    const copy = sets.copy(sets.encoding, sets.ref);
    const { encoding, ref } = sets;
    sets.open(encoding, copy);
    assert.deepEqual(members(sets).sort(), [...model].sort());
    assert.ok(sets.memoryBytes(encoding, ref, 0) > 0);
    sets.discard();
    sets.open(encoding, ref);
    const count = prng.below(model.size + 1);
    const sampled: string[] = [];
    if (count < model.size) sets.sample(count, prng, () => sampled.push(member(sets)));
    assert.equal(new Set(sampled).size, count < model.size ? count : 0);
    for (const text of sampled) assert.ok(model.has(text));
    sets.discard();
  }
  sets.arena.verify();
  assert.equal(sets.arena.usedBytes, 0);
});

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
