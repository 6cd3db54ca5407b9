// migration-link: connections to the servers that MIGRATE sends keys to; each is kept for ten seconds after its last use.
//
// Requests to one server share a connection and are pipelined; replies come back in their order. A connection that makes no
// progress for the time that a request allows is given up, and with it all requests that wait on it. A kept connection may
// have been closed by the other side meanwhile: a request that gets nothing but the end fails with an error that allows
// another try.
//
// Only replies of one line are expected: OK, or an error.

import { latin1 } from '../base/bytes.js';
import type { Clock, Timer } from '../io/clock.js';
import type { Network } from '../io/network.js';
import type { Wire } from '../io/wire.js';

const KEEP_MS = 10_000;
const LINKS_MAX = 64;
const LINE_BYTES_MAX = 64 * 1024;

export type LinkFailure = 'connecting' | 'writing' | 'reading';

export interface LinkRequest {
  /** Milliseconds without progress after which the request fails. */
  readonly timeoutMs: number;
  /** A reply, without its line break. */
  reply(line: string): void;
  /** Nothing more comes. `mayRetry`: the connection was an old one, and no reply has come. */
  fail(what: LinkFailure, mayRetry: boolean): void;
  /** More can be sent. */
  drained(): void;
}

export class MigrationLink {
  /** The database that the last SELECT chose; -1: none. */
  database = -1;
  usedMs: number;
  private readonly wire: Wire;
  private readonly expected: LinkRequest[] = [];
  private readonly users = new Set<LinkRequest>();
  private isOpen = false;
  private isDead = false;
  private isOld = false;
  private gotReply = false;
  private line = '';
  private timer: Timer | undefined;
  private progress = '';

  constructor(
    readonly name: string,
    private readonly clock: Clock,
    dial: Network['connect'],
    host: string,
    port: number,
    timeoutMs: number,
    private readonly closed: (link: MigrationLink) => void,
  ) {
    this.usedMs = clock.steadyMs();
    this.wire = dial(
      { host, port, timeoutMs },
      {
        onOpen: () => {
          this.isOpen = true;
          for (const user of this.users) user.drained();
        },
        onData: (bytes, count) => this.take(bytes, count),
        onDrain: () => {
          for (const user of this.users) user.drained();
        },
        onEnd: () => this.die('reading'),
        onClose: (error) => this.die(this.isOpen ? 'reading' : whatFailed(error)),
      },
    );
  }

  get isIdle(): boolean {
    return this.users.size === 0;
  }

  get unsentBytes(): number {
    return this.wire.unsentBytes;
  }

  /** A request begins to use the link; it must `leave`. */
  join(request: LinkRequest): void {
    if (this.isIdle) {
      this.isOld = this.isOpen;
      this.gotReply = false;
    }
    this.users.add(request);
    this.watch(request.timeoutMs);
  }

  leave(request: LinkRequest): void {
    this.users.delete(request);
    this.usedMs = this.clock.steadyMs();
    if (!this.isIdle) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Sends a command, whose one reply goes to the request. */
  send(request: LinkRequest, command: Uint8Array): void {
    if (this.isDead) return;
    this.expected.push(request);
    this.wire.write(command);
  }

  close(): void {
    this.die('reading');
  }

  private watch(timeoutMs: number): void {
    this.timer?.cancel();
    this.progress = this.progressNow();
    this.timer = this.clock.after(timeoutMs, () => {
      if (this.progress === this.progressNow())
        this.die(this.isOpen ? (this.unsentBytes > 0 ? 'writing' : 'reading') : 'connecting', true);
      else this.watch(timeoutMs);
    });
  }

  private progressNow(): string {
    return `${this.isOpen} ${this.unsentBytes} ${this.expected.length} ${this.line.length}`;
  }

  private take(bytes: Uint8Array, count: number): void {
    this.line += latin1(bytes, 0, count);
    for (let end = this.line.indexOf('\r\n'); end >= 0 && !this.isDead; end = this.line.indexOf('\r\n')) {
      const line = this.line.slice(0, end);
      this.line = this.line.slice(end + 2);
      const request = this.expected.shift();
      if (request === undefined) return this.die('reading');
      this.gotReply = true;
      request.reply(line);
    }
    if (this.line.length > LINE_BYTES_MAX) this.die('reading');
  }

  private die(what: LinkFailure, isTimeout = false): void {
    if (this.isDead) return;
    this.isDead = true;
    this.timer?.cancel();
    this.wire.destroy();
    this.closed(this);
    const mayRetry = this.isOld && !this.gotReply && !isTimeout;
    for (const user of [...this.users]) user.fail(what, mayRetry);
  }
}

/** redis-server notices only when it writes that nobody listens. */
function whatFailed(error: Error | undefined): LinkFailure {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED' ? 'writing' : 'connecting';
}

export class MigrationLinks {
  private readonly links = new Map<string, MigrationLink>();

  constructor(
    private readonly clock: Clock,
    /** Begins to connect, with TLS where tls-cluster says so. */
    private readonly dial: Network['connect'],
  ) {}

  get count(): number {
    return this.links.size;
  }

  /** A connection to a server, which may still be opening. */
  get(host: string, port: number, timeoutMs: number): MigrationLink {
    const name = `${host}:${port}`;
    const kept = this.links.get(name);
    if (kept !== undefined) return kept;
    this.closeIdle(LINKS_MAX - 1);
    const link = new MigrationLink(name, this.clock, this.dial, host, port, timeoutMs, () => {
      if (this.links.get(name) === link) this.links.delete(name);
    });
    this.links.set(name, link);
    return link;
  }

  /** Closes links that nobody has used for a while. Called by the cron. */
  tick(): void {
    if (this.links.size === 0) return;
    const oldMs = this.clock.steadyMs() - KEEP_MS;
    for (const link of [...this.links.values()]) if (link.isIdle && link.usedMs < oldMs) link.close();
  }

  private closeIdle(countMax: number): void {
    for (const link of [...this.links.values()]) {
      if (this.links.size <= countMax) return;
      if (link.isIdle) link.close();
    }
  }

  stop(): void {
    for (const link of [...this.links.values()]) link.close();
  }
}
