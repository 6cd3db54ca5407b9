// salvage: the keys of a torn or corrupt RDB file, as far as they can be read.
//
// After damage the file is searched, byte by byte, for a place from which RECORDS_BELIEVED keys can be read in a row, or the end
// of the file is reached. The bytes between are lost; only the checksum at the end notices a key that was damaged
// inside without breaking the format.
//
// Damage can also make a length that is too long: keys that are sound are then taken for a part of a long key or value, and the
// fault is noticed somewhere after it, or never. So the long ones just before and just after a fault are searched as
// well, for many keys in a row that do not end where the long one does.

import { RdbError, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import { RDB_TYPE_MAX } from '../../persistence/rdb/format.js';
import { type Batch, type Source } from '../record/record.js';
import { fileChunks, fileHead, fileSize } from '../sources/file-chunks.js';
import { RdbDamage, RdbSource } from '../sources/rdb-source.js';

const RECORDS_BELIEVED = 3;
/** As many must follow each other inside a key before it counts as made up by damage. */
const RECORDS_AGAINST_KEY = 20;
/** How many long keys are suspected before a fault, and how many after it. */
const KEYS_SUSPECTED = 16;
/** How much is read to believe a place. */
const TRIAL_BYTES = 1 << 20;
const HEADER_BYTES = 9;
/** What trials may read without a bound: so much, and so many times what was passed of the file. */
const TRIALS_FREE = 64 << 20;
const TRIALS_FACTOR = 32;
/** After each of these more, trials get half as long, so that a hostile file costs no more than time in proportion to its size. */
const TRIALS_HALVING = 16 << 20;
const TRIAL_HALVINGS_MAX = 11;

export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** A key with its value that damage may have made up: offsets in the file. */
interface Suspect {
  readonly from: number;
  readonly to: number;
}

interface Swallowed {
  readonly suspect: Suspect;
  /** Offset of the first key in it. */
  readonly at: number;
}

export class SalvageSource implements Source {
  readonly totalKeys = undefined;
  readonly totalBytes: number;
  readonly warnings: string[] = [];
  readonly gaps: Gap[] = [];
  private readonly header: Uint8Array;
  private readonly isValkey: boolean;
  private readonly trial = new RdbReader(false);
  /** Bytes that trials have read. */
  tried = 0;

  constructor(readonly name: string) {
    this.totalBytes = fileSize(name);
    const head = fileHead(name, HEADER_BYTES);
    const isRdb = readHeader(head) !== undefined;
    this.header = isRdb ? head : Buffer.from('REDIS0012');
    const { version, isValkey } = readHeader(this.header)!;
    this.isValkey = isValkey;
    this.trial.version = version;
    this.trial.verifyChecksum = false;
    if (!isRdb) this.gaps.push({ from: 0, to: HEADER_BYTES, reason: 'the file does not begin as an RDB' });
  }

  async *batches(): AsyncGenerator<Batch, void> {
    let database = 0;
    let from = HEADER_BYTES;
    while (from < this.totalBytes) {
      // A header and SELECTDB of our own stand before what is read.
      const select = Uint8Array.of(0xfe, 0x80, database >>> 24, database >>> 16, database >>> 8, database);
      const shift = from - HEADER_BYTES - select.length;
      const suspects: Suspect[] = [];
      let seen = 0;
      let swallowed: Swallowed | undefined;
      const isResumed = from > HEADER_BYTES;
      const source = new RdbSource(this.name, this.chunks(select, from), undefined, {
        verifyChecksum: false,
        doubts: (begin, end) => {
          const suspect = { from: shift + begin, to: shift + end };
          if (isResumed && seen++ < KEYS_SUSPECTED) swallowed = this.findSwallowed([suspect]);
          suspects.push(suspect);
          if (suspects.length > KEYS_SUSPECTED) suspects.shift();
          return swallowed !== undefined;
        },
      });
      try {
        for await (const batch of source.batches()) {
          yield { records: batch.records, sourceBytes: shift + batch.sourceBytes };
        }
        return;
      } catch (error) {
        if (!(error instanceof RdbDamage)) throw error;
        database = source.reader.database;
        swallowed ??= this.findSwallowed(suspects);
        const broken = swallowed?.suspect.from ?? Math.max(from, shift + source.soundOffset);
        from = swallowed?.at ?? this.findNext(broken + 1);
        const reason = error.message.replace(/^.*?: /, '').replace(/ at offset.*/, '');
        this.gaps.push({ from: broken, to: Math.min(from, this.totalBytes), reason });
      }
    }
  }

  private *chunks(select: Uint8Array, from: number): Generator<Uint8Array, void> {
    yield this.header;
    yield select;
    yield* fileChunks(this.name, from);
  }

  /** The next place from which keys can be read; the file's size when there is none. */
  private findNext(from: number): number {
    let window: Uint8Array = new Uint8Array(0);
    let start = from;
    for (let at = from; at < this.totalBytes; at++) {
      if (at - start > window.length / 2 || window.length === 0) {
        start = at;
        window = readRange(this.name, at, Math.min(this.totalBytes, at + 2 * TRIAL_BYTES));
      }
      const byte = window[at - start]!;
      if (byte > RDB_TYPE_MAX && byte < 0xf5) continue;
      const end = Math.min(window.length, at - start + this.trialBytes(at));
      if (this.isPlausible(window.subarray(at - start, end))) return at;
    }
    return this.totalBytes;
  }

  /** The first of some keys that holds others instead, and where they begin. */
  private findSwallowed(suspects: readonly Suspect[]): Swallowed | undefined {
    for (const suspect of suspects) {
      const { from, to } = suspect;
      const window = readRange(this.name, from, Math.min(this.totalBytes, to + TRIAL_BYTES));
      for (let at = from + 1; at < Math.min(to, from + TRIAL_BYTES); at++) {
        if (window[at - from]! > RDB_TYPE_MAX) continue;
        const trial = window.subarray(at - from, at - from + (to - at) + this.trialBytes(at));
        if (this.holdsKeys(trial, to - at)) return { suspect, at };
      }
    }
    return undefined;
  }

  /** Whether many keys follow each other, the first of which begins these bytes, and none ends at `end`. */
  private holdsKeys(bytes: Uint8Array, end: number): boolean {
    const reader = this.readerOf(bytes);
    const isOutside = (): boolean => reader.offset !== end;
    return this.follow(reader, RECORDS_AGAINST_KEY, isOutside, () => false);
  }

  private isPlausible(bytes: Uint8Array): boolean {
    const reader = this.readerOf(bytes);
    return this.follow(
      reader,
      RECORDS_BELIEVED,
      () => true,
      () => reader.unread.length === 0,
    );
  }

  /** A reader of bytes within the file; the same one serves all trials, as there may be one for each byte. */
  private readerOf(bytes: Uint8Array): RdbReader {
    const { trial } = this;
    trial.startWhole(0, bytes, this.isValkey);
    trial.startRecords();
    return trial;
  }

  private trialBytes(at: number): number {
    const excess = this.tried - TRIALS_FREE - TRIALS_FACTOR * at;
    return excess <= 0 ? TRIAL_BYTES : TRIAL_BYTES >>> Math.min(TRIAL_HALVINGS_MAX, Math.ceil(excess / TRIALS_HALVING));
  }

  /** Whether so many keys come, each of which `isKey` after it was read; `isWhole` says so at an end that comes before. */
  private follow(reader: RdbReader, count: number, isKey: () => boolean, isWhole: () => boolean): boolean {
    // A trial for each byte: the stacks of their errors take two thirds of the time, and nobody reads them.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return this.followQuietly(reader, count, isKey, isWhole);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  private followQuietly(reader: RdbReader, count: number, isKey: () => boolean, isWhole: () => boolean): boolean {
    try {
      for (let keys = 0; keys < count;) {
        const event = reader.next();
        if (event === RdbEvent.end) return isWhole();
        if (event !== RdbEvent.valueEnd) continue;
        if (!isKey()) return false;
        keys++;
        // A reader without a file ends with the value.
        reader.startRecords();
      }
      return true;
    } catch (error) {
      if (error instanceof RdbError) return false;
      throw error;
    } finally {
      this.tried += reader.offset;
    }
  }
}

/** The reader of files that begin so; undefined when they cannot be read. */
function readHeader(head: Uint8Array): RdbReader | undefined {
  const reader = new RdbReader();
  reader.push(head);
  try {
    return reader.next() === RdbEvent.header ? reader : undefined;
  } catch (error) {
    if (error instanceof RdbError) return undefined;
    throw error;
  }
}

function readRange(path: string, from: number, to: number): Uint8Array {
  return Buffer.concat([...fileChunks(path, from, to)]);
}

export function describeGaps(gaps: readonly Gap[]): string {
  return gaps.map(({ from, to, reason }) => `bytes ${from} to ${to} lost: ${reason}\n`).join('');
}
