// folder-target: backups in a folder of this machine, or one that is mounted.

import {
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../../base/system-error.js';
import { syncFolder } from '../../program/output.js';
import { TransferError } from '../../record/record.js';
import type { StoredFile, Target } from './target.js';

/** Names that begin with a dot and end so are files that are being written. */
export const PART_SUFFIX = '.part';

export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes the files of interrupted runs. */
export function sweepParts(folder: string, beforeMs: number, isDry: boolean): string[] {
  const old = readdirSync(folder).filter((name) => {
    if (!name.startsWith('.') || !name.endsWith(PART_SUFFIX)) return false;
    return (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < beforeMs;
  });
  if (!isDry) for (const name of old) rmSync(join(folder, name), { force: true });
  return old;
}

export class FolderTarget implements Target {
  constructor(readonly folder: string) {}

  get name(): string {
    return this.folder;
  }

  list(): Promise<StoredFile[]> {
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return Promise.resolve([]);
      throw error;
    }
    const files = names.map((name) => ({ name, about: statSync(join(this.folder, name), { throwIfNoEntry: false }) }));
    return Promise.resolve(
      files.filter(({ about }) => about?.isFile()).map(({ name, about }) => ({ name, bytes: about!.size })),
    );
  }

  /** A second name for the file where both are on one file system; else a copy that gets its name when it is on disk. */
  put(path: string, name: string): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const end = join(this.folder, name);
    if (statSync(end, { throwIfNoEntry: false }) !== undefined) throw new TransferError(`${end} exists`);
    try {
      linkSync(path, end);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') throw new TransferError(`${end} exists`);
      const part = join(this.folder, `.${name}.${process.pid}${PART_SUFFIX}`);
      try {
        copyFileSync(path, part, constants.COPYFILE_FICLONE);
        syncFile(part);
        renameSync(part, end);
      } catch (failure) {
        rmSync(part, { force: true });
        throw failure;
      }
    }
    syncFolder(this.folder);
    return Promise.resolve();
  }

  read(name: string): AsyncIterable<Uint8Array> {
    return createReadStream(join(this.folder, name), { highWaterMark: 1 << 20 });
  }

  remove(name: string): Promise<void> {
    rmSync(join(this.folder, name), { force: true });
    syncFolder(this.folder);
    return Promise.resolve();
  }

  sweep(beforeMs: number, isDry: boolean): Promise<string[]> {
    return Promise.resolve(sweepParts(this.folder, beforeMs, isDry));
  }
}
