// reader: takes commands out of the bytes of an append-only file, in any cutting.
//
//   *<count>\r\n then count times $<bytes>\r\n<bytes>\r\n      a command
//   #TS:<seconds>\r\n                                          a note: later commands ran at this time or later
//
// The reader only moves on after a whole command, so the file is always sound up to `offset`.

import { AofNumbers, parseCount } from './numbers.js';
import type { CommandPlaces } from '../host.js';

export const AofItem = { needInput: 0, command: 1, annotation: 2, malformed: 3 } as const;

const LINE_BYTES_MAX = 1024;
const ARGUMENT_COUNT_MAX = 1 << 24;

export class AofReader implements CommandPlaces {
  bytes: Uint8Array = new Uint8Array(0);
  starts = new Int32Array(64);
  lengths = new Int32Array(64);
  count = 0;
  /** Seconds of the last time note, 0 before the first. */
  timestamp = 0;
  /** Where the last item began. */
  itemOffset = 0;
  private at = 0;
  private end = 0;
  private base: number;
  private wanted = 1;
  private readonly numbers = new AofNumbers();

  constructor(startOffset = 0) {
    this.base = startOffset;
  }

  /** The file offset after the last whole item. */
  get offset(): number {
    return this.base + this.at;
  }

  /** Where the present item is in `bytes`. */
  get itemStart(): number {
    return this.itemOffset - this.base;
  }

  get itemEnd(): number {
    return this.at;
  }

  /** Whether bytes of an item that is not whole are left. */
  get hasRest(): boolean {
    return this.at < this.end;
  }

  push(bytes: Uint8Array): void {
    const rest = this.end - this.at;
    this.base += this.at;
    if (rest === 0) {
      this.bytes = bytes;
      this.end = bytes.length;
    } else {
      const needed = rest + bytes.length;
      const joined = new Uint8Array(Math.max(needed, Math.min(this.wanted, needed * 2)));
      joined.set(this.bytes.subarray(this.at, this.end));
      joined.set(bytes, rest);
      this.bytes = joined;
      this.end = needed;
    }
    this.at = 0;
  }

  next(): number {
    this.itemOffset = this.offset;
    if (this.end - this.at < this.wanted) return AofItem.needInput;
    this.wanted = 1;
    const first = this.bytes[this.at];
    if (first === undefined || this.at >= this.end) return AofItem.needInput;
    if (first === 0x23) return this.readAnnotation();
    return first === 0x2a ? this.readCommand() : AofItem.malformed;
  }

  private readAnnotation(): number {
    const newline = this.bytes.indexOf(10, this.at);
    if (newline < 0 || newline >= this.end)
      return this.end - this.at > LINE_BYTES_MAX ? AofItem.malformed : this.wait(this.end - this.at + 1);
    const text = String.fromCharCode(...this.bytes.subarray(this.at, Math.min(newline, this.at + LINE_BYTES_MAX)));
    const match = /^#TS:(\d{1,15})\r?$/.exec(text);
    if (match !== null) this.timestamp = Number(match[1]);
    this.at = newline + 1;
    return AofItem.annotation;
  }

  private wait(bytes: number): number {
    this.wanted = bytes;
    return AofItem.needInput;
  }

  private readCommand(): number {
    const { numbers, bytes, end } = this;
    parseCount(bytes, this.at + 1, end, numbers);
    if (numbers.status !== 'ok') return numbers.status === 'short' ? this.wait(end - this.at + 1) : AofItem.malformed;
    const count = numbers.value;
    if (count < 1 || count > ARGUMENT_COUNT_MAX) return AofItem.malformed;
    let at = numbers.next;
    // Every argument takes at least five bytes, so a wrong count cannot make the arrays grow beyond the input.
    if (count > this.starts.length) {
      if (end - at < count * 5) return this.wait(at - this.at + count * 5);
      this.starts = new Int32Array(count);
      this.lengths = new Int32Array(count);
    }
    for (let index = 0; index < count; index++) {
      if (at >= end) return this.wait(at - this.at + 1);
      if (bytes[at] !== 0x24) return AofItem.malformed;
      parseCount(bytes, at + 1, end, numbers);
      if (numbers.status !== 'ok') return numbers.status === 'short' ? this.wait(end - this.at + 1) : AofItem.malformed;
      const length = numbers.value;
      if (length < 0) return AofItem.malformed;
      at = numbers.next;
      if (end - at < length + 2) return this.wait(at - this.at + length + 2);
      if (bytes[at + length] !== 13 || bytes[at + length + 1] !== 10) return AofItem.malformed;
      this.starts[index] = at;
      this.lengths[index] = length;
      at += length + 2;
    }
    this.count = count;
    this.at = at;
    return AofItem.command;
  }

  /** The present command's arguments, as views of the bytes that were pushed. */
  get args(): Uint8Array[] {
    const args: Uint8Array[] = [];
    for (let index = 0; index < this.count; index++) {
      const start = this.starts[index]!;
      args.push(this.bytes.subarray(start, start + this.lengths[index]!));
    }
    return args;
  }

  /** The present command's argument as text. For messages. */
  text(index: number): string {
    const start = this.starts[index]!;
    return String.fromCharCode(...this.bytes.subarray(start, start + Math.min(this.lengths[index]!, 128)));
  }
}
