// reply: writes RESP2 and RESP3 replies as bytes into one output buffer.
//
// One writer serves all clients in turn: it collects the replies to everything a client sent in one chunk, then the
// connection takes the bytes in one write. Nothing is allocated per reply; a buffer that is full goes to `full` and a new
// one is taken. In RESP2, types that it lacks become what Redis makes of them (map: flat array, double: bulk string, ...).
//
// Not here: reading (request), texts of errors (errors), sending (service/clients/connection).

import { LARGE_FROM_BYTES, nextBlockBytes } from '../base/block-bytes.js';
import {
  copyBytes,
  copyInViews,
  digitCount,
  latin1Bytes,
  SHORT_BYTES_MAX,
  utf8,
  viewOf,
  writeInteger,
  writeLatin1,
} from '../base/bytes.js';
import { DOUBLE_TEXT_BYTES_MAX, formatDouble } from '../base/double.js';

const BUFFER_BYTES = 65536;
const SLAB_PART_MAX = 4096;
/** A value longer than this goes into a buffer of its own size instead of through the shared one. */
const LARGE_BYTES = 32768;
/** Views of shorter parts of the buffer are kept. */
const KEPT_PARTS_MAX = 4096;
/** So many buffers that were sent are kept for the next long reply. */
const SPARE_BUFFERS_MAX = 16;

const CR = 13;
const LF = 10;
const nullBulk = latin1Bytes('$-1\r\n');
const nullArray = latin1Bytes('*-1\r\n');
const null3 = latin1Bytes('_\r\n');
const pongBytes = latin1Bytes('+PONG\r\n');
const queuedBytes = latin1Bytes('+QUEUED\r\n');
const emptyArray = latin1Bytes('*0\r\n');
const doubleScratch = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);

/** Where copies of short replies lie. */
let slab = new Uint8Array(0);
let slabUsed = 0;

/**
 * Bytes of one's own, out of a buffer that is shared where they are few: for an array that is sent Node needs memory outside
 * the heap, and that of a small array of its own costs half a microsecond.
 */
function bytesOfSlab(length: number): Uint8Array {
  if (length > SLAB_PART_MAX) return new Uint8Array(length);
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(BUFFER_BYTES);
    slabUsed = 0;
  }
  const from = slabUsed;
  slabUsed += length;
  return slab.subarray(from, slabUsed);
}

function isOneByte(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 255) return false;
  return true;
}

/** Where a reply's length will be written once it is known; see `deferArray`. */
export interface DeferredLength {
  readonly fullCount: number;
  readonly at: number;
}

/** Thrown out of a command whose reply has become larger than `ReplyWriter.bytesMax`. */
export class ReplyTooLarge extends Error {}

export class ReplyWriter {
  /** The buffer being filled, its first `length` bytes are taken. */
  buffer = new Uint8Array(BUFFER_BYTES);
  /** The same bytes, for copies of several bytes at a time. */
  view: DataView = viewOf(this.buffer);
  length = 0;
  /** Buffers that are full, in order, each cut to its content. */
  full: Uint8Array[] = [];
  /** Bytes in `full`. */
  fullBytes = 0;
  /** With more bytes in `full`, writing throws ReplyTooLarge. */
  bytesMax = Infinity;
  /** Protocol of the client that gets the replies: 2 or 3. */
  protocol: 2 | 3 = 2;
  /** How many error replies were written: the caller compares before and after a command. */
  errorCount = 0;
  /** Text of the last error reply, without the leading '-'. */
  lastError = '';

  /** Bytes written and not yet taken. */
  get pendingBytes(): number {
    return this.fullBytes + this.length;
  }

  /** Makes sure that `bytes` bytes can be written at `length`. @hot */
  reserve(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.nextBuffer(bytes);
  }

  private nextBuffer(bytes: number): void {
    if (this.length > 0) {
      this.full.push(this.buffer.subarray(0, this.length));
      this.fullBytes += this.length;
      if (this.buffer.length === BUFFER_BYTES) this.retired.push(this.buffer);
    }
    const size = nextBlockBytes(this.fullBytes, bytes, BUFFER_BYTES);
    this.use(size > BUFFER_BYTES ? new Uint8Array(size) : this.spareBuffer());
    if (this.fullBytes > this.bytesMax) throw new ReplyTooLarge();
  }

  /** Whole buffers whose parts are in `full`. */
  private retired: Uint8Array<ArrayBuffer>[] = [];
  private readonly spare: Uint8Array<ArrayBuffer>[] = [];

  private spareBuffer(): Uint8Array<ArrayBuffer> {
    return this.spare.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  /** Takes the parts that are full, with what is in the buffer: all that was written, in order. */
  takeParts(): Uint8Array[] {
    const parts = this.full;
    if (this.length > 0) parts.push(this.buffer.subarray(0, this.length));
    this.full = [];
    this.fullBytes = 0;
    return parts;
  }

  /** The bytes that were taken are sent: their buffers may be used again. */
  reuse(): void {
    this.length = 0;
    if (this.buffer.length > BUFFER_BYTES) this.use(this.spareBuffer());
    // To set the length of an array costs as much as a short command.
    if (this.retired.length === 0) return;
    for (const buffer of this.retired) if (this.spare.length < SPARE_BUFFERS_MAX) this.spare.push(buffer);
    this.retired.length = 0;
  }

  /** Goes on writing at the start of another buffer. */
  private use(buffer: Uint8Array<ArrayBuffer>): void {
    this.buffer = buffer;
    this.view = viewOf(buffer);
    this.length = 0;
    this.parts.length = 0;
  }

  /** Parts of the buffer from its start, by their length: making one costs 100 ns. */
  private readonly parts: (Uint8Array | undefined)[] = [];

  /** Bytes written in the buffer, without those in `full`. @hot */
  get written(): Uint8Array {
    const { length } = this;
    if (length >= KEPT_PARTS_MAX) return this.buffer.subarray(0, length);
    while (this.parts.length <= length) this.parts.push(undefined);
    return (this.parts[length] ??= this.buffer.subarray(0, length));
  }

  /** The buffer belongs to the socket now, which has not sent it all: the rest of it, or a new one, is used from here on. */
  giveAway(): void {
    const rest = this.buffer.length > BUFFER_BYTES ? 0 : this.buffer.length - this.length;
    this.retired.length = 0;
    this.use(rest >= 4096 ? this.buffer.subarray(this.length) : new Uint8Array(BUFFER_BYTES));
  }

  /** Forgets everything that was written. */
  clear(): void {
    if (this.full.length > 0) {
      this.full = [];
      this.fullBytes = 0;
    }
    this.reuse();
  }

  /** Takes all that was written as one array (a copy). For replies that are read again or sent later. */
  takeBytes(): Uint8Array {
    const bytes = bytesOfSlab(this.pendingBytes);
    let at = 0;
    for (const part of this.full) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.set(this.buffer.subarray(0, this.length), at);
    this.clear();
    return bytes;
  }

  /** Copies bytes that are complete RESP already. @hot */
  raw(bytes: Uint8Array, offset = 0, length = bytes.length): void {
    if (length > LARGE_BYTES) {
      this.large(bytes, offset, length);
      return;
    }
    this.reserve(length);
    copyBytes(this.buffer, this.length, bytes, offset, length);
    this.length += length;
  }

  private large(bytes: Uint8Array, offset: number, length: number): void {
    if (this.fullBytes >= LARGE_FROM_BYTES) {
      this.reserve(length);
      copyBytes(this.buffer, this.length, bytes, offset, length);
      this.length += length;
      if (this.pendingBytes > this.bytesMax) throw new ReplyTooLarge();
      return;
    }
    if (this.length > 0) {
      // The rest of the buffer goes on being used for what follows.
      this.full.push(this.buffer.subarray(0, this.length));
      this.fullBytes += this.length;
      this.use(
        this.buffer.length - this.length > 1024 ? this.buffer.subarray(this.length) : new Uint8Array(BUFFER_BYTES),
      );
    }
    this.full.push(bytes.slice(offset, offset + length));
    this.fullBytes += length;
    if (this.fullBytes > this.bytesMax) throw new ReplyTooLarge();
  }

  /** @hot */
  ok(): void {
    if (this.length + 5 > this.buffer.length) this.nextBuffer(5);
    const buffer = this.buffer;
    const at = this.length;
    buffer[at] = 43;
    buffer[at + 1] = 79;
    buffer[at + 2] = 75;
    buffer[at + 3] = CR;
    buffer[at + 4] = LF;
    this.length = at + 5;
  }

  pong(): void {
    this.raw(pongBytes, 0, 7);
  }

  queued(): void {
    this.raw(queuedBytes, 0, 9);
  }

  emptyArray(): void {
    this.raw(emptyArray, 0, 4);
  }

  /** A simple string; the text must be ASCII without line ends. */
  simple(text: string): void {
    this.line(43, text);
  }

  /** As `simple`, of any one-byte string; line ends become spaces. @hot */
  status(text: string): void {
    this.oneLine(43, text);
  }

  /** An error reply that is not counted as one, of any one-byte string without '-'; line ends become spaces. */
  uncountedError(text: string): void {
    this.oneLine(45, text);
  }

  /** An error reply. `text` begins with its code ('ERR ...') and carries no '-'; line ends become spaces. */
  error(text: string): void {
    this.errorCount++;
    this.lastError = text;
    const line = text.replace(/[\r\n]/g, ' ');
    // Texts with arguments in them are one-byte strings; those with a name of ours (a path) may be more.
    const bytes = isOneByte(line) ? latin1Bytes(line) : utf8(line);
    this.reserve(bytes.length + 3);
    this.buffer[this.length++] = 45;
    this.raw(bytes);
    this.crlf();
  }

  /** An integer of at most 2^53 in size. @hot */
  integer(value: number): void {
    this.reserve(24);
    const buffer = this.buffer;
    buffer[this.length] = 58;
    let at = writeInteger(buffer, this.length + 1, value);
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.length = at;
  }

  /** An integer whose digits (and sign) are at hand; at most 20 bytes. @hot */
  integerDigits(digits: Uint8Array, offset: number, length: number): void {
    this.reserve(24);
    const buffer = this.buffer;
    const at = this.length + 1;
    buffer[at - 1] = 58;
    for (let index = 0; index < length; index++) buffer[at + index] = digits[offset + index]!;
    this.endLine(at + length);
  }

  /** An integer of any size, within the 64 bits of the protocol. */
  wideInteger(value: number): void {
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) this.integer(value);
    else this.bigInteger(value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.max(value, -(2 ** 63))));
  }

  /** An integer of 64 bits. */
  bigInteger(value: bigint): void {
    this.line(58, value.toString());
  }

  /** A bulk string of bytes. @hot */
  bulk(bytes: Uint8Array, offset: number, length: number): void {
    if (length > SHORT_BYTES_MAX) {
      this.longBulk(bytes, offset, length);
      return;
    }
    const at = this.shortHeader(length);
    copyBytes(this.buffer, at, bytes, offset, length);
    this.endLine(at + length);
  }

  /** As `bulk`, of bytes that there is a view of. @hot */
  bulkOf(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    if (length > SHORT_BYTES_MAX) {
      this.longBulk(bytes, offset, length);
      return;
    }
    const at = this.shortHeader(length);
    copyInViews(this.view, at, view, offset, length);
    this.endLine(at + length);
  }

  /** The header of a bulk string of less than 100 bytes, with room for these; returns where they belong. @hot */
  private shortHeader(length: number): number {
    if (this.length + SHORT_BYTES_MAX + 8 > this.buffer.length) this.nextBuffer(SHORT_BYTES_MAX + 8);
    const buffer = this.buffer;
    let at = this.length;
    buffer[at++] = 36;
    if (length >= 10) {
      const tens = (length * 205) >>> 11;
      buffer[at++] = 48 + tens;
      buffer[at++] = 48 + length - 10 * tens;
    } else {
      buffer[at++] = 48 + length;
    }
    buffer[at++] = CR;
    buffer[at++] = LF;
    return at;
  }

  private longBulk(bytes: Uint8Array, offset: number, length: number): void {
    this.header(36, length);
    if (length > LARGE_BYTES) {
      this.large(bytes, offset, length);
      this.reserve(2);
    } else {
      this.reserve(length + 2);
      copyBytes(this.buffer, this.length, bytes, offset, length);
      this.length += length;
    }
    this.endLine(this.length);
  }

  /** A line end at `at`, for which there is room. @hot */
  private endLine(at: number): void {
    const buffer = this.buffer;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    this.length = at + 2;
  }

  /** A bulk string of a one-byte string. @hot */
  bulkLatin1(text: string): void {
    const { length } = text;
    this.header(36, length);
    this.reserve(length + 2);
    writeLatin1(this.buffer, this.length, text);
    this.endLine(this.length + length);
  }

  /** A bulk string of a text, as UTF-8. */
  bulkText(text: string): void {
    const bytes = utf8(text);
    this.bulk(bytes, 0, bytes.length);
  }

  /** A bulk string of a whole number. @hot */
  bulkInteger(value: number): void {
    const length = value < 0 ? 1 + digitCount(-value) : digitCount(value);
    this.header(36, length);
    this.reserve(length + 2);
    this.endLine(writeInteger(this.buffer, this.length, value));
  }

  /** "No such value" where a bulk string was asked for. @hot */
  nil(): void {
    if (this.protocol === 3) this.raw(null3, 0, 3);
    else this.raw(nullBulk, 0, 5);
  }

  /** "No such value" where an array was asked for. */
  nilArray(): void {
    if (this.protocol === 3) this.raw(null3, 0, 3);
    else this.raw(nullArray, 0, 5);
  }

  /** Starts an array of `count` replies. @hot */
  array(count: number): void {
    this.header(42, count);
  }

  /** Starts a map of `count` pairs; the caller writes key, value, key, value. */
  map(count: number): void {
    if (this.protocol === 3) this.header(37, count);
    else this.header(42, 2 * count);
  }

  /** Starts a set of `count` members. */
  set(count: number): void {
    this.header(this.protocol === 3 ? 126 : 42, count);
  }

  /** Starts an attribute of `count` pairs. RESP3 only: the caller asks for the protocol first. */
  attribute(count: number): void {
    this.header(124, count);
  }

  /** Starts a push message of `count` parts (an array in RESP2). */
  push(count: number): void {
    this.header(this.protocol === 3 ? 62 : 42, count);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.line(35, value ? 't' : 'f');
    else this.integer(value ? 1 : 0);
  }

  /** A double, printed as scores are. @hot */
  double(value: number): void {
    const length = formatDouble(value, doubleScratch, 0);
    if (this.protocol === 2) {
      this.bulk(doubleScratch, 0, length);
      return;
    }
    this.reserve(length + 3);
    this.buffer[this.length++] = 44;
    this.raw(doubleScratch, 0, length);
    this.crlf();
  }

  /** A double in a text of its own. */
  doubleText(text: string): void {
    if (this.protocol === 3) this.line(44, text);
    else this.bulkText(text);
  }

  /** A double as a bulk string in both protocols. */
  bulkDouble(value: number): void {
    this.bulk(doubleScratch, 0, formatDouble(value, doubleScratch, 0));
  }

  /** A number of any size in decimal. */
  bigNumber(text: string): void {
    if (this.protocol === 3) this.line(40, text);
    else this.bulkText(text);
  }

  /** Text for people; `format` is three letters: txt or mkd. */
  verbatim(text: string, format: 'txt' | 'mkd' = 'txt'): void {
    const bytes = utf8(text);
    if (this.protocol === 2) {
      this.bulk(bytes, 0, bytes.length);
      return;
    }
    this.header(61, bytes.length + 4);
    this.raw(latin1Bytes(`${format}:`));
    this.raw(bytes);
    this.crlf();
  }

  /**
   * Starts an array (map, set, push) whose length is not yet known; everything written until `settle` belongs to it.
   * Costs a copy of what follows within the buffer, so it is for short or rare replies.
   */
  defer(): DeferredLength {
    return { fullCount: this.full.length, at: this.length };
  }

  settleArray(deferred: DeferredLength, count: number): void {
    this.settle(deferred, 42, count);
  }

  settleMap(deferred: DeferredLength, count: number): void {
    this.settle(deferred, this.protocol === 3 ? 37 : 42, this.protocol === 3 ? count : 2 * count);
  }

  settleSet(deferred: DeferredLength, count: number): void {
    this.settle(deferred, this.protocol === 3 ? 126 : 42, count);
  }

  private settle(deferred: DeferredLength, type: number, count: number): void {
    const header = latin1Bytes(`${String.fromCharCode(type)}${count}\r\n`);
    if (deferred.fullCount === this.full.length) {
      this.reserve(header.length);
      if (deferred.fullCount === this.full.length) {
        this.buffer.copyWithin(deferred.at + header.length, deferred.at, this.length);
        this.buffer.set(header, deferred.at);
        this.length += header.length;
        return;
      }
    }
    // The place lies in a buffer that is full meanwhile: cut that one and put the header between its parts.
    const part = this.full[deferred.fullCount]!;
    this.full.splice(deferred.fullCount, 1, part.subarray(0, deferred.at), header, part.subarray(deferred.at));
    this.fullBytes += header.length;
  }

  /** A copy of what was written since a `defer`. */
  since(from: DeferredLength): Uint8Array {
    const parts = [...this.full.slice(from.fullCount), this.buffer.subarray(0, this.length)];
    parts[0] = parts[0]!.subarray(from.at);
    return Buffer.concat(parts);
  }

  /** Forgets what was written since a `defer`. */
  rewind(to: DeferredLength): void {
    if (this.full.length > to.fullCount) {
      const part = this.full[to.fullCount]!;
      for (const dropped of this.full.splice(to.fullCount)) this.fullBytes -= dropped.length;
      this.use(new Uint8Array(BUFFER_BYTES));
      copyBytes(this.buffer, 0, part, 0, Math.min(to.at, BUFFER_BYTES));
      if (to.at > BUFFER_BYTES) {
        this.full.push(part.subarray(0, to.at));
        this.fullBytes += to.at;
        this.length = 0;
        return;
      }
    }
    this.length = to.at;
  }

  /** A type byte, a number and a line end. @hot */
  private header(type: number, value: number): void {
    this.reserve(20);
    const buffer = this.buffer;
    let at = this.length;
    buffer[at++] = type;
    if (value < 10) buffer[at++] = 48 + value;
    else at = writeInteger(buffer, at, value);
    buffer[at++] = CR;
    buffer[at++] = LF;
    this.length = at;
  }

  private line(type: number, text: string): void {
    const { length } = text;
    this.reserve(length + 3);
    const at = this.length + 1;
    this.buffer[at - 1] = type;
    writeLatin1(this.buffer, at, text);
    this.endLine(at + length);
  }

  private oneLine(type: number, text: string): void {
    this.line(type, text);
    const buffer = this.buffer;
    for (let at = this.length - 2 - text.length; at < this.length - 2; at++)
      if (buffer[at] === CR || buffer[at] === LF) buffer[at] = 32;
  }

  private crlf(): void {
    this.reserve(2);
    this.endLine(this.length);
  }
}
