import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, chunkOf } from '../memory/layout.js';
import { Listpacks } from './listpack.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** A listpack beside an array of strings that should hold the same. */
class Pair {
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

function anyText(prng: Prng): string {
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

test('a listpack does what an array does', () => {
  for (let round = 0; round < 60; round++) {
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
});

test('the bytes are those that Redis writes', () => {
  const cases: [string, number[]][] = [
    ['0', [0, 1]],
    ['127', [127, 1]],
    ['128', [0xc0, 128, 2]],
    ['-1', [0xdf, 0xff, 2]],
    ['-4096', [0xd0, 0, 2]],
    ['4095', [0xcf, 0xff, 2]],
    ['4096', [0xf1, 0, 16, 3]],
    ['-4097', [0xf1, 0xff, 0xef, 3]],
    ['32768', [0xf2, 0, 0x80, 0, 4]],
    ['8388608', [0xf3, 0, 0, 0x80, 0, 5]],
    ['2147483648', [0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]],
    ['-9223372036854775808', [0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]],
    ['9223372036854775808', [0x80 | 19, ...bytesOf('9223372036854775808'), 20]],
    ['a', [0x81, 97, 2]],
    ['', [0x80, 1]],
    ['x'.repeat(64), [0xe0, 64, ...bytesOf('x'.repeat(64)), 66]],
    ['x'.repeat(300), [0xe1, 44, ...bytesOf('x'.repeat(300)), 302 >> 7, 128 | (302 & 127)]],
    ['x'.repeat(4096), [0xf0, 0, 16, 0, 0, ...bytesOf('x'.repeat(4096)), 4101 >> 7, 128 | (4101 & 127)]],
    ['x'.repeat(16378), [0xf0, 0xfa, 0x3f, 0, 0, ...bytesOf('x'.repeat(16378)), 0, 128 | 127, 128 | 127]],
  ];
  const arena = new Arena();
  for (const [text, expected] of cases) {
    const pair = new Pair(arena);
    pair.append(text);
    const total = 7 + expected.length;
    assert.deepEqual([...pair.raw()], [total & 255, total >> 8, 0, 0, 1, 0, ...expected, 255], text.slice(0, 30));
    assert.equal(pair.lists.entryBytesOf(bytesOf(text), 0, text.length), expected.length);
  }
});

test('more than 65534 entries are counted by walking', () => {
  const pair = new Pair();
  for (let index = 0; index < 65540; index++) pair.ref = pair.lists.appendInteger(pair.ref, index);
  assert.equal(pair.lists.count(pair.ref), 65540);
  assert.equal(pair.raw()[4], 255);
  assert.equal(pair.read(pair.lists.at(pair.ref, 65539)), '65539');
  assert.equal(pair.read(pair.lists.at(pair.ref, -65540)), '0');
  assert.equal(pair.lists.at(pair.ref, 65540), 0);
  assert.equal(pair.lists.at(pair.ref, -65541), 0);
  pair.ref = pair.lists.delete(pair.ref, pair.lists.first(pair.ref), 10);
  assert.equal(pair.lists.count(pair.ref), 65530);
  assert.equal(pair.raw()[4], 65530 & 255);
  pair.lists.verify(pair.ref);
});

test('a string inside a foreign listpack that looks like an integer is found as it stands', () => {
  const arena = new Arena();
  const lists = new Listpacks(arena);
  const foreign = Uint8Array.from([13, 0, 0, 0, 1, 0, 0x83, 49, 50, 51, 4, 255, 255]);
  assert.ok(!Listpacks.validate(foreign, 0, 13, true));
  const good = Uint8Array.from([12, 0, 0, 0, 1, 0, 0x83, 49, 50, 51, 4, 255]);
  assert.ok(Listpacks.validate(good, 0, 12, true));
  const ref = lists.createFrom(good, 0, 12);
  assert.equal(lists.find(ref, 6, bytesOf('123'), 0, 3, 0), 6);
  assert.equal(lists.find(ref, 6, bytesOf('124'), 0, 3, 0), 0);
});

test('bytes from outside are refused or can be walked both ways', () => {
  const prng = new Prng(seed);
  const arena = new Arena();
  let accepted = 0;
  for (let round = 0; round < 4000; round++) {
    const pair = new Pair(arena);
    const count = prng.below(8);
    for (let index = 0; index < count; index++) pair.append(anyText(prng).slice(0, 600));
    let bytes = pair.raw();
    const damage = prng.below(5);
    if (damage === 0) bytes = bytes.slice(0, prng.below(bytes.length + 1));
    else if (damage === 1)
      for (let index = prng.below(bytes.length); index < bytes.length; index++) bytes[index] = prng.below(256);
    else
      for (let times = prng.below(4); times > 0; times--)
        bytes[prng.below(bytes.length)] = prng.pick([
          0,
          1,
          0x7f,
          0x80,
          0xbf,
          0xc0,
          0xe0,
          0xef,
          0xf0,
          0xf1,
          0xf4,
          0xf5,
          0xff,
          prng.below(256),
        ]);
    if (prng.chance(50) && bytes.length > 3) {
      bytes[0] = bytes.length & 255;
      bytes[1] = bytes.length >> 8;
    }
    const framed = new Uint8Array(bytes.length + 20).fill(0xf0);
    framed.set(bytes, 10);
    if (!Listpacks.validate(framed, 10, bytes.length, true)) continue;
    accepted++;
    assert.ok(Listpacks.validate(framed, 10, bytes.length, false));
    pair.ref = pair.lists.createFrom(framed, 10, bytes.length);
    pair.lists.verify(pair.ref);
    assert.equal(pair.all().length, pair.lists.count(pair.ref));
  }
  assert.ok(accepted > 100, `${accepted} accepted`);
  for (let length = 0; length < 40; length++) Listpacks.validate(new Uint8Array(length).fill(0xf0), 0, length, true);
  assert.ok(!Listpacks.validate(new Uint8Array(10), 5, 10, true));
});
