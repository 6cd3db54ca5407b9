// check-aof: reads the files of an append-only file to their end, says up to where they are sound, and cuts them there.
//
// Takes a manifest, a single file of commands, or one that begins with an RDB. Output and exit codes are those of
// redis-check-aof. Memory: one buffer; the arguments of commands are skipped, not read.

import { dirname } from 'node:path';
import { systemErrorText } from '../base/system-error.js';
import { KVASIR_VERSION } from '../base/version.js';
import { ManifestError, parseManifest } from '../persistence/aof/manifest.js';
import { type Files, type OpenFile, readWhole } from '../io/files.js';
import { ByteReader } from './byte-reader.js';
import { type CheckOutput, RdbChecker, type RdbReport } from './check-rdb.js';
import { restoreAof, RestoreError, type RestorePoint } from './restore-aof.js';

const LINE_BYTES_MAX = 127;
const ANNOTATION_BYTES_MAX = 1023;
const MANIFEST_LINE_BYTES_MAX = 1024;
const RDB_HEADER_BYTES = 8;

export interface AofFileReport {
  readonly file: string;
  status: 'ok' | 'empty' | 'truncated' | 'invalid';
  bytes: number;
  okUpTo: number;
  okUpToLine: number;
  commands: number;
  error?: string;
  rdb?: RdbReport;
}

export interface CheckAofOptions {
  readonly name: string;
  readonly files: Files;
  readonly nowMs: number;
  readonly out: (text: string) => void;
  /** The user's answer to a question, undefined at the end of the input. */
  readonly ask: (question: string) => string | undefined;
  readonly progress?: (done: number, whole: number) => void;
}

/** Ends the program with code 1; its message was printed. */
class Abort extends Error {}

class AofChecker {
  readonly reports: AofFileReport[] = [];
  private errorText = '';
  private errorAt = 0;
  private line = 1;
  private openTransactions = 0;

  constructor(
    private readonly options: CheckAofOptions,
    private readonly print: (text: string) => void,
    private readonly fix: boolean,
    /** 0: none. */
    private readonly toTimestamp: number,
  ) {}

  private abort(text: string): never {
    this.print(text);
    const last = this.reports[this.reports.length - 1];
    if (last !== undefined && last.status === 'ok') last.status = 'invalid';
    throw new Abort(text);
  }

  private setError(text: string): false {
    this.errorText = `0x${this.errorAt.toString(16).padStart(16)}: ${text}`;
    return false;
  }

  checkPath(path: string): void {
    if (this.isManifest(path)) this.checkMultiPart(path);
    else {
      this.print('Start checking Old-Style AOF');
      this.printResult('AOF', path, this.checkFile(path, path, true, this.isRdb(path)));
    }
  }

  private checkMultiPart(path: string): void {
    this.print('Start checking Multi Part AOF');
    const folder = dirname(path);
    let manifest;
    try {
      manifest = parseManifest(readWhole(this.options.files, path), '');
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      this.print('\n*** FATAL AOF MANIFEST FILE ERROR ***\n');
      if (error.line > 0) this.print(`Reading the manifest file, at line ${error.line}\n\n>>> '${error.text}'\n`);
      return this.abort(error.reason);
    }
    const last = manifest.live[manifest.live.length - 1];
    if (manifest.base !== undefined) {
      const { name } = manifest.base;
      const full = `${folder}/${name}`;
      const isRdb = this.isRdb(full);
      this.print(`Start to check BASE AOF (${isRdb ? 'RDB' : 'RESP'} format).`);
      this.printResult('BASE AOF', name, this.checkFile(name, full, manifest.base === last, isRdb));
    }
    if (manifest.incr.length > 0) {
      this.print('Start to check INCR files.');
      for (const file of manifest.incr) {
        this.printResult(
          'INCR AOF',
          file.name,
          this.checkFile(file.name, `${folder}/${file.name}`, file === last, false),
        );
      }
    }
    this.print('All AOF files and manifest are valid');
  }

  private printResult(kind: string, name: string, result: 'ok' | 'empty' | 'cut' | 'cut-to-timestamp'): void {
    if (result === 'ok') this.print(`${kind} ${name} is valid`);
    else if (result === 'empty') this.print(`${kind} ${name} is empty`);
    else if (result === 'cut') this.print(`Successfully truncated AOF ${name}`);
    else this.print(`Successfully truncated AOF ${name} to timestamp ${this.toTimestamp}`);
  }

  private openFile(path: string, mode: 'read' | 'update', addition = ''): OpenFile {
    try {
      return this.options.files.open(path, mode);
    } catch (error) {
      return this.abort(`Cannot open file ${path}: ${systemErrorText(error)}${addition}`);
    }
  }

  private isRdb(path: string): boolean {
    const file = this.openFile(path, 'read');
    try {
      const head = new Uint8Array(RDB_HEADER_BYTES);
      return (
        file.read(head, 0, RDB_HEADER_BYTES, 0) === RDB_HEADER_BYTES &&
        String.fromCharCode(...head.subarray(0, 5)) === 'REDIS'
      );
    } finally {
      file.close();
    }
  }

  private isManifest(path: string): boolean {
    const file = this.openFile(path, 'read');
    try {
      const reader = new ByteReader(file, file.size());
      for (;;) {
        const text = reader.line(MANIFEST_LINE_BYTES_MAX);
        if (!text.startsWith('#')) return text.startsWith('file');
      }
    } finally {
      file.close();
    }
  }

  private checkFile(
    name: string,
    path: string,
    isLast: boolean,
    hasPreamble: boolean,
  ): 'ok' | 'empty' | 'cut' | 'cut-to-timestamp' {
    const report: AofFileReport = { file: name, status: 'ok', bytes: 0, okUpTo: 0, okUpToLine: this.line, commands: 0 };
    this.reports.push(report);
    const file = this.openFile(path, this.fix || this.toTimestamp !== 0 ? 'update' : 'read', ', aborting...');
    try {
      const size = file.size();
      report.bytes = size;
      if (size === 0) {
        report.status = 'empty';
        return 'empty';
      }
      return this.checkOpenFile(file, report, path, size, isLast, hasPreamble);
    } finally {
      file.close();
    }
  }

  private checkOpenFile(
    file: OpenFile,
    report: AofFileReport,
    path: string,
    size: number,
    isLast: boolean,
    hasPreamble: boolean,
  ): 'ok' | 'cut' | 'cut-to-timestamp' {
    const name = report.file;
    let start = 0;
    if (hasPreamble) {
      const checker = new RdbChecker({ line: this.print } satisfies CheckOutput, this.options.nowMs, name);
      report.rdb = checker.report;
      if (!checker.check(file, true)) this.abort('RDB preamble of AOF file is not sane, aborting.');
      this.print('RDB preamble is OK, proceeding with AOF tail...');
      start = checker.endOffset;
    }
    const reader = new ByteReader(file, size, start);
    let okUpTo = start;
    let reachedEnd = false;
    this.openTransactions = 0;
    for (let count = 0; ; count++) {
      if (this.openTransactions === 0) okUpTo = reader.position;
      if ((count & 0xffff) === 0) this.options.progress?.(reader.position, size);
      const first = reader.peek();
      if (first < 0) {
        reachedEnd = true;
        break;
      }
      if (first === 0x23) {
        if (this.isAfterTimestamp(reader, path, isLast)) {
          file.truncate(this.errorAt);
          file.sync();
          report.status = 'truncated';
          report.okUpTo = this.errorAt;
          return 'cut-to-timestamp';
        }
      } else if (first === 0x2a) {
        if (!this.readCommand(reader, path)) {
          reachedEnd = reader.peek() < 0;
          break;
        }
        report.commands++;
      } else {
        this.print(`AOF ${name} format error`);
        report.error = 'format error';
        break;
      }
    }
    if (reachedEnd && this.openTransactions !== 0 && this.errorText === '')
      this.setError('Reached EOF before reading EXEC for MULTI');
    if (this.errorText !== '') {
      this.print(this.errorText);
      report.error = this.errorText;
    }
    report.okUpTo = okUpTo;
    report.okUpToLine = this.line;
    const difference = size - okUpTo;
    if (difference === 0 && this.toTimestamp !== 0) {
      this.print(`Truncate nothing in AOF ${name} to timestamp ${this.toTimestamp}`);
      return 'ok';
    }
    this.print(
      `AOF analyzed: filename=${name}, size=${size}, ok_up_to=${okUpTo}, ok_up_to_line=${this.line}, diff=${difference}`,
    );
    if (difference === 0) return 'ok';
    if (!this.fix) this.abort(`AOF ${name} is not valid. Use the --fix option to try fixing it.`);
    if (!isLast) this.abort(`Failed to truncate AOF ${name} because it is not the last file`);
    this.print(`This will shrink the AOF ${name} from ${size} bytes, with ${difference} bytes, to ${okUpTo} bytes`);
    if (!/^y/i.test(this.options.ask('Continue? [y/N]: ') ?? '')) this.abort('Aborting...');
    try {
      file.truncate(okUpTo);
      file.sync();
    } catch {
      this.abort(`Failed to truncate AOF ${name}`);
    }
    report.status = 'truncated';
    return 'cut';
  }

  /** Reads an annotation; true when the file must be cut before it (at `errorAt`). */
  private isAfterTimestamp(reader: ByteReader, path: string, isLast: boolean): boolean {
    this.errorAt = reader.position;
    const text = reader.line(ANNOTATION_BYTES_MAX);
    if (this.toTimestamp === 0 || !text.startsWith('#TS:')) return false;
    const match = /^\s*([+-]?\d+)\r/.exec(text.slice(4));
    if (match === null) return this.abort('Invalid timestamp annotation');
    if (Number(match[1]) <= this.toTimestamp) return false;
    if (this.errorAt === 0) this.abort(`AOF ${path} has nothing before timestamp ${this.toTimestamp}, aborting...`);
    if (!isLast) {
      this.print(
        `Failed to truncate AOF ${path} to timestamp ${this.toTimestamp} to offset ${this.errorAt} because it is not the last file.`,
      );
      this.abort(
        'If you insist, please delete all files after this file according to the manifest ' +
          'file and delete the corresponding records in manifest file manually. Then re-run redis-check-aof.',
      );
    }
    return true;
  }

  private readCommand(reader: ByteReader, path: string): boolean {
    const count = this.readNumber(reader, '*');
    if (count === undefined) return false;
    for (let index = 0; index < count; index++) {
      const length = this.readNumber(reader, '$');
      if (length === undefined) return false;
      if (length < 0)
        return this.setError(`Expected to read string of ${length} bytes, which is not in the suitable range`);
      this.errorAt = reader.position;
      // Only the first argument is looked at, and only when it can be MULTI or EXEC.
      const word = index === 0 && length <= 5 ? reader.text(length) : '';
      const skipped = word.length + (word.length < length ? reader.skip(length - word.length) : 0);
      const ending = skipped === length ? reader.text(2) : '';
      if (ending.length < 2)
        return this.setError(`Expected to read ${length + 2} bytes, got ${skipped + ending.length} bytes`);
      if (!this.isNewline(ending)) return false;
      if (index === 0 && !this.trackTransaction(word.toLowerCase(), path)) return false;
    }
    return true;
  }

  private trackTransaction(word: string, path: string): boolean {
    if (word === 'multi' && this.openTransactions++ !== 0) return this.setError(`Unexpected MULTI in AOF ${path}`);
    if (word === 'exec' && --this.openTransactions !== 0) return this.setError(`Unexpected EXEC in AOF ${path}`);
    return true;
  }

  /** A line of a letter and a number; undefined at the end of the file (no message) or when it is malformed. */
  private readNumber(reader: ByteReader, prefix: string): number | undefined {
    this.errorAt = reader.position;
    const text = reader.line(LINE_BYTES_MAX);
    if (text === '') return undefined;
    if (text[0] !== prefix) {
      this.setError(`Expected prefix '${prefix}', got: '${text[0]}'`);
      return undefined;
    }
    const digits = /^\s*[+-]?\d+/.exec(text.slice(1))?.[0] ?? '';
    if (!this.isNewline(text.slice(1 + digits.length))) return undefined;
    return Number(digits);
  }

  private isNewline(text: string): boolean {
    if (text.startsWith('\r\n')) {
      this.line++;
      return true;
    }
    // As C prints a signed char.
    const hex = (at: number): string =>
      ((((text.charCodeAt(at) || 0) << 24) >> 24) >>> 0).toString(16).padStart(2, '0');
    return this.setError(`Expected \\r\\n, got: ${hex(0)}${hex(1)}`);
  }
}

/** The program: returns its exit code. */
export function runCheckAof(words: readonly string[], options: CheckAofOptions): number {
  const asJson = words.includes('--json');
  const rest = words.filter((word) => word !== '--json');
  if (rest[0] === '--restore-to') return runRestore(rest.slice(1), asJson, options);
  const usage =
    `Usage: ${options.name} [--json] [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n` +
    `       ${restoreUsage(options.name)}\n`;
  let fix = false;
  let toTimestamp = 0;
  let path: string;
  if (rest.length === 1) {
    path = rest[0]!;
    if (path === '-v' || path === '--version') {
      options.out(`${options.name} ${KVASIR_VERSION}\n`);
      return 0;
    }
  } else if (rest.length === 2 && rest[0] === '--fix') {
    fix = true;
    path = rest[1]!;
  } else if (rest.length === 3 && rest[0] === '--truncate-to-timestamp') {
    if (!/^\s*[+-]?\d+$/.test(rest[1]!)) {
      options.out('Invalid timestamp, aborting...\n');
      return 1;
    }
    toTimestamp = Number(rest[1]);
    path = rest[2]!;
  } else {
    options.out(usage);
    return 1;
  }
  const print = (text: string): void => {
    if (!asJson) options.out(`${text}\n`);
  };
  const checker = new AofChecker(options, print, fix, toTimestamp);
  let message: string | undefined;
  try {
    checker.checkPath(path);
  } catch (error) {
    if (!(error instanceof Abort)) throw error;
    message = error.message;
  }
  if (asJson) {
    const report = { file: path, ok: message === undefined, files: checker.reports };
    options.out(`${JSON.stringify(message === undefined ? report : { ...report, error: message })}\n`);
  }
  return message === undefined ? 0 : 1;
}

function restoreUsage(name: string): string {
  return `${name} [--json] --restore-to <new folder> [--before-last <command>|--until-timestamp $timestamp|--until-offset <bytes>] <file.manifest|file.aof>`;
}

/** By default what was before the last command that emptied a database. */
function parsePoint(words: readonly string[]): RestorePoint | undefined {
  const [flag, value] = words;
  if (flag === undefined) return { kind: 'command', names: ['FLUSHALL', 'FLUSHDB'] };
  if (words.length !== 2 || value === undefined) return undefined;
  if (flag === '--before-last') return { kind: 'command', names: [value.toUpperCase()] };
  if (!/^[0-9]{1,15}$/.test(value)) return undefined;
  if (flag === '--until-timestamp') return { kind: 'timestamp', seconds: Number(value) };
  return flag === '--until-offset' ? { kind: 'offset', bytes: Number(value) } : undefined;
}

function runRestore(words: readonly string[], asJson: boolean, options: CheckAofOptions): number {
  const path = words[words.length - 1];
  const target = words[0];
  const point = parsePoint(words.slice(1, -1));
  if (words.length < 2 || point === undefined || target === undefined || path === undefined) {
    options.out(`Usage: ${restoreUsage(options.name)}\n`);
    return 1;
  }
  try {
    const result = restoreAof(options.files, path, target, point, options.nowMs);
    if (asJson) options.out(`${JSON.stringify({ ok: true, ...result })}\n`);
    else {
      options.out(
        `Restored ${result.commands} commands, ${result.reason}: up to offset ${result.offset} of ${result.file}\n`,
      );
      options.out(
        `The data is in ${result.folder}. Look at it with: kvasir-server --dir ${result.folder} --appendonly yes --port <another>\n`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof RestoreError)) throw error;
    options.out(asJson ? `${JSON.stringify({ ok: false, error: error.message })}\n` : `${error.message}\n`);
    return 1;
  }
}
