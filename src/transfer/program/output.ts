// output: bytes to a file or to standard output, collected into big writes, with back pressure.

import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { noteBytes } from '../garbage.js';
import { TransferError } from '../record/record.js';

const WRITE_BYTES = 256 * 1024;

export interface Output {
  readonly name: string;
  /** Returns false when it needs the bytes further: they must stay as they are. */
  write(text: string | Uint8Array): boolean;
  /** Hands over what was collected; returns when there is room. */
  flush(): Promise<void>;
  /** Everything is where it belongs. */
  finish(): Promise<void>;
  /** Gives up. */
  abandon(): void;
}

abstract class CollectedOutput implements Output {
  abstract readonly name: string;
  private buffer = Buffer.allocUnsafe(WRITE_BYTES);
  private length = 0;

  write(text: string | Uint8Array): boolean {
    const bytes = typeof text === 'string' ? Buffer.byteLength(text) : text.length;
    if (this.length + bytes > this.buffer.length) {
      this.put();
      if (bytes > WRITE_BYTES) {
        return this.send(typeof text === 'string' ? Buffer.from(text) : text);
      }
    }
    if (typeof text === 'string') this.buffer.write(text, this.length);
    else this.buffer.set(text, this.length);
    this.length += bytes;
    return true;
  }

  private put(): void {
    if (this.length === 0) return;
    const mayReuse = this.send(this.buffer.subarray(0, this.length));
    this.length = 0;
    if (mayReuse) return;
    this.buffer = Buffer.allocUnsafe(WRITE_BYTES);
    noteBytes(WRITE_BYTES);
  }

  /** Returns whether the bytes are needed no more. */
  protected abstract send(bytes: Uint8Array): boolean;
  protected abstract room(): Promise<void>;

  async flush(): Promise<void> {
    this.put();
    await this.room();
  }

  abstract finish(): Promise<void>;
  abstract abandon(): void;
}

export class StandardOutput extends CollectedOutput {
  readonly name = 'standard output';
  private isFull = false;

  protected send(bytes: Uint8Array): boolean {
    this.isFull = !process.stdout.write(bytes);
    return false;
  }

  protected async room(): Promise<void> {
    if (!this.isFull) return;
    if (process.stdout.writableNeedDrain)
      await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
    this.isFull = false;
  }

  async finish(): Promise<void> {
    await this.flush();
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  }

  abandon(): void {
    return;
  }
}

/**
 * A file that appears under its name when it is whole: until then it is beside it, with a name that ends in `.part`. With
 * `goesOn` the bytes of an earlier run are kept up to that size.
 */
export class FileOutput extends CollectedOutput {
  readonly name: string;
  readonly partPath: string;
  private readonly descriptor: number;
  bytes = 0;

  constructor(path: string, goesOnAt?: number) {
    super();
    this.name = path;
    this.partPath = `${path}.part`;
    if (goesOnAt === undefined) this.descriptor = openSync(this.partPath, 'w', 0o600);
    else {
      this.descriptor = openSync(this.partPath, 'r+');
      if (fstatSync(this.descriptor).size < goesOnAt)
        throw new TransferError(`${this.partPath} is shorter than its position says; remove both to begin anew`);
      ftruncateSync(this.descriptor, goesOnAt);
      this.bytes = goesOnAt;
    }
  }

  protected send(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      const count = writeSync(this.descriptor, bytes, at, bytes.length - at, this.bytes);
      at += count;
      this.bytes += count;
    }
    return true;
  }

  protected room(): Promise<void> {
    return Promise.resolve();
  }

  sync(): void {
    fsyncSync(this.descriptor);
  }

  async finish(): Promise<void> {
    await this.flush();
    fsyncSync(this.descriptor);
    closeSync(this.descriptor);
    renameSync(this.partPath, this.name);
    syncFolder(dirname(this.name));
  }

  abandon(): void {
    try {
      closeSync(this.descriptor);
      rmSync(this.partPath, { force: true });
    } catch {
      // It is only a leftover.
    }
  }

  /** Closes the file but keeps it under its part name, for a later run that goes on. */
  async keepPart(): Promise<void> {
    await this.flush();
    fsyncSync(this.descriptor);
    closeSync(this.descriptor);
  }
}

export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** `-` and nothing mean standard output. */
export function openOutput(path: string | undefined): Output {
  return path === undefined || path === '-' ? new StandardOutput() : new FileOutput(path);
}
