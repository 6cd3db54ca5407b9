import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { RisingIds } from './rising-ids.js';
import { StreamId } from './stream-id.js';
import { StreamIndexes } from './stream-index.js';
import { idOf } from './stream-index.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('ids are read, printed, compared and stepped through over all 128 bits', () => {
  const max = '18446744073709551615';
  const id = new StreamId();
  const parse = (text: string): boolean => id.parseMs(latin1Bytes(text), 0, text.length);
  for (const text of ['0', '1', '4294967296', '9007199254740993', max]) {
    assert.ok(parse(text), text);
    assert.equal(id.toString(), `${text}-0`);
  }
  assert.ok(parse('007') && id.ms === 7);
  for (const text of ['', '-1', 'x', '18446744073709551616', '99999999999999999999', '1 ', '184467440737095516150'])
    assert.ok(!parse(text), text);
  id.setMax();
  assert.equal(id.toString(), `${max}-${max}`);
  assert.ok(!id.increment() && id.isZero);
  assert.ok(!id.decrement() && id.isMax);
  id.setNumbers(4294967295, 0);
  id.setSeqMax();
  assert.ok(id.increment());
  assert.equal(id.toString(), '4294967296-0');
  assert.ok(id.decrement());
  assert.equal(id.toString(), `4294967295-${max}`);
  assert.ok(idOf(2147483648, 0).compare(idOf(2147483647, 9)) > 0);
  assert.ok(idOf(5, 4294967295).compare(idOf(5, 4294967296)) < 0);
});

test('removeWhere takes out what it is asked to, many or few, and leaves a sound map', () => {
  const prng = new Prng(seed + 77);
  const arena = new Arena();
  const indexes = new StreamIndexes(arena);
  for (const valueWords of [1, 5]) {
    for (let run = 0; run < 60; run++) {
      const map = indexes.create(valueWords);
      let model: number[] = [];
      for (let key = 0; key < prng.below(3000); key++) {
        if (prng.chance(30)) continue;
        indexes.insert(map, idOf(key, 0));
        indexes.setValue(valueWords - 1, key);
        model.push(key);
      }
      for (let round = 0; round < 4; round++) {
        const from = prng.below(3000);
        const length = prng.below(3000);
        const part = prng.pick([1, 2, 3, 10, 50]);
        const goes = (key: number): boolean =>
          round % 2 === 0 ? key >= from && key < from + length : key % part === 0;
        indexes.removeWhere(map, () => goes(indexes.value(valueWords - 1)));
        model = model.filter((key) => !goes(key));
        indexes.verify(map);
        const left: number[] = [];
        for (let there = indexes.first(map); there; there = indexes.next()) left.push(indexes.value(valueWords - 1));
        assert.deepEqual(left, model, `seed ${seed} run ${run} round ${round}`);
        const key = 5000 + round;
        assert.ok(indexes.insert(map, idOf(key, 0)));
        indexes.setValue(valueWords - 1, key);
        model.push(key);
      }
      while (!indexes.freeStep(map, 10, null)) continue;
    }
  }
  assert.equal(arena.usedBytes, 0);
});

function shuffled(prng: Prng, list: readonly number[]): number[] {
  const made = [...list];
  for (let index = made.length - 1; index > 0; index--) {
    const other = prng.below(index + 1);
    [made[index], made[other]] = [made[other]!, made[index]!];
  }
  return made;
}

test('removeEach and removeRange take out what they are told and leave a sound map', () => {
  const prng = new Prng(seed + 78);
  const arena = new Arena();
  const indexes = new StreamIndexes(arena);
  for (const valueWords of [1, 6]) {
    for (let run = 0; run < 60; run++) {
      const map = indexes.create(valueWords);
      let model: number[] = [];
      const keys = prng.below(4000);
      for (let key = 0; key < keys; key++) {
        if (prng.chance(30)) continue;
        indexes.insert(map, idOf(key, 0));
        indexes.setValue(valueWords - 1, key);
        model.push(key);
      }
      for (let round = 0; round < 6; round++) {
        const message = `seed ${seed} run ${run} round ${round}`;
        const from = prng.below(4000);
        const to = from + prng.below(prng.chance(50) ? 40 : 4000);
        const part = prng.pick([1, 1, 2, 5, 100]);
        const goes = (key: number): boolean => key >= from && key < to && (round % 2 === 1 || prng.below(part) === 0);
        const seen: number[] = [];
        if (round % 2 === 0) {
          const wanted = Array.from({ length: 4000 }, (_, key) => key).filter(goes);
          const given = prng.chance(50) ? wanted : shuffled(prng, [...wanted, ...wanted.slice(0, 5)]);
          const rising = new RisingIds(given.map((key) => idOf(key, 0)));
          indexes.removeEach(map, rising, (index) => {
            seen.push(indexes.value(valueWords - 1));
            assert.equal(given[rising.placeOf(index)], seen.at(-1), message);
          });
          assert.deepEqual(
            seen,
            model.filter((key) => wanted.includes(key)),
            message,
          );
          model = model.filter((key) => !wanted.includes(key));
        } else {
          const looks = prng.chance(50);
          const look = (): void => void seen.push(indexes.value(valueWords - 1));
          indexes.removeRange(map, idOf(from, 0), idOf(to, 0), looks ? look : null);
          if (looks) assert.deepEqual(seen, model.filter(goes), message);
          model = model.filter((key) => !goes(key));
        }
        indexes.verify(map);
        const left: number[] = [];
        for (let there = indexes.first(map); there; there = indexes.next()) left.push(indexes.value(valueWords - 1));
        assert.deepEqual(left, model, message);
      }
      while (!indexes.freeStep(map, 10, null)) continue;
    }
  }
  assert.equal(arena.usedBytes, 0);
});
