// data-loading: reads an RDB or commands from a source into the keyspace, in slices, so that the loop can answer -LOADING.
//
// Not here: the source of the bytes (byte-source), the choice of files (aof/append-only, persistence), the formats
// (rdb/reader, aof/reader).

import { delay as pause, turn } from '../io/clock.js';
import type { OpenFile } from '../io/files.js';
import type { ByteSource } from './byte-source.js';
import { AofItem, AofReader } from './aof/reader.js';
import type { PersistenceHost } from './host.js';
import { RdbLoader, type RdbLoaderOptions } from './rdb/loader.js';
import { RdbError, RdbReader } from './rdb/reader.js';

const SLICE_MS = 20;
const COMMANDS_PER_LOOK = 256;

/** A file or stream that cannot be loaded; the message is for the log. */
export class LoadError extends Error {
  constructor(
    message: string,
    /** Where the file is sound up to, when cutting it there would make it loadable; else -1. */
    readonly soundUpTo: number,
  ) {
    super(message);
  }
}

export class LoadProgress {
  readonly startedMs: number;
  loadedBytes = 0;
  keysLoaded = 0;
  keysExpired = 0;
  private lastSliceMs: number;

  constructor(
    private readonly host: PersistenceHost,
    readonly totalBytes: number,
  ) {
    this.startedMs = host.clock.wallMs();
    this.lastSliceMs = host.clock.steadyMs();
  }

  /** How many keys or commands go between two rests: all of a slice, or what key-load-delay (microseconds a key) leaves in a millisecond. */
  get batch(): number {
    const delay = Number(this.host.option('key-load-delay'));
    return delay > 0 ? Math.max(1, Math.floor(1000 / delay)) : Infinity;
  }

  /** Waits for a moment. */
  pause(): Promise<void> {
    return pause(this.host.clock, SLICE_MS);
  }

  /** Lets the loop run when a slice is over, or after a batch when there is a delay. */
  async rest(): Promise<void> {
    const delay = Number(this.host.option('key-load-delay'));
    if (delay > 0) {
      await pause(this.host.clock, Math.max(1, delay / 1000));
      return;
    }
    if (this.host.clock.steadyMs() - this.lastSliceMs < SLICE_MS) return;
    await turn(this.host.clock);
    this.lastSliceMs = this.host.clock.steadyMs();
  }
}

/** Whether the file begins as an RDB does. */
export function beginsAsRdb(file: OpenFile): boolean {
  const head = new Uint8Array(5);
  return file.read(head, 0, 5, 0) === 5 && String.fromCharCode(...head) === 'REDIS';
}

export interface LoadedRdb {
  /** Bytes of the RDB. */
  readonly bytes: number;
  /** Bytes after it that were taken from the source already; the source has those that follow. */
  readonly rest: Uint8Array;
  /** Auxiliary fields of its header. */
  readonly aux: ReadonlyMap<string, string>;
}

/**
 * Loads an RDB from a source, up to the RDB's own end. Throws LoadError when it is damaged or the source ends before it;
 * an error of the source itself comes through as it is.
 */
export async function loadRdb(
  host: PersistenceHost,
  source: ByteSource,
  progress: LoadProgress,
  options: RdbLoaderOptions,
): Promise<LoadedRdb> {
  const reader = new RdbReader();
  reader.verifyChecksum = host.option('rdbchecksum') !== false;
  const loader = new RdbLoader(host.keyspace, host.limits, options);
  loader.refusesDamage = host.option('sanitize-dump-payload') === 'yes';
  const loadedBefore = progress.loadedBytes;
  try {
    for (;;) {
      loader.keysPerRun = progress.batch;
      const state = loader.run(reader);
      if (state === 'end') break;
      if (state === 'input') {
        const chunk = await source.next();
        if (chunk === null) reader.finish();
        else reader.push(chunk);
      }
      progress.loadedBytes = loadedBefore + reader.offset;
      progress.keysLoaded = loader.keysLoaded;
      if (state === 'paused' || progress.batch === Infinity) await progress.rest();
    }
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    throw new LoadError(`${source.name}: ${error.message}`, -1);
  }
  progress.keysLoaded = loader.keysLoaded;
  progress.keysExpired += loader.keysExpired;
  host.log(
    'notice',
    `Done loading RDB, keys loaded: ${loader.keysLoaded}, keys expired: ${loader.keysExpired}, empty keys skipped: ${loader.emptyKeysSkipped}.`,
  );
  return { bytes: reader.offset, rest: reader.unread, aux: loader.aux };
}

/**
 * Runs the commands of an AOF, whose source begins at offset `start` of its file. Throws LoadError with the offset up to which it is sound when it
 * ends within a command or a transaction, or holds something else.
 */
export async function replayCommands(
  host: PersistenceHost,
  source: ByteSource,
  start: number,
  progress: LoadProgress,
): Promise<void> {
  const reader = new AofReader(start);
  const loadedBefore = progress.loadedBytes;
  let position = start;
  let soundUpTo = start;
  host.beginReplay();
  try {
    for (let count = 0; ; count++) {
      const item = reader.next();
      if (item === AofItem.command) {
        const wasInTransaction = host.replayInTransaction;
        const complaint = host.replay(reader);
        if (complaint !== undefined)
          throw new LoadError(`${complaint} reading the append only file ${source.name}`, -1);
        if (!host.replayInTransaction) soundUpTo = reader.offset;
        else if (!wasInTransaction) soundUpTo = reader.itemOffset;
        if (count % Math.min(COMMANDS_PER_LOOK, progress.batch) === 0) {
          progress.loadedBytes = loadedBefore + reader.offset - start;
          await progress.rest();
        }
      } else if (item === AofItem.annotation) {
        if (!host.replayInTransaction) soundUpTo = reader.offset;
      } else if (item === AofItem.malformed) {
        throw new LoadError(
          `Bad file format reading the append only file ${source.name} at offset ${reader.itemOffset}: make a backup of your AOF file, then use kvasir-check-aof --fix <filename.manifest>`,
          -1,
        );
      } else {
        const chunk = await source.next();
        if (chunk === null) break;
        reader.push(chunk);
        position += chunk.length;
        progress.loadedBytes = loadedBefore + position - start;
        if (progress.batch === Infinity) await progress.rest();
      }
    }
    if (reader.hasRest || host.replayInTransaction) {
      throw new LoadError(
        `Unexpected end of file reading the append only file ${source.name}. You can: 1) Make a backup of your AOF file, then use kvasir-check-aof --fix <filename.manifest>. ` +
          "2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.",
        soundUpTo,
      );
    }
  } finally {
    host.endReplay();
  }
}
