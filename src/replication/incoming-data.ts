// incoming-data: the data set of a master on its way into this server: through a file, or loaded while it comes.
//
//   repl-diskless-load   disabled           to a file; when it is whole, the old data goes and the file is loaded
//                        on-empty-db        as it comes, where there is no data that could be lost; else as disabled
//                        flush-before-load  as it comes; the old data goes first
//                        swapdb             as it comes, beside the old data, which it replaces at its end
//
// With swapdb the old data is served meanwhile if it is an earlier state of the same history; else commands get -LOADING. After a
// failure it is as before, with its history. While the loader is busy the master is not read from, so memory is
// bounded.
//
// Not here: the bounds of the data (data-transfer), loading it (persistence/replacement).

import type { OpenFile } from '../io/files.js';
import { PushedSource } from '../persistence/byte-source.js';
import { LoadError } from '../persistence/data-loading.js';
import type { ReplacementMode } from '../persistence/replacement.js';
import { fromByteString } from '../service/config/special-settings.js';
import type { DataServer } from '../server/server.js';

/** Digits of the run's id in the name of a temporary file: servers of one process may share a folder. */
export const RUN_DIGITS = 8;

/** The receiver of the data. */
export interface IncomingDataOwner {
  /** The id is that of the present data. */
  isSameHistory(id: string | undefined): boolean;
  /** The old data goes now, and with it the history that it belongs to. */
  dataGoes(): void;
  /** Nothing may be replaced now: a script is half done. */
  readonly mustWait: boolean;
}

export class IncomingData {
  private file: OpenFile | undefined;
  private path = '';
  private count = 0;
  private source: PushedSource | undefined;
  private loading: Promise<void> | undefined;
  private isFileLoading = false;

  constructor(
    private readonly server: DataServer,
    private readonly owner: IncomingDataOwner,
  ) {}

  /**
   * The data begins to come; `bytes` is its length, or -1. `onFailure` hears why it cannot be loaded, `onRoom` that more may come
   * after `take` returned false.
   */
  begin(bytes: number, id: string | undefined, onFailure: (reason: string) => void, onRoom: () => void): void {
    if (this.loading !== undefined) throw new Error('the data of the last attempt is still being dropped');
    if (this.isFileLoading) throw new Error('the data of the last attempt is still being loaded');
    const mode = this.mode(id);
    if (mode === undefined) {
      const { server } = this;
      this.path = `${server.config.path('dir')}/temp-sync-${server.options.environment.processId}-${server.runId.slice(0, RUN_DIGITS)}.${++this.count}.rdb`;
      this.file = server.files.open(this.path, 'create');
      return;
    }
    const source = new PushedSource('the data of the master');
    source.onRoom = onRoom;
    this.source = source;
    if (mode === 'direct') {
      this.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
      this.owner.dataGoes();
    }
    this.log('notice', 'MASTER <-> REPLICA sync: Loading DB in memory');
    const loading = this.server.persistence.replace(source, bytes, mode, () => !this.owner.mustWait);
    this.loading = loading;
    loading.then(
      () => this.loadEnded(source),
      (error: unknown) => {
        this.logFailure(error);
        this.loadEnded(source);
        onFailure('the data of the master cannot be loaded');
      },
    );
  }

  /** How data is loaded while it comes; undefined: it goes to a file. */
  private mode(id: string | undefined): ReplacementMode | undefined {
    const { server, owner } = this;
    switch (server.config.choice('repl-diskless-load').value) {
      case 'swapdb':
        return owner.isSameHistory(id) ? 'aside-serving' : 'aside';
      case 'flush-before-load':
        return 'direct';
      case 'on-empty-db':
        return server.keyspace.databases.every(({ size }) => size === 0) ? 'direct' : undefined;
      default:
        return undefined;
    }
  }

  private loadEnded(source: PushedSource): void {
    this.loading = undefined;
    // The loader may have read the RDB's end before the mark of the end came.
    if (this.source === source && source.pendingBytes > 0) source.takeRest();
  }

  private logFailure(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const detail = error instanceof LoadError ? ` ${reason}` : `: ${reason}`;
    this.log(
      'warning',
      `Internal error in RDB reading${detail}. Failure loading rdb format from socket, assuming connection error, resuming operation.`,
    );
    this.log('warning', 'Failed trying to load the MASTER synchronization DB from socket, check server logs.');
  }

  /** Takes bytes, void after the call; false: the master is not to be read from until `onRoom`. */
  take(bytes: Uint8Array): boolean {
    if (this.source !== undefined) return this.source.push(bytes.slice());
    let done = 0;
    while (done < bytes.length) {
      const count = this.file!.write(bytes, done, bytes.length - done);
      if (count <= 0) throw new Error('no space left on device for the data of the master');
      done += count;
    }
    return true;
  }

  /** The data ended before it was whole. */
  drop(): void {
    this.source?.fail(new Error('the connection to the master has ended'));
    this.source = undefined;
    this.dropFile();
  }

  private dropFile(): void {
    const { files } = this.server;
    this.file?.close();
    this.file = undefined;
    if (this.path !== '' && files.sizeOf(this.path) >= 0) files.remove(this.path);
    this.path = '';
  }

  /** All has come: resolves when the data is that of this server. */
  async finish(): Promise<void> {
    const { source, loading } = this;
    if (source !== undefined) {
      source.end();
      this.source = undefined;
      await loading;
      return;
    }
    this.file?.close();
    this.file = undefined;
    this.log('notice', 'MASTER <-> REPLICA sync: Flushing old data');
    this.owner.dataGoes();
    this.isFileLoading = true;
    try {
      this.log('notice', 'MASTER <-> REPLICA sync: Loading DB in memory');
      await this.server.persistence.replaceWith(this.path);
      this.keepFile();
    } finally {
      this.isFileLoading = false;
      this.dropFile();
    }
  }

  /** The file has become the RDB file of this server, unless nothing is to stay on the disk. */
  private keepFile(): void {
    const { config, files, persistence } = this.server;
    const isUnwanted =
      config.flag('rdb-del-sync-files').value && !persistence.hasSaveRules && !config.flag('appendonly').value;
    if (isUnwanted) {
      this.log('notice', 'Removing the RDB file obtained from the master. This replica has persistence disabled');
      return;
    }
    const target = `${config.path('dir')}/${fromByteString(config.text('dbfilename').value)}`;
    try {
      // A power cut must not leave a torn file under the name that the next start loads.
      const file = files.open(this.path, 'append');
      try {
        file.sync();
      } finally {
        file.close();
      }
      files.rename(this.path, target);
      files.syncFolder(config.path('dir'));
    } catch (error) {
      this.log(
        'warning',
        `Failed trying to rename the temp DB into ${target} in MASTER <-> REPLICA synchronization: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private log(level: 'notice' | 'warning', text: string): void {
    this.server.log(level, text);
  }
}
