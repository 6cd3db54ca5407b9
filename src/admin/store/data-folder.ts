// data-folder: the files of the admin: users, servers, the key that encrypts passwords, the audit log; readable by the owner only.
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

export const uploadPrefix = 'upload-';

export class DataFolder {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.pathOf(name));
  }

  readBytes(name: string): Buffer | undefined {
    return this.has(name) ? readFileSync(this.pathOf(name)) : undefined;
  }

  /** The document in a JSON file; undefined when there is none. A file that is no JSON ends the start, and is left alone. */
  readJson(name: string): unknown {
    const bytes = this.readBytes(name);
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(bytes.toString('utf8')) as unknown;
    } catch (error) {
      throw new Error(`${this.pathOf(name)} is no JSON (${(error as Error).message}): mend it or move it away`);
    }
  }

  /** Removes the files of imports that a crash cut off, which hold values in the clear. */
  sweep(): void {
    for (const name of readdirSync(this.path))
      if (name.startsWith(uploadPrefix)) rmSync(this.pathOf(name), { force: true });
  }

  /** A crash leaves either the old or the new file. */
  write(name: string, bytes: Uint8Array | string): void {
    const path = this.pathOf(name);
    const temporary = `${path}.${process.pid}.tmp`;
    const descriptor = openSync(temporary, 'w', 0o600);
    try {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      for (let done = 0; done < buffer.length;) done += writeSync(descriptor, buffer, done);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  }

  writeJson(name: string, document: unknown): void {
    this.write(name, `${JSON.stringify(document, undefined, 2)}\n`);
  }
}
