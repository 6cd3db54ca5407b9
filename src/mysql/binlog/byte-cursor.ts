// byte-cursor: reads the numbers and strings of MySQL's formats from bytes, and refuses to read past their end.
//
// Every length in a binlog comes from a peer, so each read checks its bound first; nothing is allocated for a length that the
// bytes do not have. A view of the bytes costs nothing and stays valid as long as the caller keeps the packet.

/** The bytes are no event of a binlog, or one that ends too early. The message says where. */
export class BinlogFormatError extends Error {}

/** Integers up to here are exact as numbers. */
const SAFE_HIGH = 0x1f_ffff;

export class ByteCursor {
  position: number;
  readonly view: DataView;
  private buffer: Buffer | undefined;

  constructor(
    readonly bytes: Uint8Array,
    start = 0,
    readonly end = bytes.length,
  ) {
    this.position = start;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.end - this.position;
  }

  /** The place of the next `count` bytes, which are passed. */
  take(count: number): number {
    const { position } = this;
    if (!(count >= 0) || count > this.end - position)
      throw new BinlogFormatError(`${count} bytes at ${position} reach past the end at ${this.end}`);
    this.position = position + count;
    return position;
  }

  skip(count: number): void {
    this.take(count);
  }

  u8(): number {
    return this.bytes[this.take(1)]!;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u24(): number {
    const at = this.take(3);
    return this.bytes[at]! | (this.bytes[at + 1]! << 8) | (this.bytes[at + 2]! << 16);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u48(): number {
    const at = this.take(6);
    return this.view.getUint32(at, true) + this.view.getUint16(at + 4, true) * 0x1_0000_0000;
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  i64(): bigint {
    return this.view.getBigInt64(this.take(8), true);
  }

  /** An unsigned number of 8 bytes that must be exact as a number: a size or a position. */
  size64(): number {
    const at = this.take(8);
    const high = this.view.getUint32(at + 4, true);
    if (high > SAFE_HIGH) throw new BinlogFormatError(`the number at ${at} is too large`);
    return this.view.getUint32(at, true) + high * 0x1_0000_0000;
  }

  /** A little-endian unsigned number of 1 to 4 bytes. */
  uint(bytes: number): number {
    const at = this.take(bytes);
    let value = 0;
    for (let index = bytes - 1; index >= 0; index--) value = value * 256 + this.bytes[at + index]!;
    return value;
  }

  /** A big-endian unsigned number of up to 6 bytes. */
  uintBig(bytes: number): number {
    const at = this.take(bytes);
    let value = 0;
    for (let index = 0; index < bytes; index++) value = value * 256 + this.bytes[at + index]!;
    return value;
  }

  /** A length-encoded integer of the client protocol. */
  lengthEncoded(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u24();
    if (first === 0xfe) return this.size64();
    throw new BinlogFormatError(`0x${first.toString(16)} begins no length at ${this.position - 1}`);
  }

  /** A view of the next bytes. */
  slice(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.slice(this.left);
  }

  /** All bytes as a Buffer: texts are cut out of one view, not each by a view of its own. */
  private get whole(): Buffer {
    const { bytes } = this;
    this.buffer ??= bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.buffer;
  }

  latin1(count: number): string {
    const at = this.take(count);
    return this.whole.toString('latin1', at, at + count);
  }

  utf8(count: number): string {
    const at = this.take(count);
    return this.whole.toString('utf8', at, at + count);
  }
}

/** Bit `index` of a bitmap, counted from the lowest bit of the first byte. */
export function bitAt(bytes: Uint8Array, index: number): boolean {
  return (bytes[index >> 3]! & (1 << (index & 7))) !== 0;
}
