// handshake-lines: cuts the beginning of a connection into lines, which may come in parts.

import { latin1 } from '../base/bytes.js';

export class HandshakeLines {
  private text = '';

  constructor(private readonly bytesMax: number) {}

  /** The present line is longer than `bytesMax`: it comes from something else. */
  get isTooLong(): boolean {
    return this.text.length > this.bytesMax;
  }

  /** Begins anew, on another connection. */
  reset(): void {
    this.text = '';
  }

  /** Reads one line or its beginning; gives a whole one to `take`, without its end, and returns where the rest begins. */
  read(bytes: Uint8Array, from: number, limit: number, take: (line: string) => void): number {
    const found = bytes.subarray(0, limit).indexOf(10, from);
    const end = found < 0 ? limit : found;
    this.text += latin1(bytes, from, end - from);
    if (found < 0 || this.isTooLong) return limit;
    const line = this.text.replace(/\r$/, '');
    this.text = '';
    take(line);
    return end + 1;
  }
}
