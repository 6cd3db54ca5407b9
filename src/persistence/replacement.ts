// replacement: another data set in the place of all data, as a replica gets it from its master.
//
//   direct    the old data goes first; commands are answered -LOADING meanwhile. A failure leaves nothing.
//   aside     the new data is loaded into databases of its own, and takes the place of the old at its end, in one step.
//             A failure leaves the old data. `serves`: it may be read meanwhile, else commands are answered -LOADING.
//
// No snapshot begins while data is loaded aside: its entries would not be part of it, and count as saved in the next one.
//
// Not here: where the bytes come from (byte-source), whose history the data is (replication).

import type { Database } from '../keyspace/database.js';
import type { ByteSource } from './byte-source.js';
import { LoadProgress, loadRdb } from './data-loading.js';
import type { PersistenceHost } from './host.js';

export type ReplacementMode = 'direct' | 'aside' | 'aside-serving';

/** The parts of persistence that take part. */
export interface ReplacementOwner {
  readonly host: PersistenceHost;
  readonly cuts: { isHeld: boolean };
  readonly rdb: { abort(): void };
  readonly aof: { turnOff(): void };
  loading: LoadProgress | null;
  loadingAside: LoadProgress | null;
  lastLoadKeysLoaded: number;
  lastLoadKeysExpired: number;
  optionChanged(name: 'appendonly'): string | undefined;
}

export class Replacement {
  /** Loads the data; rejects with the reason. */
  readonly done: Promise<void>;

  constructor(
    private readonly owner: ReplacementOwner,
    private readonly source: ByteSource,
    totalBytes: number,
    private readonly mode: ReplacementMode,
    /** Asked before the new data takes the place of the old: false while a script is half done. */
    private readonly isQuiet: () => boolean,
  ) {
    const progress = new LoadProgress(owner.host, Math.max(0, totalBytes));
    this.done = mode === 'direct' ? this.loadDirectly(progress) : this.loadAside(progress);
  }

  private async load(
    progress: LoadProgress,
    databases: readonly Database[] | undefined,
    loadFunction: (code: Uint8Array) => void,
  ): Promise<void> {
    const { owner, source } = this;
    const { host } = owner;
    try {
      await loadRdb(host, source, progress, {
        dropsExpired: false,
        loadFunction,
        log: (text) => host.log('notice', text),
        ...(databases === undefined ? {} : { databases }),
      });
      // The master's mark of the end must have come: before it, data and history do not belong together.
      while ((await source.next()) !== null) continue;
    } finally {
      owner.lastLoadKeysLoaded = progress.keysLoaded;
      owner.lastLoadKeysExpired = progress.keysExpired;
    }
  }

  private async loadDirectly(progress: LoadProgress): Promise<void> {
    const { owner } = this;
    const { host } = owner;
    const { keyspace } = host;
    owner.rdb.abort();
    const wasOn = host.option('appendonly') === true;
    if (wasOn) owner.aof.turnOff();
    host.dataWillGo();
    for (const database of keyspace.databases) database.clear();
    host.clearFunctions();
    owner.loading = progress;
    host.loadingChanged(true);
    try {
      await this.load(progress, undefined, (code) => host.loadFunction(code, false));
    } catch (error) {
      for (const database of keyspace.databases) database.clear();
      throw error;
    } finally {
      owner.loading = null;
      host.loadingChanged(false);
      this.beginLog(wasOn);
      host.dataCame();
    }
  }

  private async loadAside(progress: LoadProgress): Promise<void> {
    const { owner, mode } = this;
    const { host } = owner;
    const { keyspace } = host;
    const serves = mode === 'aside-serving';
    const databases = keyspace.spareDatabases();
    const codes: Uint8Array[] = [];
    owner.cuts.isHeld = true;
    if (serves) owner.loadingAside = progress;
    else owner.loading = progress;
    if (serves) host.loadingAsideChanged(true);
    else host.loadingChanged(true);
    try {
      await this.load(progress, databases, (code) => void codes.push(code));
      while (!this.isQuiet()) await progress.pause();
      host.log('notice', 'MASTER <-> REPLICA sync: Swapping active DB with loaded DB');
      this.replaceFunctions(codes);
      this.swap(databases);
      host.log('notice', 'MASTER <-> REPLICA sync: Discarding old DB in background');
    } catch (error) {
      host.log('notice', 'MASTER <-> REPLICA sync: Discarding temporary DB in background');
      throw error;
    } finally {
      // The rest, the old data or the part of the new, is freed in slices.
      for (const database of databases) database.clear();
      owner.cuts.isHeld = false;
      owner.loadingAside = null;
      owner.loading = null;
      if (serves) host.loadingAsideChanged(false);
      else host.loadingChanged(false);
    }
  }

  /** All libraries of the master, or those that were there. */
  private replaceFunctions(codes: readonly Uint8Array[]): void {
    const { host } = this.owner;
    const before = host.functionLibraries();
    try {
      host.clearFunctions();
      for (const code of codes) host.loadFunction(code, false);
    } catch (error) {
      host.clearFunctions();
      for (const code of before) host.loadFunction(code, false);
      throw error;
    }
  }

  private swap(databases: Database[]): void {
    const { owner } = this;
    const { host } = owner;
    owner.rdb.abort();
    const wasOn = host.option('appendonly') === true;
    if (wasOn) owner.aof.turnOff();
    host.dataWillGo();
    host.keyspace.exchange(databases);
    // The rewrite of the AOF may begin.
    owner.cuts.isHeld = false;
    owner.loading = null;
    owner.loadingAside = null;
    this.beginLog(wasOn);
    host.dataCame();
  }

  /** The files of the AOF hold another data set: a rewrite begins them anew. */
  private beginLog(wasOn: boolean): void {
    const { owner } = this;
    const isOn = owner.host.option('appendonly') === true;
    if (!wasOn && !isOn) return;
    owner.host.log('notice', 'MASTER <-> REPLICA sync: Starting AOF after a successful sync');
    const refusal = owner.optionChanged('appendonly');
    if (refusal !== undefined) owner.host.log('warning', refusal);
  }
}
