// client: one client as the server knows it, however it came: its identity, protocol and state.
//
// `gates` collects everything that stands between this client and a plain run of its commands (not authenticated, inside
// MULTI, subscribed, ...) as bits: the hot path tests the mask once and only looks closer when it is not 0.
//
// Not here: bytes and sockets (connection), commands (server).

import type { User } from '../acl/user.js';
import type { Connection, Session } from './connection.js';

/** Bits of Client.gates and of the server's own mask. */
export const Gate = {
  /** The client must authenticate first. */
  AUTH: 1 << 0,
  /** Commands are queued for EXEC. */
  MULTI: 1 << 1,
  /** RESP2 and subscribed: only few commands are allowed. */
  SUBSCRIBED: 1 << 2,
  /** The user has rules: commands, keys and channels must be checked. */
  ACL: 1 << 3,
  /** CLIENT REPLY OFF or SKIP: replies are dropped. */
  SILENT: 1 << 4,
  /** The client's reads are remembered (CLIENT TRACKING). */
  TRACKING: 1 << 5,
  /** CLIENT NO-TOUCH. */
  NO_TOUCH: 1 << 6,
  /** Server: there are MONITOR clients. */
  MONITORED: 1 << 8,
  /** Server: the data set is being loaded. */
  LOADING: 1 << 9,
  /** Server: a script is running for too long. */
  BUSY: 1 << 10,
  /** Server: `maxmemory` is set. */
  MEMORY: 1 << 11,
  /** Server: writes are refused or must be checked (replica, MISCONF, min-replicas). */
  WRITES: 1 << 12,
  /** Server: CLIENT PAUSE. */
  PAUSED: 1 << 13,
  /** Server: what keys cost is counted (HOTKEYS). */
  HOT_KEYS: 1 << 14,
  /** Server: the replies of ordinary clients are limited. */
  OUTPUT: 1 << 15,
  /** Server: a replica without its master, which must not serve what may be old. */
  STALE: 1 << 16,
  /** Server: a node of a cluster, which serves some slots only. */
  CLUSTER: 1 << 17,
  /** ASKING: the next command may use a slot that moves here. */
  ASKING: 1 << 18,
  /** Server: other data is being loaded, while the old data is served. */
  LOADING_ASIDE: 1 << 20,
  /** The client is a replica: it may say how far it is, and gets no replies. */
  REPLICA: 1 << 19,
  /** Server: keys are on their way to another server (MIGRATE). */
  MOVING: 1 << 21,
} as const;

export type ClientKind = 'normal' | 'pubsub' | 'replica' | 'master';

/** Runs clients' requests, and is called at their end. */
export interface ClientOwner {
  dispatch(client: Client): void;
  /** `dispatch` threw, which is a bug: the client is closed, the others are served on. */
  dispatchFailed(client: Client, error: unknown): void;
  clientClosed(client: Client, error: Error | undefined): void;
  checkOutput(client: Client, unsentBytes: number): void;
  protocolError(client: Client, text: string): void;
  queryLimitReached(client: Client): void;
  /** More memory is taken for requests that are not complete. */
  queryGrown(client: Client): void;
  /** Sends a message that the client did not ask for now. */
  push(client: Client, bytes: Uint8Array): void;
}

export class Client implements Session {
  connection: Connection | undefined;
  protocol: 2 | 3 = 2;
  databaseIndex = 0;
  gates = 0;
  name = '';
  libraryName = '';
  libraryVersion = '';
  kind: ClientKind = 'normal';
  /** See DataClient: set for the AOF and the master. */
  obeyed = false;
  /** The end of the stream of writes after this client's last write. */
  writtenOffset = 0;
  authenticated = false;
  /** The ACL user; undefined until the first authentication where one is needed. */
  user: User | undefined;
  /** Full name of the last command, for CLIENT LIST. */
  lastCommand = '';
  lastInteractionMs: number;
  /** Waits for a key, a script, the end of a pause. */
  blocked = false;
  paused = false;
  monitors = false;
  noEvict = false;
  readOnly = false;
  /** A replica's second connection, which gets the data set alone. */
  isDataChannel = false;
  /** Set by CLIENT KILL of oneself and QUIT. */
  closesAfterReply = false;
  commandCount = 0;
  /** Bytes of heap that its subscriptions, watched keys and the like take, and of the commands that it queued. */
  heldBytes = 0;
  queuedBytes = 0;
  /** CLIENT REPLY: what becomes of replies. */
  replyMode: 'on' | 'off' | 'skip' | 'skip-next' = 'on';
  /** When the unsent output passed its soft limit, in steady ms; 0: it is below. */
  softLimitSinceMs = 0;

  constructor(
    readonly id: number,
    private readonly owner: ClientOwner,
    readonly createdMs: number,
    readonly remote: string,
    readonly local: string,
    readonly unixSocket: boolean,
  ) {
    this.lastInteractionMs = createdMs;
  }

  /** The ACL user's name, as replies show it. */
  get userName(): string {
    return this.user?.name ?? '';
  }

  /** Connected from this machine. */
  get isLocal(): boolean {
    return this.unixSocket || this.remote.startsWith('127.') || this.remote.startsWith('[::1]') || this.remote === '';
  }

  get suspended(): boolean {
    return this.blocked || this.paused;
  }

  get listens(): boolean {
    return this.kind !== 'normal' || this.monitors;
  }

  execute(): void {
    try {
      this.owner.dispatch(this);
    } catch (error) {
      this.owner.dispatchFailed(this, error);
    }
  }

  checkOutput(unsentBytes: number): void {
    this.owner.checkOutput(this, unsentBytes);
  }

  onClose(error: Error | undefined): void {
    this.owner.clientClosed(this, error);
  }

  onProtocolError(text: string): void {
    this.owner.protocolError(this, text);
  }

  /** Sends a complete message (pub/sub, invalidation, MONITOR); the bytes are shared and stay as they are. */
  push(bytes: Uint8Array): void {
    this.owner.push(this, bytes);
  }

  onQueryGrown(): void {
    this.owner.queryGrown(this);
  }

  onQueryLimit(): void {
    this.owner.queryLimitReached(this);
  }
}
