// slot-tags: for each slot of a cluster a short text that belongs to it, found by trying numbers.

import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';

let tags: string[] | undefined;

export function slotTag(slot: number): string {
  tags ??= findTags();
  return tags[slot]!;
}

function findTags(): string[] {
  const found = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
  for (let number = 0, left = SLOT_COUNT; left > 0; number++) {
    const text = number.toString(36);
    const slot = keySlot(Buffer.from(text));
    if (found[slot] !== undefined) continue;
    found[slot] = text;
    left--;
  }
  return found as string[];
}
