// quicklist.fuzz: random changes of a list beside an array, for every size of nodes and depth of compression.

import assert from 'node:assert/strict';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from './listpack.js';
import { Quicklists, type QuicklistRef } from './quicklist.js';
import type { Fuzzer } from '../base/fuzzer.js';

export class Harness {
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

export const fuzzers: Fuzzer[] = [];

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
  fuzzers.push({
    name: `random changes agree with an array (fill ${fill}, plain from ${plainBytesMin}, ${depth} at each end not packed)`,
    steps: 12_000,
    run(seed, steps) {
      const prng = new Prng(seed * 1000 + fill + plainBytesMin + 7 * depth);
      const harness = new Harness(fill, plainBytesMin, Math.max(0, depth));
      const model: string[] = [];
      for (let count = 0; count < steps; count++) {
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
    },
  });
}
