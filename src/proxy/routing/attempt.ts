// attempt: a request that may have to be sent again: after a redirection, to a new master, or when its server went away before it
// was sent.
//
// It keeps the request's bytes until the reply has come. Attempts are used again, so that a request costs no object. A
// request that a server may have run already is repeated only when it reads.

import { latin1 } from '../../base/bytes.js';
import type { Clock } from '../../io/clock.js';
import type { Backend } from '../pool/backend.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { Asker, Frame } from './router.js';
import { sendFor } from './send-for.js';

const ERROR = 45;
const KEPT_BYTES_MAX = 4096;
const KEPT_ATTEMPTS_MAX = 4096;
const SENDS_MAX = 32;

/** The meaning of an error reply for the request. */
export type Verdict =
  | { readonly kind: 'final' }
  /** Send again at once, to where the host says now. */
  | { readonly kind: 'again' }
  /** Send to this server after ASKING. */
  | { readonly kind: 'ask'; readonly backend: Backend }
  | { readonly kind: 'wait' };

export interface AttemptHost {
  readonly clock: Clock;
  /** How long a request is tried. */
  readonly patienceMs: number;
  /** The server for the request now; undefined while there is none. */
  choose(attempt: Attempt): Backend | undefined;
  judge(error: string, attempt: Attempt): Verdict;
  /** A server went away. */
  lost(backend: Backend): void;
  /** Runs `again` when there is news, or after a while. */
  wait(again: () => void): void;
  /** Why there is no server. */
  readonly error: string;
}

const askingFrame = new Uint8Array(Buffer.from('*1\r\n$6\r\nASKING\r\n'));
const swallow: ReplySink = { takeReply: () => undefined, takePart: () => true, takeFailure: () => undefined };

const spare: Attempt[] = [];

export class Attempt implements ReplySink {
  private bytes = new Uint8Array(256);
  private count = 0;
  keyStart = 0;
  keyLength = 0;
  private owner!: ReplySink;
  private tag = 0;
  private asker!: Asker;
  private host!: AttemptHost;
  isWrite = false;
  private backend: Backend | undefined;
  private sendCount = 0;
  private giveUpMs = 0;
  private isPassing = false;
  private readonly again = (): void => this.send();

  static begin(host: AttemptHost, owner: ReplySink, tag: number, asker: Asker, isWrite: boolean, frame: Frame): void {
    const attempt = spare.pop() ?? new Attempt();
    attempt.host = host;
    attempt.owner = owner;
    attempt.tag = tag;
    attempt.asker = asker;
    attempt.isWrite = isWrite;
    attempt.sendCount = 0;
    attempt.giveUpMs = 0;
    attempt.isPassing = false;
    if (attempt.bytes.length < frame.count) attempt.bytes = new Uint8Array(Math.max(frame.count, 256));
    attempt.bytes.set(frame.bytes.subarray(frame.from, frame.from + frame.count));
    attempt.count = frame.count;
    attempt.keyStart = frame.keyStart - frame.from;
    attempt.keyLength = frame.keyLength;
    attempt.send();
  }

  /** The request's bytes; its key begins at `keyStart`. */
  get request(): Uint8Array {
    return this.bytes;
  }

  private send(): void {
    const backend = this.host.choose(this);
    if (backend === undefined) {
      this.waitOrFail(this.host.error);
      return;
    }
    this.sendTo(backend);
  }

  private sendTo(backend: Backend): void {
    this.backend = backend;
    this.sendCount++;
    sendFor(this.asker, backend, this, 0, this.bytes, 0, this.count);
  }

  /** Tries once more after a while, or replies with `text` when the time is over. */
  private waitOrFail(text: string): void {
    const { clock, patienceMs } = this.host;
    const now = clock.steadyMs();
    if (this.giveUpMs === 0) this.giveUpMs = now + patienceMs;
    if (now >= this.giveUpMs) this.finishWithFailure(text, false);
    else this.host.wait(this.again);
  }

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    if (bytes[from] === ERROR && this.sendCount < SENDS_MAX) {
      const error = latin1(bytes, from + 1, to - from - 3);
      const verdict = this.host.judge(error, this);
      switch (verdict.kind) {
        case 'again':
          this.send();
          return;
        case 'ask': {
          const { asker } = this;
          verdict.backend
            .connection(asker.lane, asker.databaseIndex, asker.protocol)
            .send(swallow, 0, askingFrame, 0, askingFrame.length);
          this.sendTo(verdict.backend);
          return;
        }
        case 'wait':
          this.waitOrFail(error);
          return;
        case 'final':
      }
    }
    const { owner, tag } = this;
    this.release();
    owner.takeReply(tag, bytes, from, to);
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    const { owner, tag } = this;
    const isTaken = owner.takePart(tag, bytes, from, to, isFirst, isLast);
    this.isPassing = isTaken && !isLast;
    if (isTaken && isLast) this.release();
    return isTaken;
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    const { backend } = this;
    if (backend !== undefined) this.host.lost(backend);
    if (this.isPassing || (wasSent && this.isWrite)) this.finishWithFailure(text, wasSent);
    else this.waitOrFail(text);
  }

  private finishWithFailure(text: string, wasSent: boolean): void {
    const { owner, tag } = this;
    this.release();
    owner.takeFailure(tag, text, wasSent);
  }

  private release(): void {
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = new Uint8Array(256);
    this.backend = undefined;
    if (spare.length < KEPT_ATTEMPTS_MAX) spare.push(this);
  }
}

/** Wakes those who wait, together, after `delayMs` at most. */
export class Patience {
  private waiting: (() => void)[] = [];
  private isScheduled = false;

  constructor(
    private readonly clock: Clock,
    private readonly delayMs: number,
  ) {}

  wait(again: () => void): void {
    this.waiting.push(again);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.clock.after(this.delayMs, () => this.wake());
  }

  private wake(): void {
    this.isScheduled = false;
    const waiting = this.waiting;
    this.waiting = [];
    for (const again of waiting) again();
  }
}
