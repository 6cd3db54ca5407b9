// crc64: the CRC-64 of RDB files and DUMP payloads (polynomial of David Jones, reflected, start 0, no final xor).
//
// A 64-bit value is two 32-bit halves, as BigInt is two orders of magnitude slower. Eight bytes are taken per step with
// eight tables per half (slicing by 8): 16 look-ups for 8 bytes, about 1 GB/s. The check value of '123456789' is e9c6d914c4b8d9ca.

const POLYNOMIAL_HIGH = 0x95ac9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;

const low = new Int32Array(8 * 256);
const high = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let l = byte;
  let h = 0;
  for (let bit = 0; bit < 8; bit++) {
    const odd = l & 1;
    l = (l >>> 1) | (h << 31);
    h >>>= 1;
    if (odd !== 0) {
      l ^= POLYNOMIAL_LOW;
      h ^= POLYNOMIAL_HIGH;
    }
  }
  low[byte] = l;
  high[byte] = h;
}
for (let at = 256; at < 8 * 256; at++) {
  const l = low[at - 256]!;
  const h = high[at - 256]!;
  low[at] = ((l >>> 8) | (h << 24)) ^ low[l & 255]!;
  high[at] = (h >>> 8) ^ high[l & 255]!;
}

export class Crc64 {
  /** The halves of the value so far. */
  low = 0;
  high = 0;

  reset(): void {
    this.low = 0;
    this.high = 0;
  }

  /** @hot */
  update(bytes: Uint8Array, offset: number, length: number): void {
    let l = this.low;
    let h = this.high;
    let at = offset;
    const end = offset + length;
    for (const last = end - 8; at <= last; at += 8) {
      const a = l ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
      const b = h ^ (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24));
      const i0 = 1792 + (a & 255);
      const i1 = 1536 + ((a >>> 8) & 255);
      const i2 = 1280 + ((a >>> 16) & 255);
      const i3 = 1024 + (a >>> 24);
      const i4 = 768 + (b & 255);
      const i5 = 512 + ((b >>> 8) & 255);
      const i6 = 256 + ((b >>> 16) & 255);
      const i7 = b >>> 24;
      l = low[i0]! ^ low[i1]! ^ low[i2]! ^ low[i3]! ^ low[i4]! ^ low[i5]! ^ low[i6]! ^ low[i7]!;
      h = high[i0]! ^ high[i1]! ^ high[i2]! ^ high[i3]! ^ high[i4]! ^ high[i5]! ^ high[i6]! ^ high[i7]!;
    }
    for (; at < end; at++) {
      const index = (l ^ bytes[at]!) & 255;
      l = ((l >>> 8) | (h << 24)) ^ low[index]!;
      h = (h >>> 8) ^ high[index]!;
    }
    this.low = l;
    this.high = h;
  }

  /** The value as 8 bytes, little endian, as it stands at the end of a file or payload. */
  writeTo(bytes: Uint8Array, offset: number): void {
    for (let i = 0; i < 4; i++) {
      bytes[offset + i] = (this.low >>> (8 * i)) & 255;
      bytes[offset + 4 + i] = (this.high >>> (8 * i)) & 255;
    }
  }

  /** Whether these 8 bytes hold the value. */
  matches(bytes: Uint8Array, offset: number): boolean {
    let difference = 0;
    for (let i = 0; i < 4; i++) {
      difference |= bytes[offset + i]! ^ ((this.low >>> (8 * i)) & 255);
      difference |= bytes[offset + 4 + i]! ^ ((this.high >>> (8 * i)) & 255);
    }
    return difference === 0;
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return (this.high >>> 0).toString(16).padStart(8, '0') + (this.low >>> 0).toString(16).padStart(8, '0');
  }
}
