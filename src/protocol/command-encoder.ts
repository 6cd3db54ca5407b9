// command-encoder: commands as requests in a growing buffer, with a SELECT before each that is for another database.
//
// The AOF and the stream to replicas hold the same bytes: arrays of bulk strings. The caller takes the bytes and then
// calls `clear`.

import { copyBytes, digitCount, utf8, writeInteger } from '../base/bytes.js';

const BUFFER_BYTES = 64 * 1024;
/** A larger buffer is dropped when it is empty. */
const KEPT_BYTES_MAX = 4 << 20;
const SELECT = utf8('SELECT');

/** A command as places in a buffer. */
export interface CommandPlaces {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly count: number;
}

export class CommandEncoder {
  bytes: Uint8Array = new Uint8Array(BUFFER_BYTES);
  /** `bytes[0]` to `bytes[length - 1]` are in use. */
  length = 0;
  private selected = -1;

  /** The next command is preceded by a SELECT, whatever its database. */
  forgetDatabase(): void {
    this.selected = -1;
  }

  /** The database that the bytes so far end in; -1 where nobody can know. */
  get database(): number {
    return this.selected;
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = new Uint8Array(BUFFER_BYTES);
  }

  /** The first bytes were taken; the others move to the front. */
  dropFirst(count: number): void {
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Adds a command as it was called; a database below 0 means that any will do. @hot */
  command(database: number, command: CommandPlaces): void {
    this.select(database);
    this.reserve(16);
    this.line(0x2a, command.count);
    for (let index = 0; index < command.count; index++)
      this.argument(command.bytes, command.starts[index]!, command.lengths[index]!);
  }

  parts(database: number, parts: readonly (Uint8Array | string | number | bigint)[]): void {
    this.select(database);
    this.reserve(16);
    this.line(0x2a, parts.length);
    for (const part of parts) {
      const bytes = part instanceof Uint8Array ? part : utf8(String(part));
      this.argument(bytes, 0, bytes.length);
    }
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private select(database: number): void {
    if (database === this.selected || database < 0) return;
    this.selected = database;
    this.parts(-1, [SELECT, database]);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  private line(letter: number, value: number): void {
    const { bytes } = this;
    bytes[this.length++] = letter;
    this.length = writeInteger(bytes, this.length, value);
    bytes[this.length++] = 13;
    bytes[this.length++] = 10;
  }

  private argument(bytes: Uint8Array, offset: number, length: number): void {
    this.reserve(length + digitCount(length) + 5);
    this.line(0x24, length);
    copyBytes(this.bytes, this.length, bytes, offset, length);
    this.length += length;
    this.bytes[this.length++] = 13;
    this.bytes[this.length++] = 10;
  }
}
