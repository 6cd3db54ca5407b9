// resp-encoder: many commands into one buffer, as arrays of bulk strings.

import type { Word } from '../record/commands.js';

const START_BYTES = 64 * 1024;

export class RespEncoder {
  private buffer = Buffer.allocUnsafe(START_BYTES);
  length = 0;

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  private head(letter: number, count: number): void {
    const { buffer } = this;
    buffer[this.length++] = letter;
    if (count < 10) buffer[this.length++] = 48 + count;
    else this.length += buffer.write(String(count), this.length, 'latin1');
    buffer[this.length++] = 13;
    buffer[this.length++] = 10;
  }

  command(words: readonly Word[]): void {
    this.reserve(16);
    this.head(42, words.length);
    for (const word of words) {
      const bytes = typeof word === 'string' ? Buffer.byteLength(word) : word.length;
      this.reserve(bytes + 24);
      this.head(36, bytes);
      if (typeof word === 'string') this.buffer.write(word, this.length);
      else this.buffer.set(word, this.length);
      this.length += bytes;
      this.buffer[this.length++] = 13;
      this.buffer[this.length++] = 10;
    }
  }

  /** The bytes so far, which belong to the caller; the encoder begins anew. */
  take(): Buffer {
    const made = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(START_BYTES);
    this.length = 0;
    return made;
  }
}
