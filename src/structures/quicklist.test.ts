import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Harness } from './quicklist.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('a list of many nodes finds every index from both ends', () => {
  const harness = new Harness(1);
  const count = 5000;
  for (let index = 0; index < count; index++) {
    const bytes = latin1Bytes(`v${index}`);
    harness.quicklists.pushLast(harness.list, bytes, 0, bytes.length);
  }
  harness.quicklists.verify(harness.list);
  for (let index = 0; index < count; index += 7) assert.equal(harness.get(index), `v${index}`);
  assert.equal(harness.get(count), undefined);
  assert.equal(harness.get(-1), undefined);
});

test('a list without plain nodes becomes one listpack', () => {
  const harness = new Harness(-2);
  for (let index = 0; index < 500; index++) {
    const bytes = latin1Bytes(`element ${index}`);
    harness.quicklists.pushLast(harness.list, bytes, 0, bytes.length);
  }
  const { quicklists } = harness;
  assert.equal(quicklists.packedBytes(harness.list, 4096), Infinity);
  const bytes = quicklists.packedBytes(harness.list, 65536);
  const listpack = quicklists.dissolve(harness.list);
  quicklists.listpacks.verify(listpack);
  assert.equal(quicklists.listpacks.count(listpack), 500);
  assert.equal(quicklists.listpacks.byteLength(listpack), bytes);
  quicklists.listpacks.free(listpack);
  assert.equal(harness.arena.usedBytes, 0);
  const plain = new Harness(-2, 2);
  plain.quicklists.pushLast(plain.list, latin1Bytes('hello'), 0, 5);
  assert.equal(plain.quicklists.packedBytes(plain.list, 65536), Infinity);
});

for (const fill of [1, 4, -2]) {
  test(`a long range is cut off in groups, which are a list of their own (fill ${fill}, seed ${seed})`, () => {
    const prng = new Prng(seed + 10 + fill);
    const harness = new Harness(fill);
    const { quicklists, list } = harness;
    let model: string[] = [];
    for (let index = 0; index < 60_000; index++) {
      const text = `v${index}`.padEnd(60, '.');
      model.push(text);
      quicklists.pushLast(list, latin1Bytes(text), 0, text.length);
    }
    let cuts = 0;
    for (let round = 0; model.length > 0; round++) {
      const count = Math.min(model.length, 1025 + prng.below(12_000));
      const index = [0, model.length - count, prng.below(model.length - count + 1)][round % 3]!;
      let frees = 0;
      const free = harness.arena.free.bind(harness.arena);
      harness.arena.free = (ref) => {
        frees++;
        free(ref);
      };
      const cut = quicklists.deleteRange(list, index, count);
      harness.arena.free = free;
      model = [...model.slice(0, index), ...model.slice(index + count)];
      quicklists.verify(list);
      assert.equal(quicklists.count(list), model.length);
      // The rest of two groups and two nodes is freed at once, the groups too.
      assert.ok(frees <= 2 * 126 + 8, `${frees} blocks were freed at once`);
      if (cut === 0) continue;
      cuts++;
      quicklists.verify(cut);
      while (quicklists.freeStep(cut, 50) > 0) continue;
    }
    assert.ok(cuts > 2);
    assert.deepEqual(harness.toArray(), model);
    harness.free();
    harness.arena.verify();
    assert.equal(harness.arena.usedBytes, 0);
  });
}

test('all nodes but those at the ends are packed, and stay so through changes in the middle', () => {
  for (const depth of [1, 2]) {
    const harness = new Harness(-2, 0, depth);
    const { quicklists, list } = harness;
    const text = (index: number): string => `{"id":${index},"name":"element ${index}","state":"waiting","attempts":0}`;
    const model: string[] = [];
    for (let index = 0; index < 2000; index++) {
      model.push(text(index));
      quicklists.pushLast(list, latin1Bytes(text(index)), 0, text(index).length);
    }
    const check = (what: string): void => {
      quicklists.verify(list);
      const { packedNodes } = quicklists.packing(list);
      assert.equal(packedNodes, quicklists.countNodes(list) - 2 * depth, what);
      assert.deepEqual(harness.toArray(), model, what);
    };
    check('pushed at the end');
    const raw = quicklists.packing(list).bytes;
    assert.ok(quicklists.byteSize(list) < raw / 2, `${quicklists.byteSize(list)} bytes for ${raw}`);
    const value = text(5);
    quicklists.seek(list, 1000);
    quicklists.replace(list, latin1Bytes(value), 0, value.length);
    model[1000] = value;
    check('replaced');
    for (const [index, after] of [
      [700, true],
      [701, false],
      [1300, true],
    ] as const) {
      for (let round = 0; round < 40; round++) {
        quicklists.seek(list, index);
        if (after) quicklists.insertAfter(list, latin1Bytes(value), 0, value.length);
        else quicklists.insertBefore(list, latin1Bytes(value), 0, value.length);
        quicklists.finishChange(list);
        model.splice(after ? index + 1 : index, 0, value);
        check('inserted');
      }
    }
    for (let there = quicklists.first(list); there && quicklists.find(latin1Bytes(value), 0, value.length);)
      there = quicklists.delete(list);
    quicklists.finishChange(list);
    for (let index = model.length - 1; index >= 0; index--) if (model[index] === value) model.splice(index, 1);
    check('removed');
    quicklists.deleteRange(list, 100, 500);
    model.splice(100, 500);
    check('a range deleted');
    const copy = quicklists.copy(list);
    quicklists.verify(copy);
    assert.deepEqual(quicklists.packing(copy), quicklists.packing(list));
    while (quicklists.freeStep(copy, 100) > 0) continue;
    for (let count = 0; count < 1200; count++) {
      quicklists.first(list);
      quicklists.deleteEdge(list, true);
      model.shift();
      if (count % 50 === 0) check('taken from the start');
    }
    harness.free();
    assert.equal(harness.arena.usedBytes, 0);
  }
});
