// backend: a server that the proxy sends requests to, with its connections and counters.
//
// Connections are opened when they are needed. Those that clients share differ by lane (`server_connections`), database
// and protocol, since SELECT and HELLO hold for a whole connection; a client keeps to one lane, so its requests stay in order. A
// command that may wait, and a transaction, borrow a connection of their own.

import { type Clock, delay } from '../../io/clock.js';
import type { ConnectEvents, Network } from '../../io/network.js';
import type { Wire } from '../../io/wire.js';
import type { LogLevel } from '../../base/log-level.js';
import {
  BackendConnection,
  type BackendConnectionHost,
  type BackendCounters,
  QUIET_END,
} from '../wire/backend-connection.js';
import type { Turn } from '../wire/output.js';

/** Borrowed connections that are kept for the next borrower. */
const IDLE_CONNECTIONS_MAX = 16;
/** So long `settle` waits for borrowed connections. */
const SETTLE_ROUNDS = 10;
const SETTLE_ROUND_MS = 20;

export interface BackendAddress {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port are then unused. */
  readonly path?: string;
}

export interface BackendOptions extends BackendAddress {
  /** As the configuration names it, for logs and statistics. */
  readonly label: string;
  /** The text that placement hashes. */
  readonly name: string;
  readonly weight: number;
  readonly timeoutMs: number;
  /** As in `ConnectTarget`. */
  readonly keepAliveSeconds: number;
  readonly connectionCount: number;
  /** Password, or user and password. */
  readonly auth: readonly string[];
  /** The database that a client's database 0 is. */
  readonly databaseIndex: number;
  /** Said after authentication: READONLY for a cluster's replica. */
  readonly greeting?: readonly (readonly string[])[];
}

/** Means that all backends share. */
export interface BackendHost {
  readonly clock: Clock;
  readonly network: Network;
  readonly turn: Turn;
  log(level: LogLevel, text: string): void;
  /** Opens a connection with TLS, where the pool wants it. */
  connectSecurely?(options: BackendOptions, events: ConnectEvents): Wire;
}

/** Hears of what may mean that the server is out of order. */
export interface BackendWatcher {
  failed(backend: Backend): void;
  worked(backend: Backend): void;
}

/** Whatever is counted here has a row in stats/counters. */
export class BackendStatistics implements BackendCounters {
  eofCount = 0;
  errorCount = 0;
  timeoutCount = 0;
  ejectedAtMs = 0;
  requests = 0;
  requestBytes = 0;
  responses = 0;
  responseBytes = 0;
}

/** Errors after which twemproxy counts a failure, though the connection stands. */
const failureCodes = ['OOM ', 'BUSY ', 'LOADING '];

const pingFrame = new Uint8Array(Buffer.from('*1\r\n$4\r\nPING\r\n'));

class Host implements BackendConnectionHost {
  readonly turn: Turn;
  readonly clock: Clock;
  readonly counters: BackendCounters;

  constructor(
    private readonly backend: Backend,
    private readonly databaseIndex: number,
    readonly protocol: 2 | 3,
    readonly timeoutMs: number,
    private readonly more: readonly (readonly string[])[] = [],
  ) {
    this.turn = backend.host.turn;
    this.clock = backend.host.clock;
    this.counters = backend.statistics;
  }

  connect(events: ConnectEvents): Wire {
    const { options, host } = this.backend;
    if (host.connectSecurely !== undefined) return host.connectSecurely(options, events);
    const { host: address, port, path, keepAliveSeconds } = options;
    return host.network.connect(
      { host: address, port, timeoutMs: this.timeoutMs, keepAliveSeconds, ...(path === undefined ? {} : { path }) },
      events,
    );
  }

  pushed?: (bytes: Uint8Array, from: number, to: number) => void;
  lost: ((reason: string) => void) | undefined;

  handshake(): { commands: readonly (readonly string[])[]; required: number } {
    const { auth, databaseIndex, greeting } = this.backend.options;
    const commands: (readonly string[])[] = [];
    if (auth.length > 0) commands.push(['AUTH', ...auth]);
    if (this.protocol === 3) commands.push(['HELLO', '3']);
    if (greeting !== undefined) commands.push(...greeting);
    commands.push(...this.more);
    const required = commands.length;
    const database = databaseIndex + this.databaseIndex;
    // twemproxy only logs that a database is refused; one that a client selected must be there.
    if (database > 0) commands.push(['SELECT', String(database)]);
    return { commands, required: this.databaseIndex > 0 ? commands.length : required };
  }

  opened(): void {
    this.backend.openCount++;
  }

  closed(_connection: BackendConnection, code: string, wasOpen: boolean): void {
    this.backend.connectionClosed(code, wasOpen);
    this.lost?.(code);
  }

  replied(isError: boolean, error: string): void {
    if (isError && failureCodes.some((failure) => error.startsWith(failure))) this.backend.noteFailure();
    else if (this.backend.failureCount > 0) this.backend.noteSuccess();
  }

  handshakeFailed(words: readonly string[], error: string): void {
    this.backend.host.log('warning', `${words[0]} failed on ${this.backend.options.label}: ${error}`);
  }

  drained(): void {
    this.backend.drained();
  }
}

export class Backend {
  readonly statistics = new BackendStatistics();
  /** Failures in a row. */
  failureCount = 0;
  openCount = 0;
  /** Steady ms until which no key goes here; 0 when it is not ejected. */
  ejectedUntilMs = 0;
  watcher: BackendWatcher | undefined;
  private readonly lanes: (BackendConnection | undefined)[];
  /** Connections for other databases and for RESP3. */
  private readonly others = new Map<number, BackendConnection>();
  private readonly idle = new Map<number, BackendConnection[]>();
  private readonly borrowed = new Set<BackendConnection>();
  private waiting: (() => void)[] = [];
  private isClosed = false;

  constructor(
    readonly host: BackendHost,
    readonly options: BackendOptions,
  ) {
    this.lanes = new Array<BackendConnection | undefined>(options.connectionCount).fill(undefined);
  }

  /** The connection that a client of this lane shares with others. @hot */
  connection(lane: number, databaseIndex: number, protocol: 2 | 3): BackendConnection {
    const index = lane % this.lanes.length;
    if (databaseIndex === 0 && protocol === 2) {
      const connection = this.lanes[index];
      if (connection !== undefined && !connection.isClosed) return connection;
      return (this.lanes[index] = this.open(0, 2, this.options.timeoutMs));
    }
    const key = (databaseIndex * 4 + protocol) * 1024 + index;
    const connection = this.others.get(key);
    if (connection !== undefined && !connection.isClosed) return connection;
    const opened = this.open(databaseIndex, protocol, this.options.timeoutMs);
    this.others.set(key, opened);
    return opened;
  }

  private open(databaseIndex: number, protocol: 2 | 3, timeoutMs: number): BackendConnection {
    return new BackendConnection(new Host(this, databaseIndex, protocol, timeoutMs));
  }

  /**
   * A connection for messages: whatever comes on it goes to `pushed`. `lost` hears the system's code, or what the server said against
   * the handshake.
   */
  subscriber(
    pushed: (bytes: Uint8Array, from: number, to: number) => void,
    lost: (reason: string) => void,
  ): BackendConnection {
    const host = new Host(this, 0, 2, 0);
    host.pushed = pushed;
    host.lost = lost;
    return new BackendConnection(host);
  }

  /** A connection on which the server reports changes of the keys that are read on it. Messages go to `pushed`. */
  tracker(pushed: (bytes: Uint8Array, from: number, to: number) => void, lost: () => void): BackendConnection {
    const host = new Host(this, 0, 3, this.options.timeoutMs, [['CLIENT', 'TRACKING', 'ON']]);
    host.pushed = pushed;
    host.lost = lost;
    return new BackendConnection(host);
  }

  /** A connection for one client alone, until `giveBack`. Requests on it have no time limit. */
  borrow(databaseIndex: number, protocol: 2 | 3): BackendConnection {
    const idle = this.idle.get(databaseIndex * 4 + protocol);
    let connection = idle?.pop();
    while (connection?.isClosed === true) connection = idle!.pop();
    connection ??= this.open(databaseIndex, protocol, 0);
    this.borrowed.add(connection);
    return connection;
  }

  /** The connection must be as it was: no transaction, nothing watched, no reply to come. */
  giveBack(connection: BackendConnection, databaseIndex: number, protocol: 2 | 3): void {
    this.borrowed.delete(connection);
    if (connection.isClosed) return;
    const key = databaseIndex * 4 + protocol;
    const idle = this.idle.get(key) ?? [];
    this.idle.set(key, idle);
    if (this.isClosed || connection.waitingCount > 0 || idle.length >= IDLE_CONNECTIONS_MAX) connection.closeQuietly();
    else idle.push(connection);
  }

  /** Ends the borrowed connections, because another server takes this one's place. Waiting clients get an error. */
  dropBorrowed(): void {
    for (const connection of [...this.borrowed]) this.drop(connection);
  }

  /** Ends every connection, whoever waits on it. */
  cutOff(): void {
    for (const connection of [...this.shared()]) connection.closeQuietly();
    this.dropBorrowed();
  }

  /** A borrowed connection whose state nobody wants: the client is gone. */
  drop(connection: BackendConnection): void {
    this.borrowed.delete(connection);
    connection.closeQuietly();
  }

  /** Runs `proceed` when requests can be taken again. */
  whenDrained(proceed: () => void): void {
    this.waiting.push(proceed);
  }

  drained(): void {
    if (this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const proceed of waiting) this.host.clock.soon(proceed);
  }

  connectionClosed(code: string, wasOpen: boolean): void {
    const { statistics } = this;
    if (wasOpen) this.openCount--;
    if (code === QUIET_END) return;
    if (code === '') statistics.eofCount++;
    else if (code === 'ETIMEDOUT') statistics.timeoutCount++;
    else statistics.errorCount++;
    this.noteFailure();
  }

  noteFailure(): void {
    this.failureCount++;
    this.watcher?.failed(this);
  }

  noteSuccess(): void {
    this.failureCount = 0;
    this.watcher?.worked(this);
  }

  /** Requests that were sent and have no reply yet, on all shared connections. */
  get waitingCount(): number {
    let count = 0;
    for (const connection of this.shared()) count += connection.waitingCount;
    return count;
  }

  get unsentBytes(): number {
    let bytes = 0;
    for (const connection of this.shared()) bytes += connection.output.bytes;
    return bytes;
  }

  private *shared(): IterableIterator<BackendConnection> {
    for (const connection of this.lanes) if (connection !== undefined && !connection.isClosed) yield connection;
    for (const connection of this.others.values()) if (!connection.isClosed) yield connection;
  }

  /** Resolves when all that was sent on shared connections so far is answered, or will never be. */
  async settle(): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const connection of [...this.shared()]) {
      if (connection.waitingCount === 0) continue;
      waits.push(
        new Promise((resolve) => {
          const sink = { takeReply: () => resolve(), takePart: () => false, takeFailure: () => resolve() };
          connection.send(sink, 0, pingFrame, 0, pingFrame.length);
        }),
      );
    }
    await Promise.all(waits);
    // Requests of transactions count too, but a client in BLPOP may wait for ever.
    const isBusy = (): boolean => [...this.borrowed].some((connection) => connection.waitingCount > 0);
    for (let round = 0; round < SETTLE_ROUNDS && isBusy(); round++) await delay(this.host.clock, SETTLE_ROUND_MS);
  }

  /** Connects before anybody asks. */
  preconnect(): void {
    for (let lane = 0; lane < this.lanes.length; lane++) this.connection(lane, 0, 2);
  }

  /** Closes each connection when its replies have come. */
  close(): void {
    this.isClosed = true;
    for (const connection of this.shared()) connection.closeWhenIdle();
    for (const connections of this.idle.values()) for (const connection of connections) connection.closeQuietly();
    this.idle.clear();
  }
}
