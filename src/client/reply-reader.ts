// reply-reader: turns the bytes of an outgoing connection into replies, however they are cut into chunks.
//
// One resumable loop. The open aggregates are a stack, so nothing is parsed twice when more bytes come, and
// nesting costs no call stack. A bulk string that is longer than what has arrived is collected chunk by chunk and
// joined once, so reading n bytes copies n bytes. Nothing is allocated for a length that a peer only claims.
//
// RESP2 and RESP3. Attributes are read and dropped: no caller has a use for them. Streamed types are no part of Redis.
import { nilReply, type AggregateReply, type Reply } from './reply.js';

const cr = 13;
const lf = 10;
const plus = 43;
const minus = 45;
const colon = 58;
/** The formatter and other readers walk replies by recursion; Redis itself nests a handful of levels. */
const depthMax = 512;
const bulkBytesMax = 0xffff_ffff;
const elementCountMax = 0xffff_ffff;
const nearBytes = 24;
const lineBytesMax = 512 * 1024 * 1024;

/** The peer does not speak RESP; the connection cannot be used any further. */
export class ReplyProtocolError extends Error {}

interface OpenAggregate {
  readonly kind: AggregateReply['kind'] | 'attribute';
  readonly elements: Reply[];
  missing: number;
}

const empty = Buffer.alloc(0);

export class ReplyReader {
  private pending: Buffer = empty;
  private position = 0;
  /** Where the search for the end of the current line goes on. */
  private lineSearch = 0;
  private readonly open: OpenAggregate[] = [];
  private bulkKind: 'bulk' | 'verbatim' | undefined;
  private bulkBytes = 0;
  private bulkParts: Buffer[] = [];
  private bulkArrived = 0;

  /** Adds bytes; they must not be changed afterwards, replies point into them. */
  feed(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.position === this.pending.length) {
      this.pending = bytes;
      this.lineSearch = 0;
    } else {
      this.lineSearch -= this.position;
      this.pending = Buffer.concat([this.pending.subarray(this.position), bytes]);
    }
    this.position = 0;
    if (this.lineSearch < 0) this.lineSearch = 0;
  }

  /** True in the middle of a reply. */
  get midway(): boolean {
    return this.open.length > 0 || this.bulkKind !== undefined || this.position < this.pending.length;
  }

  /** The bytes that came and were not parsed; the reader forgets them. For connections that leave RESP (SYNC). */
  takeRest(): Uint8Array {
    const rest = this.pending.subarray(this.position);
    this.pending = empty;
    this.position = 0;
    this.lineSearch = 0;
    return rest;
  }

  /**
   * Passes over the next replies that are a status or an integer, whole, and at most so many; returns how many. For commands of
   * which only errors are of interest.
   * @hot
   */
  passOver(most: number): number {
    if (this.open.length > 0 || this.bulkKind !== undefined) return 0;
    const { pending } = this;
    const { length } = pending;
    let at = this.position;
    let count = 0;
    while (count < most && at < length) {
      const type = pending[at]!;
      if (type !== plus && type !== colon) break;
      let end = at + 1;
      while (end < length && pending[end] !== cr) end++;
      if (end + 1 >= length || pending[end + 1] !== lf) break;
      at = end + 2;
      count++;
    }
    if (count > 0) this.position = this.lineSearch = at;
    return count;
  }

  /** The next whole reply, or undefined until more bytes come. Throws ReplyProtocolError. */
  next(): Reply | undefined {
    for (;;) {
      let reply = this.bulkKind === undefined ? this.readItem() : this.readBulk();
      if (reply === undefined) return undefined;
      if (reply === opened) continue;
      // A value is whole: it completes as many open aggregates as it is the last element of.
      for (;;) {
        const parent = this.open[this.open.length - 1];
        if (parent === undefined) return reply as Reply;
        parent.elements.push(reply as Reply);
        if (--parent.missing > 0) break;
        this.open.pop();
        if (parent.kind === 'attribute') break; // the value that it describes follows
        reply = { kind: parent.kind, elements: parent.elements };
      }
    }
  }

  /** Reads a line's worth: a scalar, an empty aggregate, or the opening of something larger. */
  private readItem(): Reply | typeof opened | undefined {
    const { pending } = this;
    const end = this.findLineEnd();
    if (end < 0) return undefined;
    const start = this.position;
    const type = pending[start]!;
    const body = start + 1;
    this.position = end + 2;
    this.lineSearch = this.position;
    switch (type) {
      case 0x2b: // +
        if (end - body === 6 && pending[body] === 0x51 && isQueued(pending, body)) return queuedReply;
        if (end - body === 2 && pending[body] === 0x4f && pending[body + 1] === 0x4b) return okReply;
        return { kind: 'status', bytes: pending.subarray(body, end) };
      case 0x2d: // -
        return { kind: 'error', bytes: pending.subarray(body, end) };
      case 0x3a: // :
        return { kind: 'integer', value: readInteger(pending, body, end) };
      case 0x24: // $
        return this.openBulk('bulk', readCount(pending, body, end, bulkBytesMax, 'Bulk string length out of range'));
      case 0x3d: // =
        return this.openBulk(
          'verbatim',
          readCount(pending, body, end, bulkBytesMax, 'Bulk string length out of range'),
        );
      case 0x2a: // *
        return this.openAggregate('array', pending, body, end);
      case 0x25: // %
        return this.openAggregate('map', pending, body, end);
      case 0x7e: // ~
        return this.openAggregate('set', pending, body, end);
      case 0x3e: // >
        return this.openAggregate('push', pending, body, end);
      case 0x7c: // |
        return this.openAggregate('attribute', pending, body, end);
      case 0x5f: // _
        if (end !== body) throw new ReplyProtocolError('Bad nil value');
        return nilReply;
      case 0x23: // #
        if (end !== body + 1 || (pending[body] !== 0x74 && pending[body] !== 0x66)) {
          throw new ReplyProtocolError('Bad bool value');
        }
        return { kind: 'boolean', value: pending[body] === 0x74 };
      case 0x2c: // ,
        return { kind: 'double', text: readDouble(pending, body, end) };
      case 0x28: // (
        return { kind: 'bignumber', text: readBigNumber(pending, body, end) };
      default:
        throw new ReplyProtocolError(`Protocol error, got ${quoteByte(type)} as reply type byte`);
    }
  }

  /** Index of the CR that ends the line at `position`, or -1. */
  private findLineEnd(): number {
    const { pending } = this;
    if (this.lineSearch < this.position) this.lineSearch = this.position;
    // Say at once that the peer talks something else, rather than wait for a line end that never comes.
    if (this.position < pending.length && isTypeByte[pending[this.position]!] === 0) {
      throw new ReplyProtocolError(`Protocol error, got ${quoteByte(pending[this.position]!)} as reply type byte`);
    }
    // Most lines are short: a loop finds their end before a native call would have begun.
    const near = Math.min(this.lineSearch + nearBytes, pending.length - 1);
    for (let at = this.lineSearch; at < near; at++) if (pending[at] === cr && pending[at + 1] === lf) return at;
    for (;;) {
      const found = pending.indexOf(cr, this.lineSearch);
      if (found < 0 || found + 1 >= pending.length) {
        this.lineSearch = found < 0 ? pending.length : found;
        if (this.lineSearch - this.position > lineBytesMax) throw new ReplyProtocolError('Line without end');
        return -1;
      }
      if (pending[found + 1] === lf) return found;
      this.lineSearch = found + 1;
    }
  }

  private openAggregate(
    kind: OpenAggregate['kind'],
    pending: Buffer,
    body: number,
    end: number,
  ): Reply | typeof opened {
    const count = readCount(pending, body, end, elementCountMax, 'Multi-bulk length out of range');
    if (count < 0) return nilReply;
    if (count === 0) return kind === 'attribute' ? opened : { kind, elements: [] };
    if (this.open.length >= depthMax) throw new ReplyProtocolError(`Reply nested deeper than ${depthMax} levels`);
    const perEntry = kind === 'map' || kind === 'attribute' ? 2 : 1;
    this.open.push({ kind, elements: [], missing: count * perEntry });
    return opened;
  }

  private openBulk(kind: 'bulk' | 'verbatim', bytes: number): Reply | typeof opened {
    if (bytes < 0) return nilReply;
    if (kind === 'verbatim' && bytes < 4)
      throw new ReplyProtocolError('Verbatim string 4 bytes of content type are missing or incorrectly encoded.');
    this.bulkKind = kind;
    this.bulkBytes = bytes;
    return opened;
  }

  private readBulk(): Reply | undefined {
    const available = this.pending.length - this.position;
    const wanted = this.bulkBytes + 2 - this.bulkArrived; // the CRLF counts as part of it
    if (available < wanted) {
      if (available > 0) {
        this.bulkParts.push(this.pending.subarray(this.position));
        this.bulkArrived += available;
        this.position = this.pending.length;
      }
      return undefined;
    }
    const { pending } = this;
    const start = this.position;
    this.position += wanted;
    this.lineSearch = this.position;
    if (this.bulkKind === 'bulk' && this.bulkParts.length === 0) {
      // One view of the bytes instead of two: small values cost half.
      const end = start + this.bulkBytes;
      if (pending[end] !== cr || pending[end + 1] !== lf) throw new ReplyProtocolError('Bulk string without line end');
      this.bulkKind = undefined;
      return { kind: 'bulk', bytes: pending.subarray(start, end) };
    }
    let whole = pending.subarray(start, start + wanted);
    if (this.bulkParts.length > 0) {
      this.bulkParts.push(whole);
      whole = Buffer.concat(this.bulkParts);
      this.bulkParts = [];
      this.bulkArrived = 0;
    }
    const length = this.bulkBytes;
    if (whole[length] !== cr || whole[length + 1] !== lf) throw new ReplyProtocolError('Bulk string without line end');
    const kind = this.bulkKind;
    this.bulkKind = undefined;
    if (kind === 'bulk') return { kind, bytes: whole.subarray(0, length) };
    if (whole[3] !== 0x3a)
      throw new ReplyProtocolError('Verbatim string 4 bytes of content type are missing or incorrectly encoded.');
    return { kind: 'verbatim', format: whole.toString('latin1', 0, 3), bytes: whole.subarray(4, length) };
  }
}

/** The replies of most writes, shared by all of them. */
const okReply: Reply = { kind: 'status', bytes: Buffer.from('OK', 'latin1') };
const queued = Buffer.from('QUEUED', 'latin1');

function isQueued(bytes: Buffer, start: number): boolean {
  for (let index = 1; index < queued.length; index++) if (bytes[start + index] !== queued[index]) return false;
  return true;
}

const queuedReply: Reply = { kind: 'status', bytes: queued };

/** readItem's answer when it opened an aggregate or a bulk string and there is no value yet. */
const opened = Symbol('opened');

const isTypeByte = new Uint8Array(256);
for (const byte of Buffer.from('+-:$=*%~>|_#,(', 'latin1')) isTypeByte[byte] = 1;

function quoteByte(byte: number): string {
  const named = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' }[byte];
  if (named !== undefined) return `"${named}"`;
  if (byte >= 0x20 && byte < 0x7f) return `"${String.fromCharCode(byte)}"`;
  return `"\\x${byte.toString(16).padStart(2, '0')}"`;
}

function readInteger(bytes: Buffer, start: number, end: number): number | bigint {
  const negative = bytes[start] === minus;
  let index = negative || bytes[start] === 0x2b ? start + 1 : start;
  if (index >= end || end - index > 19) throw new ReplyProtocolError('Bad integer value');
  let value = 0;
  for (; index < end; index++) {
    const digit = bytes[index]! - 48;
    if (digit < 0 || digit > 9) throw new ReplyProtocolError('Bad integer value');
    value = value * 10 + digit;
  }
  if (value <= Number.MAX_SAFE_INTEGER) return negative ? 0 - value : value;
  const exact = BigInt(bytes.toString('latin1', bytes[start] === 0x2b ? start + 1 : start, end));
  if (exact !== BigInt.asIntN(64, exact)) throw new ReplyProtocolError('Bad integer value');
  return exact;
}

function readCount(bytes: Buffer, start: number, end: number, max: number, outOfRange: string): number {
  let count: number | bigint;
  try {
    count = readInteger(bytes, start, end);
  } catch {
    throw new ReplyProtocolError(outOfRange.startsWith('Bulk') ? 'Bad bulk string length' : 'Bad multi-bulk length');
  }
  if (typeof count === 'bigint' || count < -1 || count > max) throw new ReplyProtocolError(outOfRange);
  return count;
}

function readDouble(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start, end);
  if (!/^[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|nan)$/i.test(text)) {
    throw new ReplyProtocolError('Bad double value');
  }
  return text;
}

function readBigNumber(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start, end);
  if (!/^[+-]?\d+$/.test(text)) throw new ReplyProtocolError('Bad bignum value');
  return text;
}
