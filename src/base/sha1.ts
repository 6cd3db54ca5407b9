// sha1: SHA-1 of a one-byte string or of bytes, as FIPS 180-4 has it; names scripts and nothing secret.
//
// Node's crypto does the same faster for long input; for a script's few hundred bytes the call into it costs more.
import { createHash } from 'node:crypto';

const nativeBytesMin = 4096;
const words = new Int32Array(80);

function block(state: Int32Array, byteAt: (index: number) => number, start: number): void {
  for (let index = 0; index < 16; index++) {
    const at = start + index * 4;
    words[index] = (byteAt(at) << 24) | (byteAt(at + 1) << 16) | (byteAt(at + 2) << 8) | byteAt(at + 3);
  }
  for (let index = 16; index < 80; index++) {
    const mixed = words[index - 3]! ^ words[index - 8]! ^ words[index - 14]! ^ words[index - 16]!;
    words[index] = (mixed << 1) | (mixed >>> 31);
  }
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let round = 0; round < 80; round++) {
    let mixed: number;
    if (round < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
    else if (round < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
    else if (round < 60) mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else mixed = (b ^ c ^ d) + 0xca62c1d6;
    const next = (((a << 5) | (a >>> 27)) + mixed + e + words[round]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
}

/** The digest in 40 lower-case hexadecimal digits; each character of a string counts as one byte. */
export function sha1Hex(input: string | Uint8Array): string {
  const { length } = input;
  if (length >= nativeBytesMin) {
    return typeof input === 'string'
      ? createHash('sha1').update(input, 'latin1').digest('hex')
      : createHash('sha1').update(input).digest('hex');
  }
  const state = new Int32Array([0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0]);
  const total = Math.ceil((length + 9) / 64) * 64;
  const byteAt = (index: number): number => {
    if (index < length) return typeof input === 'string' ? input.charCodeAt(index) & 255 : input[index]!;
    if (index === length) return 0x80;
    // The last eight bytes hold the length in bits; it fits into four here.
    return index >= total - 4 ? ((length * 8) >>> ((total - 1 - index) * 8)) & 255 : 0;
  };
  for (let start = 0; start < total; start += 64) block(state, byteAt, start);
  let text = '';
  for (const word of state) text += (word >>> 0).toString(16).padStart(8, '0');
  return text;
}
