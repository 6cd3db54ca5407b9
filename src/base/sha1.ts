// sha1: SHA-1 of bytes or of a one-byte string, as FIPS 180-4 defines it; names scripts and nothing secret.
//
// Node's `createHash` makes an object with an OpenSSL context for each message, which takes 4 us and more; the one block of
// a short message takes a tenth of that here. Long messages go to OpenSSL, which hashes their bytes faster.
//
// Not here: messages that come in parts (node:crypto).

import { createHash } from 'node:crypto';
import { latin1Bytes } from './bytes.js';

export const SHA1_BYTES = 20;

const nativeBytesMin = 4096;

const BLOCK_BYTES = 64;
const LENGTH_AT = 56;
const words = new Int32Array(80);
const tail = new Uint8Array(2 * BLOCK_BYTES);
const state = new Int32Array(5);

/** Writes the hash of `length` bytes to `out`, which may be where the message is. @hot */
export function sha1(bytes: Uint8Array, offset: number, length: number, out: Uint8Array, outOffset = 0): void {
  if (length >= nativeBytesMin) {
    const message = bytes.subarray(offset, offset + length);
    out.set(createHash('sha1').update(message).digest(), outOffset);
    return;
  }
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  const whole = length - (length % BLOCK_BYTES);
  for (let at = 0; at < whole; at += BLOCK_BYTES) addBlock(bytes, offset + at);
  const rest = length - whole;
  for (let index = 0; index < rest; index++) tail[index] = bytes[offset + whole + index]!;
  tail[rest] = 0x80;
  const tailBytes = rest < LENGTH_AT ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  tail.fill(0, rest + 1, tailBytes);
  putWord(tail, tailBytes - 4, length << 3);
  for (let at = 0; at < tailBytes; at += BLOCK_BYTES) addBlock(tail, at);
  for (let index = 0; index < 5; index++) putWord(out, outOffset + 4 * index, state[index]!);
}

function putWord(to: Uint8Array, at: number, value: number): void {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
}

function addBlock(bytes: Uint8Array, offset: number): void {
  const w = words;
  for (let t = 0, at = offset; t < 16; t++, at += 4) {
    w[t] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  for (let t = 16; t < 80; t++) {
    const mixed = w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!;
    w[t] = (mixed << 1) | (mixed >>> 31);
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  // A loop for each of the four round functions: one loop that chooses takes three times as long. Every sum is cut to 32 bits, so
  // that V8 adds integers.
  for (let t = 0; t < 20; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + ((((e + w[t]!) | 0) + 0x5a827999) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 20; t < 40; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + ((((e + w[t]!) | 0) + 0x6ed9eba1) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 40; t < 60; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (b & d) | (c & d)) + ((((e + w[t]!) | 0) - 0x70e44324) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 60; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + ((((e + w[t]!) | 0) - 0x359d3e2a) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
}

const digest = Buffer.alloc(SHA1_BYTES);
/** Short strings are hashed from here, without an object for each. */
const shortBytes = new Uint8Array(256);

/** The hash in 40 lower-case hexadecimal digits; each character of a string counts as one byte. */
export function sha1Hex(input: string | Uint8Array): string {
  if (typeof input === 'string' && input.length <= shortBytes.length) {
    for (let at = 0; at < input.length; at++) shortBytes[at] = input.charCodeAt(at);
    sha1(shortBytes, 0, input.length, digest);
  } else {
    const bytes = typeof input === 'string' ? latin1Bytes(input) : input;
    sha1(bytes, 0, bytes.length, digest);
  }
  return digest.toString('hex');
}
