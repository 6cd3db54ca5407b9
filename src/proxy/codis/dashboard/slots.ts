// slots: which group has a slot: assigning, and moves that are asked for.
import { CODIS_SLOT_COUNT } from '../../../base/codis-slot.js';
import { type DashboardCore, groupOf, pushSlots, slotOf } from './core.js';
import { emptySlot, type SlotMapping, stateOf } from './models.js';
import { planRebalance } from './rebalance.js';

function refuseEmpty(core: DashboardCore, group: number): void {
  if (groupOf(core, group).servers.length === 0) throw new Error(`group-[${group}] is empty`);
}

function nextIndex(core: DashboardCore): number {
  let last = 0;
  for (const slot of core.store.slots) if (stateOf(slot) !== '') last = Math.max(last, slot.action.index ?? 0);
  return last + 1;
}

async function ask(core: DashboardCore, id: number, target: number): Promise<void> {
  const slot = slotOf(core, id);
  const action = { index: nextIndex(core), state: 'pending' as const, target_id: target };
  await core.store.putSlot({ ...slot, action });
}

export async function createAction(core: DashboardCore, id: number, group: number): Promise<void> {
  refuseEmpty(core, group);
  const slot = slotOf(core, id);
  if (stateOf(slot) !== '') throw new Error(`slot-[${id}] action already exists`);
  if (slot.group_id === group) throw new Error(`slot-[${id}] already in group-[${group}]`);
  await ask(core, id, group);
}

export async function createSomeActions(core: DashboardCore, from: number, to: number, count: number): Promise<void> {
  refuseEmpty(core, to);
  const chosen = core.store.slots.filter((slot) => stateOf(slot) === '' && slot.group_id === from && from !== to);
  for (const { id } of chosen.slice(0, Math.max(0, count))) await ask(core, id, to);
}

export async function createRangeOfActions(
  core: DashboardCore,
  begin: number,
  end: number,
  group: number,
): Promise<void> {
  if (!(begin >= 0 && begin <= end && end < CODIS_SLOT_COUNT)) throw new Error(`invalid slot range [${begin},${end}]`);
  refuseEmpty(core, group);
  for (let id = begin; id <= end; id++) {
    const slot = slotOf(core, id);
    if (stateOf(slot) !== '') throw new Error(`slot-[${id}] action already exists`);
    if (slot.group_id === group) throw new Error(`slot-[${id}] already in group-[${group}]`);
  }
  for (let id = begin; id <= end; id++) await ask(core, id, group);
}

export async function removeAction(core: DashboardCore, id: number): Promise<void> {
  const slot = slotOf(core, id);
  if (stateOf(slot) === '') throw new Error(`slot-[${id}] action doesn't exist`);
  if (stateOf(slot) !== 'pending') throw new Error(`slot-[${id}] action isn't pending`);
  await core.store.putSlot({ ...emptySlot(id), group_id: slot.group_id });
}

/** Slots of a request's body; throws for what is none. */
export function readMappings(body: string): SlotMapping[] {
  let list: unknown;
  try {
    list = JSON.parse(body);
  } catch {
    throw new Error('invalid json');
  }
  if (!Array.isArray(list)) throw new Error('invalid json: a list of slots is wanted');
  return list.map((each: unknown) => {
    const { id, group_id: group, action } = (each ?? {}) as Partial<SlotMapping>;
    if (!Number.isInteger(id) || id! < 0 || id! >= CODIS_SLOT_COUNT)
      throw new Error(`slot-[${String(id)}] doesn't exist`);
    if (group !== undefined && !Number.isInteger(group)) throw new Error(`invalid group of slot-[${String(id)}]`);
    if (action?.state !== undefined && action.state !== '')
      throw new Error(`invalid slot-[${String(id)}] action = ${String(action.state)}`);
    return { id: id!, group_id: group ?? 0, action: {} };
  });
}

/** Says whose slots are; no key moves. */
export async function assign(core: DashboardCore, slots: readonly SlotMapping[]): Promise<void> {
  for (const { id, group_id: group } of slots) {
    slotOf(core, id);
    refuseEmpty(core, group);
  }
  for (const id of new Set(slots.map(({ group_id: group }) => group))) {
    const group = groupOf(core, id);
    if (!group.out_of_sync) await core.store.putGroup({ ...group, out_of_sync: true });
  }
  for (const slot of slots) await core.store.putSlot(slot);
  await pushSlots(core, slots);
}

export async function assignOffline(core: DashboardCore, slots: readonly SlotMapping[]): Promise<void> {
  for (const { id, group_id: group } of slots) {
    slotOf(core, id);
    if (group !== 0) throw new Error(`group of slot-[${id}] should be 0`);
  }
  for (const slot of slots) await core.store.putSlot(slot);
  await pushSlots(core, slots);
}

/** The plan, from slot to group; it is begun when `isConfirmed`. */
export async function rebalance(core: DashboardCore, isConfirmed: boolean): Promise<Map<number, number>> {
  const groups = core.store.sortedGroups.filter(({ servers }) => servers.length > 0).map(({ id }) => id);
  if (groups.length === 0) throw new Error('no valid group could be found');
  const plan = planRebalance(core.store.slots, groups);
  if (isConfirmed) for (const id of [...plan.keys()].sort((a, b) => a - b)) await ask(core, id, plan.get(id)!);
  return plan;
}
