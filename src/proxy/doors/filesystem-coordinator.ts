// filesystem-coordinator: a dashboard's state as a folder of files, in codis's own layout.
//
// A file is written aside and moved, so a crash leaves the old or the new one.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../../base/system-error.js';
import type { Coordinator } from '../codis/dashboard/coordinator.js';

export class FilesystemCoordinator implements Coordinator {
  constructor(private readonly root: string) {
    mkdirSync(root, { recursive: true });
  }

  private fileOf(path: string): string {
    if (path.split('/').includes('..')) throw new Error(`invalid path ${path}`);
    return join(this.root, path);
  }

  create(path: string, text: string): Promise<boolean> {
    const file = this.fileOf(path);
    mkdirSync(dirname(file), { recursive: true });
    let descriptor: number;
    try {
      descriptor = openSync(file, 'wx');
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return Promise.resolve(false);
      return Promise.reject(error as Error);
    }
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return Promise.resolve(true);
  }

  update(path: string, text: string): Promise<void> {
    const file = this.fileOf(path);
    mkdirSync(dirname(file), { recursive: true });
    const aside = `${file}.${process.pid}.tmp`;
    const descriptor = openSync(aside, 'w');
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(aside, file);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    rmSync(this.fileOf(path), { force: true });
    return Promise.resolve();
  }

  read(path: string): Promise<string | undefined> {
    try {
      return Promise.resolve(readFileSync(this.fileOf(path), 'utf8'));
    } catch (error) {
      if (['ENOENT', 'EISDIR'].includes(errorCode(error))) return Promise.resolve(undefined);
      return Promise.reject(error as Error);
    }
  }

  list(path: string): Promise<string[]> {
    const folder = this.fileOf(path);
    try {
      if (!statSync(folder).isDirectory()) return Promise.resolve([]);
      const names = readdirSync(folder).filter((name) => !name.endsWith('.tmp'));
      return Promise.resolve(names.sort().map((name) => `${path}/${name}`));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return Promise.resolve([]);
      return Promise.reject(error as Error);
    }
  }

  close(): void {
    // Nothing is open.
  }
}
