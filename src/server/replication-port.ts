// replication-port: replication as the server and its commands need it, and the answers of a server without it.
//
// Replication stands above the server (it uses it), so the code that starts a server hands it in.

import type { Client } from '../service/clients/client.js';
import type { InfoField } from '../service/info/info.js';
import type { CallFor } from './call.js';

/** A call that replication replies to, whatever its command reaches besides. */
type ReplyingCall = Pick<CallFor<never>, 'client' | 'reply'>;

/** The options of FAILOVER. */
export interface FailoverRequest {
  readonly target: { readonly host: string; readonly port: number } | undefined;
  readonly forces: boolean;
  /** 0: none. */
  readonly timeoutMs: number;
}

/** Bytes from the master, and to replicas. */
export interface ReplicationTraffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

/** Steps of a full sync at which DEBUG REPL-PAUSE stops the process. */
export const pauseSteps = ['after-fork', 'before-rdb-channel', 'on-streaming-repl-buf'] as const;
export type PauseStep = (typeof pauseSteps)[number];

export interface ReplicationPort {
  readonly isMaster: boolean;
  /** Bytes of the stream of writes so far. */
  readonly offset: number;
  /** The replication id. */
  readonly id: string;
  /** Begins to follow a master; false: it follows that one already. */
  replicaOf(host: string, port: number): boolean;
  /** Becomes a master; false: it is one already. */
  promote(): boolean;
  /** PSYNC; SYNC has no id. Replies, now or later. */
  psync(call: ReplyingCall, id: string | undefined, offset: number, isFailover: boolean): void;
  /** FAILOVER and FAILOVER ABORT; the text is the error. */
  failover(request: FailoverRequest): string | undefined;
  abortFailover(): string | undefined;
  /** A failover is under way: nobody may change the role meanwhile. */
  readonly isFailingOver: boolean;
  /** An option of REPLCONF that says something about a replica; the error, if it is wrong. */
  describeReplica(client: Client, option: string, value: string): string | undefined;
  /** REPLCONF ACK. */
  acknowledge(client: Client, offset: number, aofOffset: number | undefined): void;
  /** REPLCONF GETACK. */
  answerGetAck(client: Client): void;
  /** How many replicas have applied the stream up to here, or synced it to their AOF. */
  countReplicas(offset: number, inAof: boolean): number;
  /** Asks all replicas how far they are. */
  requestAcks(): void;
  /** Every replica has acknowledged everything. */
  readonly areInSync: boolean;
  /** How many replicas there are, and the lag of those that lag: for the log at a shutdown. */
  lagLines(): readonly string[];
  readonly followerCount: number;
  /** Keys with an age that clients of this writable replica have set. */
  readonly localExpiryCount: number;
  readonly traffic: ReplicationTraffic;
  /** Adds a command to the stream that no command of this server made: DEBUG REPLICATE. */
  replicate(parts: readonly Uint8Array[]): void;
  /** How many seconds the connection of a replica stays that wanted the RDB alone: DEBUG. */
  delayRdbClients(seconds: number): void;
  /** `pause` is called whenever a full sync comes to one of the steps: DEBUG. */
  pauseAt(steps: ReadonlySet<PauseStep>, pause: () => void): void;
  writeRole(call: ReplyingCall): void;
  infoFields(): InfoField[];
  /** Fields of the header of an RDB file. */
  auxFields(): readonly (readonly [string, string])[];
  /** The data from the disk is loaded; the argument holds the fields of its header. */
  start(aux: ReadonlyMap<string, string>): void;
  stop(): void;
  /** Bytes of memory of the stream: of the part that only replicas need which lag, and in all. */
  readonly laggingBytes: number;
  readonly memoryBytes: number;
  /** Bytes of a master's stream that wait until its data is loaded. */
  readonly earlyBytes: number;
  /** How many replicas asked for a synchronization, by what became of it. */
  readonly syncs: { readonly full: number; readonly partial: number; readonly refused: number };
}
