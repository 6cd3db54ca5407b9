import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, chunkOf } from '../memory/layout.js';
import { Intsets } from './intset.js';
import { decimalOf, textAt } from './intset.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('the bytes are those that Redis writes', () => {
  const arena = new Arena();
  const sets = new Intsets(arena);
  let ref = sets.create();
  const raw = (): number[] => {
    const start = byteOffset(ref);
    return [...arena.u8[chunkOf(ref)]!.subarray(start, start + sets.byteLength(ref))];
  };
  const add = (value: bigint): void => {
    const decimal = decimalOf(value);
    if (!sets.has(ref, decimal)) ref = sets.insert(ref, decimal);
  };
  for (const value of [5n, -1n, 300n]) add(value);
  assert.deepEqual(raw(), [2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 5, 0, 0x2c, 1]);
  add(-32769n);
  assert.deepEqual(
    raw(),
    [4, 0, 0, 0, 4, 0, 0, 0, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0x2c, 1, 0, 0],
  );
  for (let left = 4; left > 1; left--) ref = sets.deleteAt(ref, 0);
  add((1n << 63n) - 1n);
  assert.deepEqual(
    raw(),
    [8, 0, 0, 0, 2, 0, 0, 0, 0x2c, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  );
});

test('bytes from outside are refused or are a sorted array', () => {
  const prng = new Prng(seed);
  const arena = new Arena();
  const sets = new Intsets(arena);
  let accepted = 0;
  for (let round = 0; round < 4000; round++) {
    const width = prng.pick([2, 4, 8]);
    const count = prng.below(6);
    const bytes = new Uint8Array(8 + count * width);
    for (let index = 8; index < bytes.length; index++)
      bytes[index] = index % width === width - 1 ? Math.floor((index - 8) / width) * 20 : prng.below(256);
    bytes[0] = width;
    bytes[4] = count;
    for (let times = prng.below(3); times > 0; times--)
      bytes[prng.below(bytes.length)] = prng.pick([0, 1, 2, 3, 4, 8, 0x7f, 0x80, 0xff]);
    const length = prng.chance(20) ? prng.below(bytes.length + 1) : bytes.length;
    if (!Intsets.validate(bytes, 0, length, true)) continue;
    accepted++;
    const ref = sets.createFrom(bytes, 0, length);
    sets.verify(ref);
    for (let index = 0; index < sets.count(ref); index++) {
      assert.ok(sets.has(ref, decimalOf(BigInt(textAt(sets, ref, index)))));
      assert.equal(sets.index, index);
    }
    sets.free(ref);
  }
  assert.ok(accepted > 100, `${accepted} accepted`);
  assert.ok(!Intsets.validate(Uint8Array.from([8, 0, 0, 0, 255, 255, 255, 255]), 0, 8, true));
  assert.ok(!Intsets.validate(new Uint8Array(0), 0, 0, true));
});
