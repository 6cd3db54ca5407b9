// position-file: how far a transfer has come, beside what it writes, so that a later run can go on.
//
// It is replaced as a whole (temporary file, sync, rename), so after a crash it is the old or the new one.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Position, TransferError } from '../record/record.js';

const SAVE_MS = 1000;

export class PositionFile {
  private savedMs = 0;

  constructor(readonly path: string) {}

  /** Undefined when there is none. */
  read(): Position | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return undefined;
    }
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Position;
    } catch {
      // Told below.
    }
    throw new TransferError(`${this.path} is no position file; remove it to begin anew`);
  }

  /** Whether it is time to save again. */
  get isDue(): boolean {
    return performance.now() - this.savedMs >= SAVE_MS;
  }

  save(position: Position): void {
    this.savedMs = performance.now();
    const temporary = `${this.path}.tmp`;
    const descriptor = openSync(temporary, 'w', 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(position)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
