// xxh3: the XXH3 hash with 64 bits and no seed: DIGEST replies with it, IFDEQ and IFDNE compare it.
//
// The algorithm is Yann Collet's, from the xxHash specification. Up to 240 bytes are mixed in a handful of 128-bit
// products. Longer input is cut into stripes of 64 bytes that are added to eight lanes; after each block of 16 stripes
// the lanes are scrambled.
//
// Short input and the end of long input are computed with BigInt: about a microsecond. The stripes are computed with
// 32-bit halves instead, some 250 MB a second, as a string may have 512 MB.

const MASK = 0xffffffffffffffffn;
const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const PRIME_MIX_1 = 0x165667919e3779f9n;
const PRIME_MIX_2 = 0x9fb21c651e98df25n;

const SECRET_BYTES = 192;
const STRIPE_BYTES = 64;
const STRIPES_PER_BLOCK = (SECRET_BYTES - STRIPE_BYTES) / 8;
const BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK;
const SHORT_BYTES_MAX = 240;

/** The default secret of the specification. */
const secret = new Uint8Array(
  Buffer.from(
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
      '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364ea' +
      'c5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
    'hex',
  ),
);

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function read64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(read32(bytes, at + 4) >>> 0) << 32n) | BigInt(read32(bytes, at) >>> 0);
}

function secret64(at: number): bigint {
  return read64(secret, at);
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let index = 0n; index < 8n; index++) swapped |= ((value >> (8n * index)) & 0xffn) << (56n - 8n * index);
  return swapped;
}

/** Both halves of the 128-bit product, one xor the other. */
function foldedProduct(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const mixed = ((hash ^ (hash >> 37n)) * PRIME_MIX_1) & MASK;
  return mixed ^ (mixed >> 32n);
}

/** The ending of the older XXH64, which the shortest inputs use. */
function avalanche64(hash: bigint): bigint {
  const first = ((hash ^ (hash >> 33n)) * PRIME64_2) & MASK;
  const second = ((first ^ (first >> 29n)) * PRIME64_3) & MASK;
  return second ^ (second >> 32n);
}

function mix16(bytes: Uint8Array, at: number, secretAt: number): bigint {
  return foldedProduct(read64(bytes, at) ^ secret64(secretAt), read64(bytes, at + 8) ^ secret64(secretAt + 8));
}

function hashUpTo16(bytes: Uint8Array, at: number, length: number): bigint {
  if (length > 8) {
    const low = read64(bytes, at) ^ secret64(24) ^ secret64(32);
    const high = read64(bytes, at + length - 8) ^ secret64(40) ^ secret64(48);
    return avalanche((BigInt(length) + swapBytes(low) + high + foldedProduct(low, high)) & MASK);
  }
  if (length >= 4) {
    const first = BigInt(read32(bytes, at) >>> 0);
    const last = BigInt(read32(bytes, at + length - 4) >>> 0);
    let hash = (last | (first << 32n)) ^ secret64(8) ^ secret64(16);
    hash ^= rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n);
    hash = (hash * PRIME_MIX_2) & MASK;
    hash ^= (hash >> 35n) + BigInt(length);
    hash = (hash * PRIME_MIX_2) & MASK;
    return hash ^ (hash >> 28n);
  }
  if (length === 0) return avalanche64(secret64(56) ^ secret64(64));
  const combined =
    ((bytes[at]! << 16) | (bytes[at + (length >> 1)]! << 24) | bytes[at + length - 1]! | (length << 8)) >>> 0;
  return avalanche64(BigInt((combined ^ read32(secret, 0) ^ read32(secret, 4)) >>> 0));
}

function hashUpTo128(bytes: Uint8Array, at: number, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1;
  const end = at + length;
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    sum += mix16(bytes, at + 16 * pair, 32 * pair) + mix16(bytes, end - 16 * (pair + 1), 32 * pair + 16);
  }
  return avalanche(sum & MASK);
}

function hashUpTo240(bytes: Uint8Array, at: number, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1;
  for (let index = 0; index < 8; index++) sum += mix16(bytes, at + 16 * index, 16 * index);
  sum = avalanche(sum & MASK);
  for (let index = 8; index < length >> 4; index++) sum += mix16(bytes, at + 16 * index, 16 * (index - 8) + 3);
  return avalanche((sum + mix16(bytes, at + length - 16, 119)) & MASK);
}

const initialLanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
/** The low and high halves of the eight lanes. */
const lows = new Int32Array(8);
const highs = new Int32Array(8);
const PRIME32_1_LOW = 0x79b1;
const PRIME32_1_HIGH = 0x9e37;

/** The high half of the product of two unsigned 32-bit numbers. @hot */
function productHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + ((middle / 65536) | 0) + ((other / 65536) | 0)) | 0;
}

/** Adds a stripe to the lanes. @hot */
function addStripe(bytes: Uint8Array, at: number, secretAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const low = read32(bytes, at + 8 * lane);
    const high = read32(bytes, at + 8 * lane + 4);
    const other = lane ^ 1;
    let sum = (lows[other]! >>> 0) + (low >>> 0);
    highs[other] = highs[other]! + high + (sum > 0xffffffff ? 1 : 0);
    lows[other] = sum;
    const keyLow = low ^ read32(secret, secretAt + 8 * lane);
    const keyHigh = high ^ read32(secret, secretAt + 8 * lane + 4);
    sum = (lows[lane]! >>> 0) + (Math.imul(keyLow, keyHigh) >>> 0);
    highs[lane] = highs[lane]! + productHigh(keyLow, keyHigh) + (sum > 0xffffffff ? 1 : 0);
    lows[lane] = sum;
  }
}

/** @hot */
function scramble(): void {
  for (let lane = 0; lane < 8; lane++) {
    const secretAt = SECRET_BYTES - STRIPE_BYTES + 8 * lane;
    const low = lows[lane]! ^ (highs[lane]! >>> 15) ^ read32(secret, secretAt);
    const high = highs[lane]! ^ read32(secret, secretAt + 4);
    const prime = (PRIME32_1_HIGH << 16) | PRIME32_1_LOW;
    lows[lane] = Math.imul(low, prime);
    highs[lane] = Math.imul(high, prime) + productHigh(low, prime);
  }
}

function hashLong(bytes: Uint8Array, at: number, length: number): bigint {
  for (let lane = 0; lane < 8; lane++) {
    lows[lane] = Number(initialLanes[lane]! & 0xffffffffn);
    highs[lane] = Number(initialLanes[lane]! >> 32n);
  }
  const end = at + length;
  const blocks = Math.floor((length - 1) / BLOCK_BYTES);
  let stripe = at;
  for (let block = 0; block < blocks; block++) {
    for (let index = 0; index < STRIPES_PER_BLOCK; index++, stripe += STRIPE_BYTES) addStripe(bytes, stripe, 8 * index);
    scramble();
  }
  for (let index = 0; stripe + STRIPE_BYTES < end; index++, stripe += STRIPE_BYTES) addStripe(bytes, stripe, 8 * index);
  addStripe(bytes, end - STRIPE_BYTES, SECRET_BYTES - STRIPE_BYTES - 7);
  let sum = BigInt(length) * PRIME64_1;
  for (let lane = 0; lane < 8; lane += 2)
    sum += foldedProduct(laneOf(lane) ^ secret64(11 + 8 * lane), laneOf(lane + 1) ^ secret64(19 + 8 * lane));
  return avalanche(sum & MASK);
}

function laneOf(index: number): bigint {
  return (BigInt(highs[index]! >>> 0) << 32n) | BigInt(lows[index]! >>> 0);
}

/** The XXH3 hash of `length` bytes from `offset` on, as an unsigned 64-bit number. */
export function xxh3(bytes: Uint8Array, offset: number, length: number): bigint {
  if (length <= 16) return hashUpTo16(bytes, offset, length);
  if (length <= 128) return hashUpTo128(bytes, offset, length);
  return length <= SHORT_BYTES_MAX ? hashUpTo240(bytes, offset, length) : hashLong(bytes, offset, length);
}
