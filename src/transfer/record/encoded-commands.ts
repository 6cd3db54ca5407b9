// encoded-commands: commands of a file as the bytes that they are in it, for a server that gets them in the same order.
//
// A list costs four bytes a command besides the bytes, which names a command when its reply is an error.

import { copyBytes, latin1 } from '../../base/bytes.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';

const COUNT_MAX = 2000;
const BYTES_MAX = 256 * 1024;

/** The bytes of a command that begins with these, of any length; no copies of bytes that follow each other. */
interface Run {
  readonly bytes: Uint8Array;
  readonly start: number;
  end: number;
}

export class EncodedCommands {
  count = 0;
  /** The selected database before the first command, and after the last one. */
  databaseAfter: number;
  private readonly runs: Run[] = [];
  private bytes = 0;
  /** Where each command begins, in all runs as one. */
  private readonly starts = new Int32Array(COUNT_MAX);
  /** The last command is a DEL of one key: its bytes in the last run. */
  private deletes = false;
  private keyStart = 0;
  private keyLength = 0;

  constructor(readonly database: number) {
    this.databaseAfter = database;
  }

  get isFull(): boolean {
    return this.count === COUNT_MAX || this.bytes >= BYTES_MAX;
  }

  /** Adds the reader's present command; in the place of a DEL when it is a SET of the key that was deleted. */
  add(reader: AofReader): void {
    const { bytes, starts, lengths, count } = reader;
    const start = reader.itemStart;
    const end = reader.itemEnd;
    if (count === 3 && this.deletes && isName(reader, 0x53, 0x45, 0x54) && this.isDeleted(reader)) this.dropLast();
    const last = this.runs.at(-1);
    if (last?.bytes === bytes && last.end === start) last.end = end;
    else this.runs.push({ bytes, start, end });
    this.starts[this.count++] = this.bytes;
    this.bytes += end - start;
    this.deletes = count === 2 && isName(reader, 0x44, 0x45, 0x4c);
    this.keyStart = starts[1] ?? 0;
    this.keyLength = lengths[1] ?? 0;
  }

  /** Whether the last command has deleted the key of this one. Of a key in other bytes it is not looked at. */
  private isDeleted({ bytes, starts, lengths }: AofReader): boolean {
    const last = this.runs.at(-1)!;
    if (last.bytes !== bytes || lengths[1] !== this.keyLength) return false;
    const from = starts[1]!;
    for (let index = 0; index < this.keyLength; index++)
      if (bytes[from + index] !== bytes[this.keyStart + index]) return false;
    return true;
  }

  private dropLast(): void {
    const start = this.starts[--this.count]!;
    const last = this.runs.at(-1)!;
    last.end -= this.bytes - start;
    this.bytes = start;
    if (last.end === last.start) this.runs.pop();
  }

  write(encoder: { encoded(bytes: Uint8Array, start: number, length: number): void }): void {
    for (const { bytes, start, end } of this.runs) encoder.encoded(bytes, start, end - start);
  }

  /** A command for a message. */
  describe(index: number): { name: string; key: Uint8Array } {
    const all = new Uint8Array(this.bytes);
    let at = 0;
    for (const { bytes, start, end } of this.runs) {
      copyBytes(all, at, bytes, start, end - start);
      at += end - start;
    }
    const reader = new AofReader();
    reader.push(all.subarray(this.starts[index]!));
    if (reader.next() !== AofItem.command) return { name: '?', key: new Uint8Array(0) };
    const [name, key] = reader.args;
    return { name: latin1(name!), key: key ?? new Uint8Array(0) };
  }
}

function isName({ bytes, starts, lengths }: AofReader, first: number, second: number, third: number): boolean {
  const at = starts[0]!;
  return lengths[0] === 3 && bytes[at] === first && bytes[at + 1] === second && bytes[at + 2] === third;
}
