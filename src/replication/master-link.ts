// master-link: a replica's connection to its master, from the first attempt to the stream, and again after each end.
//
//   connect ──> connecting ──> handshake ──> transfer ──> loading ──> connected
//      ^             │             │  └── +CONTINUE ─────────────────────^ │
//      └──────── backoff <─────────┴──── any failure, silence, end <───────┘
//
// The old data is served until the new has come whole; then it is replaced. A link that comes to an end goes on where it
// was, if the master still has what follows.
//
// Not here: what the lines say (handshake), where the data ends (data-transfer), commands (stream-applier), what becomes of the
// data (LinkOwner).

import { encodeCommand } from '../client/encode-command.js';
import type { Clock, Timer } from '../io/clock.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { DataTransfer } from './data-transfer.js';
import { Handshake, type HandshakeOptions, type HandshakeStep } from './handshake.js';

export type LinkState = 'connect' | 'connecting' | 'handshake' | 'transfer' | 'loading' | 'connected';

const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 16_000;
/** A link that ends so soon after a full sync has not been worth it. */
const IN_VAIN_MS = 10_000;
/** A line of the handshake is short; what is longer comes from something else. */
const LINE_BYTES_MAX = 4096;
/** Bytes of the stream that are kept while the data is loaded. */
const EARLY_BYTES_MAX = 1 << 20;

export interface LinkOwner {
  readonly clock: Clock;
  /** Begins to connect to the master. */
  dial(host: string, port: number, events: ConnectEvents): Wire;
  log(level: 'notice' | 'warning', text: string): void;
  /** repl-timeout in milliseconds. */
  readonly timeoutMs: number;
  handshakeOptions(): HandshakeOptions;
  /**
   * The data set begins to come; `bytes` is its length or -1, `id` its history's name, unknown after SYNC. `onFailure` hears why
   * it cannot be taken, `onRoom` that more may come after `takeData` returned false.
   */
  beginData(bytes: number, id: string | undefined, onFailure: (reason: string) => void, onRoom: () => void): void;
  /** False: no more until there is room. */
  takeData(bytes: Uint8Array): boolean;
  /** All has come: takes it over; rejects with the reason when that cannot be. `id` is undefined after SYNC. */
  finishData(id: string | undefined, offset: number): Promise<void>;
  /** The transfer ended before the data was whole. */
  dropData(): void;
  /** The stream goes on; with an id, under this name. */
  continueStream(id: string | undefined): void;
  /** Bytes of the stream, void after the call; returns why the link must end, if it must. */
  takeStream(bytes: Uint8Array, count: number): string | undefined;
  /** The master has answered the PSYNC with data or stream, or refused a failover. */
  answered(isAccepted: boolean): void;
  /** The stream is up, or down. */
  linkChanged(isUp: boolean): void;
}

export class MasterLink {
  state: LinkState = 'connect';
  /** Steady time of the last byte from the master, and since when the link is down. */
  heardMs: number;
  downSinceMs: number;
  private wire: Wire | undefined;
  private timer: Timer | undefined;
  private handshake: Handshake | undefined;
  private transfer: DataTransfer | undefined;
  private line = '';
  /** Bytes of the stream that came while the data was loaded. */
  private early: Uint8Array[] = [];
  private earlyBytes = 0;
  private retryMs = RETRY_MS_MIN;
  /** Steady time at which the last full sync was done. */
  private syncedMs = -Infinity;
  private isStopped = false;
  /** Bytes of the data set that have come, and how many there will be (-1: unknown). */
  transferBytes = 0;
  transferTotal = -1;
  bytesIn = 0;
  /** As `bytesIn`, of this connection. */
  connectionBytes = 0;

  constructor(
    readonly host: string,
    readonly port: number,
    private readonly owner: LinkOwner,
  ) {
    this.heardMs = owner.clock.steadyMs();
    this.downSinceMs = this.heardMs;
  }

  start(): void {
    this.state = 'connect';
    this.timer = this.owner.clock.after(0, () => this.connect());
  }

  /** Ends the link for good. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    const wasTransferring = this.state === 'transfer';
    const wasUp = this.state === 'connected';
    const { wire } = this;
    this.wire = undefined;
    wire?.destroy();
    if (wasTransferring) this.owner.dropData();
    if (wasUp) this.owner.linkChanged(false);
  }

  get isUp(): boolean {
    return this.state === 'connected';
  }

  /** The addresses of the connection. */
  get remote(): string {
    return this.wire?.remote ?? '';
  }

  get local(): string {
    return this.wire?.local ?? '';
  }

  /** Ends the connection, not the link: it is made anew. */
  cut(reason: string): void {
    if (this.wire !== undefined) this.fail(reason);
  }

  private connect(): void {
    const { owner } = this;
    this.state = 'connecting';
    this.heardMs = owner.clock.steadyMs();
    owner.log('notice', `Connecting to MASTER ${this.host}:${this.port}`);
    const wire: Wire | undefined = this.dial({
      onOpen: () => {
        if (this.wire === wire) this.opened();
      },
      onData: (bytes, count) => {
        if (this.wire === wire) this.take(bytes, count);
      },
      onDrain: () => undefined,
      onEnd: () => this.ended(wire, 'the master has closed the connection'),
      onClose: (error) => this.ended(wire, error === undefined ? 'the connection has ended' : error.message),
    });
    if (wire === undefined) return;
    this.wire = wire;
  }

  /** An address or a certificate may be such that no attempt can be made. */
  private dial(events: ConnectEvents): Wire | undefined {
    try {
      return this.owner.dial(this.host, this.port, events);
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  private opened(): void {
    const { owner } = this;
    owner.log('notice', 'MASTER <-> REPLICA sync started');
    this.state = 'handshake';
    this.heardMs = owner.clock.steadyMs();
    this.line = '';
    this.connectionBytes = 0;
    this.pausesReading = false;
    this.early = [];
    this.earlyBytes = 0;
    this.handshake = new Handshake(owner.handshakeOptions());
    this.follow(this.handshake.begin());
  }

  private ended(wire: Wire | undefined, reason: string): void {
    if (this.wire === wire) this.fail(reason);
  }

  /** The connection is given up; another is tried, each time after a longer while until one succeeds. */
  private fail(reason: string): void {
    const { owner, state, wire } = this;
    this.wire = undefined;
    wire?.destroy();
    if (this.isStopped) return;
    if (state === 'connected') owner.log('notice', 'Connection with master lost.');
    owner.log('warning', `The link to the master is lost (${stateNames[state]}): ${reason}`);
    if (state === 'transfer') owner.dropData();
    this.state = 'connect';
    if (state === 'connected') {
      this.downSinceMs = owner.clock.steadyMs();
      owner.linkChanged(false);
    }
    // Full syncs that fail, or are followed by the end of the link, cost the master a snapshot each.
    const isInVain = state === 'transfer' || state === 'loading' || owner.clock.steadyMs() - this.syncedMs < IN_VAIN_MS;
    const waitMs = state === 'connected' && this.retryMs === RETRY_MS_MIN ? 0 : this.retryMs;
    if (isInVain) this.retryMs = Math.min(RETRY_MS_MAX, this.retryMs * 2);
    else if (state === 'connected') this.retryMs = RETRY_MS_MIN;
    this.timer = owner.clock.after(waitMs, () => this.connect());
  }

  private take(bytes: Uint8Array, count: number): void {
    this.heardMs = this.owner.clock.steadyMs();
    this.bytesIn += count;
    this.connectionBytes += count;
    let at = 0;
    while (this.state === 'handshake' && at < count) at = this.takeLine(bytes, at, count);
    if (at >= count || this.wire === undefined) return;
    const rest = bytes.subarray(at, count);
    if (this.state === 'transfer') this.transfer!.push(rest);
    else if (this.state === 'loading') this.keepEarly(rest);
    else if (this.state === 'connected') this.takeStream(rest);
  }

  /** The master keeps what is not read for longer. */
  private keepEarly(bytes: Uint8Array): void {
    this.early.push(bytes.slice());
    this.earlyBytes += bytes.length;
    if (this.earlyBytes > EARLY_BYTES_MAX) this.pauseReading();
  }

  private takeStream(bytes: Uint8Array): void {
    const refusal = this.owner.takeStream(bytes, bytes.length);
    if (refusal !== undefined) this.fail(refusal);
  }

  /** Takes one line of the handshake, or its beginning; returns where the rest begins. */
  private takeLine(bytes: Uint8Array, from: number, limit: number): number {
    let end = from;
    while (end < limit && bytes[end] !== 10) end++;
    this.line += Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString('latin1');
    if (this.line.length > LINE_BYTES_MAX) {
      this.fail('the master answers with a line without end');
      return limit;
    }
    if (end === limit) return limit;
    const line = this.line.replace(/\r$/, '');
    this.line = '';
    this.follow(this.handshake!.take(line));
    return end + 1;
  }

  private follow(step: HandshakeStep): void {
    switch (step.kind) {
      case 'wait':
        return;
      case 'send':
        this.wire?.write(encodeCommand(step.command));
        if (this.handshake!.isSync) this.beginTransfer(undefined, -1);
        return;
      case 'fail':
        this.fail(step.reason);
        if (step.isRefusal === true) this.owner.answered(false);
        return;
      case 'continue':
        this.owner.log('notice', 'Successful partial resynchronization with master.');
        this.owner.continueStream(step.id);
        this.becomeConnected();
        this.owner.answered(true);
        return;
      case 'full':
        this.owner.log('notice', `Full resync from master: ${step.id}:${step.offset}`);
        if (this.handshake!.asked !== undefined)
          this.owner.log(
            'notice',
            `The master has not gone on with ${this.handshake!.asked}, as we asked: its log says why`,
          );
        this.beginTransfer(step.id, step.offset);
        this.owner.answered(true);
    }
  }

  private beginTransfer(id: string | undefined, offset: number): void {
    const { owner } = this;
    this.state = 'transfer';
    this.transferBytes = 0;
    this.transferTotal = -1;
    this.transfer = new DataTransfer({
      onHeader: (bytes) => {
        this.transferTotal = bytes;
        owner.log(
          'notice',
          `MASTER <-> REPLICA sync: receiving ${bytes < 0 ? 'streamed RDB from master with EOF' : `${bytes} bytes from master`}`,
        );
        const { wire } = this;
        this.attempt(() =>
          owner.beginData(
            bytes,
            id,
            (reason) => {
              if (this.wire === wire && this.state === 'transfer') this.fail(reason);
            },
            () => {
              if (this.wire === wire) this.resumeReading();
            },
          ),
        );
      },
      onBytes: (bytes) => {
        this.transferBytes += bytes.length;
        this.attempt(() => {
          if (!owner.takeData(bytes)) this.pauseReading();
        });
      },
      onEnd: (rest) => {
        if (this.state !== 'transfer') return;
        this.state = 'loading';
        if (rest.length > 0) this.keepEarly(rest);
        const { wire } = this;
        owner.finishData(id, offset).then(
          () => {
            // The connection may have ended meanwhile; the data is here all the same.
            if (this.wire === wire && wire !== undefined) this.becomeConnected();
          },
          (error: Error) => {
            if (this.wire === wire && wire !== undefined) this.fail(error.message);
          },
        );
      },
      onFailure: (reason) => this.fail(reason),
    });
  }

  /** Whether the master is not read from: then it is not silent. */
  private pausesReading = false;

  private pauseReading(): void {
    if (this.pausesReading) return;
    this.pausesReading = true;
    this.wire?.pauseReading();
  }

  private resumeReading(): void {
    if (!this.pausesReading) return;
    this.pausesReading = false;
    this.heardMs = this.owner.clock.steadyMs();
    this.wire?.resumeReading();
  }

  /** The owner may fail to use the data: a disk that is full. */
  private attempt(action: () => void): void {
    if (this.state !== 'transfer') return;
    try {
      action();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  private becomeConnected(): void {
    if (this.state === 'loading') this.syncedMs = this.owner.clock.steadyMs();
    else this.retryMs = RETRY_MS_MIN;
    this.state = 'connected';
    this.transfer = undefined;
    this.handshake = undefined;
    this.owner.linkChanged(true);
    for (const bytes of this.early.splice(0)) if (this.state === 'connected') this.takeStream(bytes);
    this.earlyBytes = 0;
    this.resumeReading();
  }

  /** Sends a command to the master; nothing when there is no connection. */
  send(...words: readonly string[]): void {
    this.wire?.write(encodeCommand(words));
  }

  /** Something that keeps the master from taking this side for dead while it loads. */
  sendNewline(): void {
    this.wire?.write(Uint8Array.of(10));
  }

  /** To be called about once a second: gives up a master that says nothing. */
  tick(): void {
    if (this.wire === undefined) return;
    const silentMs = this.owner.clock.steadyMs() - this.heardMs;
    if (this.state === 'loading' || this.pausesReading) this.sendNewline();
    else if (silentMs > this.owner.timeoutMs)
      this.fail(`${timeoutTexts[this.state]} (no byte for ${Math.round(silentMs / 1000)} seconds)`);
  }
}

const stateNames: Readonly<Record<LinkState, string>> = {
  connect: 'not connected',
  connecting: 'connecting',
  handshake: 'in the handshake',
  transfer: 'while the data came',
  loading: 'while the data was loaded',
  connected: 'in the stream',
};

const connectTimeout = 'Timeout connecting to the MASTER...';
const timeoutTexts: Readonly<Record<LinkState, string>> = {
  connect: connectTimeout,
  connecting: connectTimeout,
  handshake: connectTimeout,
  transfer:
    "Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' parameter in redis.conf to a larger value.",
  loading: 'Timeout while the data was loaded',
  connected: 'MASTER timeout: no data nor PING received...',
};
