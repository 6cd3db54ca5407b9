// master-link: a replica's connection to its master, from the first attempt to the stream, and again after each end.
//
//   connect ──> connecting ──> handshake ──> transfer ──> loading ──> connected
//      ^             │             │  └── +CONTINUE ─────────────────────^ │
//      └──────── backoff <─────────┴──── any failure, silence, end <───────┘
//
// The data may come over a second connection (data-channel). Then the stream comes over this one from the beginning, and is kept
// until the data is loaded, up to a limit; beyond that it stays with the master. Both end together.
//
// The old data is served until the new has come whole; then it is replaced. A link that comes to an end goes on where it
// was, if the master still has the bytes that follow.
//
// Not here: the lines (handshake), the end of the data (data-transfer), commands (stream-applier), the use of the data
// (LinkOwner), the time until the next attempt (retry-pace).

import { encodeCommand } from '../client/encode-command.js';
import type { Clock, Timer } from '../io/clock.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { DataChannel } from './data-channel.js';
import { DataTransfer } from './data-transfer.js';
import type { PauseStep } from '../server/replication-port.js';
import { HandshakeLines } from './handshake-lines.js';
import { Handshake, type HandshakeOptions, type HandshakeStep } from './handshake.js';
import { RetryPace } from './retry-pace.js';
import { WriteStream, type StreamReader } from './write-stream.js';

export type LinkState = 'connect' | 'connecting' | 'handshake' | 'transfer' | 'loading' | 'connected';

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
  /** How much of the stream may be kept while the data comes over another connection. */
  readonly earlyBytesMax: number;
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
  /** As `takeStream`, of a link that has ended: they are applied at once; returns whether more can be. */
  takeLast(bytes: Uint8Array, count: number): boolean;
  /** So much of the stream waits to be applied that no more should be read. */
  readonly streamIsFull: boolean;
  /** Some of the stream waits for its slice. */
  readonly streamWaits: boolean;
  /** The master has answered the PSYNC with data or stream, or refused a failover. */
  answered(isAccepted: boolean): void;
  /** A step of a full sync at which a test may want a pause; returns whether there was one. */
  reachedStep(step: PauseStep): boolean;
  /** Data is being loaded, be it that of an earlier link: `loaded` is called afterwards. */
  readonly isLoading: boolean;
  /** The master sends what is no stream: the data may differ from the master's. */
  streamIsBroken(): void;
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
  private readonly lines = new HandshakeLines(LINE_BYTES_MAX);
  /** The second connection, while the data comes over it. */
  private channel: DataChannel | undefined;
  /** The stream has come over the first connection since before the data, and not all of it is applied. */
  private hasChannel = false;
  /** Some of it came before the data was loaded. */
  private hasEarly = false;
  /** Bytes of the stream that came before the data was loaded. */
  private early = new WriteStream(0, 0);
  private earlyReader: StreamReader = this.early.enter(0);
  earlyBytesPeak = 0;
  private readonly retries: RetryPace;
  private isStopped = false;
  private waitsForLoad = false;
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
    this.retries = new RetryPace(owner.clock);
  }

  start(): void {
    this.state = 'connect';
    this.timer = this.owner.clock.after(0, () => this.connect());
  }

  /** Ends the link for good. */
  stop(): void {
    const { state } = this;
    this.isStopped = true;
    this.timer?.cancel();
    this.disconnect();
    this.state = 'connect';
    if (state === 'connected') this.applyLast();
    this.dropEarly();
    if (state === 'transfer') this.owner.dropData();
    if (state === 'connected') this.owner.linkChanged(false);
  }

  private disconnect(): void {
    const { wire } = this;
    this.wire = undefined;
    wire?.destroy();
    this.pausesReading = false;
    this.endChannel();
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
    if (owner.isLoading) {
      owner.log('notice', 'After loading RDB, replica will try psync with master.');
      this.waitsForLoad = true;
      return;
    }
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
    this.lines.reset();
    this.connectionBytes = 0;
    this.hasChannel = false;
    this.dropEarly();
    this.handshake = new Handshake(owner.handshakeOptions());
    this.follow(this.handshake.begin());
  }

  private ended(wire: Wire | undefined, reason: string): void {
    if (this.wire === wire) this.fail(reason);
  }

  /** The connection is given up; another is tried, each time after a longer while until one succeeds. */
  private fail(reason: string): void {
    const { owner, state } = this;
    this.disconnect();
    if (this.isStopped) return;
    if (state === 'connected') owner.log('notice', 'Connection with master lost.');
    owner.log('warning', `The link to the master is lost (${stateNames[state]}): ${reason}`);
    this.state = 'connect';
    if (state === 'connected') this.applyLast();
    if (state === 'loading' && this.hasChannel) owner.log('notice', 'Aborting rdb channel sync while loading the RDB.');
    // Neither the data that is being loaded nor the stream that has come needs the connection any more.
    if (state !== 'loading') this.dropEarly();
    if (state === 'transfer') owner.dropData();
    if (state === 'connected') {
      this.downSinceMs = owner.clock.steadyMs();
      owner.linkChanged(false);
    }
    const isInSync = state === 'transfer' || state === 'loading';
    const waitMs = this.retries.next(isInSync ? 'in sync' : state === 'connected' ? 'up' : 'early');
    this.timer = owner.clock.after(waitMs, () => this.connect());
  }

  private take(bytes: Uint8Array, count: number): void {
    this.heardMs = this.owner.clock.steadyMs();
    this.bytesIn += count;
    this.connectionBytes += count;
    let at = 0;
    while (this.state === 'handshake' && !this.hasChannel && at < count) at = this.takeLine(bytes, at, count);
    if (at >= count || this.wire === undefined) return;
    const rest = bytes.subarray(at, count);
    if (this.earlyBytes > 0 || (this.hasChannel && this.state !== 'connected')) this.keepEarly(rest);
    else if (this.state === 'transfer') this.transfer!.push(rest);
    else if (this.state === 'loading') this.keepEarly(rest);
    else if (this.state === 'connected') this.takeStream(rest);
  }

  /** The master keeps what is not read for longer. */
  private keepEarly(bytes: Uint8Array): void {
    this.early.append(bytes);
    this.earlyBytesPeak = Math.max(this.earlyBytesPeak, this.earlyBytes);
    const bytesMax = this.hasChannel ? this.owner.earlyBytesMax : EARLY_BYTES_MAX;
    if (this.earlyBytes <= bytesMax || this.pausesReading) return;
    if (this.hasChannel && this.state !== 'connected')
      this.owner.log(
        'notice',
        `Replication buffer limit has been reached (${bytesMax} bytes), stopped buffering replication stream. Further accumulation may occur on master side.`,
      );
    this.pauseReading();
  }

  /** Bytes of the stream that wait until the data is loaded. */
  get earlyBytes(): number {
    return this.early.endOffset - this.earlyReader.offset;
  }

  private dropEarly(): void {
    this.early = new WriteStream(0, 0);
    this.earlyReader = this.early.enter(0);
  }

  /** Applies what came early, as far as there is room; `streamTaken` goes on with the rest. */
  private applyEarly(): void {
    const { early, earlyReader, owner } = this;
    while (this.state === 'connected' && !owner.streamIsFull) {
      const slice = early.peek(earlyReader);
      if (slice === undefined) break;
      const { bytes, start, end } = slice;
      early.advance(earlyReader, end - start);
      const refusal = owner.takeStream(bytes.subarray(start, end), end - start);
      if (refusal !== undefined) this.refuse(refusal);
      else if (owner.reachedStep('on-streaming-repl-buf')) {
        // The commands that have come meanwhile may end the pauses, or the link.
        owner.clock.soon(() => this.streamTaken(undefined));
        return;
      }
    }
    if (this.state !== 'connected') return;
    if (this.earlyBytes === 0 && !owner.streamWaits) {
      if (this.hasChannel && this.hasEarly)
        owner.log('notice', 'MASTER <-> REPLICA sync: Successfully streamed replication buffer into the db');
      this.hasChannel = false;
    }
    if (owner.streamIsFull || this.earlyBytes > EARLY_BYTES_MAX) this.pauseReading();
    else this.resumeReading();
  }

  /** Applies what came early and nothing can follow: the master may be gone, and this is the last that it said. */
  private applyLast(): void {
    const { early, earlyReader, owner } = this;
    if (this.hasChannel && this.hasEarly)
      owner.log('warning', 'Master client was freed while streaming accumulated replication data to db.');
    for (let slice = early.peek(earlyReader); slice !== undefined; slice = early.peek(earlyReader)) {
      const { bytes, start, end } = slice;
      early.advance(earlyReader, end - start);
      if (!owner.takeLast(bytes.subarray(start, end), end - start)) return;
    }
  }

  /** The data comes over a connection of its own. */
  private openChannel(mainClientId: string): void {
    const { owner } = this;
    owner.log('notice', 'PSYNC is not possible, initialize RDB channel.');
    this.hasChannel = true;
    this.hasEarly = false;
    const channel = new DataChannel(
      {
        options: owner.handshakeOptions(),
        dial: (events) => owner.dial(this.host, this.port, events),
        isPaired: () => void owner.reachedStep('before-rdb-channel'),
        heard: (count) => {
          this.heardMs = owner.clock.steadyMs();
          this.bytesIn += count;
        },
        begins: (id, offset) => {
          owner.log('notice', `Full resync from master: ${id}:${offset}`);
          owner.log('notice', 'Starting to receive RDB and replication stream in parallel.');
          this.beginTransfer(id, offset);
        },
        take: (bytes) => {
          if (this.state === 'transfer') this.transfer!.push(bytes);
        },
        failed: (reason) => {
          if (this.channel === channel) this.fail(reason);
        },
      },
      mainClientId,
    );
    this.channel = channel;
    try {
      channel.open();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  private endChannel(): void {
    const { channel } = this;
    this.channel = undefined;
    channel?.close();
  }

  private takeStream(bytes: Uint8Array): void {
    this.streamTaken(this.owner.takeStream(bytes, bytes.length));
  }

  /** More of the stream was applied, or the link must end for this reason. */
  streamTaken(refusal: string | undefined): void {
    if (this.state !== 'connected') return;
    if (refusal !== undefined) this.refuse(refusal);
    else if (this.earlyBytes > 0 || this.hasChannel) this.applyEarly();
    else if (this.owner.streamIsFull) this.pauseReading();
    else this.resumeReading();
  }

  private refuse(reason: string): void {
    this.fail(reason);
    this.owner.streamIsBroken();
  }

  /** Takes one line of the handshake, or its beginning; returns where the rest begins. */
  private takeLine(bytes: Uint8Array, from: number, limit: number): number {
    const end = this.lines.read(bytes, from, limit, (line) => this.follow(this.handshake!.take(line)));
    if (this.lines.isTooLong) this.fail('the master answers with a line without end');
    return end;
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
      case 'channel':
        this.noteAsked();
        this.openChannel(step.mainClientId);
        this.owner.answered(true);
        return;
      case 'continue':
        this.owner.log('notice', 'Successful partial resynchronization with master.');
        this.owner.continueStream(step.id);
        this.becomeConnected();
        this.owner.answered(true);
        return;
      case 'full':
        this.owner.log('notice', `Full resync from master: ${step.id}:${step.offset}`);
        this.noteAsked();
        this.beginTransfer(step.id, step.offset);
        this.owner.answered(true);
    }
  }

  private noteAsked(): void {
    const { asked } = this.handshake!;
    if (asked === undefined) return;
    this.owner.log('notice', `The master has not gone on with ${asked}, as we asked: its log says why`);
  }

  private beginTransfer(id: string | undefined, offset: number): void {
    const { owner } = this;
    this.state = 'transfer';
    this.retries.syncBegins();
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
              if (this.wire !== wire) return;
              if (this.channel === undefined) this.resumeReading();
              else this.channel.resumeReading();
            },
          ),
        );
      },
      onBytes: (bytes) => {
        this.transferBytes += bytes.length;
        this.attempt(() => {
          if (owner.takeData(bytes)) return;
          if (this.channel === undefined) this.pauseReading();
          else this.channel.pauseReading();
        });
      },
      onEnd: (rest) => {
        if (this.state !== 'transfer') return;
        this.state = 'loading';
        if (this.hasChannel) this.endChannel();
        else if (rest.length > 0) this.keepEarly(rest);
        const { wire } = this;
        owner.finishData(id, offset).then(
          () => {
            if (this.isStopped) return;
            if (this.wire === wire && wire !== undefined) this.becomeConnected();
            else {
              this.applyLast();
              owner.linkChanged(false);
            }
          },
          (error: Error) => {
            if (this.wire === wire && wire !== undefined) this.fail(error.message);
            this.dropEarly();
          },
        );
      },
      onFailure: (reason) => this.fail(reason),
    });
  }

  /** The connection may have ended while the data was loaded; the data is here all the same, and the next one goes on from it. */
  loaded(): void {
    if (!this.waitsForLoad) return;
    this.waitsForLoad = false;
    if (!this.isStopped) this.connect();
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
    if (this.state === 'loading') this.retries.syncIsDone();
    else this.retries.hasContinued();
    this.state = 'connected';
    this.transfer = undefined;
    this.handshake = undefined;
    this.owner.linkChanged(true);
    this.hasEarly = this.earlyBytes > 0;
    if (this.hasChannel && this.hasEarly)
      this.owner.log(
        'notice',
        `MASTER <-> REPLICA sync: Starting to stream replication buffer into the db (${this.earlyBytes} bytes).`,
      );
    this.applyEarly();
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
    const isPaused = this.channel === undefined ? this.pausesReading : this.channel.isPaused;
    if (this.state === 'loading' || isPaused) this.sendNewline();
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
