// position-file: how far a transfer has come, beside what it writes, so that a later run can go on.
//
// It is replaced as a whole (temporary file, sync, rename), so after a crash it is the old or the new one.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Position, TransferError } from '../record/record.js';

const SAVE_MS = 1000;

function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(
    (field) =>
      typeof field === 'string' ||
      typeof field === 'number' ||
      (Array.isArray(field) && field.every((line) => typeof line === 'string')),
  );
}

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
      if (isPosition(parsed)) return parsed;
    } catch {
      // Told below.
    }
    throw this.refusal();
  }

  private refusal(): TransferError {
    return new TransferError(`${this.path} is no position file; remove it to begin anew`);
  }

  /** A count of the position; refuses a file that has something else there. */
  count(position: Position, name: string): number {
    const value = position[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.refusal();
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
