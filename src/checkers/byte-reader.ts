// byte-reader: reads a file from start to end through one buffer, line by line or in counted bytes; skips without reading.

import type { OpenFile } from '../io/files.js';

const BUFFER_BYTES = 1 << 20;

export class ByteReader {
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private at = 0;
  private end = 0;
  /** File offset of the buffer's end. */
  private loaded: number;

  constructor(
    private readonly file: OpenFile,
    readonly size: number,
    start = 0,
  ) {
    this.loaded = start;
  }

  /** The file offset of the next byte. */
  get position(): number {
    return this.loaded - (this.end - this.at);
  }

  private fill(): boolean {
    if (this.at < this.end) return true;
    const count = this.file.read(this.buffer, 0, Math.min(BUFFER_BYTES, this.size - this.loaded), this.loaded);
    this.at = 0;
    this.end = count;
    this.loaded += count;
    return count > 0;
  }

  /** The next byte without taking it, -1 at the end. */
  peek(): number {
    return this.fill() ? this.buffer[this.at]! : -1;
  }

  /** Up to `most` bytes, until a newline (included); empty at the end. */
  line(most: number): string {
    let text = '';
    while (text.length < most && this.fill()) {
      const byte = this.buffer[this.at++]!;
      text += String.fromCharCode(byte);
      if (byte === 10) break;
    }
    return text;
  }

  /** The next bytes as text, fewer at the end. For small counts. */
  text(count: number): string {
    let text = '';
    while (text.length < count && this.fill()) text += String.fromCharCode(this.buffer[this.at++]!);
    return text;
  }

  /** Goes forward; returns how far, less than asked for at the end. */
  skip(count: number): number {
    const inBuffer = Math.min(count, this.end - this.at);
    this.at += inBuffer;
    if (inBuffer === count) return count;
    const further = Math.min(count - inBuffer, this.size - this.loaded);
    this.loaded += further;
    this.at = this.end = 0;
    return inBuffer + further;
  }
}
