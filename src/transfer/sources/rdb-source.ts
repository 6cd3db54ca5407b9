// rdb-source: records out of the bytes of an RDB file or of a master's snapshot.
//
// Values up to PART_BYTES keep their raw bytes; a bigger collection is decoded while it comes and given out in parts. The raw
// bytes are cut out of the chunks, so a value costs its own size and no more.

import type { Slice } from '../../persistence/rdb/packed.js';
import { PlainStrings } from '../../persistence/rdb/plain-strings.js';
import { RdbError, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import { hasParts, ValueDecoder } from '../record/decode.js';
import {
  type Batch,
  type KeyRecord,
  keyRecord,
  type Part,
  PART_BYTES,
  type Source,
  TransferError,
  type TransferRecord,
} from '../record/record.js';
import type { Value } from '../record/values.js';

const BATCH_RECORDS = 1000;
const BATCH_BYTES = 1 << 20;
/** Each list holds a chunk of the source in memory. */
const LISTS_MAX = 8;

/** The chunks that hold the value which is being read. */
class Window {
  private chunks: Uint8Array[] = [];
  private start = 0;
  private end = 0;

  add(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.end += chunk.length;
  }

  /** Forgets what is before an offset. */
  dropBefore(offset: number): void {
    while (this.chunks.length > 0 && this.start + this.chunks[0]!.length <= offset)
      this.start += this.chunks.shift()!.length;
  }

  slice(from: number, to: number): Uint8Array {
    let at = this.start;
    const first = this.chunks[0]!;
    if (to <= at + first.length) return new Uint8Array(first.buffer, first.byteOffset + from - at, to - from);
    const whole = new Uint8Array(to - from);
    for (const chunk of this.chunks) {
      const begin = Math.max(from, at);
      const end = Math.min(to, at + chunk.length);
      if (end > begin) whole.set(chunk.subarray(begin - at, end - at), begin - from);
      at += chunk.length;
    }
    return whole;
  }
}

/** The batch that is being made. */
class GrowingBatch {
  private records: TransferRecord[] = [];
  private strings: PlainStrings[] = [];
  /** The list that grows; in `strings` once it has one. */
  private last: PlainStrings | undefined;
  private bytes = 0;

  get isEmpty(): boolean {
    return this.records.length + this.strings.length === 0;
  }

  /** Returns whether the batch is full. */
  add(record: TransferRecord): boolean {
    this.records.push(record);
    if (record.what === 'key') this.bytes += record.raw!.length + record.key.length + 64;
    return this.records.length >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  /** Adds the strings that come next; returns whether the batch is full. */
  takeStrings(reader: RdbReader): boolean {
    let { last } = this;
    if (!reader.fits(last)) last = this.last = new PlainStrings(reader.bytes, reader.database, BATCH_RECORDS);
    const isNew = last.count === 0;
    reader.takePlain(last);
    if (isNew && last.count > 0) this.strings.push(last);
    return last.isFull || this.strings.length >= LISTS_MAX;
  }

  take(sourceBytes: number): Batch {
    const { records, strings } = this;
    this.records = [];
    this.strings = [];
    this.last = undefined;
    this.bytes = 0;
    return strings.length === 0 ? { records, sourceBytes } : { records, strings, sourceBytes };
  }
}

/** A view of the chunk, which stays as it is; a copy only of what the reader unpacked. */
function borrowed(slice: Slice): Uint8Array {
  const { bytes, start, length } = slice;
  if (bytes === slice.scratch) return bytes.slice(start, start + length);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}

interface Head {
  readonly database: number;
  readonly key: Uint8Array;
  readonly kind: number;
  readonly rdbType: number;
  readonly expireAtMs: number;
  readonly idleSeconds: number;
  readonly frequency: number;
  /** Offset of the value's first byte. */
  readonly from: number;
}

/** Decodes a big value beside the reader that finds its end. */
class PartReader {
  private readonly reader = new RdbReader(false);
  private readonly decoder = new ValueDecoder();
  private hasGiven = false;

  constructor(
    private readonly head: Head,
    isValkey: boolean,
    /** Up to which offset it was fed. */
    public fedTo: number,
  ) {
    this.reader.isValkey = isValkey;
    this.reader.startValue(head.rdbType);
    this.decoder.begin(head.kind);
  }

  feed(bytes: Uint8Array): void {
    this.fedTo += bytes.length;
    this.reader.push(bytes);
  }

  /** The value's last byte was fed. */
  finish(): void {
    this.reader.finish();
  }

  /** The next part, undefined when more bytes are needed. */
  next(): KeyRecord | undefined {
    for (;;) {
      const event = this.reader.next();
      if (event === RdbEvent.needInput) return undefined;
      if (event === RdbEvent.valueEnd) return this.make(this.decoder.takeValue(), true);
      this.decoder.take(event, this.reader);
      if (this.decoder.bytes > PART_BYTES) return this.make(this.decoder.takeValue(), false);
    }
  }

  private make(value: Value, isLast: boolean): KeyRecord {
    const part: Part = isLast ? (this.hasGiven ? 'last' : 'whole') : this.hasGiven ? 'more' : 'first';
    this.hasGiven = true;
    const { database, key, kind, expireAtMs, idleSeconds, frequency } = this.head;
    return keyRecord({ database, key, kind, expireAtMs, idleSeconds, frequency, part, value });
  }
}

const DOUBTED_BYTES = 256;

export interface RdbSourceOptions {
  /** The RDB is the beginning of something else: nothing is read beyond it by this source. */
  readonly onEnd?: (rest: Uint8Array) => void;
  readonly verifyChecksum?: boolean;
  /**
   * Asked of keys that take more than DOUBTED_BYTES with their value, by the offsets of the first byte and of the one
   * after the last: true when damage has made such a key up, which is not given out then.
   */
  readonly doubts?: (from: number, to: number) => boolean;
  /** Damage inside of values is left to who takes them. */
  readonly skimsValues?: boolean;
}

export class RdbSource implements Source {
  readonly totalKeys = undefined;
  readonly warnings: string[] = [];
  readonly reader = new RdbReader();
  /** Offset after the last record that was read wholly. */
  soundOffset = 0;
  /** Set it when the sink takes plain strings as places (Batch.strings) and nobody between looks at records. */
  packsStrings = false;
  private readonly window = new Window();
  private head: Head | undefined;
  private parts: PartReader | undefined;
  private modulesSkipped = 0;

  constructor(
    readonly name: string,
    private readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    readonly totalBytes: number | undefined,
    private readonly options: RdbSourceOptions = {},
  ) {
    this.reader.verifyChecksum = options.verifyChecksum ?? true;
    this.reader.skimsValues = options.skimsValues ?? false;
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const { reader } = this;
    const batch = new GrowingBatch();
    const iterator = iterate(this.chunks);
    for (;;) {
      if (this.packsStrings && this.head === undefined && batch.takeStrings(reader)) {
        this.soundOffset = reader.offset;
        yield batch.take(reader.offset);
        continue;
      }
      let event: number;
      try {
        event = reader.next();
      } catch (error) {
        // Records from before the damage are still returned.
        if (!batch.isEmpty) yield batch.take(reader.offset);
        throw error instanceof RdbError ? this.damage(error) : error;
      }
      if (event === RdbEvent.needInput) {
        yield* this.partsOf();
        this.window.dropBefore(this.head?.from ?? reader.offset);
        const { value, done } = await iterator.next();
        if (done === true) reader.finish();
        else {
          this.window.add(value);
          reader.push(value);
        }
        continue;
      }
      if (event === RdbEvent.end) break;
      if (event === RdbEvent.valueEnd && this.isDoubted()) {
        if (!batch.isEmpty) yield batch.take(this.soundOffset);
        throw new RdbDamage(
          `${this.name}: A length that damage has made at offset ${this.soundOffset}`,
          this.soundOffset,
        );
      }
      if (this.parts !== undefined && event !== RdbEvent.valueEnd) continue;
      const record = this.recordOf(event);
      if (this.head === undefined || this.parts !== undefined) this.soundOffset = reader.offset;
      if (record === undefined) continue;
      if (this.parts !== undefined) {
        yield batch.take(reader.offset);
        yield* this.partsOf(true);
        this.parts = undefined;
        continue;
      }
      if (batch.add(record)) yield batch.take(reader.offset);
    }
    if (this.modulesSkipped > 0)
      this.warnings.push(`${this.modulesSkipped} pieces of module data that belong to no key were left out`);
    yield batch.take(reader.offset);
    this.options.onEnd?.(reader.unread.slice());
  }

  private isDoubted(): boolean {
    const { doubts } = this.options;
    if (doubts === undefined || this.parts !== undefined) return false;
    return this.reader.offset - this.soundOffset > DOUBTED_BYTES && doubts(this.soundOffset, this.reader.offset);
  }

  private damage(error: RdbError): TransferError {
    const hint = error.isTruncation ? 'the file is cut off' : 'the file is damaged';
    return new RdbDamage(
      `${this.name}: ${error.reason} at offset ${error.offset}: ${hint}; \`kvasir-rdb repair\` saves what can be read`,
      error.offset,
    );
  }

  /** Gives the part reader what the main reader has passed, and gives out the parts that result. */
  private *partsOf(isEnd = false): Generator<Batch, void> {
    const { reader, head } = this;
    if (head === undefined) return;
    if (this.parts === undefined) {
      if (!hasParts(head.kind) || reader.offset - head.from <= PART_BYTES) return;
      this.parts = new PartReader(head, reader.isValkey, head.from);
    }
    const { parts } = this;
    if (reader.offset > parts.fedTo) parts.feed(this.window.slice(parts.fedTo, reader.offset));
    if (isEnd) parts.finish();
    this.head = { ...head, from: reader.offset };
    for (;;) {
      const record = parts.next();
      if (record === undefined) return;
      yield { records: [record], sourceBytes: reader.offset };
      if (record.part === 'last' || record.part === 'whole') {
        this.head = undefined;
        return;
      }
    }
  }

  private recordOf(event: number): TransferRecord | undefined {
    const { reader } = this;
    switch (event) {
      case RdbEvent.key:
        this.head = {
          database: reader.database,
          key: borrowed(reader.key),
          kind: reader.kind,
          rdbType: reader.rdbType,
          expireAtMs: reader.expireAtMs,
          idleSeconds: reader.idleSeconds,
          frequency: reader.frequency,
          from: reader.offset,
        };
        return undefined;
      case RdbEvent.valueEnd:
        return this.endKey();
      case RdbEvent.aux:
        return { what: 'aux', name: reader.key.toString(), text: reader.item.toString() };
      case RdbEvent.function:
        return { what: 'function', code: reader.item.copy() };
      case RdbEvent.moduleAux:
        this.modulesSkipped++;
        return undefined;
      default:
        return undefined;
    }
  }

  private endKey(): KeyRecord {
    const { reader } = this;
    const head = this.head!;
    const raw = this.parts === undefined ? this.window.slice(head.from, reader.offset) : new Uint8Array(0);
    if (this.parts === undefined) this.head = undefined;
    const { database, key, kind, rdbType, expireAtMs, idleSeconds, frequency } = head;
    return {
      what: 'key',
      database,
      key,
      kind,
      expireAtMs,
      idleSeconds,
      frequency,
      part: 'whole',
      rdbType,
      raw,
      isValkey: reader.isValkey,
      value: undefined,
    };
  }
}

/** The file cannot be read on. */
export class RdbDamage extends TransferError {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message, 1);
  }
}

function iterate(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): {
  next(): Promise<IteratorResult<Uint8Array>> | IteratorResult<Uint8Array>;
} {
  return Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
}
