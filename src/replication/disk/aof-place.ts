// aof-place: a place in the append-only file that belongs to an offset of the stream, and the way to find it again.
//
// The AOF and the stream hold the same commands, but not the same bytes (PING, SELECT), so the backlog on disk notes which
// place of the one belongs to which offset of the other. After a restart from the AOF the last place that is still in it says
// where the stream goes on, and the commands after that place are its next bytes.
//
// Sequence numbers of increments repeat when a user removes the files or restores others. So an increment has a
// fingerprint, the CRC-64 of its first bytes; a place at the very beginning of an increment has none and is never used.

import { Crc64 } from '../../base/crc64.js';
import type { Files } from '../../io/files.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { CommandEncoder } from '../../protocol/command-encoder.js';

const FINGERPRINT_BYTES = 8;
/** So many bytes of an increment are looked at: its first commands. */
export const FINGERPRINT_HEAD_BYTES = 64;
const READ_BYTES = 1 << 20;

export interface AofPlace {
  /** Sequence number of the increment. */
  readonly sequence: number;
  /** Bytes of it, written or not. */
  readonly position: number;
  /** The database that commands there are for, -1 for unknown. */
  readonly database: number;
  readonly fingerprint: Uint8Array;
}

/** An increment of the AOF that is loaded at a start, or would be. */
export interface Increment {
  readonly sequence: number;
  readonly path: string;
}

/** The fingerprint of an increment; undefined while it is too short for one. */
export function fingerprintOf(files: Files, path: string): Uint8Array | undefined {
  if (files.sizeOf(path) < FINGERPRINT_HEAD_BYTES) return undefined;
  const file = files.open(path, 'read');
  try {
    const head = new Uint8Array(FINGERPRINT_HEAD_BYTES);
    if (file.read(head, 0, FINGERPRINT_HEAD_BYTES, 0) < FINGERPRINT_HEAD_BYTES) return undefined;
    const crc = new Crc64();
    crc.update(head, 0, FINGERPRINT_HEAD_BYTES);
    const bytes = new Uint8Array(FINGERPRINT_BYTES);
    crc.writeTo(bytes, 0);
    return bytes;
  } finally {
    file.close();
  }
}

/** Whether the increments hold the place. `fingerprints` keeps what was computed, by sequence. */
export function holdsPlace(
  files: Files,
  increments: readonly Increment[],
  place: AofPlace,
  fingerprints: Map<number, Uint8Array | undefined>,
): boolean {
  const increment = increments.find(({ sequence }) => sequence === place.sequence);
  if (increment === undefined || place.position > files.sizeOf(increment.path)) return false;
  if (!fingerprints.has(place.sequence)) fingerprints.set(place.sequence, fingerprintOf(files, increment.path));
  const fingerprint = fingerprints.get(place.sequence);
  return fingerprint !== undefined && Buffer.compare(fingerprint, place.fingerprint) === 0;
}

/** The commands of the AOF after a place, as bytes of the stream; empty when there are none. */
export function commandsAfter(files: Files, increments: readonly Increment[], place: AofPlace): Uint8Array {
  const encoder = new CommandEncoder();
  for (const { sequence, path } of increments) {
    if (sequence < place.sequence) continue;
    const isFirst = sequence === place.sequence;
    // Each increment selects its database itself.
    const reader = new AofReader(isFirst ? place.position : 0);
    const file = files.open(path, 'read');
    try {
      let position = reader.offset;
      for (;;) {
        const chunk = new Uint8Array(READ_BYTES);
        const count = file.read(chunk, 0, chunk.length, position);
        if (count === 0) break;
        position += count;
        reader.push(chunk.subarray(0, count));
        for (let item = reader.next(); item !== AofItem.needInput; item = reader.next()) {
          if (item === AofItem.malformed) throw new Error(`${path} is malformed at ${reader.offset}`);
          if (item !== AofItem.command) continue;
          if (encoder.length === 0 && isFirst && place.database >= 0) encoder.parts(-1, ['SELECT', place.database]);
          encoder.command(-1, reader);
        }
      }
    } finally {
      file.close();
    }
  }
  return encoder.bytes.slice(0, encoder.length);
}
