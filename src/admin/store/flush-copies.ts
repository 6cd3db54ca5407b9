// flush-copies: copies of what the page's flushes deleted, one a server, kept for an hour so that a flush can be undone.
//
//   undo.json           { "copies": { "s1": { "file": "undo-....jsonl", "atMs": ..., "keys": ..., "bytes": ..., "what": "FLUSHALL" } } }
//   undo-....jsonl      the keys, as kvasir-dump writes them
//
// The files are of the data folder and not of memory, so an undo outlives a restart of the program.
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import type { Clock, Timer } from '../../io/clock.js';
import type { DataFolder } from './data-folder.js';

const fileName = 'undo.json';
export const COPY_KEPT_MS = 60 * 60_000;
const filePattern = /^undo-[0-9a-f-]{36}\.jsonl(\.part)?$/;

export interface FlushCopy {
  readonly file: string;
  readonly atMs: number;
  readonly keys: number;
  readonly bytes: number;
  /** FLUSHALL, or FLUSHDB with its database. */
  readonly what: string;
}

export class FlushCopies {
  private readonly copies = new Map<string, FlushCopy>();
  private timer: Timer | undefined;

  constructor(
    private readonly folder: DataFolder,
    private readonly clock: Clock,
  ) {
    const { copies = {} } = (folder.readJson(fileName) ?? {}) as { copies?: Record<string, FlushCopy> };
    for (const [id, copy] of Object.entries(copies))
      if (filePattern.test(String(copy.file)) && folder.has(copy.file)) this.copies.set(id, copy);
    const known = new Set([...this.copies.values()].map(({ file }) => file));
    for (const name of readdirSync(folder.path))
      if (filePattern.test(name) && !known.has(name)) rmSync(folder.pathOf(name), { force: true });
    this.sweep();
  }

  find(serverId: string): FlushCopy | undefined {
    const copy = this.copies.get(serverId);
    return copy !== undefined && this.clock.wallMs() - copy.atMs < COPY_KEPT_MS ? copy : undefined;
  }

  pathOf(copy: FlushCopy): string {
    return this.folder.pathOf(copy.file);
  }

  /** A name for the file of a new copy. */
  newFile(): string {
    return `undo-${randomUUID()}.jsonl`;
  }

  /** Keeps a copy whose file exists, in the place of an older one. */
  keep(serverId: string, copy: FlushCopy): void {
    this.forget(serverId);
    this.copies.set(serverId, copy);
    this.store();
    this.sweepLater();
  }

  drop(serverId: string): void {
    this.forget(serverId);
    this.store();
  }

  close(): void {
    this.timer?.cancel();
  }

  private forget(serverId: string): void {
    const copy = this.copies.get(serverId);
    if (copy === undefined) return;
    this.copies.delete(serverId);
    rmSync(this.pathOf(copy), { force: true });
  }

  private sweep(): void {
    const before = this.copies.size;
    for (const [id, { atMs }] of this.copies) if (this.clock.wallMs() - atMs >= COPY_KEPT_MS) this.forget(id);
    if (this.copies.size !== before) this.store();
    this.sweepLater();
  }

  private sweepLater(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.copies.size === 0) return;
    const first = Math.min(...[...this.copies.values()].map(({ atMs }) => atMs));
    const waitMs = Math.max(1000, first + COPY_KEPT_MS - this.clock.wallMs());
    this.timer = this.clock.after(waitMs, () => this.sweep());
  }

  private store(): void {
    this.folder.writeJson(fileName, { copies: Object.fromEntries(this.copies) });
  }
}
