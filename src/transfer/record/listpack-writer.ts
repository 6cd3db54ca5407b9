// listpack-writer: builds a listpack of numbers and strings, for the nodes of streams. Format: structures/listpack-format.

export class ListpackWriter {
  private bytes = new Uint8Array(1024);
  private length = 6;
  private count = 0;

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  get byteCount(): number {
    return this.length;
  }

  /** A whole number of 64 bits. */
  integer(value: bigint): void {
    this.reserve(16);
    const start = this.length;
    const width = value >= 0n && value < 128n ? 0 : widthOf(value);
    if (width === 0) this.bytes[this.length++] = Number(value);
    else {
      this.bytes[this.length++] = width === 8 ? 0xf4 : 0xf0 + width - 1;
      let rest = BigInt.asUintN(64, value);
      for (let index = 0; index < width; index++) {
        this.bytes[this.length++] = Number(rest & 255n);
        rest >>= 8n;
      }
    }
    this.close(start);
  }

  string(text: Uint8Array): void {
    this.reserve(text.length + 16);
    const start = this.length;
    const count = text.length;
    if (count < 64) this.bytes[this.length++] = 0x80 | count;
    else if (count < 4096) {
      this.bytes[this.length++] = 0xe0 | (count >>> 8);
      this.bytes[this.length++] = count;
    } else {
      this.bytes[this.length++] = 0xf0;
      for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = count >>> shift;
    }
    this.bytes.set(text, this.length);
    this.length += count;
    this.close(start);
  }

  /** Writes the entry's length so that it can be read from the end. */
  private close(start: number): void {
    const length = this.length - start;
    const count = length <= 127 ? 1 : length < 16383 ? 2 : length < 2097151 ? 3 : length < 268435455 ? 4 : 5;
    for (let index = count - 1; index >= 0; index--) {
      const group = Math.floor(length / 2 ** (7 * index)) & 127;
      this.bytes[this.length++] = index === count - 1 ? group : group | 128;
    }
    this.count++;
  }

  /** The listpack; the writer begins a new one. */
  finish(): Uint8Array {
    this.reserve(1);
    this.bytes[this.length++] = 0xff;
    const made = this.bytes.slice(0, this.length);
    const view = new DataView(made.buffer);
    view.setUint32(0, made.length, true);
    view.setUint16(4, Math.min(this.count, 65535), true);
    this.length = 6;
    this.count = 0;
    return made;
  }
}

function widthOf(value: bigint): number {
  for (const width of [2, 3, 4]) if (BigInt.asIntN(width * 8, value) === value) return width;
  return 8;
}
