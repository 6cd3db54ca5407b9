// async-link: the connection by which keys go out in pieces, and by which the other server acknowledges each piece.
//
// Both sides speak in requests: SLOTSRESTORE-ASYNC goes out, SLOTSRESTORE-ASYNC-ACK comes back, one for each.

import type { Clock, Timer } from '../../io/clock.js';
import type { Network } from '../../io/network.js';
import type { Wire } from '../../io/wire.js';
import { CommandEncoder } from '../../protocol/command-encoder.js';
import { COMPLETE, INCOMPLETE, RequestReader } from '../../protocol/request.js';
import { Call } from '../../registry/call.js';
import type { Word } from './key-messages.js';

const IDLE_MS = 60_000;
const PENDING_BYTES_MAX = 1024 * 1024;

export interface AsyncLinkEvents {
  /** The next message was taken (`code` 0), or was not. */
  acknowledged(code: number, text: string): void;
  /** More can be sent. */
  drained(): void;
  /** The connection is gone; `reason` in codis-server's words. Called once. */
  ended(reason: string): void;
}

export class AsyncLink {
  readonly createdMs: number;
  lastUseMs: number;
  timeoutMs = 0;
  /** A login and a SELECT were sent. */
  isGreeted = false;
  private readonly wire: Wire;
  private readonly encoder = new CommandEncoder();
  private readonly reader = new RequestReader();
  private readonly call = new Call();
  private kept = new Uint8Array(0);
  private isClosed = false;
  private isBusy = false;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    network: Network,
    readonly host: string,
    readonly port: number,
    timeoutMs: number,
    private readonly events: AsyncLinkEvents,
  ) {
    this.createdMs = this.lastUseMs = clock.steadyMs();
    this.timeoutMs = timeoutMs;
    this.wire = network.connect(
      { host, port, timeoutMs },
      {
        onOpen: () => this.events.drained(),
        onData: (bytes, count) => this.take(bytes, count),
        onDrain: () => this.events.drained(),
        onEnd: () => this.close('interrupted: connection closed'),
        onClose: () => this.close('interrupted: connection closed'),
      },
    );
    this.watch();
  }

  get isOver(): boolean {
    return this.isClosed;
  }

  get unsentBytes(): number {
    return this.wire.unsentBytes;
  }

  send(words: readonly Word[]): void {
    if (this.isClosed) return;
    this.encoder.clear();
    this.encoder.parts(-1, words);
    this.wire.write(this.encoder.bytes.slice(0, this.encoder.length));
  }

  /** Something is on its way: silence for `timeoutMs` ends the connection; without it, a minute does. */
  setBusy(isBusy: boolean, timeoutMs = this.timeoutMs): void {
    this.isBusy = isBusy;
    this.timeoutMs = timeoutMs;
    this.lastUseMs = this.clock.steadyMs();
    this.watch();
  }

  private watch(): void {
    this.timer?.cancel();
    if (this.isClosed) return;
    const limitMs = this.isBusy ? this.timeoutMs : IDLE_MS;
    const leftMs = this.lastUseMs + limitMs - this.clock.steadyMs();
    this.timer = this.clock.after(Math.max(1, Math.ceil(leftMs)), () => {
      if (this.lastUseMs + limitMs > this.clock.steadyMs()) this.watch();
      else this.close(this.isBusy ? 'interrupted: migration timeout' : 'interrupted: idle timeout');
    });
  }

  private take(bytes: Uint8Array, count: number): void {
    const work = new Uint8Array(this.kept.length + count);
    work.set(this.kept);
    work.set(bytes.subarray(0, count), this.kept.length);
    let at = 0;
    while (at < work.length && !this.isClosed) {
      const answer = this.reader.read(work, at, work.length, this.call, null, true);
      if (answer === INCOMPLETE) break;
      at = this.reader.end;
      if (answer !== COMPLETE) {
        this.close("interrupted: the other server does not answer in codis's way");
        return;
      }
      this.takeAnswer();
    }
    this.kept = work.slice(at);
    if (this.kept.length > PENDING_BYTES_MAX)
      this.close("interrupted: the other server does not answer in codis's way");
  }

  private takeAnswer(): void {
    const { call } = this;
    this.lastUseMs = this.clock.steadyMs();
    if (call.count === 3 && call.is(0, 'slotsrestore-async-ack')) {
      this.events.acknowledged(call.integer(1), call.text(2));
      return;
    }
    const words: string[] = [];
    for (let index = 0; index < call.count; index++) words.push(call.text(index));
    this.close(`interrupted: ${words.join(' ').replace(/^-/, '').slice(0, 200)}`);
  }

  close(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer?.cancel();
    this.wire.destroy();
    this.events.ended(reason);
  }
}
