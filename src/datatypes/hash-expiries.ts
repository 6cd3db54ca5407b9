// hash-expiries: which fields of a dict-encoded hash expire, so that the due ones are found without reading all fields.
//
// The time itself stands in the field's entry (NUMBER). Beside it, in a second dict, stand (hash of the field, time in
// units of 256 ms): half a million of them are swept in a millisecond, as they lie side by side. The words that the
// fields' dict keeps for its owner hold:
//
//   word 0    ref of the second dict, 0 while no field expires
//   word 1    cursor of an unfinished sweep
//   word 2-3  a double: no field is due before (a lower bound: it does not follow when that field goes), -1: none
//
// Not here: listpacks of fields that expire, which are kept in the order of their times (hash).

import { CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import { type DictRef, type Dicts, OWNER_WORD } from '../structures/dict.js';
import type { Entries } from '../structures/entry.js';

const INDEX = 0;
const CURSOR = 1;
const NEXT_DOUBLE = (OWNER_WORD + 2) >> 1;
const UNIT_MS = 256;
const BASE_MS = Date.UTC(2020, 0, 1);
const UNIT_MAX = 0xffffffff;
const SWEEP_SLOTS = 4096;

/** The payload of a time: 1 to 2^32 - 1, as a signed word. Later times than 2054 are kept as the last one. */
function unitOf(ms: number): number {
  const unit = Math.floor((ms - BASE_MS) / UNIT_MS);
  return (unit < 1 ? 1 : unit > UNIT_MAX ? UNIT_MAX : unit) | 0;
}

export class FieldExpiries {
  private readonly due: number[] = [];

  constructor(
    readonly dicts: Dicts,
    readonly entries: Entries,
  ) {}

  /** Makes the owner's words of a new dict of fields. */
  init(dict: DictRef): void {
    this.dicts.setOwnerWord(dict, INDEX, 0);
    this.dicts.setOwnerWord(dict, CURSOR, 0);
    this.setNext(dict, -1);
  }

  /** No field is due before this time; -1 when none expires. */
  next(dict: DictRef): number {
    return this.dicts.arena.f64[dict >>> CHUNK_SHIFT]![(wordOffset(dict) >> 1) + NEXT_DOUBLE]!;
  }

  private setNext(dict: DictRef, ms: number): void {
    this.dicts.arena.f64[dict >>> CHUNK_SHIFT]![(wordOffset(dict) >> 1) + NEXT_DOUBLE] = ms;
  }

  /** How many fields expire. */
  count(dict: DictRef): number {
    const index = this.dicts.ownerWord(dict, INDEX);
    return index === 0 ? 0 : this.dicts.count(index as DictRef);
  }

  add(dict: DictRef, hash: number, ms: number): void {
    let index = this.dicts.ownerWord(dict, INDEX);
    if (index === 0) {
      index = this.dicts.create();
      this.dicts.setOwnerWord(dict, INDEX, index);
    }
    this.dicts.insert(index as DictRef, hash, unitOf(ms));
    const next = this.next(dict);
    if (next < 0 || ms < next) this.setNext(dict, ms);
  }

  remove(dict: DictRef, hash: number, ms: number): void {
    const index = this.dicts.ownerWord(dict, INDEX) as DictRef;
    this.dicts.remove(index, hash, unitOf(ms));
    if (this.dicts.count(index) === 0) this.drop(dict);
  }

  /** Frees the index. */
  drop(dict: DictRef): void {
    const index = this.dicts.ownerWord(dict, INDEX);
    if (index !== 0) this.dicts.destroy(index as DictRef);
    this.init(dict);
  }

  overheadBytes(dict: DictRef): number {
    const index = this.dicts.ownerWord(dict, INDEX);
    return index === 0 ? 0 : this.dicts.overheadBytes(index as DictRef);
  }

  /**
   * Finds up to about `budget` entries whose time is before `now` and hands each to `expire`, which must delete it.
   * When it has found all of them, `next` is right again; else it stays in the past, and a later call goes on.
   */
  expireDue(dict: DictRef, now: number, budget: number, expire: (entry: number, hash: number) => void): number {
    if (this.next(dict) < 0 || this.next(dict) >= now) return 0;
    const last = unitOf(now) >>> 0;
    let expired = 0;
    let lowest = UNIT_MAX;
    let cursor = this.dicts.ownerWord(dict, CURSOR) >>> 0;
    const complete = cursor === 0;
    do {
      this.due.length = 0;
      cursor = this.dicts.sweep(this.dicts.ownerWord(dict, INDEX) as DictRef, cursor, SWEEP_SLOTS, (hash, payload) => {
        const unit = payload >>> 0;
        if (unit <= last) this.due.push(hash);
        else if (unit < lowest) lowest = unit;
      });
      for (const hash of this.due) {
        const entry = this.dicts.findByHash(dict, hash, (ref) => this.isDue(ref, now));
        if (entry !== 0) {
          expire(entry, hash);
          expired++;
        } else {
          lowest = Math.min(lowest, last);
        }
      }
      // The index is gone when the last one expired.
      if (this.next(dict) < 0) return expired;
    } while (cursor !== 0 && expired < budget);
    this.dicts.setOwnerWord(dict, CURSOR, cursor);
    if (cursor === 0 && complete) this.setNext(dict, this.lowerBound(dict, lowest, last, now));
    return expired;
  }

  /** The time that a sweep found to be the lowest; the exact one where the unit alone would make it due at once. */
  private lowerBound(dict: DictRef, lowest: number, last: number, now: number): number {
    if (lowest > last) return BASE_MS + lowest * UNIT_MS;
    let exact = Infinity;
    this.dicts.forEach(this.dicts.ownerWord(dict, INDEX) as DictRef, (payload, hash) => {
      if (payload >>> 0 > last) return;
      this.dicts.findByHash(dict, hash, (ref) => {
        if (this.entries.hasNumber(ref) && this.entries.number(ref) < exact) exact = this.entries.number(ref);
        return false;
      });
    });
    return exact === Infinity ? now : exact;
  }

  private isDue(entry: number, now: number): boolean {
    return this.entries.hasNumber(entry) && this.entries.number(entry) < now;
  }
}
