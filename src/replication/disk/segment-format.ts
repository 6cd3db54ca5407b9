// segment-format: the bytes of a segment file of the backlog on disk: a header, then chunks of the stream.
//
//   header, 120 bytes                                       chunk, 48 bytes and the payload
//   0    8   'KVBACKLG'                                     0   4   bytes of the payload, 0 to CHUNK_BYTES_MAX
//   8    4   version: 1                                     4   4   the place in the AOF that belongs to the chunk's end:
//   12   4   zero                                                   sequence of the increment, 0 for none
//   16   40  replication id of the bytes in this file       8   8   offset of the first byte of the payload
//   56   40  id of the bytes before; zeroes for none        16  8   ... position in the increment
//   96   8   offset of the first byte                       24  4   ... database that the AOF ends in there, -1 for unknown
//   104  8   size of the file before; 0 for none            28  4   database that the stream ends in, -1 for unknown
//   112  8   CRC-64 of the 112 bytes before                 32  8   fingerprint of the increment (see aof-place)
//                                                           40  8   CRC-64 of the 40 bytes before and the payload
//
// All numbers are little endian. A chunk of no bytes says only that the place in the AOF has moved. The next chunk begins
// at the end of the last one's payload, in the file and in the stream. A file is sound up to its last chunk with a right CRC,
// and the file before is the one that its successor means if it has the size that the successor names.

import { Crc64 } from '../../base/crc64.js';
import { NO_ID, type ReplicationId } from '../psync.js';
import type { AofPlace } from './aof-place.js';

export const HEADER_BYTES = 120;
export const CHUNK_HEADER_BYTES = 48;
/** With its header a chunk is at most half of what readers take at once. */
export const CHUNK_BYTES_MAX = 128 * 1024 - CHUNK_HEADER_BYTES;

const MAGIC = Buffer.from('KVBACKLG', 'latin1');
const VERSION = 1;
const ID_BYTES = 40;
const ID_PATTERN = /^[0-9a-f]{40}$/;
const WORD = 2 ** 32;

export interface SegmentHeader {
  readonly id: ReplicationId;
  /** NO_ID for none. */
  readonly previousId: ReplicationId;
  readonly startOffset: number;
  readonly previousBytes: number;
}

function putNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, Math.floor(value / WORD), true);
}

function getNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * WORD;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function encodeHeader({ id, previousId, startOffset, previousBytes }: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(8, VERSION, true);
  bytes.set(Buffer.from(id, 'latin1'), 16);
  bytes.set(Buffer.from(previousId, 'latin1'), 16 + ID_BYTES);
  putNumber(view, 96, startOffset);
  putNumber(view, 104, previousBytes);
  const crc = new Crc64();
  crc.update(bytes, 0, 112);
  crc.writeTo(bytes, 112);
  return bytes;
}

/** The header of a file, or why the file is none of ours. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader | string {
  if (bytes.length < HEADER_BYTES) return 'its header is torn';
  if (MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return 'it is not a segment of a backlog';
  const crc = new Crc64();
  crc.update(bytes, 0, 112);
  if (!crc.matches(bytes, 112)) return 'its header has a wrong checksum';
  const view = viewOf(bytes);
  const version = view.getUint32(8, true);
  if (version !== VERSION) return `it has version ${version} of the format`;
  const id = Buffer.from(bytes.subarray(16, 16 + ID_BYTES)).toString('latin1');
  const previousId = Buffer.from(bytes.subarray(16 + ID_BYTES, 16 + 2 * ID_BYTES)).toString('latin1');
  const startOffset = getNumber(view, 96);
  if (!ID_PATTERN.test(id) || !ID_PATTERN.test(previousId) || id === NO_ID || !Number.isSafeInteger(startOffset))
    return 'its header makes no sense';
  return { id, previousId, startOffset, previousBytes: getNumber(view, 104) };
}

/** A chunk as it lies in a buffer. */
export class ChunkView {
  offset = 0;
  payloadBytes = 0;
  /** Undefined: the chunk's end is no place that the AOF knows. */
  place: AofPlace | undefined;
  streamDatabase = -1;

  /** Puts the header before a payload that lies at `bytes[CHUNK_HEADER_BYTES]`. */
  encode(bytes: Uint8Array, crc: Crc64): void {
    const view = viewOf(bytes);
    const { place } = this;
    view.setUint32(0, this.payloadBytes, true);
    view.setUint32(4, place?.sequence ?? 0, true);
    putNumber(view, 8, this.offset);
    putNumber(view, 16, place?.position ?? 0);
    view.setInt32(24, place?.database ?? -1, true);
    view.setInt32(28, this.streamDatabase, true);
    bytes.fill(0, 32, 40);
    if (place !== undefined) bytes.set(place.fingerprint, 32);
    crc.reset();
    crc.update(bytes, 0, 40);
    crc.update(bytes, CHUNK_HEADER_BYTES, this.payloadBytes);
    crc.writeTo(bytes, 40);
  }

  /**
   * Reads the chunk at `at`, which must begin with this offset of the stream. Returns how many bytes it takes, 0 when its end lies
   * after `end`, -1 when it is not sound.
   */
  decode(bytes: Uint8Array, at: number, end: number, offset: number, crc: Crc64): number {
    if (end - at < CHUNK_HEADER_BYTES) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, CHUNK_HEADER_BYTES);
    const payloadBytes = view.getUint32(0, true);
    if (payloadBytes > CHUNK_BYTES_MAX || getNumber(view, 8) !== offset) return -1;
    const bytesTaken = CHUNK_HEADER_BYTES + payloadBytes;
    if (end - at < bytesTaken) return 0;
    crc.reset();
    crc.update(bytes, at, 40);
    crc.update(bytes, at + CHUNK_HEADER_BYTES, payloadBytes);
    if (!crc.matches(bytes, at + 40)) return -1;
    this.offset = offset;
    this.payloadBytes = payloadBytes;
    this.streamDatabase = view.getInt32(28, true);
    const sequence = view.getUint32(4, true);
    this.place =
      sequence === 0
        ? undefined
        : {
            sequence,
            position: getNumber(view, 16),
            database: view.getInt32(24, true),
            fingerprint: bytes.slice(at + 32, at + 40),
          };
    return bytesTaken;
  }
}
