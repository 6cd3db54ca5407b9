// request: reads requests (RESP arrays of bulk strings, or inline commands) out of a buffer, as places of their arguments.
//
// The bytes of one request must lie together; the connection sees to that. A request that is not complete is taken up
// again where reading stopped: places are relative to the request's first byte, so the bytes may move meanwhile, and a
// request of a million arguments that comes in small pieces is still read in linear time.
//
// Refusals and their words are Redis's: clients and attackers get the same protocol errors.

import { isSpace } from '../base/bytes.js';
import { splitBytes } from '../base/quoting.js';

/** Where the arguments go; `Call` is one. */
export interface ArgumentPlaces {
  count: number;
  bytes: Uint8Array;
  starts: Int32Array;
  lengths: Int32Array;
  reserve(count: number): void;
}

export const COMPLETE = 1;
/** A line without content: nothing to run and nothing to say. */
export const NOTHING = 0;
export const INCOMPLETE = -1;
export const MALFORMED = -2;

const STAR = 42;
const DOLLAR = 36;
const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const LINE_BYTES_MAX = 65536;
const ARGUMENTS_MAX = 0x7fffffff;
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX = 16384;
/** With fewer arguments, starting over is cheaper than remembering. */
const REMEMBERED_MIN = 32;

export class RequestReader {
  /** After COMPLETE and NOTHING: the offset after the request. */
  end = 0;
  /** After MALFORMED: the error for the client. */
  error = '';
  /** After INCOMPLETE: the request has at least this many bytes in all; 0 when that is not known. */
  neededBytes = 0;
  /** Where the argument that `neededBytes` is about begins, from the request's first byte. */
  partialStart = 0;
  /** `proto-max-bulk-len`. */
  bulkBytesMax = 512 * 1024 * 1024;

  /**
   * Reads the request at `at`; bytes up to `limit` are there. `resume` is what the connection kept from an INCOMPLETE
   * answer about the same request. An unauthenticated client may send only small requests.
   * @hot
   */
  read(
    bytes: Uint8Array,
    at: number,
    limit: number,
    places: ArgumentPlaces,
    resume: ResumePoint | null,
    authenticated: boolean,
  ): number {
    this.neededBytes = 0;
    if (bytes[at] !== STAR) return this.readInline(bytes, at, limit, places);
    let position: number;
    let count: number;
    let index = 0;
    if (resume !== null && resume.argumentCount > 0) {
      count = resume.argumentCount;
      index = resume.restore(places, at);
      position = at + resume.offset;
      places.bytes = bytes;
    } else {
      count = at + 3 < limit && bytes[at + 2] === CR ? bytes[at + 1]! - 48 : 0;
      position = at + 4;
      // Most commands have one to nine arguments; all else is read with care.
      if (count < 1 || count > 9) {
        const lineEnd = findLineEnd(bytes, at + 1, limit);
        if (lineEnd < 0) return limit - at > LINE_BYTES_MAX ? this.fail('too big mbulk count string') : INCOMPLETE;
        count = readLength(bytes, at + 1, lineEnd);
        if (Number.isNaN(count) || count > ARGUMENTS_MAX) return this.fail('invalid multibulk length');
        if (count > UNAUTHENTICATED_ARGUMENTS_MAX && !authenticated)
          return this.fail('unauthenticated multibulk length');
        position = lineEnd + 2;
        if (count <= 0) {
          this.end = position;
          return NOTHING;
        }
        places.reserve(Math.min(count, 1024));
      }
      places.bytes = bytes;
    }
    let { starts, lengths } = places;
    for (; index < count; index++) {
      if (position >= limit) return this.suspend(places, resume, at, position, count, index);
      if (bytes[position] !== DOLLAR) {
        if (findLineEnd(bytes, position, limit) >= 0)
          return this.fail(`expected '$', got '${printable(bytes[position]!)}'`);
        return limit - position > LINE_BYTES_MAX
          ? this.fail('too big bulk count string')
          : this.suspend(places, resume, at, position, count, index);
      }
      // Most lengths have one or two digits.
      let length = bytes[position + 1]! - 48;
      let lineEnd = position + 2;
      if (lineEnd + 1 < limit && length >= 0 && length <= 9) {
        let byte = bytes[lineEnd]!;
        if (byte >= 48 && byte <= 57 && length !== 0) {
          length = length * 10 + byte - 48;
          byte = bytes[++lineEnd]!;
        }
        if (byte !== CR) lineEnd = -1;
      } else {
        lineEnd = -1;
      }
      if (lineEnd < 0) {
        lineEnd = findLineEnd(bytes, position + 1, limit);
        if (lineEnd < 0) {
          return limit - position > LINE_BYTES_MAX
            ? this.fail('too big bulk count string')
            : this.suspend(places, resume, at, position, count, index);
        }
        length = readLength(bytes, position + 1, lineEnd);
        if (Number.isNaN(length) || length < 0 || length > this.bulkBytesMax) return this.fail('invalid bulk length');
        if (length > UNAUTHENTICATED_BULK_BYTES_MAX && !authenticated) return this.fail('unauthenticated bulk length');
      } else if (lineEnd + 2 > limit) {
        return this.suspend(places, resume, at, position, count, index);
      }
      const start = lineEnd + 2;
      const next = start + length + 2;
      if (next > limit) {
        const answer = this.suspend(places, resume, at, position, count, index);
        this.neededBytes = next - at;
        this.partialStart = start - at;
        return answer;
      }
      if (index === starts.length) {
        places.reserve(index + 1);
        starts = places.starts;
        lengths = places.lengths;
      }
      starts[index] = start;
      lengths[index] = length;
      position = next;
    }
    places.count = count;
    this.end = position;
    return COMPLETE;
  }

  private suspend(
    places: ArgumentPlaces,
    resume: ResumePoint | null,
    at: number,
    position: number,
    count: number,
    index: number,
  ): number {
    if (resume !== null && index >= REMEMBERED_MIN) resume.save(places, at, position, count, index);
    return INCOMPLETE;
  }

  private fail(what: string): number {
    this.error = `ERR Protocol error: ${what}`;
    return MALFORMED;
  }

  /** A line of words without quotes: they stay where they are. False, and nothing is done, when it is none or not all there. @hot */
  private readPlainLine(bytes: Uint8Array, at: number, limit: number, places: ArgumentPlaces): boolean {
    const { starts, lengths } = places;
    let count = 0;
    let start = -1;
    for (let position = at; position < limit; position++) {
      const byte = bytes[position]!;
      if (byte > SINGLE_QUOTE) {
        if (start < 0) start = position;
      } else if (byte === SPACE || byte === LF || byte === CR || byte === TAB) {
        if (start >= 0) {
          if (count === starts.length) return false;
          starts[count] = start;
          lengths[count++] = position - start;
          start = -1;
        }
        if (byte === LF) {
          places.bytes = bytes;
          places.count = count;
          this.end = position + 1;
          return true;
        }
      } else if (byte === 0 || byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        return false;
      } else if (start < 0 && !isSpace(byte)) {
        start = position;
      }
    }
    return false;
  }

  private readInline(bytes: Uint8Array, at: number, limit: number, places: ArgumentPlaces): number {
    if (this.readPlainLine(bytes, at, limit, places)) return places.count > 0 ? COMPLETE : NOTHING;
    const newline = findNewline(bytes, at, limit);
    if (newline < 0) return limit - at > LINE_BYTES_MAX ? this.fail('too big inline request') : INCOMPLETE;
    this.end = newline + 1;
    const lineEnd = newline > at && bytes[newline - 1] === CR ? newline - 1 : newline;
    const words = splitBytes(bytes, at, lineEnd);
    if (words === undefined) return this.fail('unbalanced quotes in request');
    if (words.length === 0) return NOTHING;
    let total = 0;
    for (const word of words) total += word.length;
    places.bytes = new Uint8Array(total);
    places.reserve(words.length);
    let offset = 0;
    for (let index = 0; index < words.length; index++) {
      places.bytes.set(words[index]!, offset);
      places.starts[index] = offset;
      places.lengths[index] = words[index]!.length;
      offset += words[index]!.length;
    }
    places.count = words.length;
    return COMPLETE;
  }
}

/** The state of a request that has come in part. One per connection, made when it is first needed. */
export class ResumePoint {
  argumentCount = 0;
  /** Where reading goes on, from the request's first byte. */
  offset = 0;
  private index = 0;
  private starts = new Int32Array(0);
  private lengths = new Int32Array(0);

  save(places: ArgumentPlaces, at: number, position: number, count: number, index: number): void {
    if (this.starts.length < index) {
      const starts = new Int32Array(index * 2);
      const lengths = new Int32Array(index * 2);
      starts.set(this.starts);
      lengths.set(this.lengths);
      this.starts = starts;
      this.lengths = lengths;
    }
    for (let known = this.argumentCount > 0 ? this.index : 0; known < index; known++) {
      this.starts[known] = places.starts[known]! - at;
      this.lengths[known] = places.lengths[known]!;
    }
    this.argumentCount = count;
    this.offset = position - at;
    this.index = index;
  }

  /** Puts the known arguments back; returns how many there are. */
  restore(places: ArgumentPlaces, at: number): number {
    places.reserve(this.index + 1);
    for (let index = 0; index < this.index; index++) {
      places.starts[index] = this.starts[index]! + at;
      places.lengths[index] = this.lengths[index]!;
    }
    return this.index;
  }

  clear(): void {
    this.argumentCount = 0;
    if (this.starts.length > 65536) {
      this.starts = new Int32Array(0);
      this.lengths = new Int32Array(0);
    }
  }
}

/** Offset of a CR that has one more byte after it, or -1. As in Redis, a line with a zero byte never ends. */
function findLineEnd(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from; at < limit - 1; at++) {
    if (bytes[at] === CR) return at;
    if (bytes[at] === 0) return -1;
  }
  return -1;
}

/** Offset of the LF that ends an inline request, or -1. As above, a zero byte hides it. */
function findNewline(bytes: Uint8Array, from: number, limit: number): number {
  const newline = bytes.indexOf(LF, from);
  if (newline < 0 || newline >= limit) return -1;
  return bytes.subarray(from, newline).includes(0) ? -1 : newline;
}

/** A length line as an integer of 64 bits; NaN when it is none. */
function readLength(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  const negative = bytes[at] === 45;
  if (negative) at++;
  if (at === end || end - at > 19) return NaN;
  if (bytes[at] === 48 && (end - at > 1 || negative)) return NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

function printable(byte: number): string {
  return String.fromCharCode(byte);
}
