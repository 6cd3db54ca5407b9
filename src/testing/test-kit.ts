// test-kit: what a test writes and gets: the options of `createServer`, the server, its snapshots and recordings.
//
// These are the types that the package declares, so they name nothing of the server's inside.

import type { EmbeddedServer, StartOptions } from '../embed/embedded-server.js';
import type { VirtualClock } from '../io/virtual-clock.js';
import type { DataDump, Fixtures } from './data-dump.js';
import type { CallArgument, PlainReply } from './plain-reply.js';

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
  /** The words after the name; secrets are `(redacted)`. */
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
  /** Seed of every random draw. */
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
   * sound RDB; the data is as it was then. Connections stay, and watched keys count as touched. Replicas and the AOF get the data too.
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
  /**
   * Every sync of the append-only file takes so long: with `appendfsync always` all replies wait for it, with `everysec` WAITAOF
   * does. 0 ends that.
   */
  slowFsync(milliseconds: number): void;
  /** Ends all faults of the disk. */
  healDisk(): void;
  /** The bytes of a file on the server's disk in memory, for instance `/data/dump.rdb`. Throws where there is none. */
  readFile(path: string): Uint8Array;
}

/** Options that all groups of nodes have in common. */
export interface GroupOptions {
  /** False: no ports at all; clients use `connect()` and the adapters. */
  readonly sockets?: boolean | undefined;
  /** Time of all nodes; one that runs on by itself if absent. */
  readonly clock?: VirtualClock | undefined;
  /** Seed of every random draw, node ids included. */
  readonly seed?: number | undefined;
  /** Directives for every node. */
  readonly directives?: Omit<TestServerOptions, 'port' | 'clock' | 'seed' | 'fixtures'> | undefined;
}

/** A node by its name, or itself. */
export type NodeName = string | TestServer;

/** Faults between the nodes of a group. `'client'` stands for the clients of the test. */
export interface TestGroup {
  /** Time of all nodes; it is moved on by what a failover takes. */
  readonly clock: VirtualClock;
  /** Names of the nodes that run. */
  readonly names: readonly string[];
  node(name: string): TestServer;
  /** The node is gone at once, as by kill -9: nothing is saved, and connections break. */
  kill(name: string): Promise<void>;
  /** Starts a node that was killed, with what its disk kept. */
  restart(name: string): Promise<TestServer>;
  /** The node stands still, as by SIGSTOP: connections stay, and nothing is answered. */
  pause(node: NodeName): void;
  /** A paused node goes on. */
  resume(node: NodeName): void;
  /** Nothing gets from one side to the other, in both directions. */
  partition(side: readonly NodeName[], other: readonly NodeName[]): void;
  /** Ends the partition between two sides, or all of them; what waited arrives. */
  heal(side?: readonly NodeName[], other?: readonly NodeName[]): void;
  /** Every message takes so much longer, one way. */
  addLatency(milliseconds: number): void;
  /** Moves time on until a condition holds; rejects with `what` when it does not come true. */
  settle(what: string, condition: () => boolean): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ReplicatedOptions extends GroupOptions {
  readonly replicas?: number | undefined;
}

/** A master with replicas, named `master`, `replica-1`, `replica-2`, ... after how they began. */
export interface TestReplicated extends TestGroup {
  /** The server that is the master now. */
  readonly master: TestServer;
  readonly replicas: readonly TestServer[];
  /** Resolves when every replica has all that the master has. */
  synced(): Promise<void>;
  /** Makes a replica the master, without loss; the old master becomes its replica. */
  failover(name?: string): Promise<void>;
}

export interface ClusterOptions extends GroupOptions {
  readonly masters?: number | undefined;
  /** Replicas of each master. */
  readonly replicas?: number | undefined;
}

/** A cluster; nodes are named `m1`, `m2`, ... and `r1`, `r2`, ... after how they began. */
export interface TestCluster extends TestGroup {
  /** All nodes that run. */
  readonly nodes: readonly TestServer[];
  /** Addresses for clients that know a cluster. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Slot of a key. */
  slotOf(key: string): number;
  /** The node that serves a key. */
  masterOf(key: string): TestServer;
  nameOf(server: TestServer): string;
  /** Replicas of the node that serves a key. */
  replicasOf(key: string): readonly TestServer[];
  /** Runs a command on the node that serves its first argument. */
  run(command: string, key: string, ...args: CallArgument[]): PlainReply;
  /** Resolves when every replica has all that its master has. */
  synced(): Promise<void>;
  /**
   * Kills the node that serves a key, and resolves when a replica of it serves, or, without one, when the others know. Writes that no
   * replica has yet are lost, as with a real cluster; call `synced` before where they must not be.
   */
  killMaster(key: string): Promise<void>;
  /** A replica takes over from the node that serves a key, as by CLUSTER FAILOVER. */
  failover(key: string): Promise<void>;
  /** Moves the slot of a key, with its keys, to another master. */
  moveSlot(key: string, to: string): Promise<void>;
  /** As `moveSlot`, but the slot stays open in the middle: clients get -ASK for keys that have gone. Call what it returns to end it. */
  openSlot(key: string, to: string): Promise<() => Promise<void>>;
}

export interface SentinelOptions extends ReplicatedOptions {
  readonly sentinels?: number | undefined;
  /** How many sentinels must agree that the master is down; a majority if absent. */
  readonly quorum?: number | undefined;
  /** Name of the master; `mymaster` if absent. */
  readonly name?: string | undefined;
}

/** A master with replicas and sentinels that watch them, named `sentinel-1`, ... */
export interface TestSentinel extends TestGroup {
  readonly masterName: string;
  readonly master: TestServer;
  readonly replicas: readonly TestServer[];
  /** Addresses for clients that ask sentinels. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** Kills the master, and resolves when the sentinels have made a replica the master. */
  killMaster(): Promise<void>;
  /** As SENTINEL FAILOVER. */
  failover(): Promise<void>;
}

/** What the presets of the test runners offer. */
export interface Preset {
  readonly server: TestServer;
  /** Keeps the present data as what every later test begins with: call it after seeding. */
  keep(): void;
}
