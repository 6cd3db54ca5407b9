// host: the server as persistence needs it; tests implement it with a few lines.

import type { LogLevel } from '../base/log-level.js';
import type { DataLimits } from '../registry/data-limits.js';
import type { Part } from '../commands/engine.js';
import type { Clock } from '../io/clock.js';
import type { CommandPlaces } from '../protocol/command-encoder.js';
import type { Files } from '../io/files.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { SnapshotFileOptions } from './snapshot/snapshot-file.js';
import type { SnapshotSink } from './snapshot/snapshot-sink.js';

export type { LogLevel };

export interface PersistenceHost {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  readonly files: Files;
  /** The value of a configuration directive; flags are booleans, `save` is text. */
  option(name: string): string | number | boolean;
  readonly clock: Clock;
  log(level: LogLevel, text: string): void;
  /** LATENCY: so long the loop waited for the disk. The names are those of Redis. */
  noteLatency(event: string, milliseconds: number): void;
  /** The commands of an EXEC are being run. */
  readonly inTransaction: boolean;
  /** Count of commands that have run: the loop is busy while it grows. */
  readonly commandCount: number;
  /** The codes of the function libraries. */
  functionLibraries(): readonly Uint8Array[];
  /** Loads a library; throws an Error with the reason. */
  loadFunction(code: Uint8Array, replaces: boolean): void;
  /** Forgets all libraries (DEBUG RELOAD). */
  clearFunctions(): void;
  /** Auxiliary fields of replication for RDB files. */
  replicationAux(): readonly (readonly [string, string])[];
  /** The offset of the stream of writes that replicas follow; 0 while there is no such stream. */
  streamOffset(): number;
  /** Whether this server is a master: expired keys of an RDB file are then left out. */
  readonly isMaster: boolean;
  /** Begins to run commands of an AOF file: database 0, no transaction. */
  beginReplay(): void;
  /** Runs a command of an AOF file; the text says why it cannot (unknown command). Error replies do not count. */
  replay(command: CommandPlaces): string | undefined;
  /** Whether a MULTI was replayed without its EXEC. */
  readonly replayInTransaction: boolean;
  /** Ends the replay; a transaction that is open is dropped. */
  endReplay(): void;
  /** Loading began or ended: the server's gate. */
  loadingChanged(isLoading: boolean): void;
  /** As `loadingChanged`, of data that is loaded while other data is served. */
  loadingAsideChanged(isLoading: boolean): void;
  /** All data is about to be replaced, and has been: watched and tracked keys are others now. */
  dataWillGo(): void;
  dataCame(): void;
  /** Whether writes are refused (`writesRefused` says why) may have changed. */
  refusalChanged(): void;
  /** The write of a snapshot's file, off the loop. */
  makeSink(options: SnapshotFileOptions): SnapshotSink;
  /** Identifies this process in temporary file names. */
  readonly processId: number;
  /** The version of Redis that this server is like: RDB files name it. */
  readonly serverVersion: string;
}

export type { CommandPlaces, Part };
