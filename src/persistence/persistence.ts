// persistence: everything durable of one server: loads at start, saves by rule and command, keeps the AOF, refuses writes
// when the disk does.
//
// Only one snapshot is taken at a time: BGSAVE, the AOF rewrite and every other consumer queue for it (`cuts`). `cron` does
// the periodic work: save rules, growth of the AOF, retries, the sync of every second.
//
// Not here: the parts: rdb/saver, aof/append-only, snapshot/cuts, data-loading; the commands (commands/).

import { errors } from '../protocol/errors.js';
import { AppendOnly } from './aof/append-only.js';
import { errorCode } from '../base/system-error.js';
import { type ByteSource, FileSource } from './byte-source.js';
import { LoadProgress, loadRdb } from './data-loading.js';
import type { CommandPlaces, Part, PersistenceHost } from './host.js';
import { Replacement, type ReplacementMode } from './replacement.js';
import { parseSaveRules, RdbSaver } from './rdb/saver.js';
import { payloadWriter, type RdbWriter } from './rdb/writer.js';
import { Tolerance } from './rdb/value-repairs.js';
import { Cuts } from './snapshot/cuts.js';

const SECOND_MS = 1000;
const SNAPSHOT_BYTES_MIN = 256 << 20;
/** With more of them a replica is better off with a full sync. */
const EXPIRED_KEYS_MAX = 100_000;

type ExpiredKey = readonly [database: number, key: Uint8Array];

/**
 * The steps of DEBUG RELOAD besides loading the file: saving it before, emptying the databases, replacing the present
 * data.
 */
export interface ReloadOptions {
  readonly saves: boolean;
  readonly flushes: boolean;
  readonly merges: boolean;
}

export class Persistence {
  /** Where every consumer of a snapshot asks for one. */
  readonly cuts: Cuts;
  readonly rdb: RdbSaver;
  readonly aof: AppendOnly;
  /** Set while data is being loaded. */
  loading: LoadProgress | null = null;
  /** As `loading`, of data that is loaded while other data is served. */
  loadingAside: LoadProgress | null = null;
  lastLoadKeysLoaded = 0;
  lastLoadKeysExpired = 0;
  /** False: RESTORE takes payloads with a wrong checksum (DEBUG SET-SKIP-CHECKSUM-VALIDATION). */
  verifiesPayloads = true;
  private rules = parseSaveRules('');
  private wasRefusing = false;

  constructor(readonly host: PersistenceHost) {
    this.cuts = new Cuts(host);
    this.rdb = new RdbSaver(host, this.cuts, () => this.refusalMayHaveChanged());
    this.aof = new AppendOnly(host, this.cuts, () => this.refusalMayHaveChanged());
    this.readOptions();
  }

  /** A writer of payloads for RESTORE. */
  newPayloadWriter(): RdbWriter {
    return payloadWriter(this.rdb.compresses);
  }

  /** RESTORE got a payload that is no value. */
  payloadRefused(reason: string): void {
    this.host.log('warning', `RESTORE: ${reason}`);
  }

  /** RESTORE got a payload that contradicts itself. */
  payloadRepaired(key: string, what: string): void {
    this.host.log('notice', `RESTORE: key '${key}' was repaired: ${what}`);
  }

  /** How much of a payload RESTORE mends (Tolerance). */
  get payloadTolerance(): number {
    return this.host.option('sanitize-dump-payload') === 'no' ? Tolerance.redis : Tolerance.nothing;
  }

  private readOptions(): void {
    this.rules = parseSaveRules(String(this.host.option('save')));
    this.aof.readOptions();
  }

  get hasSaveRules(): boolean {
    return this.rules.length > 0;
  }

  /** Whether commands must be handed to `append`. */
  get isLogging(): boolean {
    return this.aof.log.isOpen;
  }

  /** The replies of a turn wait for `beforeReplies`: a client that was answered finds its write in the file. */
  get holdsReplies(): boolean {
    return this.aof.log.isOpen;
  }

  get hasSnapshot(): boolean {
    return this.cuts.current !== undefined;
  }

  // --- at start -------------------------------------------------------------------------------------------------------

  /** Loads the AOF when it is on, else the RDB file. Throws LoadError when the file cannot be loaded. */
  async load(): Promise<void> {
    const { host, aof } = this;
    const { keyspace } = host;
    const started = host.clock.steadyMs();
    const isOn = host.option('appendonly') === true;
    const { rdbPath } = this;
    const wasPaused = keyspace.expiryPaused;
    try {
      const aofBytes = aof.prepare(isOn);
      const rdbBytes = host.files.sizeOf(rdbPath);
      const bytes = isOn ? aofBytes : Math.max(0, rdbBytes);
      this.loading = new LoadProgress(host, bytes);
      keyspace.expiryPaused = true;
      host.loadingChanged(true);
      if (isOn) await aof.load(this.loading);
      // An empty file was torn: a start without data would end in overwriting files that can be repaired.
      else if (rdbBytes >= 0) await this.loadRdbFile(rdbPath, this.loading);
      if (isOn && host.option('appendonly') === true) aof.open();
      keyspace.savedDirty = keyspace.dirty;
      this.rdb.lastSaveMs = host.clock.wallMs();
      if (bytes > 0)
        host.log(
          'notice',
          `DB loaded from ${isOn ? 'append only file' : 'disk'}: ${((host.clock.steadyMs() - started) / SECOND_MS).toFixed(3)} seconds`,
        );
    } finally {
      keyspace.expiryPaused = wasPaused;
      this.lastLoadKeysLoaded = this.loading?.keysLoaded ?? 0;
      this.lastLoadKeysExpired = this.loading?.keysExpired ?? 0;
      this.loading = null;
      host.loadingChanged(false);
    }
    // It was turned on while an RDB file was loaded.
    if (!isOn && host.option('appendonly') === true) this.optionChanged('appendonly');
  }

  /** The server will load soon and must not serve before; for a server that listens already. */
  announceLoad(): void {
    this.loading = new LoadProgress(this.host, 0);
    this.host.loadingChanged(true);
  }

  private get rdbPath(): string {
    return `${String(this.host.option('dir'))}/${String(this.host.option('dbfilename'))}`;
  }

  /** Undefined: nobody wants them, or there were too many. */
  private expired: ExpiredKey[] | undefined = [];

  private noteExpired(database: number, key: Uint8Array): void {
    if (this.expired === undefined) return;
    this.expired.push([database, key]);
    if (this.expired.length > EXPIRED_KEYS_MAX) this.expired = undefined;
  }

  /**
   * The keys that were past their time when the RDB file was loaded at the start: replicas that go on from it have them still.
   * Undefined: there were too many to remember. To be taken once.
   */
  takeExpired(): readonly ExpiredKey[] | undefined {
    const { expired } = this;
    this.expired = undefined;
    return expired;
  }

  /** Fields of the header of the RDB file that was loaded last. */
  lastAux: ReadonlyMap<string, string> = new Map();

  private async loadRdbFile(
    path: string,
    progress: LoadProgress,
    merges = false,
    dropsExpired = this.host.isMaster,
  ): Promise<void> {
    const { host } = this;
    const file = host.files.open(path, 'read');
    try {
      const { aux } = await loadRdb(host, new FileSource(file), progress, {
        dropsExpired,
        merges,
        onExpired: (database, key) => this.noteExpired(database, key),
        loadFunction: (code, replaces) => host.loadFunction(code, replaces),
        log: (text) => host.log('notice', text),
      });
      this.lastAux = aux;
    } finally {
      file.close();
    }
  }

  // --- commands on their way to the file ------------------------------------------------------------------------------

  /** Keeps a command as it was called. @hot */
  append(database: number, command: CommandPlaces): void {
    if (this.aof.log.isOpen) this.aof.log.append(database, command, this.host.keyspace.nowMs);
  }

  appendParts(database: number, parts: readonly Part[]): void {
    if (this.aof.log.isOpen) this.aof.log.appendParts(database, parts, this.host.keyspace.nowMs);
  }

  /** Whether `beforeReplies` has to wait for the disk. */
  get syncsBeforeReplies(): boolean {
    const { log } = this.aof;
    return log.policy === 'always' && !log.holdsSyncs && log.pendingBytes > 0;
  }

  /**
   * Writes what the turn's commands left behind, and with appendfsync always makes it durable. False: that failed, so what
   * the turn acknowledges must not go out.
   */
  beforeReplies(): boolean {
    const { log } = this.aof;
    if (log.pendingBytes === 0) return true;
    return log.flush(false) || log.policy !== 'always';
  }

  // --- time -----------------------------------------------------------------------------------------------------------

  /** About ten times a second. */
  cron(): void {
    if (this.loading !== null) return;
    const { aof, rdb, cuts, host } = this;
    aof.log.holdsSyncs = this.hasSnapshot && host.option('no-appendfsync-on-rewrite') === true;
    aof.log.flush(false);
    if (this.hasSnapshot) {
      cuts.watchMemory(this.snapshotBytesMax);
      return;
    }
    if (aof.retry() || cuts.advance()) return;
    const rule = rdb.dueRule(this.rules);
    if (rule !== undefined) {
      if (!cuts.isFree) return;
      host.log('notice', `${rule.changes} changes in ${rule.seconds} seconds. Saving...`);
      rdb.saveInBackground();
    } else if (aof.isRewriteDue) {
      host.log('notice', 'Starting automatic rewriting of AOF');
      aof.rewrite();
    }
  }

  /** Memory that a snapshot may take for what the disk has not taken yet. A fork would take up to that of the data. */
  private get snapshotBytesMax(): number {
    const configured = Number(this.host.option('snapshot-memory-limit'));
    return configured > 0 ? configured : Math.max(SNAPSHOT_BYTES_MIN, this.host.keyspace.usedBytes / 2);
  }

  // --- what commands ask for ------------------------------------------------------------------------------------------

  /** SAVE. The text is the error reply. */
  save(): string | undefined {
    if (this.cuts.isSaving) return 'ERR Background save already in progress';
    return this.rdb.save() ? undefined : 'ERR';
  }

  /** A save is running, or will be in a moment: it waits for the walk of one that was given up, or for the next tick. */
  private get isSaving(): boolean {
    return this.cuts.isSaving || (this.rdb.isScheduled && !this.hasSnapshot);
  }

  /** BGSAVE [SCHEDULE]: the reply, an error when it starts with `-`. */
  backgroundSave(schedule: boolean): string {
    if (this.isSaving) return '-ERR Background save already in progress';
    if (this.hasSnapshot) {
      if (!schedule) {
        return "-ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
      }
      this.rdb.saveInBackground();
      return 'Background saving scheduled';
    }
    this.rdb.saveInBackground();
    return this.rdb.isScheduled && this.host.inTransaction
      ? 'Background saving scheduled'
      : 'Background saving started';
  }

  /** BGREWRITEAOF: the reply, an error when it starts with `-`. */
  backgroundRewrite(): string {
    const { aof } = this;
    if (aof.isRewriting) return '-ERR Background append only file rewriting already in progress';
    if (aof.rewrite() !== undefined)
      return "-ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";
    return aof.isScheduled
      ? 'Background append only file rewriting scheduled'
      : 'Background append only file rewriting started';
  }

  /** After FLUSHALL: a running BGSAVE is of no use any more; with save rules the empty data set is saved. */
  flushedAll(): void {
    this.rdb.abort();
    if (!this.hasSaveRules || this.loading !== null) return;
    this.rdb.save();
  }

  /** A directive was changed by CONFIG SET; the text says why it cannot be. */
  optionChanged(name: string): string | undefined {
    const { host, aof } = this;
    if (name === 'appendonly') {
      // While loading the files are in use; `load` sees to it at its end.
      if (this.loading !== null) return undefined;
      const wanted = host.option('appendonly') === true;
      if (wanted && aof.state === 'off') {
        try {
          aof.turnOn();
        } catch (error) {
          return `Unable to turn on AOF. Check server logs. (${errorCode(error)})`;
        }
        // An RDB that is being written does not help; the rewrite starts as soon as it can.
        if (!this.hasSnapshot) {
          const failure = aof.rewrite();
          if (failure !== undefined && aof.log.isOpen === false) {
            aof.turnOff();
            return 'Unable to turn on AOF. Check server logs.';
          }
        }
        if (aof.isScheduled)
          host.log(
            'notice',
            'AOF background was scheduled: the rewrite begins when the snapshot or transaction that is under way has ended',
          );
      } else if (!wanted && aof.state !== 'off') aof.turnOff();
      return undefined;
    }
    const policyBefore = aof.log.policy;
    this.readOptions();
    // Writes made under a looser policy become durable before `always` promises anything.
    if (name === 'appendfsync' && aof.log.policy === 'always' && policyBefore !== 'always') aof.log.drain();
    this.refusalMayHaveChanged();
    return undefined;
  }

  /** SHUTDOWN: the reason why it must not go on, if there is one. */
  shutdown(saves: boolean): string | undefined {
    const { host, aof, rdb } = this;
    if (this.loading !== null) return undefined;
    rdb.abort();
    aof.abortRewrite();
    if (aof.state !== 'off') {
      if (aof.state === 'waiting') host.log('warning', 'Writing initial AOF, exiting before it is complete');
      host.log('notice', 'Calling fsync() on the AOF file.');
      if (!aof.close()) host.log('warning', `Fail to fsync the AOF file: ${aof.log.failure ?? ''}`);
    }
    if (!saves) return undefined;
    host.log('notice', 'Saving the final RDB snapshot before exiting.');
    return rdb.save() ? undefined : "Error trying to save the DB, can't exit.";
  }

  // --- refusing writes ------------------------------------------------------------------------------------------------

  /** Why writes are refused: the error reply; undefined when they are not. */
  get writesRefused(): string | undefined {
    if (this.aof.state !== 'off' && this.aof.log.failure !== null) {
      return `MISCONF Errors writing to the AOF file: ${this.aof.log.failure.replace(/^Error [a-z ]*AOF file: /, '')}`;
    }
    if (!this.rdb.lastStatusOk && this.hasSaveRules && this.host.option('stop-writes-on-bgsave-error') !== false) {
      return (
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, " +
        'because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). ' +
        'Please check the Redis logs for details about the RDB error.'
      );
    }
    return undefined;
  }

  private refusalMayHaveChanged(): void {
    const refuses = this.writesRefused !== undefined;
    if (refuses === this.wasRefusing) return;
    this.wasRefusing = refuses;
    this.host.refusalChanged();
  }

  // --- INFO -----------------------------------------------------------------------------------------------------------

  /** The lines of INFO persistence. */
  info(): (readonly [string, string | number])[] {
    const { rdb, aof, cuts, host, loading } = this;
    const run = cuts.current;
    const sinceSeconds = (startedMs: number | undefined): number =>
      startedMs === undefined ? -1 : Math.floor((host.clock.wallMs() - startedMs) / SECOND_MS);
    const lines: (readonly [string, string | number])[] = [
      ['loading', loading === null ? 0 : 1],
      ['async_loading', this.loadingAside === null ? 0 : 1],
      ['current_cow_peak', run?.heldBytesMax ?? 0],
      ['current_cow_size', run?.snapshot.heldBytes ?? 0],
      ['current_cow_size_age', 0],
      [
        'current_fork_perc',
        run === undefined
          ? '0.00'
          : ((100 * run.snapshot.entriesDone) / Math.max(1, run.snapshot.entriesTotal)).toFixed(2),
      ],
      ['current_save_keys_processed', run === undefined ? 0 : run.snapshot.entriesDone],
      ['current_save_keys_total', run === undefined ? 0 : run.snapshot.entriesTotal],
      ['rdb_changes_since_last_save', host.keyspace.changesSinceSave],
      ['rdb_bgsave_in_progress', this.isSaving ? 1 : 0],
      ['rdb_last_save_time', Math.floor(rdb.lastSaveMs / SECOND_MS)],
      ['rdb_last_bgsave_status', rdb.lastStatusOk ? 'ok' : 'err'],
      ['rdb_last_bgsave_time_sec', rdb.lastDurationSeconds],
      ['rdb_current_bgsave_time_sec', sinceSeconds(cuts.isSaving ? run?.startedMs : undefined)],
      ['rdb_saves', rdb.saves],
      ['rdb_last_cow_size', rdb.lastHeldBytes],
      ['rdb_last_load_keys_expired', this.lastLoadKeysExpired],
      ['rdb_last_load_keys_loaded', this.lastLoadKeysLoaded],
      ['aof_enabled', (loading === null ? aof.state !== 'off' : host.option('appendonly') === true) ? 1 : 0],
      ['aof_rewrite_in_progress', aof.isRewriting ? 1 : 0],
      ['aof_rewrite_scheduled', aof.isScheduled ? 1 : 0],
      ['aof_last_rewrite_time_sec', aof.lastRewriteSeconds],
      ['aof_current_rewrite_time_sec', sinceSeconds(aof.current?.startedMs)],
      ['aof_last_bgrewrite_status', aof.lastRewriteOk ? 'ok' : 'err'],
      ['aof_rewrites', aof.rewrites],
      ['aof_rewrites_consecutive_failures', aof.consecutiveFailures],
      ['aof_last_write_status', aof.log.failure === null ? 'ok' : 'err'],
      ['aof_last_cow_size', aof.lastHeldBytes],
      ['module_fork_in_progress', 0],
      ['module_fork_last_cow_size', 0],
    ];
    if (aof.state !== 'off') {
      lines.push(
        ['aof_current_size', aof.size],
        ['aof_base_size', aof.sizeAtRewrite],
        ['aof_pending_rewrite', 0],
        ['aof_buffer_length', aof.log.pendingBytes],
        ['aof_pending_bio_fsync', aof.log.pendingSyncs],
        ['aof_delayed_fsync', aof.log.delayedSyncs],
      );
    }
    if (loading !== null) {
      const elapsed = Math.max(0, Math.floor((host.clock.wallMs() - loading.startedMs) / SECOND_MS));
      const share = loading.totalBytes === 0 ? 0 : loading.loadedBytes / loading.totalBytes;
      lines.push(
        ['loading_start_time', Math.floor(loading.startedMs / SECOND_MS)],
        ['loading_total_bytes', loading.totalBytes],
        ['loading_rdb_used_mem', 0],
        ['loading_loaded_bytes', loading.loadedBytes],
        ['loading_loaded_perc', (100 * share).toFixed(2)],
        ['loading_eta_seconds', share === 0 ? 1 : Math.floor((elapsed * (1 - share)) / share)],
      );
    }
    return lines;
  }

  // --- replication ------------------------------------------------------------------------------------------------------

  /** Puts another data set in the place of all data; `isQuiet`: see Replacement. */
  replace(source: ByteSource, totalBytes: number, mode: ReplacementMode, isQuiet: () => boolean): Promise<void> {
    return new Replacement(this, source, totalBytes, mode, isQuiet).done;
  }

  /** As `replace`, with what an RDB file holds. */
  async replaceWith(path: string): Promise<void> {
    const file = this.host.files.open(path, 'read');
    try {
      await this.replace(new FileSource(file), file.size(), 'direct', () => true);
    } finally {
      file.close();
    }
  }

  // --- DEBUG ----------------------------------------------------------------------------------------------------------

  /** DEBUG loads the file of this server: a stream from a master must wait, as the file lacks what comes meanwhile. */
  isReloading = false;
  private reloads: Promise<unknown> = Promise.resolve();

  /** DEBUG RELOAD: saves (unless told not to), empties all databases (unless told not to) and loads the RDB file. */
  reload(options: ReloadOptions): Promise<string | undefined> {
    return this.afterReloads(async () => {
      this.rdb.abort();
      if (options.saves && !this.rdb.save()) return errors.rdbNotLoaded;
      return this.loadAgain(options.flushes, errors.rdbNotLoaded, (progress) =>
        this.loadRdbFile(this.rdbPath, progress, options.merges),
      );
    });
  }

  /** DEBUG LOADAOF: empties all databases, forgets the functions, and loads the AOF. */
  loadAof(): Promise<string | undefined> {
    return this.afterReloads(async () => {
      const { aof } = this;
      if (aof.state === 'on') aof.log.drain();
      const refusal = 'ERR Error trying to load the AOF files, check server logs.';
      return this.loadAgain(true, refusal, (progress) => aof.load(progress));
    });
  }

  /** One load at a time: another that began in its midst would save half of the data. */
  private afterReloads(run: () => Promise<string | undefined>): Promise<string | undefined> {
    const done = this.isReloading ? this.reloads.then(run) : run();
    this.reloads = done.catch(() => undefined);
    return done;
  }

  /** Loads a file of this server in its midst; clients are refused as at the start, because it loads in slices. */
  private async loadAgain(
    flushes: boolean,
    refusal: string,
    load: (progress: LoadProgress) => Promise<unknown>,
  ): Promise<string | undefined> {
    const { host } = this;
    const { keyspace } = host;
    const { changesSinceSave } = keyspace;
    const progress = new LoadProgress(host, 0);
    const wasPaused = keyspace.expiryPaused;
    this.isReloading = true;
    this.loading = progress;
    keyspace.expiryPaused = true;
    host.loadingChanged(true);
    try {
      if (flushes) {
        host.dataWillGo();
        for (const database of keyspace.databases) database.clear();
        host.clearFunctions();
      }
      await load(progress);
    } catch (error) {
      host.log('warning', error instanceof Error ? error.message : String(error));
      return refusal;
    } finally {
      this.isReloading = false;
      this.loading = null;
      keyspace.expiryPaused = wasPaused;
      host.loadingChanged(false);
    }
    this.lastLoadKeysLoaded = progress.keysLoaded;
    this.lastLoadKeysExpired = progress.keysExpired;
    keyspace.savedDirty = keyspace.dirty - changesSinceSave;
    return undefined;
  }
}
