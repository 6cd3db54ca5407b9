// aof-engine: the data of an append-only file, by running its commands in a server without doors, in memory.
//
// The files are only read. The resulting keys come out as records; the data has to fit into memory, as in a server.
//
// Nothing in a file may hang a tool or reach beyond it. So only commands run that a server writes into its file, which change data, are
// a transaction or run a script: no DEBUG SLEEP, no MIGRATE, no SHUTDOWN. redis-server loads for ever when a script in its file has no end: it
// answers -LOADING even to SCRIPT KILL, until SIGTERM. Here such a script is broken off after SCRIPT_STEPS_MAX or --script-seconds, and
// nothing of the file is taken, as half of a script is no state that the data ever had.

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
import { commandFlags, type Command } from '../../registry/command.js';
import { ScriptBound } from '../../server/scripting/script-bound.js';
import { Config } from '../../service/config/config.js';
import { CHUNK_SHIFT } from '../../memory/layout.js';
import { RefList } from '../../structures/dict.js';
import { type Batch, keyRecord, NO_EXPIRY, type Source, TransferError, type TransferRecord } from '../record/record.js';
import { type AofPart, aofParts } from './aof-parts.js';
import { fileChunks } from './file-chunks.js';

const SCAN_COUNT = 500;
const YIELD_COMMANDS = 20_000;
/** About a second of Lua, or two of calls of commands that do little. */
const SCRIPT_STEPS_MAX = 1_000_000_000;
/** For scripts whose steps take long, such as those that copy long strings. */
const SCRIPT_SECONDS_MAX = 60;
/** Besides those that write or may replicate. */
const takenCommands = new Set(['select', 'multi', 'exec', 'discard', 'script|load', 'script|flush']);

export interface AofEngineOptions {
  /** Told how many bytes were read so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Where to stop: the path of a file and an offset in it. */
  readonly untilFile?: string;
  readonly untilOffset?: number;
  readonly log?: (text: string) => void;
  /** A script may take so long, however many steps that is. */
  readonly scriptSeconds?: number | undefined;
  /** Asked now and then; the load ends when it says so. */
  readonly isStopping?: () => boolean;
}

export class AofEngine {
  readonly server: DataServer;
  private readonly host: ServerPersistenceHost;
  private readonly bound: ScriptBound;
  private looks = 0;
  private bytes = 0;
  commands = 0;
  /** The last file ended inside a command; what came before was taken. */
  isTorn = false;
  /** The load was stopped midway. */
  isStopped = false;

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
    const steadyMs = (): number => this.server.clock.steadyMs();
    const { scriptSeconds } = options;
    this.bound = new ScriptBound(
      scriptSeconds === undefined ? SCRIPT_STEPS_MAX : Infinity,
      (scriptSeconds ?? SCRIPT_SECONDS_MAX) * 1000,
      steadyMs,
    );
    this.server.scripting.bindBy(this.bound);
    this.host = new ServerPersistenceHost(this.server);
    this.server.beginTurn();
  }

  /** Loads the files of the AOF of this name. */
  async load(name: string, parts: readonly AofPart[]): Promise<void> {
    // As in a server that loads: what has expired meanwhile may be made to persist by a later command.
    this.server.keyspace.expiryPaused = true;
    this.host.beginReplay();
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const isCut = part.path === this.options.untilFile;
      const end = isCut ? (this.options.untilOffset ?? Infinity) : Infinity;
      const start = part.isRdb ? this.loadRdb(part) : 0;
      if (start < end) await this.replay(name, part, start, end, isLast || isCut);
      if (isCut || this.isStopped) break;
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

  private async replay(name: string, part: AofPart, start: number, end: number, isLast: boolean): Promise<void> {
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
        if (!this.takes(reader)) continue;
        const complaint = this.host.replay(reader);
        if (complaint !== undefined)
          throw new TransferError(`${part.path}: ${complaint} at offset ${reader.itemOffset}`);
        if (this.bound.isPassed)
          throw new TransferError(endlessScript(name, part, reader.itemOffset, isLast, this.options.scriptSeconds));
        if (++this.commands % YIELD_COMMANDS !== 0 && this.bound.looks === this.looks) continue;
        this.looks = this.bound.looks;
        await new Promise((resolve) => setImmediate(resolve));
        this.isStopped = this.options.isStopping?.() === true;
        if (this.isStopped) return;
      }
      this.server.keyspace.freeSome(1 << 24);
    }
    if (!reader.hasRest && !this.host.replayInTransaction) return;
    if (!isLast) throw new TransferError(`${part.path} ends inside a command, and other files follow it`);
    this.isTorn = true;
  }

  /** Whether a command is run; one that nobody knows is, for the complaint. */
  private takes({ bytes, starts, lengths, count }: AofReader): boolean {
    let command = this.server.table.find(bytes, starts[0]!, lengths[0]!) as Command<never> | undefined;
    if (command === undefined) return true;
    let { name } = command;
    if (command.subcommands.size > 0 && count > 1) {
      const word = Buffer.from(bytes.buffer, bytes.byteOffset + starts[1]!, lengths[1]!).toString('latin1');
      command = command.subcommands.get(word.toLowerCase());
      if (command === undefined) return false;
      name += `|${command.name}`;
    }
    if (name === 'migrate') return false;
    return (command.flags & (commandFlags.write | commandFlags.may_replicate)) !== 0 || takenCommands.has(name);
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

/** The message about a script that was broken off. */
function endlessScript(
  name: string,
  part: AofPart,
  offset: number,
  isLast: boolean,
  seconds: number | undefined,
): string {
  const bound =
    seconds === undefined
      ? `${SCRIPT_STEPS_MAX / 1_000_000} million steps or ${SCRIPT_SECONDS_MAX} seconds`
      : `${seconds} seconds`;
  const cut = isLast ? `; 'kvasir-aof cut ${name} --to @${offset} -o FOLDER' keeps what is before it` : '';
  return `${part.path}: the script at offset ${offset} has not ended after ${bound}. If it ends at all, let it by --script-seconds${cut}.`;
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
    await engine.load(this.name, aofParts(this.name));
    if (engine.isStopped) {
      yield { records: [], sourceBytes: 0 };
      return;
    }
    if (engine.isTorn)
      this.warnings.push(`${this.name} ends inside a command or transaction; what came before was taken`);
    this.version = snapshotVersion(engine.server.keyspace);
    yield* engine.batches();
  }
}
