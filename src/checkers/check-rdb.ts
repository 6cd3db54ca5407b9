// check-rdb: reads an RDB file to its end and says whether it is sound, in the words of redis-check-rdb.
//
// Each value is built as the server builds it when it loads the file, and thrown away: so the verdict is the server's, and what
// the server would mend is told. Memory: one buffer of the reader and the largest value. Output and exit code are those of
// redis-check-rdb, but for the place in a C source that it names where a value contradicts itself, and for what the server
// loads all the same. Not looked for, since it takes all keys in memory: a key that stands in the file twice.

import { systemErrorText } from '../base/system-error.js';
import { KVASIR_VERSION } from '../base/version.js';
import { RdbDoing, RdbError, RdbEvent, RdbReader } from '../persistence/rdb/reader.js';
import { NO_EXPIRY, rdbTypeNames } from '../persistence/rdb/format.js';
import { ValueBuilder } from '../persistence/rdb/value-builder.js';
import { Prng } from '../base/prng.js';
import { defaultDataLimits } from '../registry/data-limits.js';
import { Keyspace } from '../keyspace/keyspace.js';
import type { Files, OpenFile } from '../io/files.js';

const CHUNK_BYTES = 1 << 20;
const FREED_PER_KEY = 1 << 20;

export interface RdbReport {
  readonly file: string;
  ok: boolean;
  /** The offset up to which the file was read. */
  offset: number;
  bytes: number;
  version: number;
  checksum: 'ok' | 'off' | 'wrong' | 'unknown';
  keys: number;
  expires: number;
  alreadyExpired: number;
  /** Keys by database number. */
  databases: Record<string, number>;
  /** Keys by the name of their type. */
  types: Record<string, number>;
  /** Keys that the server mends when it loads them, and those without elements, which it leaves out. */
  repaired: number;
  emptyKeys: number;
  functions: number;
  aux: Record<string, string>;
  error?: { offset: number; message: string; doing: string; key?: string; type?: string };
}

export interface CheckOutput {
  /** One line of the report. */
  line(text: string): void;
  /** Bytes read of the whole; called about a hundred times. */
  progress?(done: number, whole: number): void;
}

export class RdbChecker {
  readonly report: RdbReport;
  private readonly reader = new RdbReader();
  /** Where values are built. */
  private readonly keyspace = new Keyspace({ databaseCount: 1, random: new Prng(1), hashKey: [1, 2] });
  private readonly builder = new ValueBuilder(this.keyspace, defaultDataLimits());
  private keyName: string | undefined;
  /** The type being read, as redis-check-rdb shows it; it starts with 0 and is -1 after a key. */
  private typeShown = 0;

  constructor(
    private readonly output: CheckOutput,
    private readonly nowMs: number,
    fileName: string,
  ) {
    this.report = {
      file: fileName,
      ok: false,
      offset: 0,
      bytes: 0,
      version: 0,
      checksum: 'unknown',
      keys: 0,
      expires: 0,
      alreadyExpired: 0,
      databases: {},
      types: {},
      repaired: 0,
      emptyKeys: 0,
      functions: 0,
      aux: {},
    };
  }

  /** Where the RDB ended: what follows is the tail of an append-only file. */
  get endOffset(): number {
    return this.reader.offset;
  }

  /** Checks the RDB that begins at the file's start. True when it is sound. */
  check(file: OpenFile, mayHaveTail: boolean): boolean {
    const reader = this.reader;
    const whole = file.size();
    this.report.bytes = whole;
    let position = 0;
    this.info(0, `Checking RDB file ${this.report.file}`);
    try {
      for (;;) {
        const event = reader.next();
        if (event === RdbEvent.needInput) {
          const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, whole - position)));
          const count = file.read(chunk, 0, chunk.length, position);
          if (count === 0) reader.finish();
          else reader.push(chunk.subarray(0, count));
          position += count;
          this.output.progress?.(position, whole);
          continue;
        }
        if (event === RdbEvent.end) break;
        this.take(event);
      }
      this.report.checksum = reader.checksum === 'ok' ? 'ok' : 'off';
      if (reader.version >= 5) {
        const text =
          reader.checksum === 'ok' ? 'Checksum OK' : 'RDB file was saved with checksum disabled: no check performed.';
        this.info(reader.offset, text);
      }
    } catch (error) {
      this.builder.abandon();
      if (!(error instanceof RdbError)) throw error;
      this.fail(error);
      return false;
    }
    this.report.offset = reader.offset;
    if (!mayHaveTail && reader.offset < whole) this.report.aux['trailing-bytes'] = String(whole - reader.offset);
    this.info(reader.offset, '\\o/ RDB looks OK! \\o/');
    this.totals();
    this.report.ok = true;
    return true;
  }

  private take(event: number): void {
    const reader = this.reader;
    const report = this.report;
    switch (event) {
      case RdbEvent.header:
        report.version = reader.version;
        break;
      case RdbEvent.aux:
        this.info(reader.offset, `AUX FIELD ${reader.key.toString()} = '${reader.item.toString()}'`);
        report.aux[reader.key.toString()] = reader.item.toString();
        break;
      case RdbEvent.selectDb:
        this.info(reader.offset, `Selecting DB ID ${reader.database}`);
        break;
      case RdbEvent.moduleAux:
        this.info(reader.offset, `MODULE AUX for: ${reader.moduleName}`);
        break;
      case RdbEvent.function:
        report.functions++;
        break;
      case RdbEvent.key:
        this.beginKey();
        break;
      case RdbEvent.valueEnd:
        this.endValue();
        break;
      case RdbEvent.resizeDb:
      case RdbEvent.slotInfo:
        break;
      default:
        this.builder.take(event, reader);
    }
  }

  private beginKey(): void {
    const reader = this.reader;
    const report = this.report;
    this.typeShown = reader.rdbType;
    this.keyName = reader.key.toString();
    this.builder.begin(reader);
    report.keys++;
    const database = String(reader.database);
    report.databases[database] = (report.databases[database] ?? 0) + 1;
    const type = rdbTypeNames[reader.rdbType] ?? String(reader.rdbType);
    report.types[type] = (report.types[type] ?? 0) + 1;
  }

  private endValue(): void {
    const { reader, report, builder } = this;
    const entry = builder.finish(reader);
    if (entry === 0) {
      report.emptyKeys++;
      this.info(reader.offset, `Key '${this.keyName}' has no elements: the server leaves it out`);
    } else {
      this.keyspace.releaseEntry(entry);
      this.keyspace.freeSome(FREED_PER_KEY);
    }
    if (!builder.repairs.isEmpty) {
      report.repaired++;
      this.info(
        reader.offset,
        `Key '${this.keyName}' in DB ${reader.database} was repaired: ${builder.repairs.toString()}`,
      );
    }
    if (reader.expireAtMs !== NO_EXPIRY) {
      report.expires++;
      if (reader.expireAtMs < this.nowMs) report.alreadyExpired++;
    }
    this.keyName = undefined;
    this.typeShown = -1;
  }

  private fail(error: RdbError): void {
    const reader = this.reader;
    const report = this.report;
    // A type that was read before its key could be.
    if (reader.doing === RdbDoing.key && this.keyName === undefined) this.typeShown = reader.rdbType;
    report.offset = error.offset;
    if (error.reason === 'RDB CRC error') report.checksum = 'wrong';
    report.error = { offset: error.offset, message: error.reason, doing: reader.doing };
    this.output.line('--- RDB ERROR DETECTED ---');
    this.info(error.offset, error.reason);
    this.output.line(`[additional info] While doing: ${reader.doing}`);
    if (this.keyName !== undefined) {
      report.error.key = this.keyName;
      this.output.line(`[additional info] Reading key '${this.keyName}'`);
    }
    if (this.typeShown >= 0) {
      const name = rdbTypeNames[this.typeShown] ?? 'unknown';
      report.error.type = name;
      this.output.line(`[additional info] Reading type ${this.typeShown} (${name})`);
    }
    this.totals();
  }

  private info(offset: number, text: string): void {
    this.output.line(`[offset ${offset}] ${text}`);
  }

  private totals(): void {
    this.output.line(`[info] ${this.report.keys} keys read`);
    this.output.line(`[info] ${this.report.expires} expires`);
    this.output.line(`[info] ${this.report.alreadyExpired} already expired`);
  }
}

export interface CheckRdbOptions {
  readonly name: string;
  readonly files: Files;
  readonly nowMs: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly progress?: (done: number, whole: number) => void;
}

/** The program: returns its exit code. */
export function runCheckRdb(words: readonly string[], options: CheckRdbOptions): number {
  const asJson = words.includes('--json');
  const rest = words.filter((word) => word !== '--json');
  if (rest.length !== 1) {
    options.err(`Usage: ${options.name} [--json] <rdb-file-name>\n`);
    return 1;
  }
  const path = rest[0]!;
  if (path === '-v' || path === '--version') {
    options.out(`${options.name} ${KVASIR_VERSION}\n`);
    return 0;
  }
  const line = (text: string): void => {
    if (!asJson) options.out(`${text}\n`);
  };
  const output: CheckOutput = options.progress === undefined ? { line } : { line, progress: options.progress };
  const checker = new RdbChecker(output, options.nowMs, path);
  let file: OpenFile;
  try {
    file = options.files.open(path, 'read');
  } catch (error) {
    line(`[offset 0] Checking RDB file ${path}`);
    options.err(`Cannot open file ${path}: ${systemErrorText(error)}\n`);
    if (asJson)
      options.out(
        `${JSON.stringify({ file: path, ok: false, error: { message: `cannot open: ${systemErrorText(error)}` } })}\n`,
      );
    return 1;
  }
  try {
    const isSound = checker.check(file, false);
    if (asJson) options.out(`${JSON.stringify(checker.report)}\n`);
    return isSound ? 0 : 1;
  } finally {
    file.close();
  }
}
