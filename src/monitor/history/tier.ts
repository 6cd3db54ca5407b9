// tier: the rows of one target at one resolution, in files of one folder: segments of sealed blocks, and a tail.
//
// A row goes to the tail at once (open-block has its format). When the tail has a block's worth of rows they become a block at the
// end of the newest segment, which is made durable before the tail is emptied; the number of the block tells after a crash whether
// the tail is that block already. Segments are whole blocks one after the other (block has their format); the oldest are removed when
// their time is over, or when the target has used up its room.
//
//   NAME-0000000042.seg   blocks 42 and on
//   NAME.tail             the rows of the block that comes next
//
// A damaged block costs only its own rows: the search for the next one goes on from there. An incomplete block that a
// crash left at the end of a segment is cut off.

import { joinBytes, utf8 } from '../../base/bytes.js';
import { crc32 } from '../../base/crc32.js';
import { systemErrorText } from '../../base/system-error.js';
import { type Files, type OpenFile, readWhole, writeFully } from '../../io/files.js';
import {
  type BlockHead,
  blockSizes,
  type ColumnPlace,
  decodeDirectory,
  decodeHead,
  encodeBlock,
  findColumn,
  HEAD_BYTES,
} from './block.js';
import { type Cell, OpenBlock, replayTail, TIMES } from './open-block.js';
import { ColumnError } from './column.js';
import { visitRows, type Visit } from './decode-rows.js';

export interface TierOptions {
  /** Beginning of the names of its files. */
  readonly name: string;
  /** Time from row to row. */
  readonly intervalMs: number;
  /** Rows of a block. */
  readonly blockRows: number;
  /** A segment that spans so long gets no more blocks. */
  readonly segmentMs: number;
  /** Rows are kept for so long at least. */
  readonly keepMs: number;
}

interface SealedBlock extends BlockHead {
  readonly offset: number;
}

interface Segment {
  readonly path: string;
  readonly blocks: SealedBlock[];
  bytes: number;
}

/** Rows after which the tail is made durable, so that a power cut costs no more. */
const SYNC_ROWS = 30;
/** While the disk takes nothing. */
const UNSEALED_BLOCKS_MAX = 8;
const SEARCH_BYTES = 1 << 16;
/** The name of the column of times. */
const NO_NAME = utf8(TIMES);

export class Tier {
  private segments: Segment[] = [];
  private openBlock: OpenBlock;
  private tail: OpenFile | undefined;
  private tailBytes = 0;

  constructor(
    private readonly files: Files,
    private readonly folder: string,
    private readonly options: TierOptions,
    private readonly log: (text: string) => void,
  ) {
    for (const name of files.list(folder)) {
      if (name.startsWith(`${options.name}-`) && name.endsWith('.seg')) this.segments.push(this.readSegment(name));
    }
    const sequence = this.segments.reduce(
      (next, { blocks }) => blocks.reduce((most, block) => Math.max(most, block.sequence + 1), next),
      1,
    );
    this.openBlock = this.readTail(sequence) ?? this.startTail(sequence);
  }

  /** Bytes of its files. */
  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, this.tailBytes);
  }

  /** Time of the latest row, -Infinity without one. */
  get lastMs(): number {
    return this.segments.reduce(
      (most, { blocks }) => Math.max(most, blocks.at(-1)?.lastMs ?? most),
      this.openBlock.lastMs,
    );
  }

  get firstMs(): number {
    return this.segments.reduce(
      (least, { blocks }) => Math.min(least, blocks[0]?.firstMs ?? least),
      this.openBlock.firstMs,
    );
  }

  /** Adds a row. Throws the system's error when the disk does not take it; it is then in memory alone. */
  append(timeMs: number, cells: readonly Cell[]): void {
    // Rows that could not be sealed for long give way.
    if (this.openBlock.rows > UNSEALED_BLOCKS_MAX * this.options.blockRows)
      this.openBlock = this.startTail(this.openBlock.sequence);
    const bytes = joinBytes(this.openBlock.add(timeMs, cells));
    if (this.tail !== undefined) {
      try {
        writeFully(this.tail, bytes, 0, bytes.length);
        this.tailBytes += bytes.length;
        if (this.openBlock.rows % SYNC_ROWS === 0) this.tail.syncSoon(() => undefined);
      } catch (error) {
        // A part of a record would hide those that come after it.
        this.tail.truncate(this.tailBytes);
        throw error;
      }
    }
    if (this.openBlock.rows >= this.options.blockRows) this.seal();
  }

  /** Makes a block of the open rows. */
  seal(): void {
    if (this.openBlock.rows === 0) return;
    const content = this.openBlock.content();
    const bytes = encodeBlock(content);
    const segment = this.segmentFor(content.firstMs);
    const file = this.files.open(segment.path, 'append');
    try {
      writeFully(file, bytes, 0, bytes.length);
      file.sync();
    } catch (error) {
      // The written part of the block is cut off, or the next one would follow rubbish.
      file.truncate(segment.bytes);
      throw error;
    } finally {
      file.close();
    }
    segment.blocks.push({ ...decodeHead(bytes)!, offset: segment.bytes });
    segment.bytes += bytes.length;
    this.openBlock = this.startTail(content.sequence + 1);
  }

  /** Removes segments whose rows are all too old. */
  expire(nowMs: number): void {
    while (this.segments.length > 0) {
      const { blocks } = this.segments[0]!;
      const last = blocks.reduce((most, { lastMs }) => Math.max(most, lastMs), -Infinity);
      if (last >= nowMs - this.options.keepMs) return;
      this.removeOldest();
    }
  }

  /** Removes the oldest segment; false when there is none but the newest. */
  shrink(): boolean {
    if (this.segments.length <= 1) return false;
    this.removeOldest();
    return true;
  }

  /** Names of all columns with rows after a time. */
  names(sinceMs: number): Set<string> {
    const names = new Set(this.openBlock.names);
    for (const segment of this.segments) {
      const block = segment.blocks.at(-1);
      if (block === undefined || block.lastMs < sinceMs) continue;
      for (const name of this.directory(segment, block)?.keys() ?? []) if (name !== TIMES) names.add(name);
    }
    return names;
  }

  /** Visits the rows of a column in blocks that have rows from `fromMs` up to `toMs`. */
  read(name: string, fromMs: number, toMs: number, visit: Visit): void {
    const nameBytes = utf8(name);
    for (const segment of this.segments) {
      let file: OpenFile | undefined;
      try {
        for (const block of segment.blocks) {
          if (block.lastMs < fromMs || block.firstMs >= toMs) continue;
          file ??= this.files.open(segment.path, 'read');
          this.readBlock(file, segment, block, nameBytes, visit);
        }
      } catch (error) {
        this.log(`${segment.path}: cannot be read: ${systemErrorText(error)}`);
      } finally {
        file?.close();
      }
    }
    this.readOpen(name, fromMs, toMs, visit);
  }

  close(): void {
    this.tail?.close();
    this.tail = undefined;
  }

  private readOpen(name: string, fromMs: number, toMs: number, visit: Visit): void {
    const { rows, firstMs, lastMs } = this.openBlock;
    const column = this.openBlock.column(name);
    if (rows === 0 || column === undefined || lastMs < fromMs || firstMs >= toMs) return;
    const times = this.openBlock.column(TIMES)!.bytes;
    const { intervalMs } = this.options;
    visitRows({ rows, intervalMs, times, values: column.bytes, decimals: column.decimals }, visit);
  }

  private readBlock(file: OpenFile, segment: Segment, block: SealedBlock, name: Uint8Array, visit: Visit): void {
    const head = readAt(file, block.offset, block.headBytes);
    if (decodeHead(head) === undefined) return this.complain(segment, block);
    const times = findColumn(head, NO_NAME);
    const place = findColumn(head, name);
    if (times === undefined || place === undefined) return;
    const timeBytes = readColumn(file, block, times);
    const bytes = readColumn(file, block, place);
    if (timeBytes === undefined || bytes === undefined) return this.complain(segment, block);
    const { rows, intervalMs } = block;
    try {
      visitRows({ rows, intervalMs, times: timeBytes, values: bytes, decimals: place.decimals }, visit);
    } catch (error) {
      if (!(error instanceof ColumnError)) throw error;
      this.complain(segment, block);
    }
  }

  private complain(segment: Segment, block: SealedBlock): void {
    this.log(`${segment.path}: the block at ${block.offset} is damaged; its ${block.rows} rows are left out`);
  }

  private directory(segment: Segment, block: SealedBlock): Map<string, ColumnPlace> | undefined {
    let file: OpenFile | undefined;
    try {
      file = this.files.open(segment.path, 'read');
      const head = readAt(file, block.offset, block.headBytes);
      return decodeHead(head) === undefined ? undefined : decodeDirectory(head);
    } catch {
      return undefined;
    } finally {
      file?.close();
    }
  }

  // --- files --------------------------------------------------------------------------------------------------------

  private pathOf(name: string): string {
    return `${this.folder}/${name}`;
  }

  private get tailPath(): string {
    return this.pathOf(`${this.options.name}.tail`);
  }

  private segmentFor(firstMs: number): Segment {
    const newest = this.segments.at(-1);
    const begins = newest?.blocks[0]?.firstMs;
    // A clock that was set back begins a new segment too, so that an old one can expire.
    if (newest !== undefined && begins !== undefined && Math.abs(firstMs - begins) < this.options.segmentMs)
      return newest;
    const path = this.pathOf(`${this.options.name}-${String(this.openBlock.sequence).padStart(10, '0')}.seg`);
    this.files.open(path, 'create').close();
    this.files.syncFolder(this.folder);
    const segment: Segment = { path, blocks: [], bytes: 0 };
    this.segments.push(segment);
    return segment;
  }

  private removeOldest(): void {
    const segment = this.segments.shift()!;
    try {
      this.files.remove(segment.path);
    } catch (error) {
      this.log(`${segment.path}: cannot be removed: ${systemErrorText(error)}`);
    }
  }

  private readSegment(name: string): Segment {
    const path = this.pathOf(name);
    const segment: Segment = { path, blocks: [], bytes: 0 };
    let file: OpenFile | undefined;
    try {
      file = this.files.open(path, 'read');
      const size = file.size();
      let at = 0;
      while (at < size) {
        const block = readHead(file, at, size);
        if (block !== undefined) {
          segment.blocks.push({ ...block, offset: at });
          at += block.headBytes + block.columnBytes;
          segment.bytes = at;
          continue;
        }
        const next = findBlock(file, at + 1, size);
        this.log(
          `${path}: ${(next ?? size) - at} bytes at ${at} are no block${next === undefined ? ' and are cut off' : ''}`,
        );
        if (next === undefined) break;
        at = next;
      }
      file.close();
      file = undefined;
      if (segment.bytes < size) this.cut(path, segment.bytes);
    } catch (error) {
      this.log(`${path}: cannot be read: ${systemErrorText(error)}`);
    } finally {
      file?.close();
    }
    return segment;
  }

  private cut(path: string, bytes: number): void {
    const file = this.files.open(path, 'update');
    try {
      file.truncate(bytes);
    } finally {
      file.close();
    }
  }

  /** The rows of the tail, if they are those of the block that comes next. */
  private readTail(sequence: number): OpenBlock | undefined {
    if (this.files.sizeOf(this.tailPath) <= 0) return undefined;
    const replayed = replayTail(readWhole(this.files, this.tailPath), this.options.intervalMs);
    if (replayed === undefined || replayed.block.sequence < sequence) return undefined;
    this.cut(this.tailPath, replayed.bytes);
    this.tail = this.files.open(this.tailPath, 'append');
    this.tailBytes = replayed.bytes;
    return replayed.block;
  }

  private startTail(sequence: number): OpenBlock {
    const block = new OpenBlock(sequence, this.options.intervalMs);
    this.tail?.close();
    this.files.open(this.tailPath, 'create').close();
    this.tail = this.files.open(this.tailPath, 'append');
    this.files.syncFolder(this.folder);
    const beginning = block.beginning();
    writeFully(this.tail, beginning, 0, beginning.length);
    this.tailBytes = beginning.length;
    return block;
  }
}

function readAt(file: OpenFile, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const count = file.read(bytes, 0, length, offset);
  return bytes.subarray(0, count);
}

function readColumn(file: OpenFile, block: SealedBlock, { offset, length, crc }: ColumnPlace): Uint8Array | undefined {
  const bytes = readAt(file, block.offset + offset, length);
  return bytes.length === length && crc32(bytes) === crc ? bytes : undefined;
}

/** The head at an offset, when it and room for its columns are there. */
function readHead(file: OpenFile, offset: number, size: number): BlockHead | undefined {
  const sizes = blockSizes(readAt(file, offset, HEAD_BYTES));
  if (sizes === undefined || offset + sizes.headBytes + sizes.columnBytes > size) return undefined;
  return decodeHead(readAt(file, offset, sizes.headBytes));
}

/** Where the next whole block begins. */
function findBlock(file: OpenFile, from: number, size: number): number | undefined {
  const magic = Buffer.from('KVHB');
  for (let at = from; at < size; at += SEARCH_BYTES) {
    const bytes = Buffer.from(readAt(file, at, SEARCH_BYTES + magic.length));
    for (let found = bytes.indexOf(magic); found >= 0; found = bytes.indexOf(magic, found + 1))
      if (readHead(file, at + found, size) !== undefined) return at + found;
  }
  return undefined;
}
