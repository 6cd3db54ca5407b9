import { chunkOf } from '../memory/layout.js';
import { RefMarks } from '../memory/ref-marks.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts, RefList, type DictRef } from './dict.js';
import { Entries } from './entry.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');

class Harness {
  readonly arena = new Arena();
  readonly dicts: Dicts;
  readonly entries = new Entries(this.arena);
  readonly dict: DictRef;

  constructor(hasher = new HalfSipHash(seed, seed ^ 0x1234567)) {
    this.dicts = new Dicts(this.arena, hasher);
    this.dict = this.dicts.create();
  }

  set(key: string, value: string): void {
    const keyBytes = encoder.encode(key);
    const valueBytes = encoder.encode(value);
    const hash = this.dicts.hash(keyBytes, 0, keyBytes.length);
    const old = this.dicts.find(this.dict, keyBytes, 0, keyBytes.length, hash);
    if (old === 0) {
      this.dicts.insert(
        this.dict,
        hash,
        this.entries.createString(0, 0, keyBytes, 0, keyBytes.length, valueBytes, 0, valueBytes.length),
      );
      return;
    }
    const moved = this.entries.setString(old, valueBytes, 0, valueBytes.length);
    if (moved !== old) this.dicts.replace(this.dict, hash, old, moved);
  }

  find(key: string): number {
    const bytes = encoder.encode(key);
    return this.dicts.find(this.dict, bytes, 0, bytes.length, this.dicts.hash(bytes, 0, bytes.length));
  }

  get(key: string): string | undefined {
    const ref = this.find(key);
    return ref === 0 ? undefined : this.value(ref);
  }

  value(ref: number): string {
    const start = this.entries.valueStart(ref);
    return decoder.decode(
      this.arena.u8[chunkOf(this.entries.valueBlock(ref))]!.subarray(start, start + this.entries.word2(ref)),
    );
  }

  delete(key: string): boolean {
    const ref = this.find(key);
    if (ref === 0) return false;
    assert.ok(this.dicts.remove(this.dict, this.dicts.hashOfEntry(ref), ref));
    this.entries.free(ref);
    return true;
  }
}

test('random sets, gets and deletes agree with a Map, growing and shrinking', () => {
  const prng = new Prng(seed);
  const harness = new Harness();
  const model = new Map<string, string>();
  for (let step = 0; step < 200_000; step++) {
    const shrinking = (step >> 15) & 1;
    const key = `key:${prng.below(20_000)}`;
    if (prng.chance(shrinking ? 20 : 70)) {
      const value = 'v'.repeat(prng.chance(2) ? prng.below(3000) : prng.below(40));
      harness.set(key, value);
      model.set(key, value);
    } else {
      assert.equal(harness.delete(key), model.delete(key), `seed ${seed} step ${step}`);
    }
    if (step % 97 === 0) assert.equal(harness.get(key), model.get(key), `seed ${seed} step ${step}`);
    if (step % 20_000 === 0) harness.dicts.verify(harness.dict);
  }
  harness.dicts.verify(harness.dict);
  harness.arena.verify();
  assert.equal(harness.dicts.count(harness.dict), model.size);
  for (const [key, value] of model) assert.equal(harness.get(key), value, `seed ${seed}`);
  for (const key of model.keys()) assert.ok(harness.delete(key));
  harness.dicts.verify(harness.dict);
  assert.equal(harness.dicts.stats(harness.dict).segments, 1, 'an emptied dict is small again');
  harness.dicts.destroy(harness.dict);
  assert.equal(harness.arena.usedBytes, 0);
});

test('a scan emits every key that stays just once, while others come and go', () => {
  const prng = new Prng(seed + 1);
  for (const size of [0, 1, 5, 100, 3000, 30_000]) {
    const harness = new Harness();
    for (let index = 0; index < size; index++) harness.set(`stay:${index}`, 'x');
    const seen = new Map<string, number>();
    const out = new RefList();
    let cursor = 0;
    let calls = 0;
    do {
      out.clear();
      cursor = harness.dicts.scan(harness.dict, cursor, 1 + prng.below(50), out);
      for (const ref of out.refs.subarray(0, out.length)) {
        const key = decoder.decode(harness.entries.keyBytes(ref));
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
      const churn = `churn:${prng.below(20_000)}`;
      for (let index = 0; index < 30; index++) harness.set(`${churn}:${index}`, 'x');
      for (let index = 0; index < 30; index += prng.below(3) + 1) harness.delete(`${churn}:${index}`);
      assert.ok(++calls < 2 * size + 5000, 'a scan ends');
    } while (cursor !== 0);
    for (let index = 0; index < size; index++)
      assert.equal(seen.get(`stay:${index}`), 1, `seed ${seed} size ${size} key ${index}`);
  }
});

test('COUNT decides about how much one call emits', () => {
  const harness = new Harness();
  for (let index = 0; index < 10_000; index++) harness.set(`key:${index}`, 'x');
  const out = new RefList();
  harness.dicts.scan(harness.dict, 0, 10, out);
  assert.ok(out.length >= 1 && out.length < 40, `${out.length}`);
  out.clear();
  assert.equal(harness.dicts.scan(harness.dict, 0, 20_000, out), 0);
  assert.equal(out.length, 10_000);
});

test('random draws have equal chances', () => {
  const prng = new Prng(seed + 2);
  const harness = new Harness();
  for (let index = 0; index < 1500; index++) harness.set(`key:${index}`, 'x');
  const counts = new Map<number, number>();
  for (let draw = 0; draw < 150_000; draw++) {
    const ref = harness.dicts.random(harness.dict, prng);
    counts.set(ref, (counts.get(ref) ?? 0) + 1);
  }
  assert.equal(counts.size, 1500);
  for (const count of counts.values())
    assert.ok(count > 40 && count < 180, `seed ${seed}: 100 expected, ${count} drawn`);
});

test('keys that all have one hash are still found and deleted', () => {
  const harness = new Harness({ hash: () => 0x7fffffff, hashView: () => 0x7fffffff } as unknown as HalfSipHash);
  for (let index = 0; index < 3000; index++) harness.set(`key:${index}`, `${index}`);
  harness.dicts.verify(harness.dict);
  for (let index = 0; index < 3000; index += 2) assert.ok(harness.delete(`key:${index}`));
  for (let index = 1; index < 3000; index += 2) assert.equal(harness.get(`key:${index}`), `${index}`);
  harness.dicts.verify(harness.dict);
});

test('removeMarked takes out what is marked, many or few, and leaves a sound dict', () => {
  const prng = new Prng(seed + 9);
  for (const size of [1, 5, 300, 5000, 30_000]) {
    for (const percent of [0, 3, 50, 97, 100]) {
      const harness = new Harness();
      const { dicts, dict, entries, arena } = harness;
      for (let index = 0; index < size; index++) harness.set(`key:${index}`, `value:${index}`);
      const marks = new RefMarks();
      const marked = new Set<number>();
      for (let index = 0; index < size; index++) {
        if (!prng.chance(percent)) continue;
        const ref = harness.find(`key:${index}`);
        marks.add(ref);
        marked.add(ref);
      }
      const told = new Set<number>();
      arena.guard = {
        memberAdded: () => undefined,
        beforeMember(owner, hash, entry) {
          assert.equal(owner, dict);
          assert.equal(hash, dicts.hashOfEntry(entry));
          told.add(entry);
        },
        beforeBlock: () => undefined,
        beforeLeaf: () => undefined,
        nodesCut: () => undefined,
      };
      dicts.removeMarked(dict, marks);
      arena.guard = null;
      dicts.verify(dict);
      assert.deepEqual(told, marked, 'a snapshot is told of each before it goes');
      const message = `seed ${seed}: ${size} keys, ${percent} of a hundred go`;
      assert.equal(dicts.count(dict), size - marked.size, message);
      for (const ref of marked) entries.free(ref);
      let found = 0;
      for (let index = 0; index < size; index++) {
        const ref = harness.find(`key:${index}`);
        if (ref === 0) continue;
        assert.equal(harness.value(ref), `value:${index}`);
        assert.ok(!marked.has(ref), message);
        found++;
      }
      assert.equal(found, size - marked.size, message);
      if (percent === 100) assert.equal(dicts.stats(dict).segments, 1, 'an empty dict is small again');
      for (let index = 0; index < size; index++) harness.set(`key:${index}`, 'again');
      dicts.verify(dict);
      assert.equal(dicts.count(dict), size, message);
    }
  }
});
