// scan-source: records out of a running server, key by key: SCAN, then DUMP, which any client may do.
//
// A collection with more than BIG_ELEMENTS elements or BIG_BYTES bytes is read in pieces, since its payload would stall the server
// and fill the memory here. For the same reason the lengths of values are asked for before the values; short strings come at once,
// by GETRANGE. Strings cost the server a tenth of DUMP so, and each look at a key is one that the processor's cache does not have. Changes during the scan may
// be seen or not: replication (psync-source) gives an exact moment.
//
// Servers and proxies that refuse SCAN are asked by KEYS, as redis-dump does; those that refuse DUMP are asked for the elements.

import { isError, type Reply, replyText } from '../../client/reply.js';
import { ValueKind } from '../../persistence/rdb/format.js';
import { looseScore } from '../../persistence/rdb/reader.js';
import type { Pipeline } from '../link/pipeline.js';
import { bytesOf, elementsOf, infoField, listOf, numberOf } from '../link/replies.js';
import { recordOfPayload } from '../record/payload.js';
import {
  type Batch,
  type KeyRecord,
  keyRecord,
  NO_EXPIRY,
  type Position,
  type Source,
  TransferError,
  type TransferRecord,
} from '../record/record.js';
import { kindNumber, type Value } from '../record/values.js';
import { readFunctions } from './functions.js';
import { NamesSeen } from './names-seen.js';

const BIG_ELEMENTS = 100_000;
const BIG_BYTES = 16 << 20;
/** Elements of a piece, and what its bytes should be. */
const PIECE = 5000;
const PIECE_BYTES = 2 << 20;
/** Keys whose values are asked for at once. Those of the next keys are on their way meanwhile, so that the server never waits. */
const KEYS_AT_ONCE = 500;
const GROUPS_AT_ONCE = 2;
/** Elements of collections whose payloads are asked for at once, and bytes of all values. */
const ELEMENTS_AT_ONCE = 2 * BIG_ELEMENTS;
const BYTES_AT_ONCE = 6 << 20;
/** A string that is shorter comes without a question for its length. */
const SHORT_BYTES = 16 << 10;

export interface ScanSourceOptions {
  /** Undefined: all that have keys. */
  readonly databases: readonly number[] | undefined;
  /** A pattern that the server filters by. */
  readonly match?: Uint8Array | string | undefined;
  readonly count: number;
  readonly nowMs: () => number;
  readonly from?: Position | undefined;
  /** A position of another process means nothing: begin anew instead of refusing it. */
  readonly mayBeginAnew?: boolean;
  readonly withFunctions: boolean;
  /** An element of a big collection may come twice, as a server does not mind; else some bytes for each of its elements are kept in memory. */
  readonly mayRepeat?: boolean;
  /** Called between the chunks of keys. */
  readonly pause?: () => Promise<void>;
  readonly isStopping?: () => boolean;
}

interface FoundKeys {
  readonly cursor: string;
  readonly keys: readonly Uint8Array[];
}

/** Keys of which groups are asked for, a few at a time, while others are written. */
class Page {
  private readonly groups: Promise<Group>[] = [];
  private asked = 0;

  constructor(
    readonly cursor: string,
    private readonly keys: readonly Uint8Array[],
    private readonly fetch: (keys: readonly Uint8Array[]) => Promise<Group>,
  ) {
    this.askMore();
  }

  private askMore(): void {
    while (this.groups.length < GROUPS_AT_ONCE && this.asked < this.keys.length) {
      const group = this.fetch(this.keys.slice(this.asked, this.asked + KEYS_AT_ONCE));
      // Its error is reported when its turn comes.
      group.catch(() => undefined);
      this.groups.push(group);
      this.asked += KEYS_AT_ONCE;
    }
  }

  next(): Promise<Group> | undefined {
    const group = this.groups.shift();
    this.askMore();
    return group;
  }
}

interface Found {
  readonly key: Uint8Array;
  type: string;
  expireAtMs: number;
  /** Elements of a collection. */
  size: number;
  /** Of a string, or about of a collection in the server's memory; 0 where it does not tell. */
  bytes: number;
  payload: Uint8Array | undefined;
  /** The value of a string, in place of a payload. */
  text: Uint8Array | undefined;
}

interface Group {
  readonly found: readonly Found[];
  /** The payloads of the keys before this place were asked for. */
  readonly asked: number;
}

const sizeCommands: Readonly<Record<string, string>> = {
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
};

export class ScanSource implements Source {
  totalBytes = undefined;
  totalKeys: number | undefined;
  readonly warnings: string[] = [];
  private hasScan = true;
  private hasDump = true;
  private hasExpireTime = true;
  private hasMemory = true;
  private hasRange = true;
  private hasWarnedStreams = false;
  private sourceBytes = 0;
  /** Names the server's process, whose cursors no other one understands; undefined where INFO does not tell. */
  private run: string | undefined;
  private from: Position | undefined;

  constructor(
    private readonly pipeline: Pipeline,
    private readonly options: ScanSourceOptions,
  ) {
    this.from = options.from;
  }

  get name(): string {
    return this.pipeline.name;
  }

  /** Databases that have keys; 0 to 15 where INFO does not tell. */
  private async findDatabases(): Promise<readonly number[]> {
    const reply = await this.pipeline.call('INFO');
    const wanted = this.options.databases;
    const text = isError(reply) ? '' : replyText(reply);
    this.run = infoField(text, 'run_id');
    if (!/# Keyspace/i.test(text) && !/^db\d+:/m.test(text)) return wanted ?? Array.from({ length: 16 }, (_, n) => n);
    const found: number[] = [];
    this.totalKeys = 0;
    for (const [, number, keys] of text.matchAll(/^db(\d+):keys=(\d+)/gm)) {
      if (wanted !== undefined && !wanted.includes(Number(number))) continue;
      found.push(Number(number));
      this.totalKeys += Number(keys);
    }
    return found.sort((a, b) => a - b);
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const { options } = this;
    const databases = await this.findDatabases();
    this.checkRun();
    if (options.withFunctions && this.from === undefined) yield* this.functions();
    let selected = 0;
    for (const database of databases) {
      if (this.from !== undefined && database < Number(this.from.database)) continue;
      if (database !== selected) {
        const reply = await this.pipeline.call('SELECT', String(database));
        if (isError(reply)) {
          // Without INFO nobody says how many there are.
          if (options.databases === undefined && this.totalKeys === undefined) return;
          throw new TransferError(`${this.name} does not select database ${database}: ${replyText(reply)}`);
        }
        selected = database;
      }
      yield* this.scan(database);
      if (options.isStopping?.() === true) return;
    }
  }

  /** Each process orders its keys in its own way. */
  private checkRun(): void {
    const { from, run, options } = this;
    if (from?.run === undefined || run === undefined || from.run === run) return;
    if (options.mayBeginAnew !== true)
      throw new TransferError(
        `${this.name} was restarted or replaced since the interruption, and the position means nothing to it: begin anew`,
      );
    this.from = undefined;
  }

  private async *functions(): AsyncGenerator<Batch, void> {
    const records = await readFunctions(this.pipeline);
    if (records.length > 0) yield { records, sourceBytes: 0 };
  }

  private async *scan(database: number): AsyncGenerator<Batch, void> {
    const { options } = this;
    const { from, run } = this;
    const first = from !== undefined && Number(from.database) === database ? String(from.cursor) : '0';
    let found: Promise<Page> | undefined = this.nextPage(first);
    while (found !== undefined) {
      const here: Page = await found;
      const { cursor } = here;
      const isLast = cursor === '0';
      // The server looks for the next keys while the values of these are on their way.
      found = isLast ? undefined : this.nextPage(cursor);
      // An error is reported when its turn comes.
      found?.catch(() => undefined);
      for (let group = here.next(); group !== undefined; group = here.next()) yield* this.give(database, await group);
      const next = isLast ? { database: database + 1, cursor } : { database, cursor };
      const position = run === undefined ? next : { ...next, run };
      yield { records: [], sourceBytes: this.sourceBytes, position };
      if (options.isStopping?.() === true) return;
      await options.pause?.();
    }
  }

  /** The next keys, whose values are asked for. */
  private async nextPage(from: string): Promise<Page> {
    const { cursor, keys } = await this.nextKeys(from);
    return new Page(cursor, keys, (some) => this.fetch(some));
  }

  private async nextKeys(cursor: string): Promise<FoundKeys> {
    const { options, pipeline } = this;
    if (this.hasScan) {
      const words: (string | Uint8Array)[] = ['SCAN', cursor, 'COUNT', String(options.count)];
      if (options.match !== undefined) words.push('MATCH', options.match);
      const reply = await pipeline.call(...words);
      if (!isError(reply)) {
        const [next, list] = elementsOf(reply);
        return { cursor: replyText(next), keys: listOf(list) };
      }
      if (!/unknown command|not allowed|unsupported|NOPERM/i.test(replyText(reply)) && pipeline.lost === undefined)
        throw new TransferError(`${this.name} replies to SCAN: ${replyText(reply)}`);
      this.hasScan = false;
    }
    const reply = await pipeline.call('KEYS', options.match ?? '*');
    if (isError(reply)) throw new TransferError(`${this.name} has neither SCAN nor KEYS: ${replyText(reply)}`);
    return { cursor: '0', keys: listOf(reply) };
  }

  /** Asks for the types, times and sizes of keys, and for the first values. */
  private async fetch(keys: readonly Uint8Array[]): Promise<Group> {
    const { pipeline } = this;
    const found: Found[] = keys.map((key) => ({
      key,
      type: 'none',
      expireAtMs: NO_EXPIRY,
      size: 0,
      bytes: 0,
      payload: undefined,
      text: undefined,
    }));
    for (const one of found) {
      pipeline.add(['TYPE', one.key], (reply) => (one.type = replyText(reply)));
      this.askExpiry(one);
    }
    await pipeline.settled();
    for (const one of found) {
      if (one.type === 'string' && this.hasRange) this.getShort(one);
      else this.askSize(one);
    }
    await pipeline.settled();
    for (const one of found) if (one.type === 'string' && one.text === undefined && one.bytes === 0) this.askSize(one);
    await pipeline.settled();
    return { found, asked: await this.dumpSome(found, 0) };
  }

  private askSize(one: Found): void {
    const { pipeline } = this;
    if (one.type === 'string') pipeline.add(['STRLEN', one.key], (reply) => (one.bytes = numberOf(reply) || 0));
    const command = sizeCommands[one.type];
    if (command === undefined) return;
    pipeline.add([command, one.key], (reply) => (one.size = numberOf(reply) || 0));
    if (!this.hasMemory) return;
    pipeline.add(['MEMORY', 'USAGE', one.key], (reply) => {
      if (isError(reply)) this.hasMemory = false;
      else one.bytes = numberOf(reply) || 0;
    });
  }

  /** Asks for the payloads of keys from place `from` on, of as many as may be in memory at once; returns the place after them. */
  private async dumpSome(found: readonly Found[], from: number): Promise<number> {
    const { pipeline } = this;
    let elements = 0;
    let bytes = 0;
    let place = from;
    while (place < found.length && elements < ELEMENTS_AT_ONCE && bytes < BYTES_AT_ONCE) {
      const one = found[place++]!;
      if (one.type === 'none' || this.isBig(one)) continue;
      if (!this.hasDump && one.type !== 'string') continue;
      elements += one.size;
      bytes += one.bytes;
      if (one.type !== 'string') this.dump(one);
      else if (one.text === undefined) this.get(one);
    }
    await pipeline.settled();
    // What was asked for because of a refusal.
    await pipeline.settled();
    return place;
  }

  private async *give(database: number, { found, asked }: Group): AsyncGenerator<Batch, void> {
    for (let from = 0, until = asked; ; from = until, until = await this.dumpSome(found, from)) {
      const records = await this.records(database, found.slice(from, until));
      if (records.length > 0) yield { records, sourceBytes: this.sourceBytes };
      if (until >= found.length) break;
    }
    for (const one of found) if (one.type !== 'none' && this.isBig(one)) yield* this.pieces(one, database);
  }

  private async records(database: number, found: readonly Found[]): Promise<TransferRecord[]> {
    const records: TransferRecord[] = [];
    for (const one of found) {
      const { key, expireAtMs, payload, text } = one;
      one.payload = one.text = undefined;
      if (one.type === 'none' || this.isBig(one)) continue;
      // It has gone meanwhile.
      if (payload === undefined && text === undefined && this.hasDump) continue;
      const made =
        text !== undefined
          ? keyRecord({ key, kind: ValueKind.string, database, expireAtMs, value: { kind: 'string', bytes: text } })
          : payload === undefined
            ? await this.elements(one, database, expireAtMs)
            : recordOfPayload(payload, key, database, expireAtMs);
      if (made === undefined) {
        this.warnings.push(`key '${Buffer.from(key).toString()}' (${one.type}) could not be read`);
        continue;
      }
      records.push(made);
      this.sourceBytes += key.length + ((text ?? payload)?.length ?? 0);
    }
    return records;
  }

  /** The exact time where the server reports it (since 7.0), else the remaining time from now on. */
  private askExpiry(one: Found): void {
    const { pipeline, options } = this;
    if (!this.hasExpireTime) {
      pipeline.add(['PTTL', one.key], (reply) => {
        if (!isError(reply) && numberOf(reply) >= 0) one.expireAtMs = options.nowMs() + numberOf(reply);
      });
      return;
    }
    pipeline.add(['PEXPIRETIME', one.key], (reply) => {
      if (!isError(reply)) {
        if (numberOf(reply) >= 0) one.expireAtMs = numberOf(reply);
        return;
      }
      this.hasExpireTime = false;
      this.askExpiry(one);
    });
  }

  private isBig(one: Found): boolean {
    if (one.type === 'string' || one.type === 'stream') return false;
    return one.size > BIG_ELEMENTS || (one.bytes > BIG_BYTES && one.size > 1);
  }

  /** An empty reply may mean that the key has gone. */
  private getShort(one: Found): void {
    this.pipeline.add(['GETRANGE', one.key, '0', String(SHORT_BYTES - 1)], (reply) => {
      const text = bytesOf(reply);
      if (isError(reply)) this.hasRange &&= /WRONGTYPE/.test(replyText(reply));
      else if (text !== undefined && text.length > 0 && text.length < SHORT_BYTES) {
        one.text = text;
        one.bytes = text.length;
      }
    });
  }

  private get(one: Found): void {
    this.pipeline.add(['GET', one.key], (reply) => {
      // Another type has taken the name since, or GET is refused.
      if (isError(reply)) this.dump(one);
      else one.text = bytesOf(reply);
    });
  }

  private dump(one: Found): void {
    this.pipeline.add(['DUMP', one.key], (reply) => {
      if (isError(reply)) this.hasDump = false;
      else one.payload = bytesOf(reply);
    });
  }

  /** A key's value where DUMP is refused. */
  private async elements(one: Found, database: number, expireAtMs: number): Promise<KeyRecord | undefined> {
    const value = await this.wholeValue(one);
    if (value === undefined) return undefined;
    return keyRecord({ key: one.key, kind: kindNumber(value.kind), database, expireAtMs, value });
  }

  private async wholeValue(one: Found): Promise<Value | undefined> {
    const { pipeline } = this;
    switch (one.type) {
      case 'string': {
        const reply = await pipeline.must('GET', one.key);
        return reply.kind === 'bulk' ? { kind: 'string', bytes: reply.bytes } : undefined;
      }
      case 'list':
        return { kind: 'list', elements: listOf(await pipeline.must('LRANGE', one.key, '0', '-1')) };
      case 'set':
        return { kind: 'set', elements: listOf(await pipeline.must('SMEMBERS', one.key)) };
      case 'zset':
        return pairsToValue('zset', listOf(await pipeline.must('ZRANGE', one.key, '0', '-1', 'WITHSCORES')));
      case 'hash':
        return pairsToValue('hash', listOf(await pipeline.must('HGETALL', one.key)));
      case 'stream':
        return this.streamEntries(one);
      default:
        return undefined;
    }
  }

  private async streamEntries(one: Found): Promise<Value> {
    if (!this.hasWarnedStreams) this.warnings.push('the server refuses DUMP: consumer groups of streams are left out');
    this.hasWarnedStreams = true;
    const entries = elementsOf(await this.pipeline.must('XRANGE', one.key, '-', '+')).map((entry) => {
      const [id, pairs] = elementsOf(entry);
      return { id: replyText(id), pairs: listOf(pairs) };
    });
    const lastId = entries[entries.length - 1]?.id ?? '0-0';
    return { kind: 'stream', entries, lastId, maxDeletedId: '0-0', entriesAdded: entries.length, groups: [] };
  }

  /** A big collection, PIECE elements at a time. An element that moves meanwhile is seen once at most, unless repeats are allowed. */
  private async *pieces(one: Found, database: number): AsyncGenerator<Batch, void> {
    const { expireAtMs } = one;
    const kind = kindNumber(one.type);
    let pending: Value | undefined;
    let isFirst = true;
    for await (const value of kind === ValueKind.list || kind === ValueKind.zset ? this.ranges(one) : this.scans(one)) {
      if (pending !== undefined) {
        const part = isFirst ? 'first' : 'more';
        isFirst = false;
        yield this.piece(keyRecord({ key: one.key, kind, database, expireAtMs, part, value: pending }));
      }
      pending = value;
    }
    if (pending === undefined) return;
    yield this.piece(
      keyRecord({ key: one.key, kind, database, expireAtMs, part: isFirst ? 'whole' : 'last', value: pending }),
    );
  }

  private piece(record: KeyRecord): Batch {
    return { records: [record], sourceBytes: this.sourceBytes };
  }

  private async *ranges(one: Found): AsyncGenerator<Value, void> {
    const isList = one.type === 'list';
    const seen = this.namesSeen();
    const count = pieceOf(one);
    for (let from = 0; ; from += count) {
      const words = [String(from), String(from + count - 1)];
      const reply = isList
        ? await this.pipeline.must('LRANGE', one.key, ...words)
        : await this.pipeline.must('ZRANGE', one.key, ...words, 'WITHSCORES');
      const list = listOf(reply);
      if (list.length === 0) return;
      yield isList ? { kind: 'list', elements: list } : pairsToValue('zset', withoutRepeats(list, 2, seen));
    }
  }

  private async *scans(one: Found): AsyncGenerator<Value, void> {
    const isSet = one.type === 'set';
    const seen = this.namesSeen();
    const count = String(pieceOf(one));
    let cursor = '0';
    do {
      const reply: Reply = await this.pipeline.must(isSet ? 'SSCAN' : 'HSCAN', one.key, cursor, 'COUNT', count);
      const [next, list] = elementsOf(reply);
      cursor = replyText(next);
      const fresh = withoutRepeats(listOf(list), isSet ? 1 : 2, seen);
      if (isSet) yield { kind: 'set', elements: fresh };
      else yield await this.withFieldExpiry(one.key, pairsToValue('hash', fresh));
    } while (cursor !== '0');
  }

  private namesSeen(): NamesSeen | undefined {
    return this.options.mayRepeat === true ? undefined : new NamesSeen();
  }

  private async withFieldExpiry(key: Uint8Array, value: Value): Promise<Value> {
    if (value.kind !== 'hash' || value.fields.length === 0) return value;
    const reply = await this.pipeline.call('HPEXPIRETIME', key, 'FIELDS', String(value.fields.length), ...value.fields);
    if (isError(reply)) return value;
    const times = elementsOf(reply).map((time) => Math.max(0, numberOf(time)));
    return times.some((time) => time > 0) ? { ...value, expireAtMs: times } : value;
  }
}

/** How many elements of a big collection are asked for at once. */
function pieceOf({ size, bytes }: Found): number {
  if (bytes === 0) return PIECE;
  return Math.min(PIECE, Math.max(1, Math.floor((PIECE_BYTES * size) / bytes)));
}

function withoutRepeats(list: Uint8Array[], each: number, seen: NamesSeen | undefined): Uint8Array[] {
  if (seen === undefined) return list;
  const fresh: Uint8Array[] = [];
  for (let index = 0; index < list.length; index += each) {
    if (!seen.add(list[index]!)) continue;
    for (let part = 0; part < each; part++) fresh.push(list[index + part]!);
  }
  return fresh;
}

function pairsToValue(kind: 'hash' | 'zset', list: readonly Uint8Array[]): Value {
  const firsts: Uint8Array[] = [];
  const seconds: Uint8Array[] = [];
  for (let index = 0; index + 1 < list.length; index += 2) {
    firsts.push(list[index]!);
    seconds.push(list[index + 1]!);
  }
  if (kind === 'hash') return { kind, fields: firsts, values: seconds, expireAtMs: [] };
  return { kind, elements: firsts, scores: seconds.map((text) => looseScore(Buffer.from(text).toString('latin1'))) };
}
