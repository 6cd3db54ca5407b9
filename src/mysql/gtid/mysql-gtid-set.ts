// mysql-gtid-set: which transactions of MySQL have been seen, as sets of numbers for each server and tag.
//
// Text: `uuid:1-5:9,uuid:tag:1-3`. On the wire, all little-endian:
//
//   count of sources (8)  for each: uuid (16)  count of intervals (8)  for each: first (8)  last + 1 (8)
//
// With tags (MySQL 8.3 and later) the first and last byte of the count are 1, the count stands between them, and each uuid is
// followed by its tag: length * 2 (1), bytes.
//
// Source: "GTID Sets" in the MySQL manual, Gtid_set::encode in MySQL's source documentation.
import { BinlogFormatError, ByteCursor } from '../binlog/byte-cursor.js';
import { formatUuid } from './gtid-event.js';

interface Interval {
  first: bigint;
  /** The number after the last. */
  end: bigint;
}

const SOURCES_MAX = 1_000_000;

export class GtidFormatError extends Error {}

export class MysqlGtidSet {
  /** Sorted intervals that do not touch, for each `uuid` or `uuid:tag`. */
  private readonly sources = new Map<string, Interval[]>();

  static parse(text: string): MysqlGtidSet {
    const set = new MysqlGtidSet();
    for (const part of text.split(',')) {
      const trimmed = part.trim();
      if (trimmed === '') continue;
      const [uuid, ...words] = trimmed.split(':').map((word) => word.trim().toLowerCase());
      if (!/^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/.test(uuid!))
        throw new GtidFormatError(`'${part}' is no GTID set`);
      let source = formatUuid(Buffer.from(uuid!.replaceAll('-', ''), 'hex'));
      const base = source;
      let hasInterval = false;
      for (const word of words) {
        const match = /^(\d+)(?:-(\d+))?$/.exec(word);
        if (match !== null) {
          const first = BigInt(match[1]!);
          const last = BigInt(match[2] ?? match[1]!);
          if (first < 1n || last < first) throw new GtidFormatError(`'${word}' in '${part}' is no interval`);
          set.addInterval(source, first, last + 1n);
          hasInterval = true;
        } else if (/^[a-z_][a-z0-9_]{0,31}$/.test(word)) source = `${base}:${word}`;
        else throw new GtidFormatError(`'${word}' in '${part}' is no interval`);
      }
      if (!hasInterval) throw new GtidFormatError(`'${part}' names no transactions`);
    }
    return set;
  }

  get isEmpty(): boolean {
    return this.sources.size === 0;
  }

  /** Adds one transaction, `uuid:number` or `uuid:tag:number`. */
  add(gtid: string): void {
    const colon = gtid.lastIndexOf(':');
    const number = BigInt(gtid.slice(colon + 1));
    this.addInterval(gtid.slice(0, colon), number, number + 1n);
  }

  has(gtid: string): boolean {
    const colon = gtid.lastIndexOf(':');
    const number = BigInt(gtid.slice(colon + 1));
    const intervals = this.sources.get(gtid.slice(0, colon)) ?? [];
    return intervals.some(({ first, end }) => number >= first && number < end);
  }

  /** True when every transaction of the other set is in this one. */
  contains(other: MysqlGtidSet): boolean {
    for (const [source, intervals] of other.sources) {
      const mine = this.sources.get(source) ?? [];
      for (const { first, end } of intervals)
        if (!mine.some((one) => one.first <= first && one.end >= end)) return false;
    }
    return true;
  }

  addInterval(source: string, first: bigint, end: bigint): void {
    const intervals = this.sources.get(source);
    if (intervals === undefined) {
      this.sources.set(source, [{ first, end }]);
      return;
    }
    const last = intervals[intervals.length - 1]!;
    // The usual case: the next transaction of a server.
    if (first === last.end) {
      last.end = end;
      return;
    }
    const merged: Interval[] = [];
    let added: Interval = { first, end };
    for (const one of intervals) {
      if (one.end < added.first || one.first > added.end) merged.push(one);
      else
        added = {
          first: one.first < added.first ? one.first : added.first,
          end: one.end > added.end ? one.end : added.end,
        };
    }
    merged.push(added);
    merged.sort((one, other) => (one.first < other.first ? -1 : 1));
    this.sources.set(source, merged);
  }

  toString(): string {
    const parts: string[] = [];
    for (const source of [...this.sources.keys()].sort()) {
      const texts = this.sources
        .get(source)!
        .map(({ first, end }) => (end === first + 1n ? `${first}` : `${first}-${end - 1n}`));
      parts.push(`${source}:${texts.join(':')}`);
    }
    return parts.join(',');
  }

  encode(): Buffer {
    const isTagged = [...this.sources.keys()].some((source) => source.includes(':'));
    const count = Buffer.alloc(8);
    if (isTagged) {
      count.writeUIntLE(this.sources.size, 1, 6);
      count[0] = 1;
      count[7] = 1;
    } else count.writeBigUInt64LE(BigInt(this.sources.size));
    const parts: Buffer[] = [count];
    for (const [source, intervals] of this.sources) {
      const [uuid, tag = ''] = source.split(':');
      parts.push(Buffer.from(uuid!.replaceAll('-', ''), 'hex'));
      if (isTagged) parts.push(Buffer.from([tag.length * 2]), Buffer.from(tag));
      const numbers = Buffer.alloc(8 + intervals.length * 16);
      numbers.writeBigUInt64LE(BigInt(intervals.length));
      for (const [index, { first, end }] of intervals.entries()) {
        numbers.writeBigUInt64LE(first, 8 + index * 16);
        numbers.writeBigUInt64LE(end, 16 + index * 16);
      }
      parts.push(numbers);
    }
    return Buffer.concat(parts);
  }
}

export function readMysqlGtidSet(cursor: ByteCursor): MysqlGtidSet {
  const head = cursor.slice(8);
  const isTagged = head[7] === 1;
  const count = isTagged ? new ByteCursor(head, 1).u48() : new ByteCursor(head).size64();
  if (count > SOURCES_MAX) throw new BinlogFormatError(`a GTID set of ${count} servers`);
  const set = new MysqlGtidSet();
  for (let index = 0; index < count; index++) {
    let source = formatUuid(cursor.slice(16));
    if (isTagged) {
      const tag = cursor.latin1(cursor.u8() >> 1);
      if (tag !== '') source += `:${tag}`;
    }
    const intervals = cursor.size64();
    if (intervals * 16 > cursor.left) throw new BinlogFormatError('a GTID set with more intervals than bytes');
    for (let one = 0; one < intervals; one++) {
      const first = cursor.u64();
      set.addInterval(source, first, cursor.u64());
    }
  }
  return set;
}
