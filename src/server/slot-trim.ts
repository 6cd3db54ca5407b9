// slot-trim: deletes the keys of slots that this node no longer serves, in slices, so that no client waits for it.
//
// A slot with a million keys takes a second. Between two slices its keys still exist, but the redirection gate lets no
// client reach them. If the slot comes back before its last key is gone, `finish` deletes the rest at once: old keys
// must not mix with new ones.
//
// Each deletion goes to the AOF and to replicas as an UNLINK, as if a client had asked for it.

import type { Clock, Timer } from '../io/clock.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { firstHashOf, Hidden } from '../keyspace/slot-keys.js';
import { RefList } from '../structures/dict.js';
import type { Effects } from './effects.js';

export interface TrimHost {
  readonly keyspace: Keyspace;
  readonly effects: Effects;
  readonly clock: Clock;
  beginTurn(): void;
}

const KEYS_AT_ONCE = 64;
const SLICE_MS = 2;
/** Between two slices, so that half of the time is the clients'. */
const PAUSE_MS = 2;

export class SlotTrim {
  private readonly slots = new Set<number>();
  private readonly entries = new RefList();
  private timer: Timer | undefined;
  /** Keys that were deleted since the start. */
  trimmedKeys = 0;
  /** Slots whose keys were to be deleted, and whose keys are gone. */
  startedSlots = 0;
  finishedSlots = 0;

  constructor(private readonly host: TrimHost) {}

  /** Whether there are slots left with keys to delete. */
  get isActive(): boolean {
    return this.slots.size > 0;
  }

  has(slot: number): boolean {
    return this.slots.has(slot);
  }

  /** Keys that wait for their deletion. */
  get pendingKeys(): number {
    const { slots } = this.host.keyspace.databases[0]!;
    let sum = 0;
    for (const slot of this.slots) sum += slots?.counts[slot] ?? 0;
    return sum;
  }

  /** Deletes the keys of a slot from now on. */
  begin(slot: number): void {
    if ((this.host.keyspace.databases[0]!.slots?.counts[slot] ?? 0) === 0) return;
    if (this.slots.has(slot)) return;
    this.slots.add(slot);
    this.startedSlots++;
    this.hide();
    this.timer ??= this.host.clock.after(0, this.slice);
  }

  /** Deletes what is left of a slot before this returns. */
  finish(slot: number): void {
    if (!this.slots.has(slot)) return;
    while (!this.deleteSome(slot)) continue;
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.slots.clear();
  }

  /** Nobody sees keys that are only waiting for their end. */
  private hide(): void {
    this.host.keyspace.databases[0]!.slots!.hideOnly(this.slots, Hidden.trimmed);
  }

  private readonly slice = (): void => {
    const { clock } = this.host;
    this.timer = undefined;
    this.host.beginTurn();
    const endMs = clock.steadyMs() + SLICE_MS;
    for (const slot of this.slots) {
      while (!this.deleteSome(slot)) if (clock.steadyMs() >= endMs) break;
      if (clock.steadyMs() >= endMs) break;
    }
    if (this.slots.size > 0) this.timer = clock.after(PAUSE_MS, this.slice);
  };

  /** Deletes some keys of a slot; true when none is left. */
  private deleteSome(slot: number): boolean {
    const { keyspace, effects } = this.host;
    const database = keyspace.databases[0]!;
    const { entries } = this;
    entries.clear();
    const end = firstHashOf(slot + 1);
    // A scan comes back with nothing from where all keys have gone already.
    for (let cursor = firstHashOf(slot); cursor < end && entries.length === 0;)
      cursor = database.scanSlot(slot, cursor, KEYS_AT_ONCE, entries);
    for (let index = 0; index < entries.length; index++) {
      const entry = entries.refs[index]!;
      const key = keyspace.entries.keyBytes(entry);
      database.remove(entry, database.hashOf(key, 0, key.length));
      keyspace.changed(database, key, 0, key.length, 1);
      effects.add(database.index, ['UNLINK', key]);
      this.trimmedKeys++;
    }
    if (database.slots!.counts[slot]! > 0) return false;
    this.slots.delete(slot);
    this.finishedSlots++;
    this.hide();
    return true;
  }
}
