// frame-writer: writes requests of the proxy's own making: parts of a split one, and lines of words.
//
// The bytes lie in one buffer that is used again for the next frame.

import { copyBytes, digitCount, writeInteger } from '../../base/bytes.js';
import type { Frame } from '../routing/router.js';

const BUFFER_BYTES_MIN = 64 * 1024;
const BUFFER_BYTES_KEPT = 1024 * 1024;

export class FrameWriter {
  private bytes = new Uint8Array(BUFFER_BYTES_MIN);
  private length = 0;
  private argumentIndex = 0;
  /** Where the second argument of the frame begins. */
  keyStart = 0;

  begin(argumentCount: number): void {
    this.length = 0;
    this.argumentIndex = 0;
    this.header(42, argumentCount);
  }

  /** @hot */
  argument(bytes: Uint8Array, start: number, length: number): void {
    this.reserve(length + 32);
    this.header(36, length);
    if (this.argumentIndex++ === 1) this.keyStart = this.length;
    copyBytes(this.bytes, this.length, bytes, start, length);
    this.length += length;
    this.bytes[this.length++] = 13;
    this.bytes[this.length++] = 10;
  }

  private header(type: number, value: number): void {
    this.reserve(digitCount(value) + 3);
    const { bytes } = this;
    bytes[this.length++] = type;
    this.length = writeInteger(bytes, this.length, value);
    bytes[this.length++] = 13;
    bytes[this.length++] = 10;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Puts the frame into `frame`; it is void after the next `begin`. */
  finish(frame: Frame): void {
    frame.bytes = this.bytes;
    frame.from = 0;
    frame.count = this.length;
    if (this.bytes.length > BUFFER_BYTES_KEPT) this.bytes = new Uint8Array(BUFFER_BYTES_MIN);
  }
}
