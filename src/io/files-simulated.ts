// files-simulated: a file system in memory that fails on request, and loses unsynced bytes when it crashes.
//
// Durability follows POSIX read strictly: a file's bytes only after `sync` of the file, its name (new, renamed,
// removed) only after `syncFolder` of the folder. `afterCrash` makes the file system as it may look after a power cut: of the
// unsynced bytes any prefix survives, of the unsynced changes of names any prefix took place.
// A `kill -9` loses nothing that was written: simply go on with the same object.

import { dirname } from 'node:path';
import type { Prng } from '../base/prng.js';
import { systemClock } from './clock.js';
import type { FileCallback, Files, OpenFile, OpenMode } from './files.js';

export type FileOperation =
  'open' | 'read' | 'write' | 'truncate' | 'sync' | 'rename' | 'remove' | 'makeFolder' | 'syncFolder';

interface Content {
  bytes: Uint8Array;
  length: number;
  /** So many bytes at the beginning survive a power cut as they are. */
  durableLength: number;
  /** The bytes that survive instead after durable ones were cut off; until the next sync. */
  cutOff: Uint8Array | undefined;
  modifiedAt: number;
}

interface NameChange {
  readonly path: string;
  /** Undefined: the name was removed. */
  readonly content: Content | undefined;
}

interface Fault {
  readonly operation: FileOperation;
  readonly code: string;
  readonly pathPart: string;
  skip: number;
  times: number;
}

function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code });
}

/** Shortens a file; what was durable stays so until the next sync. */
function cut(content: Content, length: number): void {
  if (length >= content.length) return;
  if (length < content.durableLength) {
    content.cutOff ??= content.bytes.slice(0, content.durableLength);
    content.durableLength = length;
  }
  content.length = length;
}

function makeDurable(content: Content, length: number): void {
  content.durableLength = length;
  content.cutOff = undefined;
}

export class SimulatedFiles implements Files {
  /** `later` runs what takes a disk some time. */
  constructor(public later: (run: () => void) => void = (run) => void systemClock.soon(run)) {}

  private readonly names = new Map<string, Content>();
  private durableNames = new Map<string, Content>();
  private readonly folders = new Set<string>(['/', '.']);
  private nameChanges: NameChange[] = [];
  private faults: Fault[] = [];
  private readonly waiting: (() => void)[] = [];
  /** See `Files`; a `sync` that is called takes no time itself. */
  syncMs = 0;
  /** True: the disk says that data is durable, and it is not. */
  syncsLie = false;
  /** Bytes that fit on the disk in all. */
  capacityBytes = Infinity;
  /** True: syncSoon calls back only when `runSyncs` is called. */
  holdSyncs = false;
  /** Every operation in order, for tests that check what is synced when. */
  readonly journal: string[] = [];

  /** Makes an operation fail with a system's code: after `skip` successes, `times` times; `pathPart` narrows it to paths. */
  fail(
    operation: FileOperation,
    code: string,
    options: { skip?: number; times?: number; pathPart?: string } = {},
  ): void {
    this.faults.push({
      operation,
      code,
      skip: options.skip ?? 0,
      times: options.times ?? Infinity,
      pathPart: options.pathPart ?? '',
    });
  }

  /** Ends all faults. */
  heal(): void {
    this.faults = [];
  }

  /** Performs the syncs that `holdSyncs` kept back. */
  runSyncs(): void {
    for (const run of this.waiting.splice(0)) run();
  }

  /** The file system as it may be found after a power cut now. */
  afterCrash(prng: Prng): SimulatedFiles {
    const after = new SimulatedFiles();
    for (const folder of this.folders) after.folders.add(folder);
    const names = new Map(this.durableNames);
    const happened = prng.below(this.nameChanges.length + 1);
    for (const { path, content } of this.nameChanges.slice(0, happened)) {
      if (content === undefined) names.delete(path);
      else names.set(path, content);
    }
    for (const [path, content] of names) {
      const durable = content.cutOff ?? content.bytes.subarray(0, content.durableLength);
      const unsynced = Math.max(0, content.length - durable.length);
      const kept = durable.length + (unsynced > 0 ? prng.below(unsynced + 1) : 0);
      const bytes = new Uint8Array(kept);
      bytes.set(content.bytes.subarray(0, Math.min(kept, content.length)));
      bytes.set(durable.subarray(0, kept));
      after.put(path, bytes);
    }
    return after;
  }

  /** Puts a file in place, durable. */
  put(path: string, bytes: Uint8Array): void {
    const content = {
      bytes: bytes.slice(),
      length: bytes.length,
      durableLength: bytes.length,
      cutOff: undefined,
      modifiedAt: 0,
    };
    this.names.set(path, content);
    this.durableNames.set(path, content);
  }

  /** A file's bytes; throws when there is none. */
  get(path: string): Uint8Array {
    const content = this.names.get(path);
    if (content === undefined) throw systemError('ENOENT', 'open', path);
    return content.bytes.slice(0, content.length);
  }

  check(operation: FileOperation, path: string): void {
    this.journal.push(`${operation} ${path}`);
    for (const fault of this.faults) {
      if (fault.operation !== operation || !path.includes(fault.pathPart)) continue;
      if (fault.skip > 0) fault.skip--;
      else if (fault.times > 0) {
        fault.times--;
        throw systemError(fault.code, operation, path);
      }
    }
  }

  open(path: string, mode: OpenMode): OpenFile {
    this.check('open', path);
    let content = this.names.get(path);
    if (content === undefined) {
      if (mode === 'read' || mode === 'update' || !this.folders.has(dirname(path)))
        throw systemError('ENOENT', 'open', path);
      content = { bytes: new Uint8Array(256), length: 0, durableLength: 0, cutOff: undefined, modifiedAt: 0 };
      this.names.set(path, content);
      this.nameChanges.push({ path, content });
    } else if (mode === 'create') cut(content, 0);
    return new SimulatedFile(this, path, content);
  }

  usedBytes(): number {
    let sum = 0;
    for (const content of this.names.values()) sum += content.length;
    return sum;
  }

  syncLater(run: () => void): void {
    if (this.holdSyncs) this.waiting.push(run);
    else this.later(run);
  }

  sizeOf(path: string): number {
    return this.names.get(path)?.length ?? -1;
  }

  modifiedAt(path: string): number {
    return this.names.get(path)?.modifiedAt ?? 0;
  }

  list(folder: string): string[] {
    const inside: string[] = [];
    for (const path of this.names.keys())
      if (dirname(path) === folder) inside.push(path.slice(path.lastIndexOf('/') + 1));
    return inside.sort();
  }

  isFolder(path: string): boolean {
    return this.folders.has(path);
  }

  makeFolder(path: string): void {
    if (this.folders.has(path)) return;
    this.check('makeFolder', path);
    this.folders.add(path);
  }

  rename(from: string, to: string): void {
    this.check('rename', from);
    const content = this.names.get(from);
    if (content === undefined) throw systemError('ENOENT', 'rename', from);
    this.names.delete(from);
    this.names.set(to, content);
    this.nameChanges.push({ path: to, content }, { path: from, content: undefined });
  }

  remove(path: string): void {
    this.check('remove', path);
    if (!this.names.delete(path)) throw systemError('ENOENT', 'unlink', path);
    this.nameChanges.push({ path, content: undefined });
  }

  syncFolder(path: string): void {
    this.check('syncFolder', path);
    const left: NameChange[] = [];
    for (const change of this.nameChanges) {
      if (dirname(change.path) !== path) left.push(change);
      else if (change.content === undefined) this.durableNames.delete(change.path);
      else this.durableNames.set(change.path, change.content);
    }
    this.nameChanges = left;
  }
}

class SimulatedFile implements OpenFile {
  constructor(
    private readonly files: SimulatedFiles,
    readonly path: string,
    private readonly content: Content,
  ) {}

  size(): number {
    return this.content.length;
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    this.files.check('read', this.path);
    const count = Math.max(0, Math.min(length, this.content.length - position));
    into.set(this.content.bytes.subarray(position, position + count), offset);
    return count;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.files.check('write', this.path);
    const content = this.content;
    const room = Math.max(0, this.files.capacityBytes - this.files.usedBytes());
    if (room === 0 && length > 0) throw systemError('ENOSPC', 'write', this.path);
    const count = Math.min(length, room);
    if (content.length + count > content.bytes.length) {
      const grown = new Uint8Array((content.length + count) * 2);
      grown.set(content.bytes.subarray(0, content.length));
      content.bytes = grown;
    }
    content.bytes.set(bytes.subarray(offset, offset + count), content.length);
    content.length += count;
    return count;
  }

  writeAt(bytes: Uint8Array, offset: number, length: number, position: number): number {
    const content = this.content;
    if (position > content.length) throw new Error(`${this.path}: a write at ${position} leaves a hole`);
    // Bytes that are written again become what they were: only those after the end are new.
    const known = Math.min(length, content.length - position);
    content.bytes.set(bytes.subarray(offset, offset + known), position);
    return known === length ? known : known + this.write(bytes, offset + known, length - known);
  }

  readSoon(into: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void {
    this.soon(done, () => this.read(into, offset, length, position));
  }

  writeSoon(bytes: Uint8Array, offset: number, length: number, position: number, done: FileCallback): void {
    this.soon(done, () => this.writeAt(bytes, offset, length, position));
  }

  private soon(done: FileCallback, operation: () => number): void {
    this.files.later(() => {
      let count = 0;
      try {
        count = operation();
      } catch (error) {
        done(error as Error, 0);
        return;
      }
      done(null, count);
    });
  }

  truncate(bytes: number): void {
    this.files.check('truncate', this.path);
    cut(this.content, bytes);
  }

  sync(): void {
    this.files.check('sync', this.path);
    if (!this.files.syncsLie) makeDurable(this.content, this.content.length);
  }

  syncSoon(done: (error: Error | null) => void): void {
    const { length } = this.content;
    this.files.syncLater(() => {
      try {
        this.files.check('sync', this.path);
      } catch (error) {
        done(error as Error);
        return;
      }
      // Bytes that were cut off meanwhile are not written any more.
      if (!this.files.syncsLie) makeDurable(this.content, Math.min(length, this.content.length));
      done(null);
    });
  }

  close(): void {
    this.files.journal.push(`close ${this.path}`);
  }
}
