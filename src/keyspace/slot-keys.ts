// slot-keys: which keys belong to which slot: a count for each slot, and the hashes that keep them together.
//
// In a cluster, and in a codis with its own slots, the first 14 bits of a key's hash in the dict of its database are its slot, and
// the other 18 are those of the keyed hash. So the keys of a slot lie side by side in the order of the dict: they are
// found, listed and deleted without an index, and no entry is larger for it. The counts are 64 KB.
//
// The price is 14 bits of the hash: in a slot with more than 2^18 keys, which one hash tag can fill, several keys share a hash,
// and a lookup compares as many keys as there are more than 2^18.
//
// A command's slot is needed twice, by the gate that may redirect it and by the lookup. `remember` saves the second
// checksum.

import { SLOT_COUNT } from '../base/key-slot.js';

/** Bits of a hash that are the slot. */
export const SLOT_BITS = 14;
const HASH_BITS = 32 - SLOT_BITS;

/** Why the keys of a slot are not shown: they are being deleted, or come here and are not this node's yet. */
export const Hidden = { trimmed: 1, staged: 2 } as const;

/** The slot of a key that lies in `bytes` from `offset` on, of 14 bits. */
export type SlotFunction = (bytes: Uint8Array, offset: number, length: number) => number;

export class SlotKeys {
  readonly counts = new Int32Array(SLOT_COUNT);
  /** By slot, bits of `Hidden`; undefined while all keys are shown. */
  hidden: Uint8Array | undefined;
  private bytes: Uint8Array | undefined;
  private offset = 0;
  private length = 0;
  private slot = 0;

  constructor(private readonly slotOf: SlotFunction) {}

  /** Hides the keys of slots for a reason, and no others for it. */
  hideOnly(slots: Iterable<number>, reason: number): void {
    const hidden = this.hidden ?? new Uint8Array(SLOT_COUNT);
    for (let slot = 0; slot < SLOT_COUNT; slot++) hidden[slot]! &= ~reason;
    for (const slot of slots) hidden[slot]! |= reason;
    this.hidden = hidden.some((bits) => bits !== 0) ? hidden : undefined;
  }

  isHidden(slot: number): boolean {
    return this.hidden !== undefined && this.hidden[slot] !== 0;
  }

  /** Whether the key with this hash in the dict is hidden. */
  hidesHash(hash: number): boolean {
    return this.isHidden(hash >>> HASH_BITS);
  }

  get hiddenCount(): number {
    let count = 0;
    if (this.hidden !== undefined)
      for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.hidden[slot] !== 0) count += this.counts[slot]!;
    return count;
  }

  /** The slot of a key that is looked up before `forget`; its bytes do not change until then. @hot */
  remember(bytes: Uint8Array, offset: number, length: number, slot: number): void {
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.slot = slot;
  }

  /** @hot */
  forget(): void {
    this.bytes = undefined;
  }

  /** The hash under which a key stands in the dict; `hash` is what its bytes give. @hot */
  place(hash: number, bytes: Uint8Array, offset: number, length: number): number {
    const slot =
      bytes === this.bytes && offset === this.offset && length === this.length
        ? this.slot
        : this.slotOf(bytes, offset, length);
    return (slot << HASH_BITS) | (hash >>> SLOT_BITS);
  }

  /** @hot */
  added(hash: number): void {
    this.counts[hash >>> HASH_BITS]!++;
  }

  /** @hot */
  removed(hash: number): void {
    this.counts[hash >>> HASH_BITS]!--;
  }
}

/** The lowest hash of a slot's keys (unsigned); the one of the slot after the last is 2^32. */
export function firstHashOf(slot: number): number {
  return slot * 2 ** HASH_BITS;
}
