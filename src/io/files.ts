// files: the operations on files that persistence needs, behind an interface so that faults and crashes can be simulated.
//
// Calls that move bytes to or from the page cache are synchronous: they cost what a copy costs. Making data durable takes
// as long as the disk likes, so `syncSoon` does it off the loop; `sync` is for worker threads and for shutting down.
// `readSoon` and `writeSoon` move bytes off the loop too, for what nobody waits for and what may not be in the page cache.
// Every failure throws an Error with the `code` of the system (ENOSPC, EACCES, ...), from both implementations.
//
// Not here: the simulated file system (files-simulated), the files and their content (persistence).

import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '../base/system-error.js';

/** read: must exist. create: made new or emptied. append: made if missing, writes go to the end. update: must exist, read and cut. */
export type OpenMode = 'read' | 'create' | 'append' | 'update';

/** The outcome of reading or writing off the loop. */
export type FileCallback = (error: Error | null, count: number) => void;

export interface OpenFile {
  readonly path: string;
  size(): number;
  /** Reads up to `length` bytes from `position`; returns how many, 0 at the end. */
  read(into: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes at the end (create, append); returns how many bytes were taken, which can be fewer on a full disk. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /** Writes at a place (create, update); returns how many bytes were taken. */
  writeAt(bytes: Uint8Array, offset: number, length: number, position: number): number;
  /** Reads off the loop; the bytes must be left alone until `done`, which gets how many came, 0 at the end. */
  readSoon(into: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void;
  /** Writes at a place (create, update) off the loop; the bytes must not change until `done`, which gets how many were taken. */
  writeSoon(bytes: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void;
  truncate(bytes: number): void;
  /** Returns when the data is durable. */
  sync(): void;
  /** Makes what was written so far durable off the loop; then calls back, with the error if there is one. */
  syncSoon(done: (error: Error | null) => void): void;
  close(): void;
}

export interface Files {
  open(path: string, mode: OpenMode): OpenFile;
  /** The size in bytes, or -1 when there is no such file. */
  sizeOf(path: string): number;
  /** Milliseconds since 1970, or 0 when there is no such file. */
  modifiedAt(path: string): number;
  /** The names in a folder, sorted; none when the folder does not exist. */
  list(folder: string): string[];
  isFolder(path: string): boolean;
  /** Makes the folder if it is missing; its parent must exist. */
  makeFolder(path: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Makes names (new, renamed, removed) in the folder durable. */
  syncFolder(path: string): void;
  /** A disk that a test has slowed down: so long the server waits for a sync before it replies. */
  readonly syncMs?: number;
}

const openFlags = { read: 'r', create: 'w', append: 'a', update: 'r+' } as const;

class RealFile implements OpenFile {
  /** Operations off the loop that are not done. */
  private runningCount = 0;
  private isClosing = false;

  constructor(
    readonly path: string,
    private readonly descriptor: number,
  ) {}

  size(): number {
    return fstatSync(this.descriptor).size;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    return readSync(this.descriptor, into, offset, length, position);
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    return writeSync(this.descriptor, bytes, offset, length);
  }

  writeAt(bytes: Uint8Array, offset: number, length: number, position: number): number {
    return writeSync(this.descriptor, bytes, offset, length, position);
  }

  readSoon(into: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void {
    this.runningCount++;
    read(this.descriptor, into, offset, length, position, (error, count) => {
      this.ended();
      done(error, count);
    });
  }

  writeSoon(bytes: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void {
    this.runningCount++;
    write(this.descriptor, bytes, offset, length, position, (error, count) => {
      this.ended();
      done(error, count);
    });
  }

  private ended(): void {
    this.runningCount--;
    if (this.isClosing && this.runningCount === 0) closeSync(this.descriptor);
  }

  truncate(bytes: number): void {
    ftruncateSync(this.descriptor, bytes);
  }

  sync(): void {
    fdatasyncSync(this.descriptor);
  }

  syncSoon(done: (error: Error | null) => void): void {
    this.runningCount++;
    fdatasync(this.descriptor, (error) => {
      this.ended();
      done(error);
    });
  }

  /** A descriptor that is in use off the loop must not be given to another file: it is closed after that. */
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    if (this.runningCount === 0) closeSync(this.descriptor);
  }
}

export class RealFiles implements Files {
  open(path: string, mode: OpenMode): OpenFile {
    const descriptor = openSync(path, openFlags[mode], 0o644);
    // The system opens a folder for reading, and fails when it is read.
    if (mode === 'read' && fstatSync(descriptor).isDirectory()) {
      closeSync(descriptor);
      throw Object.assign(new Error(`EISDIR: illegal operation on a directory, open '${path}'`), { code: 'EISDIR' });
    }
    return new RealFile(path, descriptor);
  }

  sizeOf(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  }

  modifiedAt(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  list(folder: string): string[] {
    try {
      return readdirSync(folder).sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  isFolder(path: string): boolean {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  }

  makeFolder(path: string): void {
    if (this.isFolder(path)) return;
    mkdirSync(path, { mode: 0o755 });
    this.syncFolder(dirname(path));
  }

  rename(from: string, to: string): void {
    freedLater(to, () => renameSync(from, to));
  }

  remove(path: string): void {
    freedLater(path, () => unlinkSync(path));
  }

  syncFolder(path: string): void {
    // Windows has no handle of a folder that could be synced, and needs none.
    if (process.platform === 'win32') return;
    const descriptor = openSync(path === '' ? '.' : path, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Writes all bytes or throws; a short write is tried again, as the next one reports the cause. */
export function writeFully(file: OpenFile, bytes: Uint8Array, offset: number, length: number): void {
  let done = 0;
  while (done < length) {
    const written = file.write(bytes, offset + done, length - done);
    if (written <= 0)
      throw Object.assign(new Error(`cannot write to ${file.path}: no space left on device`), { code: 'ENOSPC' });
    done += written;
  }
}

/** The whole of a small file. */
export function readWhole(files: Files, path: string): Uint8Array {
  const file = files.open(path, 'read');
  try {
    const bytes = new Uint8Array(file.size());
    let done = 0;
    while (done < bytes.length) {
      const count = file.read(bytes, done, bytes.length - done, done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    file.close();
  }
}

/**
 * Takes a file's name away by `act`; its blocks are freed off the loop, by the close of a descriptor, as that takes 50 ms for some hundred
 * megabytes.
 */
function freedLater(path: string, act: () => void): void {
  let descriptor: number | undefined;
  // Windows may refuse to take the name of an open file away.
  if (process.platform !== 'win32') {
    try {
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      // No such file, or one that may not be read: then `act` alone decides.
    }
  }
  try {
    act();
  } finally {
    if (descriptor !== undefined) close(descriptor, () => undefined);
  }
}

/**
 * Replaces a small file so that a crash leaves either the old or the new one: temp file, sync, rename, sync of the
 * folder. Throws the system's error; the old file is then still there, unless it was the folder that could not be synced.
 */
export function replaceFile(files: Files, path: string, temporaryPath: string, bytes: Uint8Array): void {
  const file = files.open(temporaryPath, 'create');
  try {
    try {
      writeFully(file, bytes, 0, bytes.length);
      file.sync();
    } finally {
      file.close();
    }
    files.rename(temporaryPath, path);
  } catch (error) {
    try {
      files.remove(temporaryPath);
    } catch {
      // A name that cannot be removed is used again the next time.
    }
    throw error;
  }
  files.syncFolder(dirname(path));
}
