// rdb-sink: writes records as an RDB file of a wanted version, and counts what the version cannot hold.
//
// A value in parts is collected in its encoded form, as its count stands before its elements: a big one on disk (spilled-value).
// The file appears under its name when it is whole and durable.

import { Crc64 } from '../../base/crc64.js';
import { SERVER_VERSION } from '../../base/version.js';
import { Opcode, RdbType } from '../../persistence/rdb/format.js';
import { RdbError } from '../../persistence/rdb/reader.js';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { FileOutput, type Output } from '../program/output.js';
import { valueOf } from '../record/decode.js';
import { keepsRaw, lossOf, plainType, VERSION_FUNCTIONS, writeElements, writeValue } from '../record/encode.js';
import { recordsOf } from '../record/plain-records.js';
import { type Batch, type KeyRecord, NO_EXPIRY, type Sink } from '../record/record.js';
import { elementCount } from '../record/values.js';
import { SpilledValue } from './spilled-value.js';

const WRITE_BYTES = 1 << 20;
const VERSION_AUX = 7;
const VERSION_USES = 9;
/** The time that those of a hash in parts count from: 1 is before all of them. */
const FIRST_EXPIRY = 1;

export interface RdbSinkOptions {
  /** Asked when the first record has come. */
  readonly version: number | (() => number);
  readonly nowMs: () => number;
  readonly compresses: boolean;
  /** Told of keys whose bytes are damaged. */
  readonly onDamage?: (record: KeyRecord, reason: string) => void;
}

/** The value in parts that is being collected. */
interface Collected {
  readonly head: KeyRecord;
  readonly body: SpilledValue;
  readonly rdbType: number;
  count: number;
}

export class RdbSink implements Sink {
  /** Losses by what the version cannot hold: how many keys, and whether all of the key is lost. */
  readonly losses = new Map<string, { keys: number; whole: boolean }>();
  keys = 0;
  private readonly writer: RdbWriter;
  private readonly crc = new Crc64();
  private database = -1;
  private hasHeader = false;
  private collected: Collected | undefined;
  /** Its last part has come, and its bytes go to the output. */
  private finished: SpilledValue | undefined;

  constructor(
    private readonly output: Output,
    private readonly options: RdbSinkOptions,
  ) {
    this.writer = new RdbWriter(this.compression, 2 * WRITE_BYTES);
  }

  private get version(): number {
    const { version } = this.options;
    return typeof version === 'number' ? version : version();
  }

  private get compression(): number {
    return this.options.compresses ? Compression.inline : Compression.none;
  }

  get name(): string {
    return this.output.name;
  }

  private header(): void {
    if (this.hasHeader) return;
    this.hasHeader = true;
    const { writer, options } = this;
    writer.header(this.version);
    if (this.version < VERSION_AUX) return;
    writer.aux('redis-ver', SERVER_VERSION);
    writer.aux('redis-bits', '64');
    writer.aux('ctime', String(Math.floor(options.nowMs() / 1000)));
  }

  async write(batch: Batch): Promise<void> {
    this.header();
    for (const record of recordsOf(batch)) {
      if (record.what === 'key') {
        this.put(record);
        if (this.finished !== undefined) await this.appendFinished();
      } else if (record.what === 'function') {
        if (this.version >= VERSION_FUNCTIONS) this.writer.function(record.code);
        else this.lose('function libraries (since RDB 10, Redis 7.0)', true);
      }
      if (this.writer.length >= WRITE_BYTES) this.hand();
    }
    await this.output.flush();
  }

  private lose(what: string, whole: boolean): void {
    const loss = this.losses.get(what) ?? { keys: 0, whole };
    loss.keys++;
    this.losses.set(what, loss);
  }

  private put(record: KeyRecord): void {
    try {
      if (record.part === 'whole' || record.part === 'first') this.dropCollected();
      const { whole, what } = lossOf(record, this.version);
      if (what !== '' && (record.part === 'whole' || record.part === 'first')) this.lose(what, whole);
      if (whole) return;
      if (record.part === 'whole') this.putWhole(record);
      else this.putPart(record);
    } catch (error) {
      if (!(error instanceof RdbError) || this.options.onDamage === undefined) throw error;
      this.options.onDamage(record, error.reason);
    }
  }

  private head(record: KeyRecord, rdbType: number): void {
    const { writer } = this;
    if (record.database !== this.database) {
      this.database = record.database;
      writer.selectDb(record.database);
    }
    if (record.expireAtMs !== NO_EXPIRY) {
      writer.byte(Opcode.expireMs);
      writer.int64(record.expireAtMs);
    }
    if (this.version >= VERSION_USES && record.idleSeconds >= 0) {
      writer.byte(Opcode.idle);
      writer.writeLength(record.idleSeconds);
    } else if (this.version >= VERSION_USES && record.frequency >= 0) {
      writer.byte(Opcode.freq);
      writer.byte(record.frequency);
    }
    writer.byte(rdbType);
    writer.string(record.key, 0, record.key.length);
    this.keys++;
  }

  private putWhole(record: KeyRecord): void {
    const { writer } = this;
    if (keepsRaw(record, this.version)) {
      this.head(record, record.rdbType);
      writer.raw(record.raw!, 0, record.raw!.length);
      return;
    }
    // Decoded before anything is written: a damaged value must leave no half of a key.
    const value = valueOf(record);
    const rdbType = plainType(value, this.version);
    this.head(record, rdbType);
    writeValue(writer, value, rdbType);
  }

  private putPart(record: KeyRecord): void {
    const value = valueOf(record);
    if (record.part === 'first') {
      // Whether fields expire is not known before the last part, so the type is the one that can tell it.
      const plain = plainType(value, this.version);
      const canAge = plain === RdbType.hash && this.version >= 12;
      const rdbType = canAge ? RdbType.hashMetadata : plain;
      const body = new SpilledValue(this.compression, this.output instanceof FileOutput ? this.output.name : undefined);
      this.collected = { head: record, body, rdbType, count: 0 };
    }
    const { collected } = this;
    if (collected === undefined) return;
    writeElements(collected.body.writer, value, collected.rdbType, FIRST_EXPIRY);
    collected.body.spill();
    collected.count += elementCount(value);
    if (record.part !== 'last') return;
    this.head(collected.head, collected.rdbType);
    if (collected.rdbType === RdbType.hashMetadata) this.writer.int64(FIRST_EXPIRY);
    this.writer.writeLength(collected.count);
    this.finished = collected.body;
    this.collected = undefined;
  }

  private dropCollected(): void {
    this.collected?.body.close();
    this.collected = undefined;
  }

  private async appendFinished(): Promise<void> {
    const body = this.finished!;
    this.finished = undefined;
    try {
      for (const piece of body.pieces()) {
        this.writer.raw(piece, 0, piece.length);
        if (this.writer.length < WRITE_BYTES) continue;
        this.hand();
        await this.output.flush();
      }
    } finally {
      body.close();
    }
  }

  private hand(): void {
    const { writer } = this;
    this.crc.update(writer.bytes, 0, writer.length);
    if (this.output.write(writer.bytes.subarray(0, writer.length))) writer.clear();
    else writer.restart(new Uint8Array(writer.bytes.length));
  }

  flush(): Promise<void> {
    return this.output.flush();
  }

  /** Writes the end and the checksum; a value whose last part did not come is left out. */
  async close(): Promise<void> {
    this.dropCollected();
    this.header();
    this.writer.byte(Opcode.end);
    this.hand();
    const checksum = new Uint8Array(8);
    this.crc.writeTo(checksum, 0);
    this.output.write(checksum);
    await this.output.finish();
  }
}
