// mutations: what damage and malice make of a file: cut off, flipped, with huge lengths, endless lines, deep nesting, wrong types.

import type { Prng } from '../../src/base/prng.js';

const bytes = (...values: number[]): Buffer => Buffer.from(values);

/** Pieces of formats that promise much: lengths of RDB, AOF and listpacks, numbers at the edges, openings without an end. */
const binaryPieces: readonly Buffer[] = [
  bytes(0x80, 0xff, 0xff, 0xff, 0xff),
  bytes(0x80, 0x7f, 0xff, 0xff, 0xff),
  bytes(0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  bytes(0x81, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xf0),
  bytes(0x7f, 0xff),
  bytes(0xc3, 0x80, 0, 0, 0, 4, 0x80, 0x7f, 0xff, 0xff, 0xff),
  bytes(0xf3, 0xff, 0xff, 0xff, 0x7f),
  bytes(0xff, 0xff, 0xff, 0xff),
  bytes(0, 0, 0, 0),
  bytes(0xfa),
  bytes(0xfe),
  bytes(0xff),
  bytes(0xf5),
  bytes(0xf7),
];
const textPieces: readonly string[] = [
  '*1000000000\r\n',
  '*16777216\r\n',
  '*-1\r\n',
  '$9223372036854775807\r\n',
  '$536870912\r\n',
  '$-1\r\n',
  '#TS:99999999999999999999\r\n',
  '{',
  '[',
  '}',
  ']',
  '"',
  "'",
  '\\',
  '\\u',
  '\\ud800',
  '\0',
  '\r',
  '\n',
  '\n\n',
  ': ',
  ', ',
  '- ',
  '&a *a',
  '!!js/function',
  '<<: *a',
  '\t',
  '\xff\xfe',
  'null',
  'true',
  '{}',
  '[]',
  '__proto__',
  'constructor',
  'toString',
  '{"base64":5}',
  '"db":1e99,',
  '"part":"more",',
];
const numbers = [
  '-1',
  '0',
  '99999999999999999999',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '1e309',
  '1.5',
  '0x10',
];
const values = ['null', 'true', '-7', '"x"', '[]', '{}', '[[[]]]', '{"base64":"!"}', '{"__proto__":1}'];

function splice(sample: Buffer, at: number, removed: number, put: Buffer): Buffer {
  return Buffer.concat([sample.subarray(0, at), put, sample.subarray(at + removed)]);
}

/** Replaces one of the places that match. */
function replaceOne(sample: Buffer, random: Prng, pattern: RegExp, puts: readonly string[]): Buffer {
  const places = [...sample.toString('latin1').matchAll(pattern)];
  if (places.length === 0) return splice(sample, 0, 0, Buffer.from(puts[0]!));
  const { index, 0: found } = places[random.below(places.length)]!;
  return splice(sample, index, found.length, Buffer.from(puts[random.below(puts.length)]!, 'latin1'));
}

const kinds: readonly ((sample: Buffer, random: Prng) => Buffer)[] = [
  (sample, random) => sample.subarray(0, random.below(sample.length + 1)),
  function flip(sample, random) {
    const copy = Buffer.from(sample);
    for (let count = 1 + random.below(3); count > 0; count--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  (sample, random) => splice(sample, random.below(sample.length), 1, bytes([0, 1, 0x7f, 0x80, 0xff][random.below(5)]!)),
  function promise(sample, random) {
    const piece = binaryPieces[random.below(binaryPieces.length)]!;
    return splice(sample, random.below(sample.length), random.below(2) * piece.length, piece);
  },
  (sample, random) =>
    splice(
      sample,
      random.below(sample.length),
      random.below(3),
      Buffer.from(textPieces[random.below(textPieces.length)]!, 'latin1'),
    ),
  (sample, random) => replaceOne(sample, random, /-?\d+(?:\.\d+)?/g, numbers),
  (sample, random) => replaceOne(sample, random, /"(?:[^"\\]|\\.)*"|-?\d+|\[[^[\]]*\]|\{[^{}]*\}|true|false/g, values),
  function drop(sample, random) {
    const at = random.below(sample.length);
    return splice(sample, at, 1 + random.below(Math.min(64, sample.length - at)), Buffer.alloc(0));
  },
  function repeat(sample, random) {
    const at = random.below(sample.length);
    const slice = sample.subarray(at, at + 1 + random.below(64));
    return splice(sample, at, 0, Buffer.concat(Array.from({ length: 1 + random.below(20) }, () => slice)));
  },
  (sample, random) =>
    splice(sample, random.below(sample.length), 0, Buffer.from(Array.from({ length: 20 }, () => random.below(256)))),
];

/** A few that cost more: they are tried once in a while. */
const rare: readonly ((sample: Buffer, random: Prng) => Buffer)[] = [
  () => Buffer.alloc(0),
  (sample, random) => splice(sample, random.below(sample.length), 0, Buffer.alloc(1 << 20, 'x')),
  (sample, random) => splice(sample, random.below(sample.length), 0, Buffer.alloc(1 << 20, '\n')),
  (sample, random) => splice(sample, random.below(sample.length), 0, Buffer.from('['.repeat(100_000))),
  (sample, random) => splice(sample, random.below(sample.length), 0, Buffer.from('{"a":'.repeat(50_000))),
  (sample, random) =>
    splice(sample, random.below(sample.length), 0, Buffer.from(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)),
  (sample, random) => Buffer.from(Array.from({ length: 1 + random.below(sample.length) }, () => random.below(256))),
  (_, random) => Buffer.alloc(1 << 20, random.below(256)),
];

export interface Mutated {
  readonly bytes: Buffer;
  readonly how: string;
}

export function mutate(sample: Buffer, random: Prng): Mutated {
  if (random.below(25) === 0) {
    const index = random.below(rare.length);
    return { bytes: rare[index]!(sample, random), how: `rare ${index}` };
  }
  let made = sample;
  const how: number[] = [];
  for (let count = 1 + random.below(2); count > 0; count--) {
    const index = random.below(kinds.length);
    how.push(index);
    if (made.length > 0) made = kinds[index]!(made, random);
  }
  return { bytes: made, how: how.join('+') };
}
