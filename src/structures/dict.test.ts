import { RefMarks } from '../memory/ref-marks.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { RefList } from './dict.js';
import { Harness, decoder } from './dict.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

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
  const harness = new Harness(1, { hash: () => 0x7fffffff, hashView: () => 0x7fffffff } as unknown as HalfSipHash);
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
