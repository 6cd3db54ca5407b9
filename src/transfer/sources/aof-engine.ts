// aof-engine: the data of an append-only file, by running its commands in a server without doors, in memory.
//
// The files are only read. The resulting keys come out as records; the data has to fit into memory, as in a server.

import { randomBytes } from 'node:crypto';
import { Prng } from '../../base/prng.js';
import { systemEnvironment } from '../../io/environment.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { RDB_VERSION, valueKindOf } from '../../persistence/rdb/format.js';
import { RdbLoader } from '../../persistence/rdb/loader.js';
import { RdbError, RdbReader } from '../../persistence/rdb/reader.js';
import { snapshotVersion } from '../../persistence/rdb/snapshot-encoder.js';
import { ValueEncoder } from '../../persistence/rdb/value-encoder.js';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { ServerPersistenceHost } from '../../server/durability.js';
import { DataServer } from '../../server/server.js';
import { Config } from '../../service/config/config.js';
import { CHUNK_SHIFT } from '../../memory/layout.js';
import { RefList } from '../../structures/dict.js';
import { type Batch, keyRecord, NO_EXPIRY, type Source, TransferError, type TransferRecord } from '../record/record.js';
import { type AofPart, aofParts } from './aof-parts.js';
import { fileChunks } from './file-chunks.js';

const SCAN_COUNT = 500;
const YIELD_COMMANDS = 20_000;

export interface AofEngineOptions {
  /** Told how many bytes were read so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Where to stop: the path of a file and an offset in it. */
  readonly untilFile?: string;
  readonly untilOffset?: number;
  readonly log?: (text: string) => void;
}

export class AofEngine {
  readonly server: DataServer;
  private readonly host: ServerPersistenceHost;
  private bytes = 0;
  commands = 0;
  /** The last file ended inside a command; what came before was taken. */
  isTorn = false;

  constructor(private readonly options: AofEngineOptions = {}) {
    const seed = randomBytes(8);
    this.server = new DataServer({
      databaseCount: 16384,
      random: new Prng(seed.readUInt32LE(0)),
      hashKey: [seed.readUInt32LE(0), seed.readUInt32LE(4)],
      runId: '0'.repeat(40),
      environment: { ...systemEnvironment, files: new SimulatedFiles() },
      log: () => undefined,
      config: new Config('/'),
      exit: () => undefined,
    });
    this.host = new ServerPersistenceHost(this.server);
    this.server.beginTurn();
  }

  async load(parts: readonly AofPart[]): Promise<void> {
    // As in a server that loads: what has expired meanwhile may be made to persist by a later command.
    this.server.keyspace.expiryPaused = true;
    this.host.beginReplay();
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const isCut = part.path === this.options.untilFile;
      const end = isCut ? (this.options.untilOffset ?? Infinity) : Infinity;
      const start = part.isRdb ? this.loadRdb(part) : 0;
      if (start < end) await this.replay(part, start, end, isLast || isCut);
      if (isCut) break;
    }
    this.host.endReplay();
  }

  /** Loads the RDB at the file's beginning; returns where it ends. */
  loadRdb(part: AofPart): number {
    const reader = new RdbReader();
    const loader = new RdbLoader(this.server.keyspace, this.server.limits, {
      dropsExpired: false,
      loadFunction: (code, replaces) => this.host.loadFunction(code, replaces),
      log: (text) => this.options.log?.(text),
    });
    try {
      for (const chunk of fileChunks(part.path)) {
        reader.push(chunk);
        this.progress(chunk.length);
        if (loader.run(reader) === 'end') return reader.offset;
      }
      reader.finish();
      loader.run(reader);
      return reader.offset;
    } catch (error) {
      if (error instanceof RdbError) throw new TransferError(`${part.path}: ${error.message}`);
      throw error;
    }
  }

  private progress(bytes: number): void {
    this.bytes += bytes;
    this.options.onProgress?.(this.bytes);
  }

  private async replay(part: AofPart, start: number, end: number, isLast: boolean): Promise<void> {
    const reader = new AofReader(start);
    for (const chunk of fileChunks(part.path, start, end)) {
      reader.push(chunk);
      this.progress(chunk.length);
      for (;;) {
        const item = reader.next();
        if (item === AofItem.needInput) break;
        if (item === AofItem.malformed)
          throw new TransferError(`${part.path} is malformed at offset ${reader.itemOffset}; see kvasir-check-aof`);
        if (item !== AofItem.command) continue;
        const complaint = this.host.replay(reader);
        if (complaint !== undefined)
          throw new TransferError(`${part.path}: ${complaint} at offset ${reader.itemOffset}`);
        if (++this.commands % YIELD_COMMANDS === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      this.server.keyspace.freeSome(1 << 24);
    }
    if (!reader.hasRest && !this.host.replayInTransaction) return;
    if (!isLast) throw new TransferError(`${part.path} ends inside a command, and other files follow it`);
    this.isTorn = true;
  }

  /** Everything there is, as records. */
  *batches(): Generator<Batch, void> {
    const { keyspace } = this.server;
    const functions = this.host.functionLibraries().map((code): TransferRecord => ({ what: 'function', code }));
    if (functions.length > 0) yield { records: functions, sourceBytes: this.bytes };
    const writer = new RdbWriter(Compression.none);
    const encoder = new ValueEncoder(keyspace, writer);
    const refs = new RefList();
    for (const [database, keys] of keyspace.databases.entries()) {
      if (keys.size === 0) continue;
      let cursor = 0;
      do {
        refs.clear();
        cursor = keys.scan(cursor, SCAN_COUNT, refs);
        const records: TransferRecord[] = [];
        for (let at = 0; at < refs.length; at++) records.push(this.record(database, refs.refs[at]!, encoder, writer));
        yield { records, sourceBytes: this.bytes };
      } while (cursor !== 0);
    }
  }

  private record(database: number, entry: number, encoder: ValueEncoder, writer: RdbWriter): TransferRecord {
    const { entries, arena } = this.server.keyspace;
    writer.clear();
    encoder.write(entry, true);
    const rdbType = writer.bytes[0]!;
    const start = entries.keyStart(entry);
    return keyRecord({
      database,
      key: arena.u8[entry >>> CHUNK_SHIFT]!.slice(start, start + entries.keyLength(entry)),
      kind: valueKindOf(rdbType),
      rdbType,
      raw: writer.bytes.slice(1, writer.length),
      expireAtMs: entries.hasNumber(entry) ? entries.number(entry) : NO_EXPIRY,
    });
  }
}

/** The data of an AOF as a source. */
export class AofDataSource implements Source {
  readonly totalKeys = undefined;
  readonly totalBytes: number;
  readonly warnings: string[] = [];
  /** The RDB version that the data needs; known with the first batch. */
  version = RDB_VERSION;

  constructor(
    readonly name: string,
    private readonly options: AofEngineOptions = {},
  ) {
    this.totalBytes = aofParts(name).reduce((sum, part) => sum + part.bytes, 0);
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const engine = new AofEngine(this.options);
    await engine.load(aofParts(this.name));
    if (engine.isTorn)
      this.warnings.push(`${this.name} ends inside a command or transaction; what came before was taken`);
    this.version = snapshotVersion(engine.server.keyspace);
    yield* engine.batches();
  }
}
