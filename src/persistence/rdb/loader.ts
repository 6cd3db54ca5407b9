// loader: puts the keys of an RDB, as the reader finds them, into the keyspace.
//
// `run` works for a while and returns, so that a server that loads can answer -LOADING in between. A key that exists
// already is an error, as in Redis: an RDB never has one twice, and loading begins with empty databases; DEBUG RELOAD MERGE asks
// for another way.

import type { DataLimits } from '../../registry/data-limits.js';
import type { Database } from '../../keyspace/database.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { NO_EXPIRY } from './format.js';
import { RdbError, RdbEvent, type RdbReader } from './reader.js';
import { ValueBuilder } from './value-builder.js';
import { Tolerance } from './value-repairs.js';

export interface RdbLoaderOptions {
  /** Keys past their time are left out (a master's RDB file), or kept (AOF base, replica). */
  readonly dropsExpired: boolean;
  readonly loadFunction: (code: Uint8Array, replaces: boolean) => void;
  /** A key that exists is replaced; else it is an error. */
  readonly merges?: boolean;
  /** A key was left out. */
  readonly onExpired?: (database: number, key: Uint8Array) => void;
  readonly log: (text: string) => void;
  /** Where the keys go; those of the keyspace if absent. */
  readonly databases?: readonly Database[];
}

const EMPTY_KEYS_LOGGED_MAX = 10;
/** Keys that enter their database together: most of the time of a small key is spent on waiting for its place in the dict. */
const GROUP_KEYS = 32;
const REPAIRED_KEYS_LOGGED_MAX = 100;

export class RdbLoader {
  keysLoaded = 0;
  keysExpired = 0;
  emptyKeysSkipped = 0;
  keysRepaired = 0;
  functionsLoaded = 0;
  readonly aux = new Map<string, string>();
  private readonly builder: ValueBuilder;
  private readonly databases: readonly Database[];
  private database: Database;
  /** Entries that are built and not in `database` yet, with their hashes and the offset after each in the file. */
  private readonly built = new Int32Array(GROUP_KEYS);
  private readonly hashes = new Int32Array(GROUP_KEYS);
  private readonly offsets = new Float64Array(GROUP_KEYS);
  private builtKeys = 0;

  constructor(
    private readonly keyspace: Keyspace,
    limits: DataLimits,
    private readonly options: RdbLoaderOptions,
  ) {
    this.builder = new ValueBuilder(keyspace, limits);
    this.databases = options.databases ?? keyspace.databases;
    this.database = this.databases[0]!;
  }

  /** sanitize-dump-payload: values that contradict themselves are refused instead of mended. */
  set refusesDamage(refuses: boolean) {
    this.builder.tolerance = refuses ? Tolerance.nothing : Tolerance.everything;
  }

  /** How many keys one `run` takes at most. */
  keysPerRun = Infinity;

  /** Handles events until more input is needed, enough keys were taken, or the end came. */
  run(reader: RdbReader): 'input' | 'paused' | 'end' {
    let state: 'input' | 'paused' | 'end';
    try {
      state = this.take(reader);
    } catch (error) {
      this.builder.abandon();
      this.addBuilt();
      throw error;
    }
    this.addBuilt();
    return state;
  }

  /** As `run`; the last keys may be built only. */
  private take(reader: RdbReader): 'input' | 'paused' | 'end' {
    const builder = this.builder;
    for (let left = this.keysPerRun; ;) {
      if (left === 0) return 'paused';
      const event = reader.next();
      switch (event) {
        case RdbEvent.needInput:
          return 'input';
        case RdbEvent.key:
          builder.begin(reader);
          break;
        case RdbEvent.valueEnd:
          this.addKey(reader);
          left--;
          break;
        case RdbEvent.end:
          this.summarizeRepairs();
          return 'end';
        case RdbEvent.header:
        case RdbEvent.slotInfo:
        case RdbEvent.resizeDb:
          break;
        case RdbEvent.selectDb:
          this.selectDatabase(reader);
          break;
        case RdbEvent.aux:
          this.aux.set(reader.key.toString(), reader.item.toString());
          break;
        case RdbEvent.function:
          this.loadFunction(reader);
          break;
        case RdbEvent.moduleAux:
          // It belongs to no key, so nothing is lost that this server could have used.
          this.options.log(`Skipping data of the module '${reader.moduleName}' that belongs to no key`);
          break;
        default:
          builder.take(event, reader);
      }
    }
  }

  private selectDatabase(reader: RdbReader): void {
    const database = this.databases[reader.database];
    if (database === undefined) {
      const count = this.databases.length;
      throw new RdbError(
        reader.offset,
        `FATAL: Data file was created with a Redis server configured to handle more than ${count} databases. Exiting`,
        false,
      );
    }
    this.addBuilt();
    this.database = database;
  }

  private loadFunction(reader: RdbReader): void {
    try {
      this.options.loadFunction(reader.item.copy(), this.options.merges === true);
    } catch (error) {
      throw new RdbError(
        reader.offset,
        `Failed loading library, ${error instanceof Error ? error.message : String(error)}`,
        false,
      );
    }
    this.functionsLoaded++;
  }

  private addKey(reader: RdbReader): void {
    const { keyspace, database, builder } = this;
    const { key, expireAtMs } = reader;
    if (builder.isEmpty) {
      builder.abandon();
      if (this.emptyKeysSkipped++ < EMPTY_KEYS_LOGGED_MAX)
        this.options.log(`rdbLoadObject skipping empty key: ${key.toString()}`);
      return;
    }
    if (expireAtMs !== NO_EXPIRY && this.options.dropsExpired && expireAtMs < keyspace.nowMs) {
      builder.abandon();
      this.keysExpired++;
      this.options.onExpired?.(database.index, key.bytes.slice(key.start, key.start + key.length));
      return;
    }
    if (this.builtKeys === GROUP_KEYS) this.addBuilt();
    const entry = builder.finish(reader);
    keyspace.entries.setClock(entry, this.clockOf(reader.idleSeconds, reader.frequency));
    if (expireAtMs !== NO_EXPIRY) keyspace.entries.setNumber(entry, Math.max(0, expireAtMs));
    const place = this.builtKeys++;
    this.built[place] = entry;
    this.hashes[place] = database.hashOf(key.bytes, key.start, key.length);
    this.offsets[place] = reader.offset;
    this.keysLoaded++;
    if (!builder.repairs.isEmpty) this.noteRepairs(key.toString());
  }

  /** Puts the entries that are built into the database. @hot */
  private addBuilt(): void {
    const { database, built, hashes } = this;
    const count = this.builtKeys;
    this.builtKeys = 0;
    database.fetchPlaces(hashes, count);
    for (let index = 0; index < count; index++)
      if (database.attachMissing(built[index]!, hashes[index]!) !== 0) this.addDuplicate(index, count);
  }

  /** The key of the entry at `index` is in the database: replaces it, or frees this entry and all after it. */
  private addDuplicate(index: number, count: number): void {
    const { database, built } = this;
    const { entries } = this.keyspace;
    const key = entries.keyBytes(built[index]!);
    const present = database.peek(key, 0, key.length);
    if (present !== 0 && this.options.merges !== true) {
      for (let at = index; at < count; at++) this.keyspace.releaseEntry(built[at]!);
      const name = Buffer.from(key).toString('latin1');
      throw new RdbError(this.offsets[index]!, `RDB has duplicated key '${name}' in DB ${database.index}`, false);
    }
    if (present !== 0) database.remove(present, this.hashes[index]!);
    database.attach(built[index]!, this.hashes[index]!);
  }

  private noteRepairs(key: string): void {
    if (this.keysRepaired++ < REPAIRED_KEYS_LOGGED_MAX)
      this.options.log(`Key '${key}' in DB ${this.database.index} was repaired: ${this.builder.repairs.toString()}`);
  }

  private summarizeRepairs(): void {
    if (this.keysRepaired > 0) this.options.log(`${this.keysRepaired} keys were repaired while loading`);
  }

  private clockOf(idleSeconds: number, frequency: number): number {
    const { keyspace } = this;
    if (keyspace.usesFrequency) {
      if (frequency < 0) return keyspace.newClock() >>> 8;
      return ((Math.floor(keyspace.nowMs / 60000) & 0xffff) << 8) | frequency;
    }
    return idleSeconds < 0 ? keyspace.lruClock : (keyspace.lruClock - idleSeconds) & 0xffffff;
  }
}
