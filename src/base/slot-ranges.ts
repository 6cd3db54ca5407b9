// slot-ranges: ranges of hash slots of a cluster, first and last included, as commands name them.

import { SLOT_COUNT } from './key-slot.js';

export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** "0-100 200-200". */
export function rangesText(ranges: readonly SlotRange[]): string {
  return ranges.map(({ first, last }) => `${first}-${last}`).join(' ');
}

/** Reads `rangesText`, and slots alone; undefined when it is something else. */
export function parseRanges(text: string): SlotRange[] | undefined {
  const ranges: SlotRange[] = [];
  for (const word of text.split(/[ ,]/).filter((each) => each !== '')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last || last >= SLOT_COUNT) return undefined;
    ranges.push({ first, last });
  }
  return ranges;
}

export function slotsOf(ranges: readonly SlotRange[]): number[] {
  const slots: number[] = [];
  for (const { first, last } of ranges) for (let slot = first; slot <= last; slot++) slots.push(slot);
  return slots;
}

/** Slots in ascending order as ranges. */
export function rangesOf(slots: Iterable<number>): SlotRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const slot of slots) {
    const open = ranges[ranges.length - 1];
    if (open !== undefined && slot === open.last + 1) open.last = slot;
    else ranges.push({ first: slot, last: slot });
  }
  return ranges;
}

/** The first two ranges that have a slot in common, the later one first. */
export function findOverlap(ranges: readonly SlotRange[]): readonly [SlotRange, SlotRange] | undefined {
  for (let index = 1; index < ranges.length; index++)
    for (let before = 0; before < index; before++)
      if (overlaps(ranges[index]!, ranges[before]!)) return [ranges[index]!, ranges[before]!];
  return undefined;
}

export function overlaps(one: SlotRange, other: SlotRange): boolean {
  return one.first <= other.last && other.first <= one.last;
}
