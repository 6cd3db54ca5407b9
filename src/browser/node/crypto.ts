// crypto: what the server uses of node:crypto, in a browser: SHA-1 of long texts, SHA-256 of passwords, random bytes.
//
// The browser's own hashes answer later, and the server needs them at once. Both are as FIPS 180-4 defines them.
//
// This stands below all modules of the server, so it has a SHA-1 of its own.

import { Buffer } from './buffer.js';

/** Fractional bits of the square (`root` 2) or cube roots of the first primes. */
function rootBits(count: number, root: number): Int32Array {
  const bits = new Int32Array(count);
  let found = 0;
  for (let prime = 2; found < count; prime++) {
    let divisor = 2;
    while (divisor * divisor <= prime && prime % divisor !== 0) divisor++;
    if (divisor * divisor > prime) bits[found++] = (prime ** (1 / root) % 1) * 2 ** 32;
  }
  return bits;
}

const begin = rootBits(8, 2);
const sha256Constants = rootBits(64, 3);

const sha1Constants = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

const turned = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

function padded(message: Uint8Array): DataView {
  const bytes = new Uint8Array((Math.floor((message.length + 8) / 64) + 1) * 64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(bytes.length - 4, message.length << 3);
  return view;
}

export function sha256(message: Uint8Array): Uint8Array {
  const view = padded(message);
  const state = begin.slice();
  const words = new Int32Array(64);
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let index = 0; index < 16; index++) words[index] = view.getInt32(block + index * 4);
    for (let index = 16; index < 64; index++) {
      const near = words[index - 2]!;
      const far = words[index - 15]!;
      const nearBits = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10);
      const farBits = turned(far, 7) ^ turned(far, 18) ^ (far >>> 3);
      words[index] = words[index - 16]! + farBits + words[index - 7]! + nearBits;
    }
    addBlock(state, words);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setInt32(index * 4, word));
  return new Uint8Array(digest.buffer);
}

function addBlock(state: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let index = 0; index < 64; index++) {
    const choice = (e & f) ^ (~e & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const first =
      (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + sha256Constants[index]! + words[index]!) | 0;
    const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = state[index]! + word));
}

export function sha1(message: Uint8Array): Uint8Array {
  const view = padded(message);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const words = new Int32Array(80);
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let index = 0; index < 16; index++) words[index] = view.getInt32(block + index * 4);
    for (let index = 16; index < 80; index++)
      words[index] = turned(words[index - 3]! ^ words[index - 8]! ^ words[index - 14]! ^ words[index - 16]!, 31);
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
    for (let index = 0; index < 80; index++) {
      const mixed =
        index < 20 ? (b & c) | (~b & d) : index >= 40 && index < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      const next = (turned(a, 27) + mixed + e + sha1Constants[Math.floor(index / 20)]! + words[index]!) | 0;
      [e, d, c, b, a] = [d, c, turned(b, 2), a, next];
    }
    [a, b, c, d, e].forEach((word, index) => (state[index] = state[index]! + word));
  }
  const digest = new DataView(new ArrayBuffer(20));
  state.forEach((word, index) => digest.setInt32(index * 4, word));
  return new Uint8Array(digest.buffer);
}

/** As Node's, for messages that come whole. */
export function createHash(algorithm: string): {
  update(message: string | Uint8Array, encoding?: 'latin1'): ReturnType<typeof createHash>;
  digest(encoding?: 'hex'): Buffer | string;
} {
  const parts: Uint8Array[] = [];
  return {
    update(message, encoding) {
      parts.push(typeof message === 'string' ? Buffer.from(message, encoding) : message);
      return this;
    },
    digest(encoding) {
      const message = Buffer.concat(parts);
      const hash = Buffer.from(algorithm === 'sha1' ? sha1(message) : sha256(message));
      return encoding === undefined ? hash : hash.toString(encoding);
    },
  };
}

export function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  // So many at once.
  for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a[index]! ^ (b[index] ?? 0);
  return difference === 0;
}

/** Of TLS, which a page does not serve. */
export const constants: Readonly<Record<string, number>> = {};
