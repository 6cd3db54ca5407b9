import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from './listpack.js';
import { Pair, anyText, bytesOf } from './listpack.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

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
