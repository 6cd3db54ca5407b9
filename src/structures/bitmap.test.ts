import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { type BitOperation, combineBits, countBits, findBit, readField, writeField } from './bitmap.js';
import { bit } from './bitmap.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

const operations: BitOperation[] = ['and', 'or', 'xor', 'not', 'diff', 'diff1', 'andor', 'one'];

/** Pieces so short that words are used for them. */
const PIECE = 1000;

test('sources are combined bit by bit', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 1000; round++) {
    const operation = prng.pick(operations);
    const sources = Array.from({ length: operation === 'not' ? 1 : 1 + prng.below(4) }, () => {
      const start = prng.below(3) * 2;
      const length = prng.below(prng.chance(50) ? 10 : 200);
      return { bytes: Uint8Array.from({ length: start + length + 8 }, () => prng.below(256)), start, length };
    });
    const result = new Uint8Array(Math.max(...sources.map((source) => source.length)));
    combineBits(operation, sources, result);
    for (let at = 0; at < result.length * 8; at++) {
      const [first, ...others] = sources.map((source) => bit(source.bytes, source.start, source.length, at));
      const any = others.some((value) => value === 1) ? 1 : 0;
      const ones = others.reduce((sum, value) => sum + value, first!);
      const expected = {
        and: ones === sources.length ? 1 : 0,
        or: ones > 0 ? 1 : 0,
        xor: ones & 1,
        not: 1 - first!,
        diff: first! & ~any,
        diff1: any & ~first!,
        andor: first! & any,
        one: ones === 1 ? 1 : 0,
      }[operation];
      assert.equal(bit(result, 0, result.length, at), expected, `seed ${seed} round ${round} ${operation} bit ${at}`);
    }
  }
});

test('a field is written where it is read, and nothing else changes', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from({ length: 24 }, () => prng.below(256));
    const before = bytes.slice();
    const bits = 1 + prng.below(64);
    const offset = prng.below(20 * 8 - bits);
    const value = (BigInt(prng.uint32()) << 32n) | BigInt(prng.uint32());
    writeField(bytes, 2, offset, bits, value);
    assert.equal(readField(bytes, 2, 20, offset, bits), BigInt.asUintN(bits, value), `seed ${seed} round ${round}`);
    for (let at = 0; at < 24 * 8; at++) {
      if (at < 16 + offset || at >= 16 + offset + bits)
        assert.equal(bit(bytes, 0, 24, at), bit(before, 0, 24, at), `seed ${seed} round ${round}`);
    }
  }
  assert.equal(readField(Uint8Array.of(255), 0, 1, 4, 8), 0xf0n);
});

test('long strings are counted and combined as their pieces are', () => {
  const prng = new Prng(seed);
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => prng.below(256));
  for (let round = 0; round < 40; round++) {
    const operation = operations[round % operations.length]!;
    const sources = Array.from({ length: operation === 'not' ? 1 : 2 + prng.below(3) }, () => {
      const start = prng.below(9);
      const length = prng.below(150_000);
      return { bytes: random(start + length + 8), start, length };
    });
    const result = new Uint8Array(Math.max(...sources.map((source) => source.length)));
    combineBits(operation, sources, result);
    let count = 0;
    for (let at = 0; at < result.length; at += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE, result.length - at));
      const cut = sources.map(({ bytes, start, length }) => ({
        bytes,
        start: start + at,
        length: Math.max(0, Math.min(PIECE, length - at)),
      }));
      combineBits(operation, cut, piece);
      assert.deepEqual(result.subarray(at, at + PIECE), piece, `seed ${seed} round ${round} ${operation} at ${at}`);
      count += countBits(result, at, piece.length);
    }
    assert.equal(countBits(result, 0, result.length), count, `seed ${seed} round ${round}`);
  }
});

test('the only bit of a long string that differs is found, wherever it is', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 200; round++) {
    const value = round & 1;
    const start = prng.below(9);
    const length = 1 + prng.below(30_000);
    const bytes = new Uint8Array(start + length + 8).fill(value === 1 ? 0 : 0xff);
    bytes.fill(value === 1 ? 0xff : 0, 0, start).fill(value === 1 ? 0xff : 0, start + length);
    const at = prng.below(length * 8);
    bytes[start + (at >> 3)]! ^= 0x80 >> (at & 7);
    const message = `seed ${seed} round ${round}`;
    assert.equal(findBit(bytes, start, value, 0, length * 8 - 1), at, message);
    assert.equal(findBit(bytes, start, value, at, length * 8 - 1), at, message);
    if (at > 0) assert.equal(findBit(bytes, start, value, 0, at - 1), -1, message);
  }
});
