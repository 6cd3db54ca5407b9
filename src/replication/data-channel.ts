// data-channel: the second connection of a replica to its master, on which the data set comes while the first one has the stream.
//
//   first:  ... PSYNC ──> +RDBCHANNELSYNC <id> ──────────────────────────> stream, from the offset of the snapshot on
//   second:      [AUTH] ─> REPLCONF ... main-ch-client-id <id> ─> PSYNC ? -1 ─> +FULLRESYNC id offset ─> data
//
// As in Redis 8 (repl-rdb-channel). The master sends the stream at once, so it need not keep what is written during the
// snapshot; the replica does, until it has loaded the data.
//
// Not here: where the data ends (data-transfer), the first connection and what becomes of either (master-link).

import { encodeCommand } from '../client/encode-command.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { HandshakeLines } from './handshake-lines.js';
import { type ChannelOptions, Handshake, type HandshakeStep } from './handshake.js';

const LINE_BYTES_MAX = 4096;

export interface DataChannelOwner {
  dial(events: ConnectEvents): Wire;
  readonly options: ChannelOptions;
  /** Something has come, be it only a sign of life. */
  heard(count: number): void;
  /** The master knows which connection this one belongs to. */
  isPaired(): void;
  /** The data comes next. */
  begins(id: string, offset: number): void;
  /** Bytes of the data, void after the call. */
  take(bytes: Uint8Array): void;
  /** It has come to an end; not called after `close`. */
  failed(reason: string): void;
}

export class DataChannel {
  private wire: Wire | undefined;
  private readonly lines = new HandshakeLines(LINE_BYTES_MAX);
  private hasBegun = false;
  private isClosed = false;
  private readonly handshake: Handshake;
  private pausesReading = false;

  constructor(
    private readonly owner: DataChannelOwner,
    /** The number that the master gave the first connection. */
    mainClientId: string,
  ) {
    this.handshake = Handshake.ofChannel(owner.options, mainClientId);
  }

  open(): void {
    const wire: Wire = this.owner.dial({
      onOpen: () => {
        if (!this.isClosed) this.follow(this.handshake.begin());
      },
      onData: (bytes, count) => {
        if (!this.isClosed) this.read(bytes, count);
      },
      onDrain: () => undefined,
      onEnd: () => this.fail('the master has closed the connection of the data'),
      onClose: (error) =>
        this.fail(`the connection of the data has ended${error === undefined ? '' : `: ${error.message}`}`),
    });
    // A connection that cannot even be tried may have ended by now.
    if (this.isClosed) wire.destroy();
    else this.wire = wire;
  }

  private fail(reason: string): void {
    if (this.isClosed) return;
    this.close();
    this.owner.failed(reason);
  }

  close(): void {
    this.isClosed = true;
    this.wire?.destroy();
    this.wire = undefined;
  }

  get isPaused(): boolean {
    return this.pausesReading;
  }

  pauseReading(): void {
    if (this.pausesReading) return;
    this.pausesReading = true;
    this.wire?.pauseReading();
  }

  resumeReading(): void {
    if (!this.pausesReading) return;
    this.pausesReading = false;
    this.wire?.resumeReading();
  }

  private read(bytes: Uint8Array, count: number): void {
    this.owner.heard(count);
    let at = 0;
    while (!this.hasBegun && at < count && !this.isClosed) at = this.readLine(bytes, at, count);
    if (at < count && !this.isClosed) this.owner.take(bytes.subarray(at, count));
  }

  /** Takes one line, or its beginning; returns where the rest begins. */
  private readLine(bytes: Uint8Array, from: number, limit: number): number {
    const end = this.lines.read(bytes, from, limit, (line) => this.follow(this.handshake.take(line)));
    if (this.lines.isTooLong) this.fail('the master answers on the connection of the data with a line without end');
    return end;
  }

  private follow(step: HandshakeStep): void {
    if (step.kind === 'send') {
      if (step.command[0] === 'PSYNC') this.owner.isPaired();
      this.wire?.write(encodeCommand(step.command));
    } else if (step.kind === 'full' && step.id !== undefined) {
      this.hasBegun = true;
      this.owner.begins(step.id, step.offset);
    } else if (step.kind === 'fail') this.fail(step.reason);
    else if (step.kind !== 'wait') this.fail('the master answers on the connection of the data with what is no data');
  }
}
