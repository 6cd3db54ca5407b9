// slots-mapping: SLOTSMAPPING: which server has which slot, for one slot or all 1024.
import type { Call } from '../../registry/call.js';
import { CODIS_SLOT_COUNT, type CodisRouter, type CodisSlot } from './codis-router.js';

function replySlot(call: Call, slot: CodisSlot): void {
  const { reply } = call;
  reply.array(4);
  reply.integer(slot.id);
  reply.bulkText(slot.backend_addr ?? '');
  reply.bulkText(slot.migrate_from ?? '');
  const groups = slot.replica_groups ?? [];
  reply.array(groups.length);
  for (const group of groups) {
    reply.array(group.length);
    for (const address of group) reply.bulkText(address);
  }
}

export function replySlotsMapping(router: CodisRouter, call: Call): void {
  const { slots } = router;
  if (call.count === 1) {
    call.reply.array(slots.length);
    for (const slot of slots) replySlot(call, slot);
    return;
  }
  const id = call.integer(1);
  const slot = id >= 0 && id < CODIS_SLOT_COUNT ? slots[id] : undefined;
  if (slot === undefined) call.reply.error(`ERR parse slotnum '${call.shown(1)}' failed, out of range`);
  else replySlot(call, slot);
}
