// moving-request: a request to a slot that is locked or on its way: kept until it is known where its key is.
//
// The client's later requests wait meanwhile: they could take a shorter way and overtake it.
//
// By the synchronous method the source hands over the key, with all of its tag, before the request goes to the target;
// by the semi-asynchronous one the source runs the request itself if it still has the key, or says that the target
// does.
//
// A request keeps to the two servers that it began with: a slot that turns back before it is answered would otherwise have its key
// moved one way and asked for the other. The slot counts such requests, and whoever locks it waits for them.

import { latin1, utf8 } from '../../base/bytes.js';
import { encodeCommand } from '../../client/encode-command.js';
import type { Clock } from '../../io/clock.js';
import { COMPLETE } from '../../protocol/request.js';
import type { Backend } from '../pool/backend.js';
import type { Asker, Frame } from '../routing/router.js';
import { ReplyScanner } from '../wire/reply-scanner.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { CodisSlot } from './slot.js';

const MIGRATE_TIMEOUT_MS = '3000';
const RETRY_MS = 10;
const RETRIES_MAX = 500;

export const notReady = 'ERR handle request, slot is not ready, may be offline';

/** A slot as a request on its way needs it. */
export interface MovingSlot {
  readonly slot: CodisSlot;
  readonly backend: Backend | undefined;
  readonly source: Backend | undefined;
  /** Requests that came while it was locked. */
  waiting: (() => void)[];
  readonly underWay: UnderWay;
}

/** The requests of a slot that one of its servers has, or whose key is being moved. */
export class UnderWay {
  private count = 0;
  private watchers: (() => void)[] = [];

  begin(): void {
    this.count++;
  }

  end(): void {
    if (--this.count > 0) return;
    const { watchers } = this;
    this.watchers = [];
    for (const resolve of watchers) resolve();
  }

  /** Resolves when there are none. */
  async settle(): Promise<void> {
    if (this.count > 0) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }
}

export interface MovingHost {
  readonly clock: Clock;
  slotOf(bytes: Uint8Array, start: number, length: number): MovingSlot;
}

export class MovingRequest implements ReplySink {
  private readonly bytes: Uint8Array;
  private readonly key: Uint8Array;
  private stage: 'key' | 'wrapped' | 'sent' = 'key';
  private retries = 0;
  /** The slot that counts it, and the servers that the slot had then; undefined while it waits. */
  private counted: MovingSlot | undefined;
  private target: Backend | undefined;
  private source: Backend | undefined;

  constructor(
    private readonly host: MovingHost,
    private readonly owner: ReplySink,
    private readonly tag: number,
    private readonly asker: Asker,
    frame: Frame,
    /** Keys of one tag: they are fetched before the request runs, as the source may have some of them and the target others. */
    private readonly hasSeveralKeys: boolean,
  ) {
    this.bytes = frame.bytes.slice(frame.from, frame.from + frame.count);
    this.key = frame.bytes.slice(frame.keyStart, frame.keyStart + frame.keyLength);
    asker.hold?.();
  }

  private finish(bytes: Uint8Array, from: number, to: number): void {
    this.leave();
    this.owner.takeReply(this.tag, bytes, from, to);
    this.asker.letGo?.();
  }

  private fail(text: string, wasSent: boolean): void {
    this.leave();
    this.owner.takeFailure(this.tag, text, wasSent);
    this.asker.letGo?.();
  }

  private enter(slot: MovingSlot): void {
    slot.underWay.begin();
    this.counted = slot;
    this.target = slot.backend;
    this.source = slot.source;
  }

  private leave(): void {
    this.counted?.underWay.end();
    this.counted = undefined;
  }

  send(): void {
    const open = this.host.slotOf(this.key, 0, this.key.length);
    if (open.slot.locked === true) {
      open.waiting.push(() => this.send());
      return;
    }
    if (open.backend === undefined) {
      this.fail(notReady, false);
      return;
    }
    this.enter(open);
    if (open.source === undefined) {
      this.sendTo(open.backend);
    } else if (open.slot.forward_method === 1 && !this.hasSeveralKeys) {
      this.stage = 'wrapped';
      const count = /^\*(\d+)\r\n/.exec(latin1(this.bytes, 0, Math.min(16, this.bytes.length)))!;
      const head = utf8(`*${Number(count[1]) + 2}\r\n$22\r\nSLOTSMGRT-EXEC-WRAPPER\r\n`);
      const keyPart = Buffer.concat([Buffer.from(`$${this.key.length}\r\n`), this.key, Buffer.from('\r\n')]);
      const frame = new Uint8Array(Buffer.concat([head, keyPart, this.bytes.subarray(count[0].length)]));
      this.connection(open.source).send(this, 0, frame, 0, frame.length);
    } else {
      this.stage = 'key';
      const { host, port } = open.backend.options;
      const frame = new Uint8Array(
        encodeCommand(['SLOTSMGRTTAGONE', host, String(port), MIGRATE_TIMEOUT_MS, this.key]),
      );
      this.connection(open.source).send(this, 0, frame, 0, frame.length);
    }
  }

  private connection(backend: Backend): ReturnType<Backend['connection']> {
    return backend.connection(this.asker.lane, this.asker.databaseIndex, this.asker.protocol);
  }

  private sendTo(backend: Backend): void {
    this.stage = 'sent';
    this.connection(backend).send(this, 0, this.bytes, 0, this.bytes.length);
  }

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.stage === 'sent') {
      this.finish(bytes, from, to);
      return;
    }
    if (bytes[from] === 45) {
      this.finish(bytes, from, to);
      return;
    }
    if (this.stage === 'wrapped') this.takeWrapped(bytes, from, to);
    else this.proceed();
  }

  /** The source has the key no longer: the request goes to the target, or anew when the slot got other servers without a lock. */
  private proceed(): void {
    const { slot, backend, source } = this.counted!;
    if (slot.locked === true || (backend === this.target && source === this.source)) {
      this.sendTo(this.target!);
    } else {
      this.leave();
      this.send();
    }
  }

  /** [0, error]: the key is missing; [1, error]: it is on its way; [2, reply]. */
  private takeWrapped(bytes: Uint8Array, from: number, to: number): void {
    const match = /^\*2\r\n:([012])\r\n/.exec(latin1(bytes, from, Math.min(to - from, 16)));
    if (match === null) {
      this.fail('ERR bad reply of SLOTSMGRT-EXEC-WRAPPER', true);
      return;
    }
    if (match[1] === '0') {
      this.proceed();
      return;
    }
    if (match[1] === '1') {
      if (this.retries++ >= RETRIES_MAX) this.fail('ERR the key is being moved', false);
      else this.retry();
      return;
    }
    const scanner = new ReplyScanner();
    const start = from + match[0].length;
    if (scanner.scan(bytes, start, to) === COMPLETE) this.finish(bytes, start, scanner.end);
    else this.fail('ERR bad reply of SLOTSMGRT-EXEC-WRAPPER', true);
  }

  private retry(): void {
    this.leave();
    this.host.clock.after(RETRY_MS, () => this.send());
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    if (this.stage !== 'sent') return false;
    const isTaken = this.owner.takePart(this.tag, bytes, from, to, isFirst, isLast);
    if (isTaken && isLast) {
      this.leave();
      this.asker.letGo?.();
    }
    return isTaken;
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    this.fail(text, wasSent);
  }
}
