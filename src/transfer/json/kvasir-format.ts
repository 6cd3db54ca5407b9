// kvasir-format: JSON lines that hold everything a server has: any bytes, streams, exact doubles, times in milliseconds.
//
//   {"format":"kvasir-dump","version":1}                                          the first line
//   {"type":"function","code":T}                                                  a function library
//   {"db":0,"key":T,"type":"hash","expireAt":1700000000123,"value":V}             a key
//
//   T       "text", or {"base64":"..."} where the bytes are no UTF-8
//   string  T
//   list    [T, ...]; set the same
//   zset    [[T, score], ...]; the score is a number, or one of "inf", "-inf", "-0"
//   hash    [[T, T], [T, T, milliseconds since 1970 when the field expires], ...]
//   stream  {"entries":[["1-0",[T,T]],...],"lastId":"1-0","maxDeletedId":"0-0","entriesAdded":1,"groups":[{"name":T,"lastId":"1-0",
//            "entriesRead":1,"pending":[["1-0",time,deliveries],...],"consumers":[{"name":T,"seen":ms,"active":ms,"pending":["1-0"]}]}]}
//   module  {"dump":"base64 of what DUMP gives"}
//
// A key may also have "idle" (seconds) and "freq". A collection of several megabytes takes several lines with "part":"first",
// "more" and "last", so that neither side ever holds more than a part.

import { isUtf8 } from 'node:buffer';
import { dumpPayload, VERSION_MAX } from '../record/encode.js';
import { recordOfPayload } from '../record/payload.js';
import { type KeyRecord, keyRecord, NO_EXPIRY, type Part, type TransferRecord } from '../record/record.js';
import { isStreamId } from '../record/stream-ids.js';
import { kindNumber, scoreText, type StreamGroup, type StreamValue, type Value } from '../record/values.js';

export const KVASIR_HEADER = '{"format":"kvasir-dump","version":1}\n';

function text(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(bytes)) return JSON.stringify(buffer.toString());
  return `{"base64":"${buffer.toString('base64')}"}`;
}

function score(value: number): string {
  return Number.isFinite(value) && !Object.is(value, -0) ? String(value) : `"${scoreText(value)}"`;
}

function group(one: StreamGroup): string {
  const pending = one.pending.map(({ id, timeMs, count }) => `["${id}",${timeMs},${count}]`);
  const consumers = one.consumers.map(
    (consumer) =>
      `{"name":${text(consumer.name)},"seen":${consumer.seenMs},"active":${consumer.activeMs},"pending":${JSON.stringify(consumer.pending)}}`,
  );
  return `{"name":${text(one.name)},"lastId":"${one.lastId}","entriesRead":${one.entriesRead},"pending":[${pending.join(',')}],"consumers":[${consumers.join(',')}]}`;
}

function valueText(record: KeyRecord, value: Value): string {
  switch (value.kind) {
    case 'string':
      return text(value.bytes);
    case 'list':
    case 'set':
      return `[${value.elements.map(text).join(',')}]`;
    case 'zset':
      return `[${value.elements.map((one, index) => `[${text(one)},${score(value.scores[index]!)}]`).join(',')}]`;
    case 'hash': {
      const pairs = value.fields.map((field, index) => {
        const at = value.expireAtMs[index] ?? 0;
        return `[${text(field)},${text(value.values[index]!)}${at > 0 ? `,${at}` : ''}]`;
      });
      return `[${pairs.join(',')}]`;
    }
    case 'stream': {
      const entries = value.entries.map(({ id, pairs }) => `["${id}",[${pairs.map(text).join(',')}]]`);
      return `{"entries":[${entries.join(',')}],"lastId":"${value.lastId}","maxDeletedId":"${value.maxDeletedId}","entriesAdded":${value.entriesAdded},"groups":[${value.groups.map(group).join(',')}]}`;
    }
    case 'module':
      return `{"dump":"${Buffer.from(dumpPayload(record, VERSION_MAX)).toString('base64')}"}`;
  }
}

export function kvasirLine(record: KeyRecord, value: Value): string {
  let line = `{"db":${record.database},"key":${text(record.key)},"type":"${value.kind}"`;
  if (record.expireAtMs !== NO_EXPIRY) line += `,"expireAt":${record.expireAtMs}`;
  if (record.idleSeconds >= 0) line += `,"idle":${record.idleSeconds}`;
  if (record.frequency >= 0) line += `,"freq":${record.frequency}`;
  if (record.part !== 'whole') line += `,"part":"${record.part}"`;
  return `${line},"value":${valueText(record, value)}}\n`;
}

export function functionLine(code: Uint8Array): string {
  return `{"type":"function","code":${text(code)}}\n`;
}

// ---- reading

function fail(what: string): never {
  throw new Error(what);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  const base64 = typeof value === 'object' && value !== null ? (value as Record<string, unknown>).base64 : undefined;
  if (typeof base64 !== 'string') return fail('a text must be a string or {"base64":"..."}');
  return Buffer.from(base64, 'base64');
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : fail('an array is missing');
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('an object is missing');
  return value as Record<string, unknown>;
}

function wholeNumber(value: unknown, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) return otherwise;
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : fail('a whole number is missing');
}

function idOf(value: unknown): string {
  return typeof value === 'string' && isStreamId(value) ? value : fail('an id of a stream must be "ms-seq"');
}

function scoreOf(value: unknown): number {
  if (typeof value === 'number') return value;
  const special: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, '-0': -0 };
  return special[String(value)] ?? fail('a score must be a number, "inf" or "-inf"');
}

function readValue(type: string, value: unknown): Value {
  switch (type) {
    case 'string':
      return { kind: 'string', bytes: bytesOf(value) };
    case 'list':
    case 'set':
      return { kind: type, elements: listOf(value).map(bytesOf) };
    case 'zset': {
      const pairs = listOf(value).map(listOf);
      return {
        kind: 'zset',
        elements: pairs.map(([member]) => bytesOf(member)),
        scores: pairs.map(([, one]) => scoreOf(one)),
      };
    }
    case 'hash': {
      const pairs = listOf(value).map(listOf);
      const expire = pairs.map((pair) => wholeNumber(pair[2], 0));
      const fields = pairs.map(([field]) => bytesOf(field));
      // A server may believe a payload that has a field twice.
      if (new Set(fields.map((field) => Buffer.from(field).toString('latin1'))).size < fields.length)
        fail('a field of the hash appears twice');
      return {
        kind: 'hash',
        fields,
        values: pairs.map(([, content]) => bytesOf(content)),
        expireAtMs: expire.some((at) => at > 0) ? expire : [],
      };
    }
    case 'stream':
      return readStream(objectOf(value));
    default:
      return fail(`there is no type '${type}'`);
  }
}

function readStream(value: Record<string, unknown>): StreamValue {
  return {
    kind: 'stream',
    entries: listOf(value.entries).map((entry) => {
      const [id, pairs] = listOf(entry);
      const words = listOf(pairs).map(bytesOf);
      if (words.length % 2 !== 0) fail('an entry of a stream must have pairs of field and value');
      return { id: idOf(id), pairs: words };
    }),
    lastId: idOf(value.lastId),
    maxDeletedId: idOf(value.maxDeletedId ?? '0-0'),
    entriesAdded: wholeNumber(value.entriesAdded, 0),
    groups: listOf(value.groups ?? [])
      .map(objectOf)
      .map((one) => ({
        name: bytesOf(one.name),
        lastId: idOf(one.lastId),
        entriesRead: wholeNumber(one.entriesRead, -1),
        pending: listOf(one.pending ?? []).map((entry) => {
          const [id, time, count] = listOf(entry);
          return { id: idOf(id), timeMs: wholeNumber(time), count: wholeNumber(count) };
        }),
        consumers: listOf(one.consumers ?? [])
          .map(objectOf)
          .map((consumer) => ({
            name: bytesOf(consumer.name),
            seenMs: wholeNumber(consumer.seen, 0),
            activeMs: wholeNumber(consumer.active, -1),
            pending: listOf(consumer.pending ?? []).map(idOf),
          })),
      })),
  };
}

const parts = ['whole', 'first', 'more', 'last'];

/** A record of the parsed line; throws with the reason. */
export function readKvasirLine(line: Record<string, unknown>): TransferRecord {
  if (line.type === 'function') return { what: 'function', code: bytesOf(line.code) };
  const key = bytesOf(line.key);
  const { type } = line;
  if (typeof type !== 'string') return fail('the record has no type');
  const database = wholeNumber(line.db, 0);
  const expireAtMs = wholeNumber(line.expireAt, NO_EXPIRY);
  if (type === 'module') {
    const payload = Buffer.from(String(objectOf(line.value).dump), 'base64');
    return recordOfPayload(payload, key, database, expireAtMs) ?? fail('the payload of a module is damaged');
  }
  const part = line.part ?? 'whole';
  if (typeof part !== 'string' || !parts.includes(part)) return fail(`the part is none of ${parts.join(', ')}`);
  return keyRecord({
    database,
    key,
    kind: kindNumber(type),
    expireAtMs,
    idleSeconds: wholeNumber(line.idle, -1),
    frequency: wholeNumber(line.freq, -1),
    part: part as Part,
    value: readValue(type, line.value),
  });
}
