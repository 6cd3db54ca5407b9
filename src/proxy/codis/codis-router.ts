// codis-router: codis's 1024 slots by CRC-32, as its dashboard pushes them: the owner of each, and the source of one
// that moves.
//
// A slot that is locked holds its requests until it is unlocked. While a slot moves, keys are moved on demand (moving-request), and a
// command with several keys goes by each of them alone, or by their common tag.
//
// Reads may go to replicas, where the dashboard says so: the nearest group with a server that answers. A replica that says that it has
// lost its master is left alone until it has been asked again.

import { codisCrc, CODIS_SLOT_COUNT, codisSlot, codisTag } from '../../base/codis-slot.js';
import type { Prng } from '../../base/prng.js';
import type { Clock } from '../../io/clock.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import { sendFor } from '../routing/send-for.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { CodisSlot } from './slot.js';
import { MovingRequest, type MovingSlot, notReady, UnderWay } from './moving-request.js';
import { ReplicaReads } from './replica-reads.js';

interface OpenSlot extends MovingSlot {
  slot: CodisSlot;
  backend: Backend | undefined;
  source: Backend | undefined;
  /** Servers to read from, nearest first. */
  readers: readonly (readonly Backend[])[];
}

export interface CodisRouterOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  makeBackend(address: string): Backend;
  /** Reads never go to replicas. */
  readonly primaryOnly: boolean;
  readonly pingPeriodMs: number;
}

/** Their cursors mean something to the server that gave them only. */
const ownCursor = new Set(['sscan', 'hscan', 'zscan']);

export class CodisRouter implements Router {
  readonly publishesEverywhere = false;
  error = notReady;
  readonly clock: Clock;
  private readonly open: OpenSlot[] = Array.from({ length: CODIS_SLOT_COUNT }, (_, id) => ({
    slot: { id },
    backend: undefined,
    source: undefined,
    readers: [],
    waiting: [],
    underWay: new UnderWay(),
  }));
  private readonly known = new Map<string, Backend>();
  private readonly replicas: ReplicaReads;
  isOnline = false;

  constructor(private readonly options: CodisRouterOptions) {
    this.clock = options.clock;
    this.replicas = new ReplicaReads(options.clock, options.pingPeriodMs);
  }

  /** The backend of an address that some slot names; undefined when none does. */
  backendNamed(address: string): Backend | undefined {
    return this.known.get(address);
  }

  ownerOf(slot: number): Backend | undefined {
    return this.isOnline ? this.open[slot]?.backend : undefined;
  }

  slotOf(bytes: Uint8Array, start: number, length: number): OpenSlot {
    return this.open[codisSlot(bytes, start, length)]!;
  }

  get slots(): CodisSlot[] {
    return this.open.map(({ slot }) => slot);
  }

  /**
   * Takes the dashboard's settings of some slots. Resolves when requests that went to a slot before it was locked are
   * answered: only then may its keys move.
   */
  async fill(slots: readonly CodisSlot[]): Promise<void> {
    const busy = new Set<Backend>();
    const locked: OpenSlot[] = [];
    for (const slot of slots) {
      const open = this.open[slot.id]!;
      if (slot.locked === true) locked.push(open);
      if (slot.locked === true && open.slot.locked !== true && open.backend !== undefined) busy.add(open.backend);
      open.slot = slot;
      open.backend = this.backendAt(slot.backend_addr);
      open.source = this.backendAt(slot.migrate_from);
      open.readers = this.options.primaryOnly ? [] : this.readersOf(slot);
      if (slot.locked === true) continue;
      const { waiting } = open;
      open.waiting = [];
      for (const proceed of waiting) proceed();
    }
    await Promise.all([
      ...[...busy].map((backend) => backend.settle()),
      ...locked.map((open) => open.underWay.settle()),
    ]);
    this.closeUnused();
  }

  private closeUnused(): void {
    const used = new Set(this.open.flatMap(({ backend, source, readers }) => [backend, source, ...readers.flat()]));
    for (const [address, backend] of this.known) {
      if (used.has(backend)) continue;
      this.known.delete(address);
      this.replicas.forget(backend);
      backend.close();
    }
  }

  private readersOf({ replica_groups: groups }: CodisSlot): Backend[][] {
    return (groups ?? []).map((group) => group.map((address) => this.backendAt(address)!).filter(Boolean));
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
    const found = new Set<Backend>();
    for (const { backend, source } of this.open) {
      if (backend !== undefined) found.add(backend);
      // Keys that have not moved yet.
      if (source !== undefined) found.add(source);
    }
    return [...found];
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

  /** Keys of one server go together unless their slot moves: then those of one tag do, and without a tag each key alone. */
  placeOf(bytes: Uint8Array, start: number, length: number): number {
    const crc = codisCrc(bytes, start, length);
    const slot = crc % CODIS_SLOT_COUNT;
    const { backend, source, slot: told } = this.open[slot]!;
    if (backend === undefined || source !== undefined || told.locked === true)
      return CODIS_SLOT_COUNT + crc * 2 + (codisTag.isTag ? 1 : 0);
    return this.placeOfBackend(backend);
  }

  private readonly places = new Map<Backend, number>();

  private placeOfBackend(backend: Backend): number {
    let place = this.places.get(backend);
    if (place === undefined) {
      if (this.places.size > 4 * CODIS_SLOT_COUNT) this.places.clear();
      place = this.places.size;
      this.places.set(backend, place);
    }
    return place;
  }

  readonly forward = (owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame): void => {
    if (!this.isOnline) {
      owner.takeFailure(tag, 'ERR router is not online', false);
      return;
    }
    const open = this.slotOf(frame.bytes, frame.keyStart, frame.keyLength);
    if (open.source === undefined && open.slot.locked !== true && open.backend !== undefined) {
      if (
        open.readers.length > 0 &&
        !plan.isWrite &&
        !ownCursor.has(plan.command.name) &&
        this.replicas.send(open.readers, open.backend, owner, tag, asker, frame)
      )
        return;
      sendFor(asker, open.backend, owner, tag, frame.bytes, frame.from, frame.count);
      return;
    }
    new MovingRequest(this, owner, tag, asker, frame, !plan.hasOneKey && hasMore(plan, frame)).send();
  };

  close(): void {
    this.replicas.close();
    for (const backend of this.known.values()) backend.close();
  }
}

/** Whether the request has arguments after its first key that may be keys too. */
function hasMore({ keyIndex, keyStep }: Plan, { bytes, from }: Frame): boolean {
  let count = 0;
  for (let at = from + 1; bytes[at] !== 13; at++) count = count * 10 + bytes[at]! - 48;
  return keyStep === 0 || count > keyIndex + keyStep;
}
