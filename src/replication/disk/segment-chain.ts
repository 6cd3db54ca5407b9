// segment-chain: the segment files that together hold one piece of the stream without a gap, oldest first.
//
// Each segment names the id and the size of the one before, so a chain is put together again after a restart from the headers
// alone; the last segment is read whole when its end matters. Files that do not belong to the chain are removed: a torn
// one, one of another history, one that another program left under our name.

import { Crc64 } from '../../base/crc64.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Files, OpenFile } from '../../io/files.js';
import { writeFully } from '../../io/files.js';
import { NO_ID, type EarlierId, type ReplicationId } from '../psync.js';
import { type AofPlace, holdsPlace, type Increment } from './aof-place.js';
import { CHUNK_BYTES_MAX, CHUNK_HEADER_BYTES, ChunkView, encodeHeader, HEADER_BYTES } from './segment-format.js';
import { isSegmentName, openSegment, type Segment, segmentName, walkSegment } from './segment.js';

export interface ChainHost {
  readonly files: Files;
  /** The folder of the files, and what their names begin with. */
  readonly folder: string;
  readonly prefix: string;
  log(level: 'notice' | 'warning', text: string): void;
}

/** An offset of the stream that a place in the AOF belongs to. */
export interface RestoredPlace {
  readonly id: ReplicationId;
  readonly offset: number;
  readonly place: AofPlace;
  readonly streamDatabase: number;
}

export class SegmentChain {
  readonly segments: Segment[] = [];

  constructor(private readonly host: ChainHost) {}

  get startOffset(): number | undefined {
    return this.segments[0]?.startOffset;
  }

  get last(): Segment | undefined {
    return this.segments[this.segments.length - 1];
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Finds the files of an earlier run. */
  load(): void {
    const { files, folder, prefix } = this.host;
    const found: Segment[] = [];
    for (const name of files.list(folder)) {
      if (!isSegmentName(prefix, name)) continue;
      const path = `${folder}/${name}`;
      const segment = openSegment(files, path);
      if (typeof segment === 'string') this.remove(path, segment);
      else if (name !== segmentName(prefix, segment.startOffset, numberOf(name)))
        this.remove(path, `it begins at offset ${segment.startOffset}, unlike its name`);
      else found.push(segment);
    }
    found.sort((a, b) => a.startOffset - b.startOffset || numberOf(a.path) - numberOf(b.path));
    for (let next = found.pop(); next !== undefined;) {
      const before = found.pop();
      this.segments.unshift(next);
      if (before === undefined) return;
      const problem =
        before.id !== next.previousId
          ? 'it belongs to another history than the file after it'
          : before.bytes !== next.previousBytes
            ? `it has ${before.bytes} bytes instead of ${next.previousBytes}: it is torn`
            : undefined;
      if (problem === undefined) {
        next = before;
        continue;
      }
      this.remove(before.path, problem);
      for (const { path } of found) this.remove(path, 'there is a gap after it');
      return;
    }
  }

  /** Removes a file, and says why if there is something to say. */
  private remove(path: string, reason?: string): void {
    const { host } = this;
    if (reason !== undefined) host.log('warning', `Dropping ${path} of the replication backlog on disk: ${reason}`);
    try {
      host.files.remove(path);
    } catch (error) {
      host.log('warning', `Cannot remove ${path}: ${systemErrorText(error)}`);
    }
  }

  /** Removes everything. */
  drop(): void {
    for (const { path } of this.segments.splice(0)) this.remove(path);
  }

  /** Removes the oldest segments up to and with this one, which turned out not to be sound. */
  dropUpTo(segment: Segment, reason: string): void {
    const index = this.segments.indexOf(segment);
    if (index < 0) return;
    for (const { path } of this.segments.splice(0, index + 1))
      this.remove(path, path === segment.path ? reason : 'there is a gap after it');
  }

  /** Removes the oldest segments until the others have at most so many bytes; the last one stays. */
  trim(bytesMax: number): void {
    let { bytes } = this;
    while (bytes > bytesMax && this.segments.length > 1) {
      const oldest = this.segments.shift()!;
      bytes -= oldest.bytes;
      this.remove(oldest.path);
    }
  }

  /** Names of the history before `id` took over, oldest first, each with the offset where it ended. */
  earlierIds(): readonly EarlierId[] {
    const earlier: EarlierId[] = [];
    for (const { id, previousId, startOffset } of this.segments)
      if (previousId !== NO_ID && previousId !== id) earlier.push({ id: previousId, endOffset: startOffset });
    return earlier;
  }

  /** The segment that holds the byte at `offset`; the last one also where that byte does not exist yet. */
  find(offset: number): Segment | undefined {
    return this.segments.findLast(({ startOffset }) => startOffset <= offset);
  }

  /** The newest place that these increments of the AOF still hold. */
  findPlace(increments: readonly Increment[]): RestoredPlace | undefined {
    const { files } = this.host;
    const fingerprints = new Map<number, Uint8Array | undefined>();
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index]!;
      let found: RestoredPlace | undefined;
      const file = files.open(segment.path, 'read');
      try {
        walkSegment(file, segment, ({ offset, payloadBytes, place, streamDatabase }) => {
          if (place !== undefined && holdsPlace(files, increments, place, fingerprints))
            found = { id: segment.id, offset: offset + payloadBytes, place, streamDatabase };
          return undefined;
        });
      } finally {
        file.close();
      }
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Forgets all that comes after this place of the history; false: the chain does not reach it, or knows another history there. */
  cutAt(id: ReplicationId, offset: number): boolean {
    const { files, log } = this.host;
    const index = this.segments.findLastIndex((segment) => segment.id === id && segment.startOffset <= offset);
    if (index < 0) return false;
    const segment = this.segments[index]!;
    const file = files.open(segment.path, 'update');
    try {
      let rest: Uint8Array | undefined;
      const end = walkSegment(file, segment, (chunk, _position, payload) => {
        if (chunk.offset + chunk.payloadBytes <= offset) return true;
        rest = payload.slice(0, offset - chunk.offset);
        return false;
      });
      if (end.offset + (rest?.length ?? 0) !== offset) return false;
      const lost = segment.bytes - end.position;
      if (lost > 0 && rest === undefined)
        log('warning', `Dropping the last ${lost} bytes of ${segment.path}: they are torn`);
      if (lost > 0) file.truncate(end.position);
      segment.bytes = end.position;
      if (rest !== undefined && rest.length > 0) segment.bytes += writePart(file, end.offset, rest, end.position);
    } finally {
      file.close();
    }
    for (const { path } of this.segments.splice(index + 1)) this.remove(path);
    return true;
  }

  /** Begins a new segment: the next of the chain, or its first. */
  add(id: ReplicationId, startOffset: number): { readonly segment: Segment; readonly file: OpenFile } {
    const { files, folder, prefix } = this.host;
    const { last } = this;
    files.makeFolder(folder);
    const number = last?.startOffset === startOffset ? numberOf(last.path) + 1 : 1;
    const path = `${folder}/${segmentName(prefix, startOffset, number)}`;
    const header = { id, previousId: last?.id ?? NO_ID, startOffset, previousBytes: last?.bytes ?? 0 };
    const file = files.open(path, 'create');
    try {
      writeFully(file, encodeHeader(header), 0, HEADER_BYTES);
    } catch (error) {
      file.close();
      throw error;
    }
    const segment = { ...header, path, bytes: HEADER_BYTES };
    this.segments.push(segment);
    return { segment, file };
  }
}

function numberOf(path: string): number {
  return Number(path.slice(path.lastIndexOf('.') + 1));
}

/** Writes what is left of a chunk that was cut; returns how many bytes that took. */
function writePart(file: OpenFile, offset: number, payload: Uint8Array, position: number): number {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + Math.min(CHUNK_BYTES_MAX, payload.length));
  bytes.set(payload, CHUNK_HEADER_BYTES);
  const chunk = new ChunkView();
  chunk.offset = offset;
  chunk.payloadBytes = payload.length;
  chunk.encode(bytes, new Crc64());
  let done = 0;
  while (done < bytes.length) done += file.writeAt(bytes, done, bytes.length - done, position + done);
  return bytes.length;
}
