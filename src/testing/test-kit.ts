// test-kit: what a test writes and gets: the options of `createServer`, the server, its snapshots and recordings.
//
// These are the types that the package declares, so they name nothing of the server's inside.

import type { EmbeddedServer, StartOptions } from '../embed/embedded-server.js';
import type { DataDump, Fixtures } from './data-dump.js';
import type { PlainReply } from './plain-reply.js';

export type CallArgument = string | number | bigint | Uint8Array;

export interface TestServerOptions extends StartOptions {
  /** What SPOP, RANDOMKEY, eviction and every other draw follows from; drawn, and shown by `seed`, if absent. */
  readonly seed?: number | undefined;
  /** Data to begin with. */
  readonly fixtures?: Fixtures | undefined;
}

/** All data of a server at one moment: an RDB file in memory. */
export interface Snapshot {
  readonly bytes: Uint8Array;
}

/** Operations of a disk that can be made to fail. */
export type DiskOperation = 'open' | 'read' | 'write' | 'sync' | 'rename' | 'remove';

export interface RecordedCommand {
  /** Upper case, with the subcommand: 'SET', 'CONFIG GET'. */
  readonly command: string;
  /** What came after the name; secrets are `(redacted)`. */
  readonly args: readonly string[];
  /** Id of the client; its name, if it has set one. */
  readonly clientId: number;
  readonly clientName: string;
  readonly database: number;
  /** Milliseconds since 1970 by the server's clock. */
  readonly atMs: number;
  /** Commands that it changed data by, as a replica would get them; empty if it changed nothing. */
  readonly effects: readonly string[];
}

/** Commands since `record` was called. */
export interface Recording {
  /** All of them, in the order in which they ended. */
  readonly commands: readonly RecordedCommand[];
  /** How often bytes of requests came since the recording began: a pipeline that comes in one piece counts once. */
  readonly roundTrips: number;
  /** Commands with this name. */
  of(command: string): readonly RecordedCommand[];
  /** Forgets the commands so far. */
  clear(): void;
  stop(): void;
}

/** A whole server for one test. */
export interface TestServer extends EmbeddedServer {
  /** What every draw follows from. */
  readonly seed: number;
  /**
   * Runs a command at once and returns its reply as plain values: text (a Buffer where it is no UTF-8), numbers, null, arrays,
   * objects for maps. Throws an Error with the text of an error reply.
   */
  run(command: string, ...args: CallArgument[]): PlainReply;
  /** Deletes all keys of all databases. */
  flush(): void;
  /** All data and functions at this moment. */
  snapshot(): Snapshot;
  /**
   * Puts a snapshot, or the bytes of an RDB file, in the place of all data and functions. Throws an Error for bytes that are no
   * sound RDB; the data is as it was then. Connections stay, and watched keys count as touched.
   */
  restore(from: Snapshot | Uint8Array): void;
  /** Another server with the same options and data. */
  clone(): Promise<TestServer>;
  /** All data as sorted JSON, for assertions and snapshot tests. */
  dump(): DataDump;
  /** Puts keys into database 0, each in the place of what had its name. */
  load(fixtures: Fixtures): void;
  /** Begins to record commands; an earlier recording ends. */
  record(): Recording;
  /** Operations of the disk fail with a code of the system (ENOSPC, EIO, EACCES ...), `times` times, until `healDisk`. */
  failDisk(code: string, options?: { readonly operation?: DiskOperation; readonly times?: number }): void;
  /** Every sync of the disk takes so long. 0 ends that. */
  slowFsync(milliseconds: number): void;
  /** Ends all faults of the disk. */
  healDisk(): void;
  /** The bytes of a file on the server's disk in memory, for instance `/data/dump.rdb`. Throws where there is none. */
  readFile(path: string): Uint8Array;
}
