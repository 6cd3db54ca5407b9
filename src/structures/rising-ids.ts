// rising-ids: the ids that a command names, in rising order, so that many are looked for in one walk and not each from the root.

import type { StreamId } from './stream-id.js';

export class RisingIds {
  /** The ids from the lowest to the highest; an id may be there more than once. */
  readonly ids: readonly StreamId[];
  /** Where each was in the list of the command; null where that was in order. */
  private readonly places: Int32Array | null;

  constructor(given: readonly StreamId[]) {
    let rises = true;
    for (let index = 1; rises && index < given.length; index++) rises = given[index - 1]!.compare(given[index]!) <= 0;
    if (rises) {
      this.ids = given;
      this.places = null;
      return;
    }
    const places = Int32Array.from(given, (_, index) => index);
    places.sort((a, b) => given[a]!.compare(given[b]!) || a - b);
    this.places = places;
    this.ids = Array.from(places, (place) => given[place]!);
  }

  /** The place of an id in the command's list. */
  placeOf(index: number): number {
    return this.places === null ? index : this.places[index]!;
  }

  /** The first index from `from` on whose id is not below this one. Near ones are found in a few steps. @hot */
  seek(from: number, id: StreamId): number {
    const { ids } = this;
    let step = 1;
    let low = from;
    let high = from;
    while (high < ids.length && ids[high]!.compare(id) < 0) {
      low = high + 1;
      high += step;
      step *= 2;
    }
    high = Math.min(high, ids.length);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ids[middle]!.compare(id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
