// murmur-64a: MurmurHash64A (Austin Appleby), the hash by which ShardedJedis places keys.
//
// Numbers of 64 bits as BigInt: a ring is made once, and a lookup hashes one short key.

const FACTOR = 0xc6a4a7935bd1e995n;
const SHIFT = 47n;

/** The hash as an unsigned number of 64 bits. */
export function murmur64A(bytes: Uint8Array, seed: number): bigint {
  const multiply = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a * b);
  let hash = BigInt(seed) ^ multiply(BigInt(bytes.length), FACTOR);
  const whole = bytes.length & ~7;
  for (let at = 0; at < whole; at += 8) {
    let word = multiply(littleEndian(bytes, at, 8), FACTOR);
    word = multiply(word ^ (word >> SHIFT), FACTOR);
    hash = multiply(hash ^ word, FACTOR);
  }
  if (whole < bytes.length) hash = multiply(hash ^ littleEndian(bytes, whole, bytes.length - whole), FACTOR);
  hash = multiply(hash ^ (hash >> SHIFT), FACTOR);
  return hash ^ (hash >> SHIFT);
}

function littleEndian(bytes: Uint8Array, offset: number, length: number): bigint {
  let word = 0n;
  for (let index = length - 1; index >= 0; index--) word = (word << 8n) | BigInt(bytes[offset + index]!);
  return word;
}
