// segment: one file of the backlog on disk: its facts, and its chunks read from front to back.
//
//   <appendfilename>.backlog.<offset of the first byte, 16 digits>.<n>
//
// `n` distinguishes segments that begin at the same offset because the history got another name before a byte was
// written.

import { Crc64 } from '../../base/crc64.js';
import type { Files, OpenFile } from '../../io/files.js';
import { CHUNK_BYTES_MAX, CHUNK_HEADER_BYTES, ChunkView, decodeHeader, HEADER_BYTES } from './segment-format.js';
import type { SegmentHeader } from './segment-format.js';

export const READ_BYTES = 2 * (CHUNK_BYTES_MAX + CHUNK_HEADER_BYTES);
const OFFSET_DIGITS = 16;

export interface Segment extends SegmentHeader {
  readonly path: string;
  /** Bytes of the file that are written. */
  bytes: number;
}

export function segmentName(prefix: string, startOffset: number, number: number): string {
  return `${prefix}.backlog.${String(startOffset).padStart(OFFSET_DIGITS, '0')}.${number}`;
}

/** Whether a file's name is one that `segmentName` makes. */
export function isSegmentName(prefix: string, name: string): boolean {
  return name.startsWith(`${prefix}.backlog.`) && /^\d{16}\.\d+$/.test(name.slice(prefix.length + 9));
}

/** Looks at a file; the text says why it cannot be used. */
export function openSegment(files: Files, path: string): Segment | string {
  const file = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(HEADER_BYTES);
    const count = file.read(bytes, 0, HEADER_BYTES, 0);
    const header = decodeHeader(bytes.subarray(0, count));
    return typeof header === 'string' ? header : { ...header, path, bytes: file.size() };
  } finally {
    file.close();
  }
}

/** Where the sound part of a segment ends. */
export interface SegmentEnd {
  /** In the stream, and in the file. */
  readonly offset: number;
  readonly position: number;
}

/**
 * Reads all chunks in order until one is not sound. `onChunk` gets each with its position in the file; it may end the walk by
 * returning false.
 */
export function walkSegment(
  file: OpenFile,
  { startOffset }: SegmentHeader,
  onChunk: (chunk: ChunkView, position: number, payload: Uint8Array) => boolean | undefined,
): SegmentEnd {
  const crc = new Crc64();
  const chunk = new ChunkView();
  const buffer = new Uint8Array(READ_BYTES);
  let position = HEADER_BYTES;
  let offset = startOffset;
  for (;;) {
    const count = file.read(buffer, 0, READ_BYTES, position);
    let at = 0;
    for (;;) {
      const taken = chunk.decode(buffer, at, count, offset, crc);
      if (taken === -1) return { offset, position };
      if (taken === 0) break;
      const payload = buffer.subarray(at + CHUNK_HEADER_BYTES, at + taken);
      if (onChunk(chunk, position, payload) === false) return { offset, position };
      at += taken;
      position += taken;
      offset += chunk.payloadBytes;
    }
    if (at === 0) return { offset, position };
  }
}
