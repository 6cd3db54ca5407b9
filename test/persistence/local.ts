// local: a keyspace with persistence and no server: what the tests of persistence run on.

import { lookedAtClock } from './looked-at-clock.js';
import { Prng } from '../../src/base/prng.js';
import { defaultDataLimits } from '../../src/registry/data-limits.js';
import type { Files } from '../../src/io/files.js';
import { RealFiles } from '../../src/io/files.js';
import { Keyspace } from '../../src/keyspace/keyspace.js';
import type { CommandPlaces, PersistenceHost } from '../../src/persistence/host.js';
import { datasetDigest, hexadecimal } from '../../src/persistence/digest.js';
import { RdbLoader } from '../../src/persistence/rdb/loader.js';
import { RdbReader } from '../../src/persistence/rdb/reader.js';
import { DirectFileSink, type SnapshotSink } from '../../src/persistence/snapshot/snapshot-sink.js';
import type { SnapshotFileOptions } from '../../src/persistence/snapshot/snapshot-file.js';

export function makeKeyspace(): Keyspace {
  const keyspace = new Keyspace({ databaseCount: 16, random: new Prng(1), hashKey: [11, 22] });
  keyspace.nowMs = 1_700_000_000_000;
  // So that lists with packed nodes are written and read too.
  keyspace.values.lists.quicklists.compressDepth = 1;
  return keyspace;
}

export function digestOf(keyspace: Keyspace): string {
  return hexadecimal(datasetDigest(keyspace));
}

/** Loads the bytes of an RDB, `step` at a time. */
export function loadBytes(keyspace: Keyspace, bytes: Uint8Array, step = bytes.length): RdbLoader {
  const reader = new RdbReader();
  const loader = new RdbLoader(keyspace, defaultDataLimits(), {
    dropsExpired: true,
    loadFunction: () => undefined,
    log: () => undefined,
  });
  let at = 0;
  while (loader.run(reader) !== 'end') {
    if (at >= bytes.length) reader.finish();
    else reader.push(bytes.subarray(at, at + step));
    at += step;
  }
  return loader;
}

const defaults: Readonly<Record<string, string | number | boolean>> = {
  dir: '/data',
  dbfilename: 'dump.rdb',
  rdbcompression: true,
  rdbchecksum: true,
  'rdb-save-incremental-fsync': true,
  save: '',
  'maxmemory-policy': 'noeviction',
  appendonly: false,
  appendfilename: 'appendonly.aof',
  appenddirname: 'appendonlydir',
  appendfsync: 'everysec',
  'no-appendfsync-on-rewrite': false,
  'auto-aof-rewrite-percentage': 100,
  'auto-aof-rewrite-min-size': 64 << 20,
  'aof-load-truncated': true,
  'aof-use-rdb-preamble': true,
  'aof-timestamp-enabled': false,
  'aof-rewrite-incremental-fsync': true,
  'key-load-delay': 0,
  'rdb-key-save-delay': 0,
  'aof-disable-auto-gc': false,
  'stop-writes-on-bgsave-error': true,
  'snapshot-memory-limit': 0,
  'sanitize-dump-payload': 'no',
};

/** A host whose data are strings: it knows SET, DEL, SELECT, MULTI and EXEC. */
export class LocalHost implements PersistenceHost {
  readonly limits = defaultDataLimits();
  readonly processId = 1;
  readonly serverVersion = '7.4.0';
  readonly logged: string[] = [];
  /** Events that took time, in order. */
  readonly latencies: string[] = [];
  /** How far each look at the steady clock moves it. */
  lookMs = 0;
  private lookedMs = 0;
  readonly options: Record<string, string | number | boolean>;
  commandCount = 0;
  isMaster = true;
  inTransaction = false;
  nowMs = 1_700_000_000_000;
  refusals = 0;
  private database = 0;
  private queue: Uint8Array[][] | undefined;

  constructor(
    readonly files: Files = new RealFiles(),
    options: Record<string, string | number | boolean> = {},
    readonly keyspace: Keyspace = makeKeyspace(),
  ) {
    this.options = { ...defaults, ...options };
  }

  option(name: string): string | number | boolean {
    const value = this.options[name];
    if (value === undefined) throw new Error(`no option ${name}`);
    return value;
  }

  readonly clock = lookedAtClock(
    () => this.nowMs,
    () => (this.lookedMs += this.lookMs),
  );

  noteLatency(event: string, milliseconds: number): void {
    if (milliseconds > 0) this.latencies.push(event);
  }

  log(_level: string, text: string): void {
    this.logged.push(text);
  }

  functionLibraries(): readonly Uint8Array[] {
    return [];
  }

  loadFunction(): void {
    return;
  }

  clearFunctions(): void {
    return;
  }

  replicationAux(): readonly (readonly [string, string])[] {
    return [];
  }

  streamOffset(): number {
    return this.keyspace.dirty;
  }

  beginReplay(): void {
    this.database = 0;
    this.queue = undefined;
  }

  get replayInTransaction(): boolean {
    return this.queue !== undefined;
  }

  endReplay(): void {
    this.queue = undefined;
  }

  replay(command: CommandPlaces): string | undefined {
    const args: Uint8Array[] = [];
    for (let index = 0; index < command.count; index++)
      args.push(command.bytes.slice(command.starts[index], command.starts[index]! + command.lengths[index]!));
    const name = Buffer.from(args[0]!).toString().toUpperCase();
    if (name === 'MULTI') this.queue = [];
    else if (name === 'EXEC') {
      const queued = this.queue ?? [];
      this.queue = undefined;
      for (const each of queued) this.run(each);
    } else if (this.queue !== undefined) this.queue.push(args);
    else return this.run(args);
    return undefined;
  }

  private run(args: readonly Uint8Array[]): string | undefined {
    const name = Buffer.from(args[0]!).toString().toUpperCase();
    if (name === 'SELECT') this.database = Number(Buffer.from(args[1]!).toString());
    else if (name === 'SET')
      this.set(Buffer.from(args[1]!).toString(), Buffer.from(args[2]!).toString(), this.database);
    else if (name === 'DEL') this.delete(Buffer.from(args[1]!).toString(), this.database);
    else return `Unknown command '${name}'`;
    return undefined;
  }

  set(key: string, value: string, index = 0): void {
    const database = this.keyspace.databases[index]!;
    const keyBytes = new TextEncoder().encode(key);
    const valueBytes = new TextEncoder().encode(value);
    const entry = database.lookupWrite(keyBytes, 0, keyBytes.length);
    database.setString(entry, keyBytes, 0, keyBytes.length, database.hash, valueBytes, 0, valueBytes.length, false);
    this.keyspace.dirty++;
    this.commandCount++;
  }

  delete(key: string, index = 0): void {
    const database = this.keyspace.databases[index]!;
    const keyBytes = new TextEncoder().encode(key);
    const entry = database.lookupWrite(keyBytes, 0, keyBytes.length);
    if (entry !== 0) database.remove(entry, database.hash);
    this.keyspace.dirty++;
  }

  get(key: string, index = 0): string | undefined {
    const database = this.keyspace.databases[index]!;
    const keyBytes = new TextEncoder().encode(key);
    const entry = database.peek(keyBytes, 0, keyBytes.length);
    return entry === 0 ? undefined : Buffer.from(this.keyspace.stringView(entry)).toString();
  }

  loadingChanged(): void {
    return;
  }

  loadingAsideChanged(): void {}

  dataWillGo(): void {}

  dataCame(): void {}

  refusalChanged(): void {
    this.refusals++;
  }

  /** Tests put another sink in its place. */
  makeSink: (options: SnapshotFileOptions) => SnapshotSink = (options) => new DirectFileSink(this.files, options);
}
