// listpack.fuzz: random changes of a listpack beside an array of strings.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, chunkOf } from '../memory/layout.js';
import { Listpacks } from './listpack.js';
import type { Fuzzer } from '../base/fuzzer.js';

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** A listpack beside an array of strings that should hold the same. */
export class Pair {
  readonly lists: Listpacks;
  readonly model: string[] = [];
  ref: number;

  constructor(readonly arena = new Arena()) {
    this.lists = new Listpacks(arena);
    this.ref = this.lists.create();
  }

  read(at: number): string {
    this.lists.read(this.ref, at);
    return String.fromCharCode(...this.lists.bytes.subarray(this.lists.start, this.lists.start + this.lists.length));
  }

  all(): string[] {
    const out: string[] = [];
    for (let at = this.lists.first(this.ref); at !== 0; at = this.lists.next(this.ref, at)) out.push(this.read(at));
    return out;
  }

  raw(): Uint8Array {
    const start = byteOffset(this.ref);
    return this.arena.u8[chunkOf(this.ref)]!.slice(start, start + this.lists.byteLength(this.ref));
  }

  append(text: string): void {
    this.ref = this.lists.append(this.ref, bytesOf(text), 0, text.length);
    this.model.push(text);
  }
}

const EDGES = [
  0,
  127,
  128,
  4095,
  4096,
  32767,
  32768,
  8388607,
  8388608,
  2147483647,
  2147483648,
  Number.MAX_SAFE_INTEGER,
];

const BIG = [
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '-9223372036854775809',
  '4294967296000000000',
  '99999999999999999999',
  '9007199254740993',
  '-9007199254740993',
];

const NOT_INTEGERS = ['', '-', '-0', '+1', '01', '00', ' 1', '1 ', '1.0', '1e3', '0x1', '-01', '12345678901234567a'];

const LENGTHS = [
  0, 1, 62, 63, 64, 65, 124, 125, 126, 127, 128, 4094, 4095, 4096, 16375, 16376, 16377, 16378, 16379, 16380, 20000,
];

export function anyText(prng: Prng): string {
  const kind = prng.below(10);
  if (kind < 2) return String(prng.pick(EDGES) * (prng.chance(50) ? 1 : -1) + prng.below(3) - 1);
  if (kind === 2) return prng.pick(BIG);
  if (kind === 3) return prng.pick(NOT_INTEGERS);
  if (kind === 4) return String(prng.below(300));
  const length = kind === 5 ? prng.pick(LENGTHS) : prng.below(40);
  let text = '';
  while (text.length < length)
    text += String.fromCharCode(prng.below(256)).repeat(1 + prng.below(length > 100 ? 60 : 3));
  return text.slice(0, length);
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'a listpack does what an array does',
  steps: 60,
  run(seed, steps) {
    for (let round = 0; round < steps; round++) {
      const prng = new Prng(seed * 1000 + round);
      const pair = new Pair();
      const { lists, model } = pair;
      for (let step = 0; step < 150; step++) {
        const text = anyText(prng);
        const bytes = bytesOf(`##${text}#`);
        const index = prng.below(model.length + 1);
        const at = index < model.length ? lists.at(pair.ref, index) : 0;
        const action = prng.below(model.length > 40 ? 14 : 11);
        if (action === 0) {
          pair.ref = lists.append(pair.ref, bytes, 2, text.length);
          model.push(text);
          assert.equal(pair.read(lists.inserted), text);
        } else if (action === 1) {
          pair.ref = lists.prepend(pair.ref, bytes, 2, text.length);
          model.unshift(text);
        } else if (action === 2 && at !== 0) {
          pair.ref = lists.insertBefore(pair.ref, at, bytes, 2, text.length);
          model.splice(index, 0, text);
        } else if (action === 3 && at !== 0) {
          pair.ref = lists.insertAfter(pair.ref, at, bytes, 2, text.length);
          model.splice(index + 1, 0, text);
          assert.equal(pair.read(lists.inserted), text);
        } else if (action <= 5 && at !== 0) {
          pair.ref = lists.replace(pair.ref, at, bytes, 2, text.length);
          model[index] = text;
          assert.equal(lists.inserted, at);
        } else if (action === 6) {
          const value = (prng.pick(EDGES) - (prng.chance(30) ? 1 : 0)) * (prng.chance(50) ? 1 : -1) || 0;
          if (at === 0) {
            pair.ref = lists.appendInteger(pair.ref, value);
            model.push(String(value));
          } else if (prng.chance(50)) {
            pair.ref = lists.replaceInteger(pair.ref, at, value);
            model[index] = String(value);
          } else {
            pair.ref = lists.insertIntegerAfter(pair.ref, at, value);
            model.splice(index + 1, 0, String(value));
          }
        } else if (action === 7) {
          const skip = prng.below(3);
          const needle = prng.chance(70) && model.length > 0 ? prng.pick(model) : text;
          let expected = -1;
          for (let other = index; other < model.length; other += skip + 1) {
            if (model[other] === needle) {
              expected = other;
              break;
            }
          }
          const found = lists.find(pair.ref, at, bytesOf(needle), 0, needle.length, skip);
          assert.equal(found, expected < 0 ? 0 : lists.at(pair.ref, expected), `find ${needle}`);
        } else if (action === 8) {
          const other = prng.below(2 * model.length + 3) - model.length - 1;
          const offset = lists.at(pair.ref, other);
          assert.equal(offset === 0 ? undefined : pair.read(offset), model.at(other));
          if (offset !== 0) {
            assert.equal(lists.equals(pair.ref, offset, bytes, 2, text.length), text === model.at(other));
            const same = bytesOf(model.at(other)!);
            assert.ok(lists.equals(pair.ref, offset, same, 0, same.length));
          }
        } else if (action === 9 && at !== 0) {
          const middle = lists.at(pair.ref, prng.below(index + 1));
          const tail = lists.create(8);
          const moved = lists.appendRange(tail, pair.ref, at, 0, model.length - index);
          pair.ref = lists.deleteRange(pair.ref, at, 0, model.length - index);
          assert.equal(lists.following, 0);
          lists.verify(moved);
          lists.verify(pair.ref);
          assert.equal(lists.count(moved), model.length - index);
          assert.ok(middle > 0);
          if (index === 0) {
            lists.free(pair.ref);
            pair.ref = moved;
          } else {
            pair.ref = lists.appendRange(pair.ref, moved, lists.first(moved), 0, model.length - index);
            lists.free(moved);
          }
        } else if (at !== 0) {
          const count = 1 + prng.below(action > 10 ? 20 : 2);
          pair.ref = lists.delete(pair.ref, at, count);
          model.splice(index, count);
          assert.equal(lists.following, index < model.length ? lists.at(pair.ref, index) : 0);
        }
        lists.verify(pair.ref);
        assert.equal(lists.count(pair.ref), model.length, `seed ${prng.seed} step ${step} action ${action}`);
      }
      assert.deepEqual(pair.all(), model, `seed ${prng.seed}`);
      const raw = pair.raw();
      assert.ok(Listpacks.validate(raw, 0, raw.length, true));
      const copy = lists.createFrom(raw, 0, raw.length);
      lists.verify(copy);
      lists.free(copy);
      lists.free(pair.ref);
      pair.arena.verify();
      assert.equal(pair.arena.usedBytes, 0);
    }
  },
});
