// log: the file that grows: commands are put into a buffer, written once per turn of the loop, and synced by policy.
//
//   always     written and synced before the replies of the turn go out: acknowledged writes are on the disk
//   everysec   written every turn, synced off the loop once a second; while a sync runs, writes wait up to two seconds,
//              as a write to a file that is being synced can block for as long
//   no         written every turn, synced by the system
//
// A write that fails (disk full) is taken back to the last whole turn and tried again by every `flush`; meanwhile
// `failure` says why. Nothing of the buffer is dropped.
//
// Not here: the choice of the file (aof/append-only), the server's reaction to a failure (persistence).

import { utf8 } from '../../base/bytes.js';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Part } from '../../commands/engine.js';
import type { OpenFile } from '../../io/files.js';
import { CommandEncoder, type CommandPlaces } from '../../protocol/command-encoder.js';
import type { PersistenceHost } from '../host.js';

export type SyncPolicy = 'always' | 'everysec' | 'no';

const SYNC_INTERVAL_MS = 1000;
const POSTPONE_MS_MAX = 2000;
const LOG_ERROR_EVERY_MS = 30_000;

export class AofLog {
  policy: SyncPolicy = 'everysec';
  /** Writes a note with the time before the first command of each second. */
  notesTime = false;
  /** A snapshot is being written and the configuration wants no syncs meanwhile. */
  holdsSyncs = false;
  /** DEBUG AOF-FLUSH-SLEEP: microseconds to wait before each write. */
  writeDelayMicroseconds = 0;
  /** Why the last write or sync failed; null when all is well. */
  failure: string | null = null;
  /** Bytes of the file that are whole. */
  size = 0;
  delayedSyncs = 0;
  /** Told when there is a file to write to, or none any more. */
  onOpenChanged: () => void = () => undefined;
  private file: OpenFile | undefined;
  private readonly encoder = new CommandEncoder();
  private lastNoteSeconds = 0;
  private unsyncedBytes = 0;
  /** Bytes written by this process, to whatever file. */
  private writtenBytes = 0;
  private lastSyncMs = 0;
  private postponedSinceMs = 0;
  private syncsRunning = 0;
  private lastLoggedMs = -Infinity;

  constructor(
    private readonly host: Pick<PersistenceHost, 'clock' | 'log' | 'noteLatency'>,
    private readonly failureChanged: () => void,
    private readonly hasSnapshot: () => boolean,
  ) {}

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** The database of the last command; -1: the next one selects its own. */
  get database(): number {
    return this.encoder.database;
  }

  get pendingBytes(): number {
    return this.encoder.length;
  }

  /** Bytes of commands so far, written or not; see `syncedBytes`. */
  get appendedBytes(): number {
    return this.writtenBytes + this.encoder.length;
  }

  /** How many of `appendedBytes` are on the disk for sure. */
  get syncedBytes(): number {
    return this.writtenBytes - this.unsyncedBytes;
  }

  get pendingSyncs(): number {
    return this.syncsRunning;
  }

  /** Goes on in this file, which is `size` bytes long. The buffer goes there. */
  switchTo(file: OpenFile, size: number): void {
    this.file = file;
    this.size = size;
    this.encoder.forgetDatabase();
    this.lastNoteSeconds = 0;
    this.unsyncedBytes = 0;
    this.lastSyncMs = this.host.clock.steadyMs();
    this.onOpenChanged();
  }

  /** The present file, which is the caller's to close; nothing is written until the next `switchTo`. */
  release(): OpenFile | undefined {
    const { file } = this;
    this.file = undefined;
    if (file !== undefined) this.onOpenChanged();
    return file;
  }

  /** Forgets what was not written. */
  discardBuffer(): void {
    this.encoder.clear();
    this.failure = null;
  }

  // --- commands into the buffer ---------------------------------------------------------------------------------------

  /** Writes a note with the time, where notes are wanted and a second has begun. */
  private noteTime(nowMs: number): void {
    const seconds = Math.floor(nowMs / 1000);
    if (seconds <= this.lastNoteSeconds) return;
    this.lastNoteSeconds = seconds;
    this.encoder.raw(utf8(`#TS:${seconds}\r\n`));
  }

  /** @hot */
  append(database: number, command: CommandPlaces, nowMs: number): void {
    if (this.notesTime) this.noteTime(nowMs);
    this.encoder.command(database, command);
  }

  appendParts(database: number, parts: readonly Part[], nowMs: number): void {
    if (this.notesTime) this.noteTime(nowMs);
    this.encoder.parts(database, parts);
  }

  // --- the buffer into the file ---------------------------------------------------------------------------------------

  /** Writes the buffer and syncs as the policy says; false when that failed. `force`: whatever sync is running. */
  flush(force: boolean): boolean {
    const { file } = this;
    if (file === undefined) return true;
    if (this.encoder.length > 0) {
      if (this.policy === 'everysec' && !force && this.mustPostpone()) return true;
      this.postponedSinceMs = 0;
      if (!this.write(file)) return false;
    }
    if (this.policy !== 'always' || this.holdsSyncs) return this.syncIfDue(file);
    const startMs = this.host.clock.steadyMs();
    const isDurable = this.syncNow(file);
    this.host.noteLatency('aof-fsync-always', this.host.clock.steadyMs() - startMs);
    return isDurable;
  }

  private mustPostpone(): boolean {
    if (this.syncsRunning === 0) return false;
    const now = this.host.clock.steadyMs();
    if (this.postponedSinceMs === 0) this.postponedSinceMs = now;
    if (now - this.postponedSinceMs < POSTPONE_MS_MAX) return true;
    this.delayedSyncs++;
    this.host.log(
      'notice',
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down Kvasir.',
    );
    return false;
  }

  /** Writes the buffer; how long that took is kept under what may be to blame: a sync, a snapshot, or neither. */
  private write(file: OpenFile): boolean {
    const { host } = this;
    const startMs = host.clock.steadyMs();
    const isWritten = this.writeAll(file);
    const tookMs = host.clock.steadyMs() - startMs;
    host.noteLatency(
      this.syncsRunning > 0
        ? 'aof-write-pending-fsync'
        : this.hasSnapshot()
          ? 'aof-write-active-child'
          : 'aof-write-alone',
      tookMs,
    );
    host.noteLatency('aof-write', tookMs);
    return isWritten;
  }

  private writeAll(file: OpenFile): boolean {
    let done = 0;
    if (this.writeDelayMicroseconds > 0)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.writeDelayMicroseconds / 1000);
    try {
      while (done < this.encoder.length) {
        const count = file.write(this.encoder.bytes, done, this.encoder.length - done);
        if (count <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        done += count;
      }
    } catch (error) {
      this.takeBack(file, done);
      this.fail(`Error writing to the AOF file: ${systemErrorText(error)}`);
      return false;
    }
    this.size += done;
    this.writtenBytes += done;
    this.unsyncedBytes += done;
    this.encoder.clear();
    this.succeed();
    return true;
  }

  /** A part of the buffer was written: cuts the file back, or else drops that part from the buffer. */
  private takeBack(file: OpenFile, done: number): void {
    if (done === 0) return;
    try {
      file.truncate(this.size);
    } catch (error) {
      this.host.log('warning', `Could not remove short write from the append-only file: ${errorCode(error)}`);
      this.encoder.dropFirst(done);
      this.size += done;
    }
  }

  private syncNow(file: OpenFile): boolean {
    if (this.unsyncedBytes === 0) return true;
    try {
      file.sync();
    } catch (error) {
      this.fail(`Error syncing the AOF file: ${systemErrorText(error)}`);
      return false;
    }
    this.unsyncedBytes = 0;
    this.lastSyncMs = this.host.clock.steadyMs();
    this.succeed();
    return true;
  }

  private syncIfDue(file: OpenFile): boolean {
    if (this.policy !== 'everysec' || this.unsyncedBytes === 0 || this.syncsRunning > 0 || this.holdsSyncs) return true;
    const now = this.host.clock.steadyMs();
    if (now - this.lastSyncMs < SYNC_INTERVAL_MS) return true;
    this.lastSyncMs = now;
    this.syncSoon(file, this.unsyncedBytes);
    return true;
  }

  private syncSoon(file: OpenFile, bytes: number): void {
    this.syncsRunning++;
    file.syncSoon((error) => {
      this.syncsRunning--;
      if (file !== this.file) return;
      if (error !== null) {
        this.fail(`Error syncing the AOF file: ${systemErrorText(error)}`);
        return;
      }
      this.unsyncedBytes -= bytes;
      this.succeed();
    });
  }

  /** Writes and syncs all there is, now; for shutting down and for changing files. */
  drain(): boolean {
    const { file } = this;
    if (file === undefined) return true;
    if (this.encoder.length > 0 && !this.write(file)) return false;
    return this.syncNow(file);
  }

  private fail(reason: string): void {
    const now = this.host.clock.steadyMs();
    if (now - this.lastLoggedMs >= LOG_ERROR_EVERY_MS) {
      this.lastLoggedMs = now;
      this.host.log('warning', reason);
    }
    const changed = this.failure === null;
    this.failure = reason;
    if (changed) this.failureChanged();
  }

  private succeed(): void {
    if (this.failure === null || this.encoder.length > 0) return;
    this.host.log('warning', 'AOF write error looks solved. Kvasir can write again.');
    this.failure = null;
    this.lastLoggedMs = -Infinity;
    this.failureChanged();
  }
}
