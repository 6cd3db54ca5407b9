// slot-commands: what clients may ask about slots through the proxy of a codis: SLOTSMAPPING, SLOTSHASHKEY, and SLOTSINFO, SLOTSSCAN,
// PING and INFO of a server that the request or the slot names.
import { CODIS_SLOT_COUNT, codisSlot } from '../../base/codis-slot.js';
import { encodeCommand } from '../../client/encode-command.js';
import type { Call } from '../../registry/call.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { Session } from '../session/session.js';
import type { CodisRouter } from './codis-router.js';
import type { CodisSlot } from './slot.js';

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

/** The slot at an argument, or -1 with the error replied. */
function readSlot(call: Call, index: number): number {
  const slot = call.integer(index);
  if (slot >= 0 && slot < CODIS_SLOT_COUNT) return slot;
  call.reply.error(
    Number.isNaN(slot)
      ? `ERR parse slotnum '${call.shown(index)}' failed, invalid syntax`
      : `ERR parse slotnum '${call.shown(index)}' failed, out of range`,
  );
  return -1;
}

function replyMapping(router: CodisRouter, call: Call): void {
  const { slots } = router;
  if (call.count > 1) {
    const slot = readSlot(call, 1);
    if (slot >= 0) replySlot(call, slots[slot]!);
    return;
  }
  call.reply.array(slots.length);
  for (const slot of slots) replySlot(call, slot);
}

/** Sends the call on, without its argument at `left` (-1: all of it). */
function forward(session: Session, call: Call, backend: Backend, left: number): void {
  const words: Uint8Array[] = [];
  for (let index = 0; index < call.count; index++) if (index !== left) words.push(call.copy(index));
  const bytes = new Uint8Array(encodeCommand(words));
  backend
    .connection(session.lane, session.databaseIndex, session.protocol)
    .send(session, session.order.take(), bytes, 0, bytes.length);
}

function toNamed(router: CodisRouter, session: Session, call: Call): void {
  const name = call.text(1);
  const backend = router.backendNamed(name);
  if (backend === undefined) call.reply.error(`ERR backend server '${call.shown(1)}' not found`);
  else forward(session, call, backend, 1);
}

/** Answers a command that codis's proxy knows; false for any other. */
export function runSlotCommand(router: CodisRouter, session: Session, plan: Plan, call: Call): boolean {
  switch (plan.command.name) {
    case 'slotsmapping':
      replyMapping(router, call);
      return true;
    case 'slotshashkey':
      call.reply.array(call.count - 1);
      for (let index = 1; index < call.count; index++)
        call.reply.integer(codisSlot(call.bytes, call.starts[index]!, call.lengths[index]!));
      return true;
    case 'slotsinfo':
      if (call.count === 1) call.reply.error("ERR wrong number of arguments for 'slotsinfo' command");
      else toNamed(router, session, call);
      return true;
    case 'slotsscan': {
      if (call.count < 3) {
        call.reply.error("ERR wrong number of arguments for 'slotsscan' command");
        return true;
      }
      const slot = readSlot(call, 1);
      if (slot < 0) return true;
      const backend = router.ownerOf(slot);
      if (backend === undefined) call.reply.error(router.error);
      else forward(session, call, backend, -1);
      return true;
    }
    case 'ping':
    case 'info':
      // An address asks that server; any other word is as everywhere.
      if (call.count !== 2 || !/^[^\s]+:\d{1,5}$/.test(call.text(1))) return false;
      toNamed(router, session, call);
      return true;
    default:
      return false;
  }
}
