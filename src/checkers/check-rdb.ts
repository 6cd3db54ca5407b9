// check-rdb: reads an RDB file to its end and says whether it is sound, in the words of redis-check-rdb.
//
// Memory: one buffer of the reader, the largest string, and the members of one collection (up to a million, to find
// those that stand in it twice). Output and exit code are those of redis-check-rdb, but for the place in a C source that
// it names where a value contradicts itself.

import { systemErrorText } from '../base/system-error.js';
import { KVASIR_VERSION } from '../base/version.js';
import { RdbDoing, RdbError, RdbEvent, RdbReader } from '../persistence/rdb-reader.js';
import { RDB_TYPE_MAX, rdbTypeNames, ValueKind } from '../persistence/rdb-format.js';
import { PackedCursor, Packing, Slice } from '../persistence/packed.js';
import type { Files, OpenFile } from '../io/files.js';

const CHUNK_BYTES = 1 << 20;
const MEMBERS_MAX = 1_000_000;

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
  private readonly members = new Set<string>();
  private readonly cursor = new PackedCursor();
  private readonly slice = new Slice();
  private keyName: string | undefined;
  /** What redis-check-rdb shows as the type being read; it starts with 0 and is -1 after a key. */
  private typeShown = 0;
  private items = 0;

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
      case RdbEvent.item:
        this.items++;
        if (reader.kind !== ValueKind.list && reader.kind !== ValueKind.string) this.addMember(reader.item);
        break;
      case RdbEvent.listpack:
      case RdbEvent.listpackEx:
        this.checkListpack(
          event === RdbEvent.listpackEx ? 3 : reader.kind === ValueKind.set || reader.kind === ValueKind.list ? 1 : 2,
        );
        break;
      case RdbEvent.streamPending:
      case RdbEvent.resizeDb:
        break;
      default:
        this.items++;
    }
  }

  private beginKey(): void {
    const reader = this.reader;
    const report = this.report;
    this.typeShown = reader.rdbType;
    this.keyName = reader.key.toString();
    this.items = 0;
    this.members.clear();
    report.keys++;
    const database = String(reader.database);
    report.databases[database] = (report.databases[database] ?? 0) + 1;
    const type = rdbTypeNames[reader.rdbType] ?? String(reader.rdbType);
    report.types[type] = (report.types[type] ?? 0) + 1;
  }

  private endValue(): void {
    // An empty collection cannot have been written by a sound server; redis-check-rdb reports it in these words.
    const { reader, report } = this;
    const isStream = reader.kind === ValueKind.stream || reader.kind === ValueKind.module;
    if (this.items === 0 && !isStream) throw new RdbError(reader.offset, 'Unexpected EOF reading RDB file', false);
    if (reader.expireAtMs !== -1) {
      report.expires++;
      if (reader.expireAtMs < this.nowMs) report.alreadyExpired++;
    }
    this.keyName = undefined;
    this.typeShown = -1;
  }

  private checkListpack(group: number): void {
    const reader = this.reader;
    this.items++;
    if (reader.kind === ValueKind.list) return;
    this.cursor.open(Packing.listpack, reader.item.bytes, reader.item.start, reader.item.length);
    for (let index = 0; this.cursor.next(this.slice); index++) if (index % group === 0) this.addMember(this.slice);
    if (this.cursor.count === 0) this.items--;
  }

  private addMember(member: Slice): void {
    if (this.members.size >= MEMBERS_MAX) return;
    const before = this.members.size;
    if (this.members.add(member.toString()).size !== before) return;
    const reader = this.reader;
    const kind =
      reader.kind === ValueKind.set ? 'set members' : reader.kind === ValueKind.zset ? 'zset fields' : 'hash fields';
    throw new RdbError(reader.offset, `Duplicate ${kind} detected`, false);
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
      const name = this.typeShown <= RDB_TYPE_MAX ? (rdbTypeNames[this.typeShown] ?? 'unknown') : 'unknown';
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
