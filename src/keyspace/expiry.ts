// expiry: the keys of a database that expire, so that the due ones are found without looking at the others.
//
// A multiset of (hash of the key, time in units of 256 ms) in a Dict of its own: no entry refs, so entries may move
// freely, and the times lie side by side in memory: looking through 10 million of them takes about 20 ms, done in slices.
// Two keys of one hash and time are interchangeable. The entry has the exact millisecond, and is checked last.
//
// Times count from 2020 and end after 34 years; a later time is kept as the last unit and stays there.

import type { RandomSource } from '../base/prng.js';
import type { Dicts, DictRef } from '../structures/dict.js';

const UNIT_MS = 256;
const BASE_MS = Date.UTC(2020, 0, 1);
const UNIT_MAX = 0xffffffff;

/** The payload of a time: 1 to 2^32 - 1, kept as a signed word. */
export function expiryUnit(ms: number): number {
  const unit = Math.floor((ms - BASE_MS) / UNIT_MS);
  return (unit < 1 ? 1 : unit > UNIT_MAX ? UNIT_MAX : unit) | 0;
}

export class ExpiryIndex {
  private dict: DictRef;
  /** No time in the index is before this unit (unsigned). */
  private lowest = UNIT_MAX;
  private cursor = 0;
  /** Lowest unit that the present walk has seen and left. */
  private lowestSeen = UNIT_MAX;

  constructor(
    private readonly dicts: Dicts,
    /** As for the dict of the keys. */
    private readonly sharedBits = 0,
  ) {
    this.dict = dicts.create(sharedBits);
  }

  get count(): number {
    return this.dicts.count(this.dict);
  }

  get overheadBytes(): number {
    return this.dicts.overheadBytes(this.dict);
  }

  /** @hot */
  add(hash: number, ms: number): void {
    const unit = expiryUnit(ms);
    this.dicts.insert(this.dict, hash, unit);
    const unsigned = unit >>> 0;
    if (unsigned < this.lowest) this.lowest = unsigned;
    if (unsigned < this.lowestSeen) this.lowestSeen = unsigned;
  }

  /** @hot */
  remove(hash: number, ms: number): void {
    this.dicts.remove(this.dict, hash, expiryUnit(ms));
  }

  /** Whether anything in the index may be due. */
  mayBeDue(nowMs: number): boolean {
    return this.lowest <= expiryUnit(nowMs) >>> 0;
  }

  /**
   * Looks through about `slotsMax` slots and reports the hashes of those that may be due; the caller looks at the
   * entries. Returns true when the walk came to its end (and so knows what is due next).
   */
  step(nowMs: number, slotsMax: number, due: number[]): boolean {
    const now = expiryUnit(nowMs) >>> 0;
    if (this.cursor === 0) this.lowestSeen = UNIT_MAX;
    this.cursor = this.dicts.sweep(this.dict, this.cursor, slotsMax, (hash, payload) => {
      const unit = payload >>> 0;
      if (unit <= now) due.push(hash);
      if (unit < this.lowestSeen) this.lowestSeen = unit;
    });
    if (this.cursor !== 0) return false;
    this.lowest = this.lowestSeen;
    return true;
  }

  /** A hash drawn with equal chances, and its unit (unsigned); undefined when there is none. */
  random(prng: RandomSource): { hash: number; unit: number } | undefined {
    return this.dicts.randomSlot(this.dict, prng);
  }

  /** Mean of the milliseconds that are left, of the times in about `slotsMax` slots from a random place on; 0 when there are none. */
  meanLeftMs(nowMs: number, slotsMax: number, prng: RandomSource): number {
    let sum = 0;
    let count = 0;
    const visit = (_hash: number, payload: number): void => {
      sum += Math.max(0, (payload >>> 0) * UNIT_MS + BASE_MS - nowMs);
      count++;
    };
    const cursor = this.dicts.sweep(this.dict, this.count <= slotsMax / 2 ? 0 : prng.uint32(), slotsMax, visit);
    if (count === 0 && cursor === 0) this.dicts.sweep(this.dict, 0, slotsMax, visit);
    return count === 0 ? 0 : sum / count;
  }

  /** Hands the old dict out to be freed in slices and starts anew. */
  reset(): DictRef {
    const old = this.dict;
    this.dict = this.dicts.create(this.sharedBits);
    this.lowest = UNIT_MAX;
    this.lowestSeen = UNIT_MAX;
    this.cursor = 0;
    return old;
  }

  verify(): void {
    this.dicts.verify(this.dict);
  }
}
