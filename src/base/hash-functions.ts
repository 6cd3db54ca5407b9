// hash-functions: the twelve hashes that twemproxy places keys by, bit for bit.
//
// All return an unsigned 32-bit number. Some are not what their name says, and data that lies in a pool already depends on it:
// crc32 keeps 15 bits, crc16 never masks its register, fnv1a_64 is computed in 32 bits, and the byte-wise ones read a byte of
// 128 and more as a negative number, because char is signed on the machines that twemproxy runs on.

import { crc32 } from './crc32.js';
import { digestWords, md5 } from './md5.js';

export type HashFunction = (bytes: Uint8Array, offset: number, length: number) => number;

/** Jenkins's one-at-a-time. */
function oneAtATime(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0;
  for (let at = offset; at < offset + length; at++) {
    hash = (hash + signed(bytes[at]!)) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >>> 6;
  }
  hash = (hash + (hash << 3)) | 0;
  hash ^= hash >>> 11;
  return (hash + (hash << 15)) >>> 0;
}

function md5Hash(bytes: Uint8Array, offset: number, length: number): number {
  md5(bytes, offset, length);
  return digestWords[0]!;
}

const crc16Table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1;
  crc16Table[byte] = crc;
}

/** CRC-16/XMODEM in a register of 32 bits: the upper half holds what was shifted out. */
function crc16Wide(bytes: Uint8Array, offset: number, length: number): number {
  let crc = 0;
  for (let at = offset; at < offset + length; at++) crc = (crc << 8) ^ crc16Table[((crc >>> 8) ^ bytes[at]!) & 255]!;
  return crc >>> 0;
}

/** The 15 bits of CRC-32 that libmemcached uses. */
function crc32Short(bytes: Uint8Array, offset: number, length: number): number {
  return (crc32(bytes, offset, length) >>> 16) & 0x7fff;
}

const FNV_64_PRIME_LOW = 0x1b3;
const FNV_32_PRIME = 0x01000193;

/** The low half of the 64-bit FNV-1: the upper half of prime and register never reaches it. */
function fnv1Of64(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x84222325 | 0;
  for (let at = offset; at < offset + length; at++) hash = Math.imul(hash, FNV_64_PRIME_LOW) ^ signed(bytes[at]!);
  return hash >>> 0;
}

function fnv1aOf64(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x84222325 | 0;
  for (let at = offset; at < offset + length; at++) hash = Math.imul(hash ^ signed(bytes[at]!), FNV_64_PRIME_LOW);
  return hash >>> 0;
}

function fnv1Of32(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = offset; at < offset + length; at++) hash = Math.imul(hash, FNV_32_PRIME) ^ signed(bytes[at]!);
  return hash >>> 0;
}

function fnv1aOf32(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let at = offset; at < offset + length; at++) hash = Math.imul(hash ^ signed(bytes[at]!), FNV_32_PRIME);
  return hash >>> 0;
}

/** Hsieh's SuperFastHash, which starts from 0 here and not from the length. */
function hsieh(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0;
  let at = offset;
  for (let block = length >>> 2; block > 0; block--) {
    hash = (hash + half(bytes, at)) | 0;
    hash = (hash << 16) ^ ((half(bytes, at + 2) << 11) ^ hash);
    at += 4;
    hash = (hash + (hash >>> 11)) | 0;
  }
  switch (length & 3) {
    case 3:
      hash = (hash + half(bytes, at)) | 0;
      hash ^= hash << 16;
      hash ^= signed(bytes[at + 2]!) << 18;
      hash = (hash + (hash >>> 11)) | 0;
      break;
    case 2:
      hash = (hash + half(bytes, at)) | 0;
      hash ^= hash << 11;
      hash = (hash + (hash >>> 17)) | 0;
      break;
    case 1:
      hash = (hash + bytes[at]!) | 0;
      hash ^= hash << 10;
      hash = (hash + (hash >>> 1)) | 0;
  }
  hash ^= hash << 3;
  hash = (hash + (hash >>> 5)) | 0;
  hash ^= hash << 4;
  hash = (hash + (hash >>> 17)) | 0;
  hash ^= hash << 25;
  return (hash + (hash >>> 6)) >>> 0;
}

const MURMUR_FACTOR = 0x5bd1e995;

/** MurmurHash2, with a seed that follows from the length. */
function murmur(bytes: Uint8Array, offset: number, length: number): number {
  let hash = Math.imul(0xdeadbeef | 0, length) ^ length;
  let at = offset;
  let rest = length;
  for (; rest >= 4; rest -= 4) {
    let word = Math.imul(wordAt(bytes, at), MURMUR_FACTOR);
    word = Math.imul(word ^ (word >>> 24), MURMUR_FACTOR);
    hash = Math.imul(hash, MURMUR_FACTOR) ^ word;
    at += 4;
  }
  if (rest > 0) {
    for (let index = 0; index < rest; index++) hash ^= bytes[at + index]! << (8 * index);
    hash = Math.imul(hash, MURMUR_FACTOR);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MURMUR_FACTOR);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Jenkins's lookup3 (hashlittle) from 13 on. */
function jenkins(bytes: Uint8Array, offset: number, length: number): number {
  let a = (0xdeadbeef + length + 13) | 0;
  let b = a;
  let c = a;
  let at = offset;
  let rest = length;
  if (rest === 0) return c >>> 0;
  for (; rest > 12; rest -= 12) {
    a = (a + wordAt(bytes, at)) | 0;
    b = (b + wordAt(bytes, at + 4)) | 0;
    c = (c + wordAt(bytes, at + 8)) | 0;
    a = ((a - c) ^ rotated(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotated(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotated(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotated(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotated(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotated(b, 4)) | 0;
    b = (b + a) | 0;
    at += 12;
  }
  a = (a + wordUpTo(bytes, at, rest)) | 0;
  b = (b + wordUpTo(bytes, at + 4, rest - 4)) | 0;
  c = (c + wordUpTo(bytes, at + 8, rest - 8)) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  return ((c ^ b) - rotated(b, 24)) >>> 0;
}

/** A byte as C's signed char. */
function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The word at `at`, of which only `length` bytes count. */
function wordUpTo(bytes: Uint8Array, at: number, length: number): number {
  if (length >= 4) return wordAt(bytes, at);
  let word = 0;
  for (let index = 0; index < length; index++) word |= bytes[at + index]! << (8 * index);
  return word;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** By the names of nutcracker.yml. */
export const hashFunctions: ReadonlyMap<string, HashFunction> = new Map<string, HashFunction>([
  ['one_at_a_time', oneAtATime],
  ['md5', md5Hash],
  ['crc16', crc16Wide],
  ['crc32', crc32Short],
  ['crc32a', crc32],
  ['fnv1_64', fnv1Of64],
  ['fnv1a_64', fnv1aOf64],
  ['fnv1_32', fnv1Of32],
  ['fnv1a_32', fnv1aOf32],
  ['hsieh', hsieh],
  ['murmur', murmur],
  ['jenkins', jenkins],
]);
