// siphash: HalfSipHash-1-3, the keyed hash of the dict: 32-bit words, a 64-bit key, a 32-bit result.
//
// Redis uses SipHash-1-2 so that a client without the key cannot make keys collide on purpose. SipHash needs 64-bit
// arithmetic, which JavaScript has not; its 32-bit sister by the same authors (Aumasson and Bernstein, with the rounds that
// the Linux kernel uses for hash tables) costs four additions, four rotations and four xors a word. Its cost in a
// GET is on docs/benchmarks.md.

const SCRATCH_BYTES = 256;
const scratch = new Uint8Array(SCRATCH_BYTES);
const scratchView = new DataView(scratch.buffer);

export class HalfSipHash {
  constructor(
    private readonly key0: number,
    private readonly key1: number,
  ) {}

  /** Hashes `length` bytes; the result is a signed 32-bit integer. */
  hash(bytes: Uint8Array, offset: number, length: number): number {
    if (length > SCRATCH_BYTES)
      return this.hashView(new DataView(bytes.buffer, bytes.byteOffset + offset, length), 0, length);
    for (let index = 0; index < length; index++) scratch[index] = bytes[offset + index]!;
    return this.hashView(scratchView, 0, length);
  }

  /** As `hash`, of bytes that a view is at hand for: a word is one load instead of four. @hot */
  hashView(view: DataView, offset: number, length: number): number {
    let v0 = this.key0;
    let v1 = this.key1;
    let v2 = this.key0 ^ 0x6c796765;
    let v3 = this.key1 ^ 0x74656462;
    let at = offset;
    const wordsEnd = offset + (length & ~3);
    while (at < wordsEnd) {
      const word = view.getInt32(at, true);
      at += 4;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let last = length << 24;
    const rest = length & 3;
    if (rest > 2) last |= view.getUint8(at + 2) << 16;
    if (rest > 1) last |= view.getUint8(at + 1) << 8;
    if (rest > 0) last |= view.getUint8(at);
    v3 ^= last;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= last;
    v2 ^= 0xff;
    for (let round = 0; round < 3; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    return v1 ^ v3;
  }
}
