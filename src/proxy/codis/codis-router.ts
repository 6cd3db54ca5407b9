// codis-router: codis's 1024 slots by CRC-32, as its dashboard pushes them: who has a slot, and from whom it is moving.
//
// A slot that is locked holds its requests until it is unlocked. While a slot moves, keys are moved on demand: by the synchronous
// method the source is told to hand over the key (with all of its tag) before the request goes to the target; by the semi-asynchronous
// one the source runs the request itself if it still has the key, or says that the target does.

import { crc32 } from '../../base/crc32.js';
import { latin1, utf8 } from '../../base/bytes.js';
import { encodeCommand } from '../../client/encode-command.js';
import type { Prng } from '../../base/prng.js';
import type { Clock } from '../../io/clock.js';
import { COMPLETE } from '../../protocol/request.js';
import type { Backend } from '../pool/backend.js';
import { codisTag, findTag, tag } from '../placement/hash-tag.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import { ReplyScanner } from '../wire/reply-scanner.js';
import type { ReplySink } from '../wire/reply-sink.js';

export const CODIS_SLOT_COUNT = 1024;
const MIGRATE_TIMEOUT_MS = '3000';
const RETRY_MS = 10;
const RETRIES_MAX = 500;

/** A slot in the JSON of the dashboard. */
export interface CodisSlot {
  readonly id: number;
  readonly locked?: boolean;
  readonly backend_addr?: string;
  readonly backend_addr_group_id?: number;
  readonly migrate_from?: string;
  readonly migrate_from_group_id?: number;
  readonly forward_method?: number;
  readonly replica_groups?: readonly (readonly string[])[];
}

interface OpenSlot {
  slot: CodisSlot;
  backend: Backend | undefined;
  source: Backend | undefined;
  /** Requests that came while it was locked. */
  waiting: (() => void)[];
}

export interface CodisRouterOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  makeBackend(address: string): Backend;
}

export function codisSlotOf(bytes: Uint8Array, start: number, length: number): number {
  findTag(codisTag, bytes, start, length);
  return crc32(bytes, tag.start, tag.length) % CODIS_SLOT_COUNT;
}

const notReady = 'ERR handle request, slot is not ready, may be offline';

/** A request to a slot that is moving: kept until it is known where its key is. */
class MovingRequest implements ReplySink {
  private readonly bytes: Uint8Array;
  private readonly key: Uint8Array;
  private stage: 'key' | 'wrapped' | 'sent' = 'key';
  private retries = 0;

  constructor(
    private readonly router: CodisRouter,
    private readonly owner: ReplySink,
    private readonly tag: number,
    private readonly asker: Asker,
    frame: Frame,
  ) {
    this.bytes = frame.bytes.slice(frame.from, frame.from + frame.count);
    this.key = frame.bytes.slice(frame.keyStart, frame.keyStart + frame.keyLength);
  }

  send(): void {
    const open = this.router.slotOf(this.key, 0, this.key.length);
    if (open.slot.locked === true) {
      open.waiting.push(() => this.send());
    } else if (open.backend === undefined) {
      this.owner.takeFailure(this.tag, notReady, false);
    } else if (open.source === undefined) {
      this.sendTo(open.backend);
    } else if (open.slot.forward_method === 1) {
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
      this.owner.takeReply(this.tag, bytes, from, to);
      return;
    }
    if (bytes[from] === 45) {
      this.owner.takeReply(this.tag, bytes, from, to);
      return;
    }
    const { backend } = this.router.slotOf(this.key, 0, this.key.length);
    if (backend === undefined) {
      this.owner.takeFailure(this.tag, notReady, false);
    } else if (this.stage === 'key') {
      this.sendTo(backend);
    } else {
      this.takeWrapped(bytes, from, to, backend);
    }
  }

  /** [0, error]: the key is not there; [1, error]: it is on its way; [2, reply]. */
  private takeWrapped(bytes: Uint8Array, from: number, to: number, backend: Backend): void {
    const match = /^\*2\r\n:([012])\r\n/.exec(latin1(bytes, from, Math.min(to - from, 16)));
    if (match === null) {
      this.owner.takeFailure(this.tag, 'ERR bad reply of SLOTSMGRT-EXEC-WRAPPER', true);
      return;
    }
    if (match[1] === '0') {
      this.sendTo(backend);
      return;
    }
    if (match[1] === '1') {
      if (this.retries++ >= RETRIES_MAX) this.owner.takeFailure(this.tag, 'ERR the key is being moved', false);
      else this.router.clock.after(RETRY_MS, () => this.send());
      return;
    }
    const scanner = new ReplyScanner();
    const start = from + match[0].length;
    if (scanner.scan(bytes, start, to) === COMPLETE) this.owner.takeReply(this.tag, bytes, start, scanner.end);
    else this.owner.takeFailure(this.tag, 'ERR bad reply of SLOTSMGRT-EXEC-WRAPPER', true);
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    return this.stage === 'sent' && this.owner.takePart(this.tag, bytes, from, to, isFirst, isLast);
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    this.owner.takeFailure(this.tag, text, wasSent);
  }
}

export class CodisRouter implements Router {
  readonly publishesEverywhere = false;
  error = notReady;
  readonly clock: Clock;
  private readonly open: OpenSlot[] = Array.from({ length: CODIS_SLOT_COUNT }, (_, id) => ({
    slot: { id },
    backend: undefined,
    source: undefined,
    waiting: [],
  }));
  private readonly known = new Map<string, Backend>();
  isOnline = false;

  constructor(private readonly options: CodisRouterOptions) {
    this.clock = options.clock;
  }

  slotOf(bytes: Uint8Array, start: number, length: number): OpenSlot {
    return this.open[codisSlotOf(bytes, start, length)]!;
  }

  get slots(): CodisSlot[] {
    return this.open.map(({ slot }) => slot);
  }

  /** What the dashboard says about some slots. */
  fill(slots: readonly CodisSlot[]): void {
    for (const slot of slots) {
      const open = this.open[slot.id]!;
      open.slot = slot;
      open.backend = this.backendAt(slot.backend_addr);
      open.source = this.backendAt(slot.migrate_from);
      if (slot.locked === true) continue;
      const { waiting } = open;
      open.waiting = [];
      for (const proceed of waiting) proceed();
    }
    const used = new Set(this.open.flatMap(({ backend, source }) => [backend, source]));
    for (const [address, backend] of this.known) {
      if (used.has(backend)) continue;
      this.known.delete(address);
      backend.close();
    }
  }

  private backendAt(address: string | undefined): Backend | undefined {
    if (address === undefined || address === '') return undefined;
    let backend = this.known.get(address);
    if (backend === undefined) {
      backend = this.options.makeBackend(address);
      this.known.set(address, backend);
    }
    return backend;
  }

  get backends(): readonly Backend[] {
    return [...new Set(this.open.flatMap(({ backend }) => (backend === undefined ? [] : [backend])))];
  }

  any(): Backend | undefined {
    const { backends } = this;
    return this.isOnline && backends.length > 0 ? backends[this.options.prng.below(backends.length)] : undefined;
  }

  /** For what cannot follow a key on its way: transactions, blocking commands, channels. */
  pick(bytes: Uint8Array, start: number, length: number): Backend | undefined {
    const open = this.slotOf(bytes, start, length);
    return this.isOnline && open.slot.locked !== true && open.source === undefined ? open.backend : undefined;
  }

  /** Keys of one server go together unless their slot moves, when each slot is a place of its own. */
  placeOf(bytes: Uint8Array, start: number, length: number): number {
    const slot = codisSlotOf(bytes, start, length);
    const { backend, source } = this.open[slot]!;
    if (backend === undefined || source !== undefined || this.open[slot]!.slot.locked === true)
      return CODIS_SLOT_COUNT + slot;
    return this.backends.indexOf(backend);
  }

  readonly forward = (owner: ReplySink, tag: number, asker: Asker, _plan: Plan, frame: Frame): void => {
    if (!this.isOnline) {
      owner.takeFailure(tag, 'ERR router is not online', false);
      return;
    }
    const open = this.slotOf(frame.bytes, frame.keyStart, frame.keyLength);
    if (open.source === undefined && open.slot.locked !== true && open.backend !== undefined) {
      open.backend
        .connection(asker.lane, asker.databaseIndex, asker.protocol)
        .send(owner, tag, frame.bytes, frame.from, frame.count);
      return;
    }
    new MovingRequest(this, owner, tag, asker, frame).send();
  };

  close(): void {
    for (const backend of this.known.values()) backend.close();
  }
}
