// check: reads an RDB that flows by, as a server would that loads it, so that damage shows where it is read.

import { RdbError, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import { TransferError } from '../record/record.js';

export class RdbCheck {
  keys = 0;
  bytes = 0;
  isWhole = false;
  private readonly reader = new RdbReader();

  constructor(private readonly name: string) {
    this.reader.verifyChecksum = true;
  }

  private refuse(reason: string): never {
    throw new TransferError(`${this.name}: the RDB in it is damaged: ${reason}`);
  }

  private step(use: () => void): void {
    try {
      use();
    } catch (error) {
      if (error instanceof RdbError) this.refuse(error.message);
      throw error;
    }
  }

  /** The reader keeps the bytes until it has read them. */
  push(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.isWhole) this.refuse('bytes come after its end');
    this.step(() => {
      this.reader.push(bytes);
      for (;;) {
        const event = this.reader.next();
        if (event === RdbEvent.needInput) return;
        if (event === RdbEvent.key) this.keys++;
        if (event === RdbEvent.end) break;
      }
      this.isWhole = true;
      if (this.reader.unread.length > 0) this.refuse('bytes come after its end');
    });
  }

  finish(): void {
    if (this.isWhole) return;
    this.step(() => this.reader.finish());
    this.refuse('it is cut off');
  }
}
