// json-source: records out of JSON lines, in the format of the Ruby gem or in Kvasir's, which the first line shows.
//
// A line that cannot be read is reported and skipped, as the gem does.

import { isUtf8 } from 'node:buffer';
import { readKvasirLine } from '../json/kvasir-format.js';
import { readRedisDump } from '../json/redis-dump-format.js';
import { JsonSplitter } from '../json/json-splitter.js';
import { LineParser } from '../json/line-parser.js';
import { type Batch, type Source, TransferError, type TransferRecord } from '../record/record.js';

const BATCH_RECORDS = 1000;
/** A record may be a part of many megabytes. */
const BATCH_BYTES = 4 << 20;

export interface JsonSourceOptions {
  readonly base64: boolean;
  /** Bytes that are no UTF-8 are taken as they are. */
  readonly acceptsAnyBytes: boolean;
  readonly nowMs: () => number;
  /** Told of each record that cannot be read. */
  readonly onBadRecord: (key: string, reason: string) => void;
  /** Where the chunks begin in the file. */
  readonly offset?: number;
  /** The chunks begin in the middle of a file of this format. */
  readonly format?: 'redis' | 'kvasir';
}

/** Text whose characters are bytes, but for those that an escape made. */
function looseBytes(text: string): Uint8Array {
  const parts: Buffer[] = [];
  for (const run of text.match(/[\0-\xff]+|[^\0-\xff]+/g) ?? [])
    parts.push(Buffer.from(run, run.charCodeAt(0) <= 0xff ? 'latin1' : 'utf8'));
  return Buffer.concat(parts);
}

export class JsonSource implements Source {
  readonly totalKeys = undefined;
  readonly warnings: string[] = [];
  /** Whether the file is Kvasir's; known after the first record. */
  isKvasir: boolean | undefined;
  private readonly splitter = new JsonSplitter();
  private parser: LineParser | undefined;

  constructor(
    readonly name: string,
    private readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    readonly totalBytes: number | undefined,
    private readonly options: JsonSourceOptions,
  ) {
    this.isKvasir = options.format === undefined ? undefined : options.format === 'kvasir';
  }

  async *batches(): AsyncGenerator<Batch, void> {
    let records: TransferRecord[] = [];
    const offset = this.options.offset ?? 0;
    let end = offset;
    let start = offset;
    for await (const chunk of this.chunks) {
      const batches: Batch[] = [];
      this.splitter.push(chunk, (object, at) => {
        const record = this.read(object);
        end = offset + at;
        if (record === undefined) return;
        records.push(record);
        if (records.length < BATCH_RECORDS && end - start < BATCH_BYTES) return;
        batches.push(this.batch(records, end));
        records = [];
        start = end;
      });
      yield* batches;
    }
    yield this.batch(records, end);
    if (this.splitter.isMidway) throw new TransferError(`${this.name}: the input ends inside a record`);
  }

  private batch(records: TransferRecord[], end: number): Batch {
    // A part of a value is no place to go on at.
    const last = records[records.length - 1];
    const isWhole = last?.what !== 'key' || last.part === 'whole' || last.part === 'last';
    const position = { offset: end, format: this.isKvasir === true ? 'kvasir' : 'redis' };
    return { records, sourceBytes: end, ...(isWhole ? { position } : {}) };
  }

  private read(object: Uint8Array): TransferRecord | undefined {
    if (this.isKvasir !== undefined && !this.options.base64) {
      const { nowMs } = this.options;
      this.parser ??= new LineParser({ isRedis: !this.isKvasir, nowMs });
      const record = this.parser.parse(object);
      if (record !== undefined) return record;
    }
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.length);
    let line: Record<string, unknown> = {};
    try {
      const isClean = isUtf8(bytes);
      if (!isClean && !this.options.acceptsAnyBytes) throw new Error('invalid UTF-8 (-n takes the bytes as they are)');
      const parsed: unknown = JSON.parse(bytes.toString(isClean ? 'utf8' : 'latin1'));
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('no JSON object');
      line = parsed as Record<string, unknown>;
      if (this.isKvasir === undefined) {
        this.isKvasir = line.format === 'kvasir-dump';
        if (this.isKvasir && line.version !== 1)
          throw new TransferError(`${this.name}: version ${String(line.version)} of the format is not known here`);
      }
      if (line.format === 'kvasir-dump') return undefined;
      if (this.isKvasir) return readKvasirLine(line);
      const toBytes = isClean ? (text: string): Uint8Array => Buffer.from(text) : looseBytes;
      const { base64, nowMs } = this.options;
      return readRedisDump(line, toBytes, { base64, nowMs: nowMs() });
    } catch (error) {
      if (error instanceof TransferError) throw error;
      const key = typeof line.key === 'string' ? line.key : bytes.toString('latin1', 0, 60);
      this.options.onBadRecord(key, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
