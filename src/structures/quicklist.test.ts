import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from './listpack.js';
import { Quicklists, type QuicklistRef } from './quicklist.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

class Harness {
  readonly arena = new Arena();
  readonly quicklists = new Quicklists(new Listpacks(this.arena));
  readonly list: QuicklistRef;

  constructor(fill: number, plainBytesMin = 0, compressDepth = 0) {
    this.quicklists.fill = fill;
    this.quicklists.compressDepth = compressDepth;
    this.quicklists.plainBytesMin = plainBytesMin;
    this.list = this.quicklists.create();
  }

  value(): string {
    this.quicklists.read();
    return latin1(this.quicklists.bytes, this.quicklists.start, this.quicklists.length);
  }

  get(index: number): string | undefined {
    return this.quicklists.seek(this.list, index) ? this.value() : undefined;
  }

  toArray(): string[] {
    const values: string[] = [];
    for (let there = this.quicklists.first(this.list); there; there = this.quicklists.next()) values.push(this.value());
    return values;
  }

  toArrayBackward(): string[] {
    const values: string[] = [];
    for (let there = this.quicklists.last(this.list); there; there = this.quicklists.previous())
      values.push(this.value());
    return values;
  }

  free(): void {
    while (this.quicklists.freeStep(this.list, 3) > 0);
    this.quicklists.forgetUnpacked();
  }
}

function randomValue(prng: Prng): string {
  if (prng.chance(40)) return String(prng.below(5) - 2 + prng.below(2) * prng.uint32() * prng.below(100000));
  if (prng.chance(3)) return 'L'.repeat(prng.below(prng.chance(20) ? 70_000 : 5000));
  return 'abcdefgh'.slice(0, prng.below(8)) + 'x'.repeat(prng.below(prng.chance(10) ? 300 : 10));
}

/** One random operation on the list and on the array. */
function step(harness: Harness, model: string[], prng: Prng, growing: boolean): void {
  const { quicklists, list } = harness;
  const value = randomValue(prng);
  const bytes = latin1Bytes(value);
  const index = prng.below(model.length + 1);
  const there = index < model.length;
  switch (prng.below(growing && prng.chance(85) ? 8 : 15)) {
    case 0:
    case 1:
      quicklists.pushFirst(list, bytes, 0, bytes.length);
      model.unshift(value);
      break;
    case 2:
    case 3:
      quicklists.pushLast(list, bytes, 0, bytes.length);
      model.push(value);
      break;
    case 4:
      if (!quicklists.seek(list, index)) break;
      quicklists.insertBefore(list, bytes, 0, bytes.length);
      assert.equal(harness.value(), value);
      model.splice(index, 0, value);
      break;
    case 5:
      if (!quicklists.seek(list, index)) break;
      quicklists.insertAfter(list, bytes, 0, bytes.length);
      assert.equal(harness.value(), value);
      model.splice(index + 1, 0, value);
      break;
    case 6:
      if (!quicklists.seek(list, index)) break;
      quicklists.replace(list, bytes, 0, bytes.length);
      model[index] = value;
      break;
    case 7:
      assert.equal(harness.get(index), model[index]);
      if (there) assert.ok(quicklists.equals(latin1Bytes(model[index]!), 0, model[index]!.length));
      break;
    case 8: {
      if (!quicklists.seek(list, index)) break;
      for (let deleted = 0; deleted < 3 && index < model.length; deleted++) {
        const more = quicklists.delete(list);
        model.splice(index, 1);
        assert.equal(more, index < model.length);
        if (more) assert.equal(harness.value(), model[index]);
      }
      break;
    }
    case 9: {
      if (!quicklists.seek(list, index)) break;
      for (let at = index; at >= 0 && at > index - 3; at--) {
        const more = quicklists.deleteBackward(list);
        model.splice(at, 1);
        assert.equal(more, at > 0);
        if (more) assert.equal(harness.value(), model[at - 1]);
      }
      break;
    }
    case 10: {
      const first = prng.chance(50);
      if (!(first ? quicklists.first(list) : quicklists.last(list))) break;
      assert.equal(harness.value(), first ? model[0] : model[model.length - 1]);
      quicklists.deleteEdge(list, first);
      if (first) model.shift();
      else model.pop();
      break;
    }
    default: {
      const count = Math.min(model.length - index, prng.below(prng.chance(10) ? 200 : 6));
      quicklists.deleteRange(list, index, count);
      model.splice(index, count);
    }
  }
  quicklists.finishChange(list);
}

for (const [fill, plainBytesMin, depth] of [
  [-2, 0, 0],
  [-1, 0, 0],
  [-5, 0, 0],
  [1, 0, 0],
  [4, 0, 0],
  [128, 0, 0],
  [-2, 100, 0],
  [0, 0, 0],
  [-2, 0, 1],
  [-1, 0, 3],
  [4, 0, 1],
  [1, 0, 2],
  [128, 0, 1],
  [-2, 100, 1],
  [-2, 0, -1],
] as const) {
  test(`random changes agree with an array (fill ${fill}, plain from ${plainBytesMin}, ${depth} at each end not packed)`, () => {
    const prng = new Prng(seed * 1000 + fill + plainBytesMin + 7 * depth);
    const harness = new Harness(fill, plainBytesMin, Math.max(0, depth));
    const model: string[] = [];
    for (let count = 0; count < 12_000; count++) {
      // Depth -1 is one that changes.
      if (depth < 0 && prng.chance(2)) harness.quicklists.compressDepth = prng.below(4);
      step(harness, model, prng, (count >> 11) % 3 !== 2);
      assert.equal(harness.quicklists.count(harness.list), model.length, `seed ${seed} step ${count}`);
      if (count % 500 === 0) {
        harness.quicklists.verify(harness.list);
        assert.deepEqual(harness.toArray(), model, `seed ${seed} step ${count}`);
        assert.deepEqual(harness.toArrayBackward(), model.slice().reverse(), `seed ${seed} step ${count}`);
      }
    }
    harness.quicklists.verify(harness.list);
    harness.arena.verify();
    harness.free();
    assert.equal(harness.arena.usedBytes, 0);
  });
}

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
      // What is left of two groups and two nodes is freed at once, the groups too.
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
