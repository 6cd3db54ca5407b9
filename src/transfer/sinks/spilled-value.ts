// spilled-value: the encoded form of one value that comes in parts, in memory up to SPILL_BYTES and in a file beyond.
//
// An RDB has the count of elements before the elements, so a value whose parts are counted while they come has to wait for its last
// one, whatever its size.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RdbWriter } from '../../persistence/rdb/writer.js';

const SPILL_BYTES = 4 << 20;
const READ_BYTES = 1 << 20;

export class SpilledValue {
  readonly writer: RdbWriter;
  private folder: string | undefined;
  private descriptor = -1;
  private written = 0;

  constructor(
    compression: number,
    /** The file that the value becomes a part of: what is spilled is beside it. Undefined: in the folder of temporary files. */
    private readonly beside: string | undefined,
  ) {
    this.writer = new RdbWriter(compression, SPILL_BYTES);
  }

  /** Called after each piece that was written into `writer`. */
  spill(): void {
    const { writer } = this;
    if (writer.length < SPILL_BYTES) return;
    if (this.folder === undefined) {
      this.folder = mkdtempSync(join(this.beside === undefined ? tmpdir() : dirname(this.beside), 'kvasir-value-'));
      this.descriptor = openSync(join(this.folder, 'value'), 'w+', 0o600);
      // Where a file can lose its name while it is open, not even kill -9 leaves it behind.
      if (process.platform !== 'win32') rmSync(this.folder, { recursive: true });
    }
    for (let at = 0; at < writer.length;) {
      const count = writeSync(this.descriptor, writer.bytes, at, writer.length - at, this.written);
      at += count;
      this.written += count;
    }
    writer.clear();
  }

  /** The bytes in their order; each piece is valid until the next. */
  *pieces(): Generator<Uint8Array, void> {
    const piece = new Uint8Array(Math.min(READ_BYTES, this.written));
    for (let at = 0; at < this.written;) {
      const count = readSync(this.descriptor, piece, 0, Math.min(piece.length, this.written - at), at);
      if (count === 0) throw new Error(`the file with a value in ${this.folder!} was cut off`);
      at += count;
      yield piece.subarray(0, count);
    }
    yield this.writer.bytes.subarray(0, this.writer.length);
  }

  close(): void {
    if (this.folder === undefined) return;
    closeSync(this.descriptor);
    rmSync(this.folder, { recursive: true, force: true });
    this.folder = undefined;
  }
}
