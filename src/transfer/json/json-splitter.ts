// json-splitter: cuts bytes into JSON objects, whether line ends are between them or not, however the bytes are cut.
//
// It knows strings, escapes and depth and nothing else; what is between the objects is passed over. Memory: one object.

import { TransferError } from '../record/record.js';

/** V8 has no longer strings. */
const OBJECT_BYTES_MAX = 500 << 20;

export class JsonSplitter {
  /** Bytes that were pushed and are no part of a finished object. */
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private depth = 0;
  private isInString = false;
  private isEscaped = false;
  /** Bytes before the present chunk. */
  private before = 0;

  /** Whether the input ended inside an object. */
  get isMidway(): boolean {
    return this.depth > 0;
  }

  /** Calls `take` with each object that ends in the chunk, and the offset after it. */
  push(chunk: Uint8Array, take: (object: Uint8Array, endOffset: number) => void): void {
    let start = this.depth > 0 ? 0 : -1;
    const { length } = chunk;
    for (let at = 0; at < length; at++) {
      let byte = chunk[at]!;
      if (this.isInString) {
        if (this.isEscaped) {
          this.isEscaped = false;
          continue;
        }
        // Most of the bytes are in strings.
        while (byte !== 0x22 && byte !== 0x5c && ++at < length) byte = chunk[at]!;
        if (at >= length) break;
        if (byte === 0x5c) this.isEscaped = true;
        else this.isInString = false;
      } else if (byte === 0x22) this.isInString = this.depth > 0;
      else if (byte === 0x7b || byte === 0x5b) {
        if (this.depth++ === 0) start = at;
      } else if ((byte === 0x7d || byte === 0x5d) && this.depth > 0 && --this.depth === 0) {
        const end = new Uint8Array(chunk.buffer, chunk.byteOffset + start, at + 1 - start);
        take(this.pending.length === 0 ? end : this.join(end), this.before + at + 1);
        start = -1;
      }
    }
    this.before += length;
    if (start < 0) return;
    const rest = chunk.subarray(start);
    this.pending.push(Buffer.from(rest.buffer, rest.byteOffset, rest.length));
    this.pendingBytes += rest.length;
    if (this.pendingBytes > OBJECT_BYTES_MAX)
      throw new TransferError(`a record of more than ${OBJECT_BYTES_MAX >> 20} MB, or no end of it`);
  }

  private join(end: Uint8Array): Buffer {
    const joined = Buffer.concat([...this.pending, end]);
    this.pending = [];
    this.pendingBytes = 0;
    return joined;
  }
}
