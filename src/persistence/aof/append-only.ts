// append-only: the append-only file as a whole: base and increments, its manifest, loading, rewriting, on and off at run time.
//
//   <dir>/<appenddirname>/<appendfilename>.manifest          which files, see aof/manifest
//                         <appendfilename>.<n>.base.rdb|aof   a snapshot
//                         <appendfilename>.<n>.incr.aof       the commands since
//
// A rewrite is a cut: in one turn of the loop a new increment begins and a snapshot starts. When the snapshot's file is in
// place, a new manifest names it and the increments from the cut on; the older files are removed. Until then the old manifest
// holds all: at any moment the files that the manifest on the disk names are the whole data.
//
// Turned on at run time, there is no base yet: commands go to a temporary increment until the first rewrite is in place.

import { type Files, type OpenFile } from '../../io/files.js';
import { AofLog, type SyncPolicy } from './log.js';
import { type AofFile, AofManifest, ManifestError, readManifest } from './manifest.js';
import { CommandSnapshotEncoder } from './command-snapshot.js';
import { FileSource } from '../byte-source.js';
import { beginsAsRdb, LoadError, type LoadProgress, loadRdb, replayCommands } from '../data-loading.js';
import type { PersistenceHost } from '../host.js';
import { RdbSnapshotEncoder } from '../rdb/snapshot-encoder.js';
import { rdbOptions } from '../rdb/saver.js';
import { Compression, type RdbWriter } from '../rdb/writer.js';
import type { SnapshotFileOptions } from '../snapshot/snapshot-file.js';
import { DirectFileSink } from '../snapshot/snapshot-sink.js';
import type { Cut, Cuts } from '../snapshot/cuts.js';
import type { SnapshotResult, SnapshotRun } from '../snapshot/snapshot-run.js';
import type { SnapshotEncoder } from '../snapshot/snapshot.js';
import { saveWhole } from '../snapshot/whole-save.js';

/** off: no AOF. waiting: turned on, the first rewrite is not in place yet. on: as it should be. */
export type AofState = 'off' | 'waiting' | 'on';

/** The end of the AOF as it grows. */
export interface AofTail {
  readonly sequence: number;
  readonly path: string;
  readonly writtenBytes: number;
  readonly bytes: number;
  readonly database: number;
}

const FAILURES_BEFORE_DELAY = 3;
const DELAY_MINUTES_MAX = 60;

export class AppendOnly {
  state: AofState = 'off';
  readonly log: AofLog;
  /** Size of the files after the last rewrite (or at start): what growth is measured against. */
  sizeAtRewrite = 0;
  lastRewriteOk = true;
  lastRewriteSeconds = -1;
  rewrites = 0;
  /** The most memory that the last rewrite took beside the data. */
  lastHeldBytes = 0;
  consecutiveFailures = 0;
  private manifest: AofManifest;
  /** Size of all live files but the one that grows. */
  private settledBytes = 0;
  private baseBytes = 0;
  private cut: Cut | undefined;
  /** The first rewrite of an AOF that was turned on is to be asked for again. */
  private wantsRetry = false;
  private retryAtMs = 0;

  constructor(
    private readonly host: PersistenceHost,
    private readonly cuts: Cuts,
    failureChanged: () => void,
  ) {
    this.manifest = new AofManifest(this.fileName);
    this.log = new AofLog(host, failureChanged, () => cuts.current !== undefined);
    this.readOptions();
  }

  private get files(): Files {
    return this.host.files;
  }

  private get fileName(): string {
    return String(this.host.option('appendfilename'));
  }

  get folder(): string {
    return `${String(this.host.option('dir'))}/${String(this.host.option('appenddirname'))}`;
  }

  get isRewriting(): boolean {
    return this.cut?.state === 'running';
  }

  /** A rewrite waits for the end of another cut or of a transaction, or for the time of its next try. */
  get isScheduled(): boolean {
    return this.wantsRetry || this.cut?.state === 'waiting';
  }

  get current(): SnapshotRun | undefined {
    return this.isRewriting ? this.cut?.run : undefined;
  }

  get size(): number {
    return this.settledBytes + this.log.size;
  }

  /**
   * How many of the log's `appendedBytes` a restart would find. -1: none, because the first rewrite of an AOF that was
   * turned on has not ended, and without its base nothing that follows is of use.
   */
  get durableBytes(): number {
    return this.state === 'on' && this.log.isOpen ? this.log.syncedBytes : -1;
  }

  get baseSize(): number {
    return this.sizeAtRewrite;
  }

  readOptions(): void {
    this.log.policy = String(this.host.option('appendfsync')) as SyncPolicy;
    this.log.notesTime = this.host.option('aof-timestamp-enabled') === true;
  }

  // --- at start -------------------------------------------------------------------------------------------------------

  /** Finds the files; returns the bytes that there are to load. With `isOn` they must be there, and an old file is adopted. */
  prepare(isOn: boolean): number {
    const { files } = this;
    try {
      this.manifest = readManifest(files, this.folder, this.fileName) ?? new AofManifest(this.fileName);
    } catch (error) {
      if (error instanceof ManifestError)
        throw new LoadError(
          `The AOF manifest ${this.folder}/${this.fileName}.manifest cannot be used: ${error.message}`,
          -1,
        );
      throw error;
    }
    if (!isOn) return 0;
    const { base, live } = this.manifest;
    // The second: a crash between writing the manifest and moving the file.
    const isHalfAdopted = live.length === 1 && base?.name === this.fileName && files.sizeOf(this.pathOf(base)) < 0;
    if (live.length === 0 || isHalfAdopted) this.adoptOldFile();
    let bytes = 0;
    for (const file of this.manifest.live) {
      const size = files.sizeOf(this.pathOf(file));
      if (size < 0)
        throw new LoadError(
          `Fatal error: can't open the append log file ${file.name} for reading: No such file or directory. The manifest in ${this.folder} names it.`,
          -1,
        );
      bytes += size;
    }
    return bytes;
  }

  /** A single file of a version before 7.0 becomes the base of a multi-part AOF. */
  private adoptOldFile(): void {
    const { files } = this;
    const oldPath = `${String(this.host.option('dir'))}/${this.fileName}`;
    if (files.sizeOf(oldPath) < 0 || files.isFolder(oldPath)) return;
    this.host.log('notice', `Moving the old append only file ${oldPath} into ${this.folder}`);
    if (this.manifest.base === undefined) this.manifest.adoptOldFile(this.fileName);
    files.makeFolder(this.folder);
    this.manifest.save(files, this.folder);
    files.rename(oldPath, `${this.folder}/${this.fileName}`);
    files.syncFolder(this.folder);
    files.syncFolder(String(this.host.option('dir')));
  }

  private pathOf(file: AofFile): string {
    return `${this.folder}/${file.name}`;
  }

  /** Loads all files in order. */
  async load(progress: LoadProgress): Promise<void> {
    const live = this.manifest.live;
    for (const file of live) {
      const mode = file === live[live.length - 1] ? 'update' : 'read';
      const open = this.files.open(this.pathOf(file), mode);
      try {
        await this.loadFile(open, mode === 'update', progress);
      } finally {
        open.close();
      }
    }
  }

  private async loadFile(file: OpenFile, isLast: boolean, progress: LoadProgress): Promise<void> {
    const { host } = this;
    if (file.size() === 0) {
      // A base of commands is empty when there was no key; an RDB never is.
      if (file.path.endsWith('.base.rdb'))
        throw new LoadError(
          `${file.path} is empty: a snapshot was torn, restore it or remove it from the manifest`,
          -1,
        );
      return;
    }
    const options = {
      dropsExpired: false,
      loadFunction: (code: Uint8Array) => host.loadFunction(code, false),
      log: (text: string) => host.log('notice', text),
    };
    // Commands follow an RDB in the same file: they are read anew from its end.
    const start = beginsAsRdb(file) ? (await loadRdb(host, new FileSource(file), progress, options)).bytes : 0;
    try {
      await replayCommands(host, new FileSource(file, start), start, progress);
    } catch (error) {
      if (
        !(error instanceof LoadError) ||
        error.soundUpTo < 0 ||
        !isLast ||
        host.option('aof-load-truncated') === false
      )
        throw error;
      host.log('warning', '!!! Warning: short read while loading the AOF file !!!');
      host.log(
        'warning',
        `AOF loaded anyway because aof-load-truncated is enabled: truncating ${file.path} from ${file.size()} to ${error.soundUpTo} bytes`,
      );
      file.truncate(error.soundUpTo);
      file.sync();
    }
  }

  /** After loading, or with nothing to load: opens the file that grows, makes a base if there is none. */
  open(): void {
    const { files, manifest } = this;
    files.makeFolder(this.folder);
    if (manifest.base === undefined && manifest.incr.length === 0) {
      const isRdb = this.writesRdb;
      const base = manifest.replaceBase(isRdb, undefined);
      const sink = new DirectFileSink(files, this.fileOptions(this.pathOf(base), isRdb));
      const failure = saveWhole(this.host.keyspace, (writer) => this.encoder(isRdb, writer), sink, this.compresses);
      if (failure !== null) throw failure;
    }
    const last = manifest.incr[manifest.incr.length - 1] ?? manifest.addIncr();
    const path = this.pathOf(last);
    const file = files.open(path, 'append');
    manifest.save(files, this.folder);
    this.measure();
    this.log.switchTo(file, file.size());
    this.sizeAtRewrite = this.size;
    this.state = 'on';
    this.removeHistory();
  }

  /** Counts the bytes of all live files but the last. */
  private measure(): void {
    const startMs = this.host.clock.steadyMs();
    const { live, base } = this.manifest;
    this.settledBytes = 0;
    this.baseBytes = base === undefined ? 0 : Math.max(0, this.files.sizeOf(this.pathOf(base)));
    for (const file of live.slice(0, -1)) this.settledBytes += Math.max(0, this.files.sizeOf(this.pathOf(file)));
    this.host.noteLatency('aof-fstat', this.host.clock.steadyMs() - startMs);
  }

  // --- rewriting ------------------------------------------------------------------------------------------------------

  private get writesRdb(): boolean {
    return this.host.option('aof-use-rdb-preamble') !== false;
  }

  private get compresses(): boolean {
    return this.writesRdb && this.host.option('rdbcompression') !== false;
  }

  private fileOptions(finalPath: string, isRdb: boolean): SnapshotFileOptions {
    return {
      temporaryPath: `${this.folder}/temp-rewriteaof-${this.host.processId}.${this.rewrites}.aof`,
      finalPath,
      checksum: !isRdb ? 'absent' : this.host.option('rdbchecksum') === false ? 'off' : 'on',
      incrementalSync: this.host.option('aof-rewrite-incremental-fsync') !== false,
    };
  }

  private encoder(isRdb: boolean, writer: RdbWriter): SnapshotEncoder {
    if (isRdb) return new RdbSnapshotEncoder(this.host.keyspace, rdbOptions(this.host, true), writer);
    const noteSeconds = this.log.notesTime ? Math.floor(this.host.clock.wallMs() / 1000) : 0;
    return new CommandSnapshotEncoder(this.host.keyspace, this.host.functionLibraries(), noteSeconds);
  }

  private get temporaryIncrPath(): string {
    return `${this.folder}/temp-${this.fileName}.incr`;
  }

  /** BGREWRITEAOF: asks for a cut. Returns the reason when it failed at once. */
  rewrite(): string | undefined {
    const { host } = this;
    let isRdb = true;
    let startedMs = -1;
    let firstKept: AofFile | undefined;
    this.wantsRetry = false;
    if (this.cut?.state === 'waiting') {
      // One that waits is enough, unless it need not wait any longer.
      if (!this.cuts.isFree) return undefined;
      this.cut.abort();
    }
    const cut = this.cuts.request({
      name: 'AOF rewrite',
      goesFirst: true,
      isReady: () => this.mayRetry,
      compression: () => (this.compresses ? Compression.marked : Compression.none),
      makeSink: () => {
        firstKept = this.beginIncrement();
        isRdb = this.writesRdb;
        const base = this.manifest.clone().replaceBase(isRdb, undefined);
        return host.makeSink(this.fileOptions(this.pathOf(base), isRdb));
      },
      makeEncoder: (writer) => this.encoder(isRdb, writer),
      onStart: () => {
        startedMs = host.clock.wallMs();
        this.rewrites++;
        host.log('notice', 'Background append only file rewriting started');
      },
      onEnd: (result) => {
        if (startedMs < 0) {
          this.rewriteFailed(result.error!.message);
          return;
        }
        this.lastHeldBytes = this.cut?.run?.heldBytesMax ?? 0;
        this.lastRewriteSeconds = Math.floor((host.clock.wallMs() - startedMs) / 1000);
        this.finishRewrite(result, isRdb, firstKept);
      },
    });
    this.cut = cut;
    return cut.startFailure?.message;
  }

  /** At the cut: makes the increment that holds what comes after it; returns it when the manifest names it. */
  private beginIncrement(): AofFile | undefined {
    const { files } = this;
    this.wantsRetry = false;
    files.makeFolder(this.folder);
    if (this.state === 'off') return undefined;
    if (this.state === 'waiting') {
      const file = files.open(this.temporaryIncrPath, 'create');
      this.log.release()?.close();
      this.log.discardBuffer();
      this.log.switchTo(file, 0);
      return undefined;
    }
    // All acknowledged writes are durable before anything depends on the new file.
    if (!this.log.drain()) throw new Error(this.log.failure ?? 'the append only file cannot be written');
    const next = this.manifest.clone();
    const increment = next.addIncr();
    const file = files.open(this.pathOf(increment), 'append');
    try {
      next.save(files, this.folder);
    } catch (error) {
      file.close();
      throw error;
    }
    this.settledBytes += this.log.size;
    this.log.release()?.close();
    this.manifest = next;
    this.log.switchTo(file, file.size());
    return increment;
  }

  private finishRewrite(result: SnapshotResult, isRdb: boolean, firstKept: AofFile | undefined): void {
    const { host, files } = this;
    if (result.aborted) {
      host.log('notice', 'Background append only file rewriting stopped');
      return;
    }
    try {
      if (result.error !== null) throw result.error;
      const next = this.manifest.clone();
      // Without an AOF that is on, increments that an earlier time left behind are older than this base.
      const base = next.replaceBase(isRdb, firstKept);
      if (this.state === 'waiting') {
        const incr = next.addIncr();
        // Synced by the policy, no more than other increments: with `no` it would hold up the commands for nothing.
        if (!this.log.flush(true)) throw new Error(this.log.failure ?? 'the append only file cannot be written');
        const startMs = host.clock.steadyMs();
        files.rename(this.temporaryIncrPath, this.pathOf(incr));
        files.syncFolder(this.folder);
        host.noteLatency('aof-rename', host.clock.steadyMs() - startMs);
      }
      next.save(files, this.folder);
      this.manifest = next;
      this.baseBytes = files.sizeOf(this.pathOf(base));
    } catch (error) {
      this.rewriteFailed(error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.state === 'waiting') this.state = 'on';
    this.measure();
    this.sizeAtRewrite = this.size;
    this.lastRewriteOk = true;
    this.consecutiveFailures = 0;
    host.log('notice', 'Background AOF rewrite finished successfully');
    this.removeHistory();
  }

  private rewriteFailed(reason: string): void {
    this.lastRewriteOk = false;
    this.consecutiveFailures++;
    this.host.log('warning', `Background AOF rewrite terminated with an error: ${reason}`);
    // Each failed try leaves an increment behind, so after some the next waits longer and longer.
    if (this.consecutiveFailures >= FAILURES_BEFORE_DELAY) {
      const minutes = Math.min(DELAY_MINUTES_MAX, 2 ** (this.consecutiveFailures - FAILURES_BEFORE_DELAY));
      this.retryAtMs = this.host.clock.wallMs() + minutes * 60_000;
    }
    if (this.state === 'waiting') this.wantsRetry = true;
  }

  /** Asks again for a first rewrite that failed, when its time has come. Returns whether that was so. */
  retry(): boolean {
    if (!this.wantsRetry || !this.mayRetry) return false;
    this.rewrite();
    return true;
  }

  /** Removes the files that the manifest names as history. */
  private removeHistory(): void {
    const { manifest, files } = this;
    if (manifest.history.length === 0 || this.host.option('aof-disable-auto-gc') === true) return;
    const next = manifest.clone();
    next.history.length = 0;
    try {
      next.save(files, this.folder);
    } catch (error) {
      this.host.log(
        'warning',
        `The AOF manifest cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      );
      return;
    }
    for (const file of manifest.history) {
      try {
        files.remove(this.pathOf(file));
      } catch (error) {
        this.host.log(
          'warning',
          `Cannot remove ${this.pathOf(file)}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    this.manifest = next;
  }

  /** Whether the file has grown enough to be rewritten by itself. */
  get isRewriteDue(): boolean {
    const percentage = Number(this.host.option('auto-aof-rewrite-percentage'));
    if (this.state !== 'on' || percentage <= 0 || this.size <= Number(this.host.option('auto-aof-rewrite-min-size')))
      return false;
    if (this.consecutiveFailures >= FAILURES_BEFORE_DELAY && this.host.clock.wallMs() < this.retryAtMs) return false;
    const base = Math.max(1, this.sizeAtRewrite);
    return (this.size * 100) / base - 100 >= percentage;
  }

  private get mayRetry(): boolean {
    return this.consecutiveFailures < FAILURES_BEFORE_DELAY || this.host.clock.wallMs() >= this.retryAtMs;
  }

  /** Ends a rewrite that runs and forgets one that is scheduled. */
  abortRewrite(): void {
    this.cut?.abort();
    this.wantsRetry = false;
  }

  // --- on and off -----------------------------------------------------------------------------------------------------

  /** CONFIG SET appendonly yes: from now on commands are kept; the first rewrite follows. */
  turnOn(): void {
    this.files.makeFolder(this.folder);
    this.state = 'waiting';
    this.wantsRetry = true;
  }

  /** CONFIG SET appendonly no. */
  turnOff(): void {
    this.log.drain();
    this.state = 'off';
    if (this.isRewriting)
      this.host.log('notice', 'Killing AOF child: the rewrite that is running is of no use any more');
    this.abortRewrite();
    this.log.release()?.close();
    this.log.discardBuffer();
    this.sizeAtRewrite = 0;
    this.settledBytes = 0;
    if (this.files.sizeOf(this.temporaryIncrPath) >= 0) this.files.remove(this.temporaryIncrPath);
  }

  /** Paths of the increments that the data consists of, by sequence. */
  get increments(): readonly { readonly sequence: number; readonly path: string }[] {
    return this.manifest.incr.map((file) => ({ sequence: file.sequence, path: this.pathOf(file) }));
  }

  /** The increment that grows: bytes of it, written or not, and the database of its last command (-1: unknown). */
  get tail(): AofTail | undefined {
    const last = this.manifest.incr[this.manifest.incr.length - 1];
    const { log } = this;
    if (this.state !== 'on' || !log.isOpen || last === undefined) return undefined;
    return {
      sequence: last.sequence,
      path: this.pathOf(last),
      writtenBytes: log.size,
      bytes: log.size + log.pendingBytes,
      database: log.database,
    };
  }

  /** Writes and syncs all; false when that failed. */
  close(): boolean {
    if (this.state === 'off') return true;
    const isWhole = this.log.drain();
    this.log.release()?.close();
    return isWhole;
  }

  get baseFileBytes(): number {
    return this.baseBytes;
  }
}
