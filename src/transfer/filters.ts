// filters: which keys go through, and under which names and in which databases they arrive.

import { globMatches } from '../base/glob.js';
import { keySlot } from '../base/key-slot.js';
import { latin1 } from '../base/bytes.js';
import { escape } from '../base/quoting.js';
import { type KeyRecord, NO_EXPIRY, TransferError, type TransferRecord } from './record/record.js';
import { contentBytes, elementCount, kindNumber } from './record/values.js';
import { valueOf } from './record/decode.js';
import { type Options, type OptionTable, UsageError } from './program/options.js';

export const filterOptions = {
  match: { kind: 'list', value: 'PATTERN', help: 'Only keys that match one of these patterns (commas between).' },
  exclude: { kind: 'list', value: 'PATTERN', help: 'No keys that match one of these patterns.' },
  type: { kind: 'list', value: 'TYPE', help: 'Only string, list, set, zset, hash, stream, module.' },
  'only-db': { kind: 'list', value: 'N', help: 'Only keys of these databases.' },
  slot: { kind: 'list', value: 'SLOT', help: 'Only keys of these cluster slots: 0-5460,12706.' },
  'min-bytes': { kind: 'size', value: 'BYTES', help: 'Only values of at least this size.' },
  'max-bytes': { kind: 'size', value: 'BYTES', help: 'Only values of at most this size.' },
  'min-elements': { kind: 'integer', value: 'N', help: 'Only values with at least so many elements.' },
  'max-elements': { kind: 'integer', value: 'N', help: 'Only values with at most so many elements.' },
  ttl: { kind: 'text', value: 'with|without', help: 'Only keys with, or without, a time to live.' },
  rename: { kind: 'list', value: 'OLD=NEW', help: 'Replace the prefix OLD of key names by NEW.' },
  'map-db': { kind: 'list', value: 'OLD=NEW', help: 'Put keys of database OLD into database NEW.' },
  'no-expire': { kind: 'flag', help: 'Drop the times to live.' },
} as const satisfies OptionTable;

interface Renaming {
  readonly from: Buffer;
  readonly to: Buffer;
}

export class Filters {
  private readonly match: readonly Uint8Array[];
  private readonly exclude: readonly Uint8Array[];
  private readonly types: ReadonlySet<number> | undefined;
  private readonly databases: ReadonlySet<number> | undefined;
  private readonly slots: Uint8Array | undefined;
  private readonly renamings: readonly Renaming[];
  private readonly databaseMap: ReadonlyMap<number, number>;
  private readonly ttl: string | undefined;
  private readonly minBytes: number;
  private readonly maxBytes: number;
  private readonly minElements: number;
  private readonly maxElements: number;
  readonly dropsExpiry: boolean;
  /** The value in parts that does not go through. */
  private isSkipping = false;
  /** Keys that did not go through. */
  skipped = 0;

  constructor(options: Options) {
    this.match = options.list('match').map((text) => Buffer.from(text));
    this.exclude = options.list('exclude').map((text) => Buffer.from(text));
    const types = options.list('type').map((name) => {
      const kind = kindNumber(name);
      if (kind < 0) throw new UsageError(`--type: there is no type '${name}'`);
      return kind;
    });
    this.types = types.length === 0 ? undefined : new Set(types);
    const databases = options.list('only-db').map((text) => databaseOf('--only-db', text));
    this.databases = databases.length === 0 ? undefined : new Set(databases);
    this.slots = options.has('slot') ? slotSet(options.list('slot')) : undefined;
    this.renamings = options.list('rename').map((text) => {
      const [from, to] = splitPair('--rename', text);
      return { from: Buffer.from(from), to: Buffer.from(to) };
    });
    this.databaseMap = new Map(
      options.list('map-db').map((text) => {
        const [from, to] = splitPair('--map-db', text);
        return [databaseOf('--map-db', from), databaseOf('--map-db', to)];
      }),
    );
    this.ttl = options.text('ttl');
    if (this.ttl !== undefined && this.ttl !== 'with' && this.ttl !== 'without')
      throw new UsageError("--ttl is 'with' or 'without'");
    this.minBytes = options.number('min-bytes') ?? 0;
    this.maxBytes = options.number('max-bytes') ?? Infinity;
    this.minElements = options.number('min-elements') ?? 0;
    this.maxElements = options.number('max-elements') ?? Infinity;
    this.dropsExpiry = options.flag('no-expire');
  }

  /** The single pattern that a server can filter by, when there is one. */
  get serverPattern(): Uint8Array | undefined {
    return this.match.length === 1 ? this.match[0] : undefined;
  }

  get isEmpty(): boolean {
    return (
      !this.changesNames &&
      this.match.length + this.exclude.length === 0 &&
      this.types === undefined &&
      this.databases === undefined &&
      this.slots === undefined &&
      this.ttl === undefined &&
      this.minBytes === 0 &&
      this.maxBytes === Infinity &&
      this.minElements === 0 &&
      this.maxElements === Infinity
    );
  }

  get changesNames(): boolean {
    return this.renamings.length > 0 || this.databaseMap.size > 0 || this.dropsExpiry;
  }

  /** Whether a decision needs the value, which a live stream of commands does not have. */
  get looksAtValues(): boolean {
    return (
      this.types !== undefined ||
      this.ttl !== undefined ||
      this.minBytes > 0 ||
      this.maxBytes < Infinity ||
      this.minElements > 0 ||
      this.maxElements < Infinity
    );
  }

  passesName(key: Uint8Array, database: number): boolean {
    if (this.databases?.has(database) === false) return false;
    if (this.slots !== undefined && this.slots[keySlot(key)] === 0) return false;
    const matches = (pattern: Uint8Array): boolean => globMatches(pattern, key);
    if (this.match.length > 0 && !this.match.some(matches)) return false;
    return !this.exclude.some(matches);
  }

  passesDatabase(database: number): boolean {
    return this.databases?.has(database) !== false;
  }

  /** Whether the record goes on: what `apply` decides, without counting. */
  accepts(record: KeyRecord): boolean {
    if (!this.passesName(record.key, record.database)) return false;
    if (this.types?.has(record.kind) === false) return false;
    if (this.ttl !== undefined && (record.expireAtMs !== NO_EXPIRY) !== (this.ttl === 'with')) return false;
    if (this.minBytes > 0 || this.maxBytes < Infinity) {
      // A payload has a byte of length for each element at least.
      const bytes = record.raw?.length ?? contentBytes(valueOf(record)) + elementCount(valueOf(record));
      if (!isWithin(record, bytes, this.minBytes, this.maxBytes, 'bytes')) return false;
    }
    if (this.minElements === 0 && this.maxElements === Infinity) return true;
    return isWithin(record, elementCount(valueOf(record)), this.minElements, this.maxElements, 'elements');
  }

  newDatabase(database: number): number {
    return this.databaseMap.get(database) ?? database;
  }

  newName(key: Uint8Array): Uint8Array {
    for (const { from, to } of this.renamings) {
      if (key.length < from.length || from.compare(key, 0, from.length) !== 0) continue;
      return Buffer.concat([to, key.subarray(from.length)]);
    }
    return key;
  }

  /** The keys that arrive under this name in this database: a database and a name each. */
  originals(key: Uint8Array, database: number): { database: number; key: Uint8Array }[] {
    const databases = [...this.databaseMap].filter(([, to]) => to === database).map(([from]) => from);
    if (!this.databaseMap.has(database)) databases.push(database);
    const names = [key];
    for (const { from, to } of this.renamings)
      if (key.length >= to.length && to.compare(key, 0, to.length) === 0)
        names.push(Buffer.concat([from, key.subarray(to.length)]));
    const found: { database: number; key: Uint8Array }[] = [];
    for (const from of databases)
      for (const [place, name] of names.entries()) {
        const isRepeated = names.findIndex((other) => Buffer.compare(other, name) === 0) < place;
        if (isRepeated || !this.passesName(name, from) || Buffer.compare(this.newName(name), key) !== 0) continue;
        found.push({ database: from, key: name });
      }
    return found;
  }

  /** The record as it goes on, or undefined when it does not. */
  apply(record: TransferRecord): TransferRecord | undefined {
    if (record.what !== 'key') return record;
    const isStart = record.part === 'whole' || record.part === 'first';
    if (isStart) {
      this.isSkipping = !this.accepts(record);
      if (this.isSkipping) this.skipped++;
    }
    if (this.isSkipping) return undefined;
    if (!this.changesNames) return record;
    record.database = this.newDatabase(record.database);
    record.key = this.newName(record.key);
    if (this.dropsExpiry) record.expireAtMs = NO_EXPIRY;
    return record;
  }
}

/**
 * Whether a size is within bounds. Of a value in parts only the first one is known here: where that does not decide, nobody can
 * before the value has gone through, and a guess would lose data, or let too much pass.
 */
function isWithin({ key, part }: KeyRecord, size: number, min: number, max: number, unit: string): boolean {
  if (size > max) return false;
  if (part === 'whole') return size >= min;
  if (size >= min && max === Infinity) return true;
  throw new TransferError(
    `key '${escape(latin1(key))}' comes in parts, and only its first ${size} ${unit} are known: choose a bound below that, or --exclude it`,
  );
}

function splitPair(option: string, text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 0) throw new UsageError(`${option} wants OLD=NEW, not '${text}'`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function databaseOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option}: '${text}' is no database number`);
  return Number(text);
}

function slotSet(ranges: readonly string[]): Uint8Array {
  const slots = new Uint8Array(16384);
  for (const range of ranges) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last > 16383 || first > last) throw new UsageError(`--slot: '${range}' is no range of slots`);
    slots.fill(1, first, last + 1);
  }
  return slots;
}
