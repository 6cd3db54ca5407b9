// slots: the slots of the node that replied to CLUSTER NODES, and what two such replies differ in.

import { SLOT_COUNT } from '../../base/key-slot.js';

/** A bit for each slot that is the node's own. */
export type Slots = Uint8Array;

const TEXT_LENGTH_MAX = 8 << 20;
/** Of many ranges the rest is counted. */
const RANGES_SHOWN_MAX = 8;

/** The slots of the line with `myself`; undefined when there is none. */
export function ownSlots(text: string): Slots | undefined {
  for (const line of text.slice(0, TEXT_LENGTH_MAX).split('\n')) {
    const words = line.trim().split(' ');
    if (!(words[2] ?? '').split(',').includes('myself')) continue;
    const slots = new Uint8Array(SLOT_COUNT);
    for (const word of words.slice(8)) {
      const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? [];
      if (first === undefined) continue;
      const from = Number(first);
      const to = Number(last ?? first);
      if (from <= to && to < SLOT_COUNT) slots.fill(1, from, to + 1);
    }
    return slots;
  }
  return undefined;
}

export function slotCount(slots: Slots): number {
  let count = 0;
  for (const bit of slots) count += bit;
  return count;
}

/** Ranges such as `0-5460 (5461 slots)` of the slots that are in `now` and not in `old`; empty for none. */
export function slotsAdded(old: Slots, now: Slots): string {
  const ranges: string[] = [];
  let count = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (now[slot] !== 1 || old[slot] === 1) continue;
    const first = slot;
    while (slot + 1 < SLOT_COUNT && now[slot + 1] === 1 && old[slot + 1] !== 1) slot++;
    ranges.push(first === slot ? `${first}` : `${first}-${slot}`);
    count += slot - first + 1;
  }
  if (count === 0) return '';
  const rest = ranges.length - RANGES_SHOWN_MAX;
  const shown = ranges.slice(0, RANGES_SHOWN_MAX).join(', ') + (rest > 0 ? ` and ${rest} more ranges` : '');
  return `${shown} (${count === 1 ? '1 slot' : `${count} slots`})`;
}
