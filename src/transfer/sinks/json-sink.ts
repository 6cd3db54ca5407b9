// json-sink: writes records as JSON lines.

import { RdbError } from '../../persistence/rdb/reader.js';
import { functionLine, KVASIR_HEADER, kvasirLine } from '../json/kvasir-format.js';
import { JsonBytes } from '../json/json-bytes.js';
import { KvasirRecordWriter, RedisRecordWriter } from '../json/record-writer.js';
import { RedisDumpWriter, UnfitRecord } from '../json/redis-dump-format.js';
import type { Output } from '../program/output.js';
import { valueOf } from '../record/decode.js';
import type { Batch, KeyRecord, Sink } from '../record/record.js';

const HAND_BYTES = 1 << 20;

export interface JsonSinkOptions {
  readonly format: 'redis' | 'kvasir';
  readonly base64: boolean;
  readonly nowMs: () => number;
  /** Told of keys that cannot be written. */
  readonly onUnfit: (record: KeyRecord, reason: string) => void;
  /** The output has its first line already. */
  readonly goesOn?: boolean;
}

export class JsonSink implements Sink {
  private readonly redis: RedisDumpWriter;
  /** Lines that were not handed to the output yet. */
  private readonly bytes = new JsonBytes();
  private readonly kvasirElements = new KvasirRecordWriter(this.bytes);
  private readonly redisElements = new RedisRecordWriter(this.bytes);
  private hasHeader: boolean;
  /** A value in parts whose first part could not be written. */
  private isSkipping = false;

  constructor(
    private readonly output: Output,
    private readonly options: JsonSinkOptions,
  ) {
    this.redis = new RedisDumpWriter(options.base64);
    this.hasHeader = options.format === 'redis' || options.goesOn === true;
  }

  get name(): string {
    return this.output.name;
  }

  async write(batch: Batch): Promise<void> {
    const { output, options } = this;
    const nowMs = options.nowMs();
    if (!this.hasHeader) output.write(KVASIR_HEADER);
    this.hasHeader = true;
    for (const record of batch.records) {
      if (record.what === 'function' && options.format === 'kvasir') this.line(functionLine(record.code));
      if (record.what === 'key' && !this.writeElements(record, nowMs)) this.writeKey(record, nowMs);
      if (this.bytes.length <= HAND_BYTES) continue;
      this.hand();
      await output.flush();
    }
    this.hand();
    await output.flush();
  }

  private line(text: string): void {
    this.hand();
    this.output.write(text);
  }

  private hand(): void {
    if (this.bytes.length > 0) this.bytes.hand((bytes) => this.output.write(bytes));
  }

  /** The short way, which makes no strings; false, and nothing written, when the record is none for it. */
  private writeElements(record: KeyRecord, nowMs: number): boolean {
    if (this.isSkipping || this.options.base64) return false;
    const before = this.bytes.length;
    try {
      return this.options.format === 'redis'
        ? this.redisElements.write(record, nowMs)
        : this.kvasirElements.write(record);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      // The long way says what is wrong with it.
      this.bytes.length = before;
      return false;
    }
  }

  private writeKey(record: KeyRecord, nowMs: number): void {
    const isRest = record.part === 'more' || record.part === 'last';
    if (isRest && this.isSkipping) return;
    this.isSkipping = false;
    try {
      const value = valueOf(record);
      const line =
        this.options.format === 'redis' ? this.redis.format(record, value, nowMs) : kvasirLine(record, value);
      this.line(line);
    } catch (error) {
      if (!(error instanceof UnfitRecord || error instanceof RdbError)) throw error;
      this.isSkipping = record.part === 'first';
      this.options.onUnfit(record, error.message);
    }
    if (this.redis.replaced > 0) {
      this.options.onUnfit(record, `${this.redis.replaced} elements are no UTF-8 and were changed`);
      this.redis.replaced = 0;
    }
  }

  flush(): Promise<void> {
    return this.output.flush();
  }

  close(): Promise<void> {
    return this.output.finish();
  }
}
