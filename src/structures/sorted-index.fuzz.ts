// sorted-index.fuzz: random histories of scores and members beside a sorted array.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts, type DictRef } from './dict.js';
import { Entries, NUMBER } from './entry.js';
import { SortedIndexes } from './sorted-index.js';
import type { Fuzzer } from '../base/fuzzer.js';

interface Item {
  readonly member: Uint8Array;
  readonly entry: number;
  score: number;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export class Harness {
  readonly arena = new Arena();
  readonly entries = new Entries(this.arena);
  readonly dicts = new Dicts(this.arena, new HalfSipHash(1, 99));
  readonly indexes = new SortedIndexes(this.arena);
  readonly set: DictRef = this.dicts.create();
  items: Item[] = [];

  constructor() {
    this.indexes.create(this.set);
  }

  /** Where an item of this score and member is, or belongs, in the model. */
  place(score: number, member: Uint8Array): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const item = this.items[middle]!;
      if (item.score < score || (item.score === score && compareBytes(item.member, member) < 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(score: number, member: Uint8Array): void {
    const place = this.place(score, member);
    const there = this.items[place];
    if (there !== undefined && there.score === score && compareBytes(there.member, member) === 0) return;
    const entry = this.entries.create(0, NUMBER, 0, member, 0, member.length, 0);
    this.entries.setNumber(entry, score);
    this.items.splice(place, 0, { member, entry, score });
    this.indexes.insert(this.set, score, entry);
  }

  delete(place: number): void {
    const [item] = this.items.splice(place, 1);
    this.indexes.remove(this.set, item!.score, item!.entry);
    this.entries.free(item!.entry);
  }

  rescore(place: number, score: number): void {
    const [item] = this.items.splice(place, 1);
    const target = this.place(score, item!.member);
    const there = this.items[target];
    if (there !== undefined && there.score === score && compareBytes(there.member, item!.member) === 0) {
      this.items.splice(place, 0, item!);
      return;
    }
    this.indexes.update(this.set, item!.score, score, item!.entry);
    this.entries.setNumber(item!.entry, score);
    item!.score = score;
    this.items.splice(target, 0, item!);
  }

  check(prng: Prng, message: string): void {
    const { indexes, set, items } = this;
    assert.equal(indexes.verify(set), items.length, message);
    for (let round = 0; round < 20; round++) {
      const rank = prng.below(items.length + 1);
      indexes.seekRank(set, rank);
      if (rank === items.length) assert.equal(indexes.leaf, 0, message);
      else {
        const item = items[rank]!;
        assert.equal(indexes.entry(), item.entry, message);
        assert.equal(indexes.rankOf(set, item.score, item.entry), rank, message);
        const back = Math.min(rank, prng.below(200));
        for (let step = 0; step < back; step++) indexes.previous();
        assert.equal(indexes.entry(), items[rank - back]!.entry, message);
        if (back === rank) {
          indexes.previous();
          assert.equal(indexes.leaf, 0, message);
        }
      }
      const score = round < 10 && items.length > 0 ? prng.pick(items).score : prng.below(50) - 25;
      for (const beyond of [false, true]) {
        const expected = items.filter((item) => item.score < score || (beyond && item.score === score)).length;
        assert.equal(indexes.seekScore(set, score, beyond), expected, message);
        if (expected === items.length) assert.equal(indexes.leaf, 0, message);
        else assert.equal(indexes.entry(), items[expected]!.entry, message);
      }
    }
  }
}

export function member(prng: Prng, space: number): Uint8Array {
  const length = prng.below(5) === 0 ? prng.below(30) : 8;
  return Uint8Array.from({ length }, () => prng.below(space));
}

export const fuzzers: Fuzzer[] = [];

for (const [name, scores, space] of [
  ['many equal scores', 5, 4],
  ['spread scores', 1_000_000, 256],
  ['one score', 1, 256],
] as const) {
  fuzzers.push({
    name: `a random history keeps the order, its ranks and its ranges: ${name}`,
    steps: 24_000,
    run(seed, steps) {
      const prng = new Prng(seed);
      const harness = new Harness();
      for (let step = 0; step < steps; step++) {
        const message = `seed ${seed} step ${step}`;
        const growing = ((step >> 12) & 1) === 0 || step < 9000;
        const { items } = harness;
        const action = prng.below(100);
        if (items.length === 0 || action < (growing ? 70 : 15)) {
          harness.add(prng.below(scores) - (scores >> 1) + (prng.chance(10) ? 0.5 : 0), member(prng, space));
        } else if (action < 85) {
          const kind = prng.below(3);
          const place = kind === 0 ? 0 : kind === 1 ? items.length - 1 : prng.below(items.length);
          harness.delete(place);
        } else {
          const place = prng.below(items.length);
          harness.rescore(place, prng.chance(50) ? items[place]!.score + 1 : prng.below(scores));
        }
        if (step % 1000 === 0 || (step < 300 && step % 10 === 0)) harness.check(prng, message);
      }
      while (harness.items.length > 0) {
        harness.delete(prng.below(harness.items.length));
        if (harness.items.length % 500 === 0) harness.check(prng, `seed ${seed}, ${harness.items.length} left`);
      }
      assert.equal(harness.indexes.freeStep(harness.set, 100, () => assert.fail('nothing is left')) > 0, true);
      assert.equal(
        harness.indexes.freeStep(harness.set, 100, () => assert.fail('nothing is left')),
        0,
      );
      harness.dicts.destroy(harness.set);
      assert.equal(harness.arena.usedBytes, 0);
      harness.arena.verify();
    },
  });
}
