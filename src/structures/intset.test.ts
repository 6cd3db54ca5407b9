import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, chunkOf } from '../memory/layout.js';
import { Decimal } from './decimal.js';
import { Intsets } from './intset.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const encoder = new TextEncoder();

function decimalOf(value: bigint): Decimal {
  const decimal = new Decimal();
  const bytes = encoder.encode(String(value));
  assert.ok(decimal.parse(bytes, 0, bytes.length));
  return decimal;
}

function textAt(sets: Intsets, ref: number, index: number): string {
  sets.read(ref, index);
  return new TextDecoder().decode(sets.bytes.subarray(sets.start, sets.start + sets.length));
}

function anyInteger(prng: Prng, bits: number): bigint {
  const value = BigInt.asIntN(bits, (BigInt(prng.uint32()) << 32n) | BigInt(prng.uint32()));
  return prng.chance(20) ? value >> BigInt(prng.below(bits)) : value;
}

test('an intset does what a sorted array of integers does', () => {
  const arena = new Arena();
  const sets = new Intsets(arena);
  for (let round = 0; round < 80; round++) {
    const prng = new Prng(seed * 1000 + round);
    const model: bigint[] = [];
    let ref = sets.create();
    let bits = prng.pick([8, 16, 32]);
    for (let step = 0; step < 200; step++) {
      if (prng.chance(2)) bits = prng.pick([16, 17, 32, 33, 64]);
      const value = prng.chance(30) && model.length > 0 ? prng.pick(model) : anyInteger(prng, bits);
      const decimal = decimalOf(value);
      const found = sets.has(ref, decimal);
      assert.equal(found, model.includes(value), `seed ${prng.seed}: has ${value}`);
      if (found && prng.chance(40)) {
        const count = prng.chance(5) ? 1 + prng.below(model.length - sets.index) : 1;
        const index = sets.index;
        ref = sets.deleteAt(ref, index, count);
        model.splice(index, count);
      } else if (!found) {
        ref = sets.insert(ref, decimal);
        model.push(value);
        model.sort((one, other) => (one < other ? -1 : 1));
      }
      sets.verify(ref);
      assert.equal(sets.count(ref), model.length);
    }
    for (const [index, value] of model.entries()) {
      assert.equal(textAt(sets, ref, index), String(value));
      const decimal = new Decimal();
      sets.load(ref, index, decimal);
      assert.equal((BigInt(decimal.high) << 32n) | BigInt(decimal.low >>> 0), value);
    }
    assert.equal(sets.longestText(ref), Math.max(0, ...model.map((value) => String(value).length)));
    const copy = sets.copy(ref);
    sets.verify(copy);
    sets.free(copy);
    sets.free(ref);
  }
  arena.verify();
  assert.equal(arena.usedBytes, 0);
});

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
