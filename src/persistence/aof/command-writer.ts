// command-writer: writes commands as an append-only file holds them: arrays of bulk strings.
//
// Not here: which commands make a value (command-snapshot, rdb/stream-encoder).

import { digitCount, latin1Bytes, writeInteger } from '../../base/bytes.js';
import type { RdbWriter } from '../rdb/writer.js';

const scratch = new Uint8Array(24);

/** Writes commands into a writer. */
export class CommandWriter {
  writer!: RdbWriter;

  private line(letter: number, value: number): void {
    scratch[0] = letter;
    const end = writeInteger(scratch, 1, value);
    scratch[end] = 13;
    scratch[end + 1] = 10;
    this.writer.raw(scratch, 0, end + 2);
  }

  begin(count: number): void {
    this.line(0x2a, count);
  }

  argument(bytes: Uint8Array, offset: number, length: number): void {
    this.argumentHead(length);
    this.writer.raw(bytes, offset, length);
    this.argumentEnd();
  }

  /** Writes the length of an argument whose bytes follow in parts. */
  argumentHead(length: number): void {
    this.line(0x24, length);
  }

  argumentEnd(): void {
    this.writer.byte(13);
    this.writer.byte(10);
  }

  text(text: string): void {
    const bytes = latin1Bytes(text);
    this.argument(bytes, 0, bytes.length);
  }

  integer(value: number): void {
    const bytes = new Uint8Array(value < 0 ? 1 + digitCount(-value) : digitCount(value));
    writeInteger(bytes, 0, value);
    this.argument(bytes, 0, bytes.length);
  }
}
