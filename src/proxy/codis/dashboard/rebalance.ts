// rebalance: plans moves of slots so that every group with servers has as many as the others, with as few moves as
// possible.
//
// Slots on their way count for their target and stay. Slots without a group go to the smallest. Then the group with the most gives
// its highest slots to the one with the fewest, until they differ by one at most.

import { CODIS_SLOT_COUNT } from '../../../base/codis-slot.js';
import { stateOf, type SlotMapping } from './models.js';

/** From slot to group; `groupIds` are those with servers, sorted. */
export function planRebalance(slots: readonly SlotMapping[], groupIds: readonly number[]): Map<number, number> {
  const plan = new Map<number, number>();
  if (groupIds.length === 0) return plan;
  const lower = Math.floor(CODIS_SLOT_COUNT / groupIds.length);
  const upper = Math.ceil(CODIS_SLOT_COUNT / groupIds.length);
  /** Slots that stay, slots that may go, and how many go (negative: come). */
  const fixed = new Map<number, number>();
  const movable = new Map<number, number[]>();
  const out = new Map<number, number>();
  const sizeOf = (id: number): number => (fixed.get(id) ?? 0) + (movable.get(id)?.length ?? 0) - (out.get(id) ?? 0);
  const add = (counts: Map<number, number>, id: number, change: number): void => {
    counts.set(id, (counts.get(id) ?? 0) + change);
  };
  const idle = slots.filter((slot) => stateOf(slot) === '');
  for (const slot of slots) if (stateOf(slot) !== '') add(fixed, slot.action.target_id ?? 0, 1);
  for (const { id, group_id: group } of idle) {
    if (group === 0) continue;
    if (sizeOf(group) < lower) add(fixed, group, 1);
    else movable.set(group, [...(movable.get(group) ?? []), id]);
  }
  const ordered = (ids: readonly number[]): number[] => [...ids].sort((a, b) => sizeOf(a) - sizeOf(b) || a - b);
  const docked: number[] = [];
  for (const { id, group_id: group } of idle) {
    if (group !== 0) continue;
    docked.push(id);
    add(out, ordered(groupIds)[0]!, -1);
  }
  let givers = [...groupIds];
  while (givers.length >= 2) {
    const order = ordered(givers);
    const from = order.at(-1)!;
    if ((movable.get(from)?.length ?? 0) === (out.get(from) ?? 0)) {
      givers = givers.filter((id) => id !== from);
      continue;
    }
    const to = order[0]!;
    if (sizeOf(from) <= lower || sizeOf(to) >= upper || sizeOf(from) - sizeOf(to) <= 1) break;
    add(out, from, 1);
    add(out, to, -1);
  }
  for (const [id, count] of out) {
    if (count <= 0) continue;
    docked.push(...[...movable.get(id)!].sort((a, b) => b - a).slice(0, count));
  }
  docked.sort((a, b) => a - b);
  for (const id of groupIds)
    for (let count = -(out.get(id) ?? 0); count > 0 && docked.length > 0; count--) plan.set(docked.shift()!, id);
  return plan;
}
