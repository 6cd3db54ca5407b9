// rdb-copy-sink: the snapshot of a server into a file as it comes, when its version is one that the file may have.
//
// The source reads the same bytes, compares the checksum and counts the keys, but nobody makes records of them: as redis-cli --rdb
// does it, with a check. A newer snapshot, or data that does not come as one, goes through an RdbSink.

import { VALKEY_MAGIC } from '../../persistence/rdb/format.js';
import type { Output } from '../program/output.js';
import type { Batch, Sink } from '../record/record.js';
import type { RdbSink } from './rdb-sink.js';

const HEADER_BYTES = 9;

export class RdbCopySink implements Sink {
  /** Undefined until the header is known. */
  private copies: boolean | undefined;
  private header: Buffer = Buffer.alloc(0);

  constructor(
    private readonly output: Output,
    private readonly versionMax: number,
    private readonly sink: RdbSink,
  ) {}

  get name(): string {
    return this.output.name;
  }

  get losses(): RdbSink['losses'] {
    return this.sink.losses;
  }

  /** Whether the output has a part of a snapshot, which is of no use when the rest does not come. */
  get isCopying(): boolean {
    return this.copies === true;
  }

  /** The next bytes of the snapshot; `write` gets what was read out of them. */
  take(bytes: Uint8Array): void {
    if (this.copies === undefined) {
      this.header = Buffer.concat([this.header, bytes]);
      if (this.header.length < HEADER_BYTES) return;
      const text = this.header.toString('latin1', 0, HEADER_BYTES);
      this.copies = !text.startsWith(VALKEY_MAGIC) && Number(text.slice(5)) <= this.versionMax;
      if (this.copies) this.output.write(this.header);
    } else if (this.copies) this.output.write(bytes);
  }

  async write(batch: Batch): Promise<void> {
    if (this.copies === true) await this.output.flush();
    else await this.sink.write(batch);
  }

  async flush(): Promise<void> {
    await this.output.flush();
  }

  /** The snapshot has come wholly. */
  async close(): Promise<void> {
    if (this.copies === true) await this.output.finish();
    else await this.sink.close();
  }

  abandon(): void {
    this.output.abandon();
  }
}
