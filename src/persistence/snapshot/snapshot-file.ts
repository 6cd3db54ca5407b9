// snapshot-file: writes the chunks of a snapshot to a file: compresses marked strings, checksums, syncs, renames.
//
// Runs in the worker thread (snapshot-worker) or, for SAVE and in tests, in the caller's. The file is written under a
// temporary name, which must be no other snapshot's; `finish` makes it durable, renames it and makes the name durable,
// so that a crash at any moment leaves the old file or the new one.

import { dirname } from 'node:path';
import { Crc64 } from '../../base/crc64.js';
import { lzfCompress } from '../../base/lzf.js';
import { type Files, type OpenFile, writeFully } from '../../io/files.js';
import { encodeLength } from '../rdb/writer.js';

const OUT_BYTES = 1 << 20;
/** With incremental sync the disk is never behind by more. */
const SYNC_EVERY_BYTES = 16 << 20;

export interface SnapshotFileOptions {
  readonly temporaryPath: string;
  readonly finalPath: string;
  /** Ends with the eight bytes of an RDB's checksum: computed, zero, or none at all. */
  readonly checksum: 'on' | 'off' | 'absent';
  readonly incrementalSync: boolean;
}

export class SnapshotFile {
  /** Bytes of the file so far. */
  written = 0;
  private readonly file: OpenFile;
  private readonly crc = new Crc64();
  private out = new Uint8Array(OUT_BYTES);
  private outLength = 0;
  private unsynced = 0;
  private isOpen = true;
  /** A marked string, with its length, of which more chunks bring the rest. */
  private split: Uint8Array | null = null;
  private splitLength = 0;

  constructor(
    private readonly files: Files,
    private readonly options: SnapshotFileOptions,
  ) {
    this.file = files.open(options.temporaryPath, 'create');
  }

  /** Adds `length` bytes; the strings whose lengths stand at `marks` are compressed if that makes them shorter. */
  add(bytes: Uint8Array, length: number, marks: Int32Array, markCount: number): void {
    let at = this.split === null ? 0 : this.continueSplit(bytes, length);
    for (let index = 0; index < markCount; index++) {
      const mark = marks[index]!;
      this.copy(bytes, at, mark - at);
      at = mark + this.addCompressed(bytes, mark, length);
    }
    this.copy(bytes, at, length - at);
  }

  /** Takes the next bytes of a marked string that spans chunks; returns how many there were. */
  private continueSplit(bytes: Uint8Array, length: number): number {
    const split = this.split!;
    const count = Math.min(length, split.length - this.splitLength);
    split.set(bytes.subarray(0, count), this.splitLength);
    this.splitLength += count;
    if (this.splitLength < split.length) return count;
    this.split = null;
    this.addCompressed(split, 0, split.length);
    return count;
  }

  private copy(bytes: Uint8Array, offset: number, length: number): void {
    if (length > OUT_BYTES / 4) {
      this.flush();
      this.put(bytes, offset, length);
      return;
    }
    if (this.outLength + length > this.out.length) this.flush();
    this.out.set(bytes.subarray(offset, offset + length), this.outLength);
    this.outLength += length;
  }

  /** Handles the string whose length stands at `mark` in a chunk; returns how many bytes of the chunk it takes. */
  private addCompressed(bytes: Uint8Array, mark: number, chunkLength: number): number {
    const first = bytes[mark]!;
    const head = first < 0x40 ? 1 : first < 0x80 ? 2 : first === 0x80 ? 5 : 9;
    let length = head === 1 ? first : head === 2 ? ((first & 63) << 8) | bytes[mark + 1]! : 0;
    for (let i = 1; head > 2 && i < head; i++) length = length * 256 + bytes[mark + i]!;
    if (mark + head + length > chunkLength) {
      this.split = new Uint8Array(head + length);
      this.split.set(bytes.subarray(mark, chunkLength));
      this.splitLength = chunkLength - mark;
      return this.splitLength;
    }
    if (this.outLength + length + 19 > this.out.length) this.flush();
    if (length + 19 > this.out.length) this.out = new Uint8Array(length + 19);
    // The head of the compressed form needs the compressed size, so the data goes after the room for the longest head.
    const dataAt = this.outLength + 19;
    const room = Math.min(length - 4, this.out.length - dataAt);
    const size = room > 0 ? lzfCompress(bytes, mark + head, length, this.out, dataAt, room) : 0;
    if (size === 0) {
      this.copy(bytes, mark, head + length);
      return head + length;
    }
    this.out[this.outLength++] = 0xc3;
    this.outLength += encodeLength(this.out, this.outLength, size);
    this.outLength += encodeLength(this.out, this.outLength, length);
    this.out.copyWithin(this.outLength, dataAt, dataAt + size);
    this.outLength += size;
    return head + length;
  }

  private flush(): void {
    this.put(this.out, 0, this.outLength);
    this.outLength = 0;
  }

  private put(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) return;
    if (this.options.checksum === 'on') this.crc.update(bytes, offset, length);
    writeFully(this.file, bytes, offset, length);
    this.written += length;
    this.unsynced += length;
    if (this.options.incrementalSync && this.unsynced >= SYNC_EVERY_BYTES) {
      this.file.sync();
      this.unsynced = 0;
    }
  }

  finish(): void {
    this.complete();
    this.putInPlace();
  }

  /** Writes what is left and makes it durable, under the temporary name. */
  complete(): void {
    this.flush();
    if (this.options.checksum !== 'absent') {
      const footer = new Uint8Array(8);
      this.crc.writeTo(footer, 0);
      writeFully(this.file, footer, 0, 8);
      this.written += 8;
    }
    this.file.sync();
    this.close();
  }

  putInPlace(): void {
    this.files.rename(this.options.temporaryPath, this.options.finalPath);
    this.files.syncFolder(dirname(this.options.finalPath));
  }

  /** Once only: the number of a closed file may be another file's by now. */
  private close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.file.close();
  }

  /** Gives up and removes what was written, as far as that is possible. */
  abort(): void {
    try {
      this.close();
    } catch {
      // The file is given up in any case.
    }
    removeIfThere(this.files, this.options.temporaryPath);
  }
}

/** Removes a file of which nothing is needed, as far as that is possible. */
export function removeIfThere(files: Files, path: string): void {
  try {
    files.remove(path);
  } catch {
    // A file that stays is in nobody's way.
  }
}
