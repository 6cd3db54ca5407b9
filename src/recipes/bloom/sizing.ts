// sizing: how many bits and hashes a Bloom filter needs, and which bits an item has.
//
// For n items and a share p of false positives: m = -n ln p / (ln 2)^2 bits and k = (m / n) ln 2 hashes. The k positions come
// from two numbers of the item's MD5 (Kirsch and Mitzenmacher, 2006): a + i b modulo m, exact in doubles because a and b are
// taken modulo m, which is at most 2^32: the longest string of Redis, 512 MB.

import { digestWords, md5 } from '../../base/md5.js';
import { requireCount } from '../commands.js';

export const BLOOM_BITS_MAX = 2 ** 32;

export interface BloomSize {
  /** Bits of the filter. */
  readonly bits: number;
  /** Bits of each item. */
  readonly hashes: number;
}

/** The size for so many items and such a share of false positives. Throws a RangeError where Redis has no string that long. */
export function bloomSize(capacity: number, errorRate: number): BloomSize {
  requireCount('capacity', capacity);
  if (!(errorRate > 0 && errorRate < 1)) throw new RangeError(`errorRate must be between 0 and 1, and is ${errorRate}`);
  const bits = Math.max(8, Math.ceil((-capacity * Math.log(errorRate)) / Math.LN2 ** 2));
  if (bits > BLOOM_BITS_MAX)
    throw new RangeError(
      `${capacity} items at ${errorRate} need ${bits} bits; a string of Redis holds ${BLOOM_BITS_MAX}`,
    );
  return { bits, hashes: Math.max(1, Math.round((bits / capacity) * Math.LN2)) };
}

/** The share of false positives of a filter that holds so many items. */
export function bloomErrorRate({ bits, hashes }: BloomSize, count: number): number {
  return (1 - Math.exp((-hashes * count) / bits)) ** hashes;
}

const encoder = new TextEncoder();

/** Two numbers of 48 bits that stand for an item. */
export function bloomHashes(item: string): [number, number] {
  md5(encoder.encode(item));
  const [w0, w1, w2, w3] = digestWords;
  return [w0! * 65536 + (w1! >>> 16), w2! * 65536 + (w3! >>> 16)];
}

/** The places of an item's bits. */
export function bloomPositions(item: string, { bits, hashes }: BloomSize): number[] {
  const [a, b] = bloomHashes(item);
  const first = a % bits;
  // A step of 0 would put all bits in one place.
  const step = (b % (bits - 1)) + 1;
  return Array.from({ length: hashes }, (_, index) => (first + index * step) % bits);
}
