// cluster-migration: CLUSTER MIGRATION (Redis 8.4), MIGRATESLOTS, GETSLOTMIGRATIONS and CANCELSLOTMIGRATIONS (Valkey 9): moves of slots in
// one step. PAUSE, RESUME and THROTTLE, and the fields after `write_pause_ms`, are ours.
//
// Not here: the moves (cluster/migration).

import { SLOT_COUNT } from '../../base/key-slot.js';
import { rangesText, type SlotRange } from '../../base/slot-ranges.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { readSlot } from '../cluster-gate.js';
import type { ClusterPort } from '../cluster-port.js';
import type { SlotExportRequest, SlotMoveOrder, SlotMovePhase, SlotMoveView } from '../slot-moves-port.js';
import type { ClusterCall, ClusterRun } from './cluster-host.js';

const ARITY = wrongArity('cluster|migration');
const SECOND_MS = 1000;

/** Redis's names of what the two sides do. */
const importNames: Readonly<Record<SlotMovePhase, string>> = {
  clearing: 'none',
  connecting: 'connecting',
  handshake: 'send-handshake',
  snapshot: 'accumulate-buffer',
  streaming: 'streaming-buffer',
  handoff: 'wait-stream-eof',
  granted: 'takeover',
  waiting: 'failed',
  completed: 'completed',
  failed: 'failed',
  canceled: 'canceled',
};
const exportNames: Readonly<Record<SlotMovePhase, string>> = {
  ...importNames,
  connecting: 'none',
  handshake: 'wait-bgsave-start',
  snapshot: 'send-bulk-and-stream',
  streaming: 'send-stream',
  handoff: 'handoff-prep',
  granted: 'handoff',
};

/** Valkey's. */
const valkeyImportNames: Readonly<Record<SlotMovePhase, string>> = {
  clearing: 'wait-ack',
  connecting: 'wait-ack',
  handshake: 'wait-ack',
  snapshot: 'receive-snapshot',
  streaming: 'waiting-for-paused',
  handoff: 'failover-requested',
  granted: 'failover-granted',
  waiting: 'wait-ack',
  completed: 'success',
  failed: 'failed',
  canceled: 'cancelled',
};
const valkeyExportNames: Readonly<Record<SlotMovePhase, string>> = {
  ...valkeyImportNames,
  clearing: 'connecting',
  connecting: 'connecting',
  handshake: 'waiting-to-snapshot',
  snapshot: 'snapshotting',
  streaming: 'streaming',
  handoff: 'failover-paused',
  waiting: 'connecting',
};

// --- Redis 8.4 ------------------------------------------------------------------------------------------------------------

export const migration: ClusterRun = (call, cluster) => {
  if (call.is(2, 'import')) importSlots(call, cluster);
  else if (call.is(2, 'status')) status(call, cluster);
  else if (call.is(2, 'cancel')) {
    const which = readWhich(call, 3);
    if (which !== undefined) call.reply.integer(cluster.slotMoves.cancel(which.id, 'both'));
  } else if (call.is(2, 'pause') || call.is(2, 'resume')) {
    const which = readWhich(call, 3);
    const order: SlotMoveOrder = { kind: call.is(2, 'pause') ? 'pause' : 'resume' };
    if (which !== undefined) call.reply.integer(cluster.slotMoves.order(which.id, order));
  } else if (call.is(2, 'throttle')) throttle(call, cluster);
  else call.reply.error(errors.unknownArgument);
};

function importSlots(call: ClusterCall, cluster: ClusterPort): void {
  if (call.count % 2 === 0 || call.count < 5) {
    call.reply.error(ARITY);
    return;
  }
  const ranges: SlotRange[] = [];
  for (let index = 3; index < call.count; index += 2) {
    const range = readRange(call, index);
    if (range === undefined) return;
    ranges.push(range);
  }
  const begun = cluster.slotMoves.importSlots(ranges);
  if ('error' in begun) call.reply.error(begun.error);
  else call.reply.bulkText(begun.id);
}

/** The range of two arguments; undefined after the error reply. */
function readRange(call: ClusterCall, index: number): SlotRange | undefined {
  const first = readSlot(call, index);
  const last = readSlot(call, index + 1);
  if (Number.isNaN(first) || Number.isNaN(last)) {
    call.reply.error(errors.invalidSlot);
    return undefined;
  }
  if (first > last) {
    call.reply.error(`ERR start slot number ${first} is greater than end slot number ${last}`);
    return undefined;
  }
  return { first, last };
}

/** `ID id` or `ALL` from an argument on; undefined after the error reply. */
function readWhich(call: ClusterCall, index: number): { readonly id: string | undefined } | undefined {
  if (call.is(index, 'id') && call.count === index + 2) return { id: call.text(index + 1) };
  if (call.is(index, 'all') && call.count === index + 1) return { id: undefined };
  call.reply.error(call.is(index, 'id') || call.is(index, 'all') ? ARITY : errors.unknownArgument);
  return undefined;
}

function throttle(call: ClusterCall, cluster: ClusterPort): void {
  const bytesPerSecond = call.integer(3);
  if (!(bytesPerSecond >= 0)) {
    call.reply.error('ERR bytes per second must be a whole number of at least 0, 0 for no limit');
    return;
  }
  if (call.count < 5) {
    call.reply.error(ARITY);
    return;
  }
  const which = readWhich(call, 4);
  if (which !== undefined) call.reply.integer(cluster.slotMoves.order(which.id, { kind: 'limit', bytesPerSecond }));
}

function status(call: ClusterCall, cluster: ClusterPort): void {
  const which = readWhich(call, 3);
  if (which === undefined) return;
  const moves = cluster.slotMoves.moves.filter(({ id }) => which.id === undefined || id === which.id);
  call.reply.array(moves.length);
  for (const move of moves) replyStatus(call, move);
}

function replyStatus({ reply }: ClusterCall, move: SlotMoveView): void {
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', move.id],
    ['slots', rangesText(move.ranges)],
    ['source', move.sourceId],
    ['dest', move.destinationId],
    ['operation', move.isImport ? 'import' : 'migrate'],
    ['state', (move.isImport ? importNames : exportNames)[move.phase]],
    ['last_error', move.lastError],
    ['retries', move.retries],
    ['create_time', move.createdMs],
    ['start_time', move.startedMs],
    ['end_time', move.endedMs],
    ['write_pause_ms', Math.ceil(move.writePauseMs)],
    ['progress_percent', Math.floor(move.percent)],
    ['keys_done', move.keysDone],
    ['keys_total', move.keysTotal],
    ['bytes', move.bytes],
    ['keys_per_second', Math.round(move.keysPerSecond)],
    ['bytes_per_second', Math.round(move.bytesPerSecond)],
    ['time_left_ms', move.leftMs],
    ['paused', move.isPaused ? 1 : 0],
    ['throttle', move.rateLimit],
  ];
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
}

// --- Valkey 9 -------------------------------------------------------------------------------------------------------------

export const migrateSlots: ClusterRun = (call, cluster) => {
  const requests: SlotExportRequest[] = [];
  let index = 2;
  while (index < call.count) {
    if (!call.is(index, 'slotsrange')) {
      call.reply.error(index === 2 ? errors.noSlotRanges : errors.syntax);
      return;
    }
    const ranges: SlotRange[] = [];
    for (index++; index < call.count && !call.is(index, 'node'); index += 2) {
      if (index + 1 >= call.count || call.is(index + 1, 'node')) {
        call.reply.error('ERR No end slot for final slot range');
        return;
      }
      const range = readValkeyRange(call, index);
      if (range === undefined) return;
      ranges.push(range);
    }
    if (ranges.length === 0 || index + 1 >= call.count) {
      call.reply.error(ranges.length === 0 ? errors.noSlotRanges : errors.syntax);
      return;
    }
    requests.push({ ranges, nodeId: call.text(index + 1) });
    index += 2;
  }
  const error = cluster.slotMoves.exportSlots(requests);
  if (error === undefined) call.reply.ok();
  else call.reply.error(error);
};

function readValkeyRange(call: ClusterCall, index: number): SlotRange | undefined {
  const first = readSlot(call, index);
  const last = readSlot(call, index + 1);
  if (Number.isNaN(first) || Number.isNaN(last)) call.reply.error(errors.invalidSlot);
  else if (first > last) call.reply.error(`ERR Start slot number ${first} is greater than end slot number ${last}.`);
  else return { first, last };
  return undefined;
}

export const getSlotMigrations: ClusterRun = (call, cluster) => {
  const { moves } = cluster.slotMoves;
  call.reply.array(moves.length);
  // Valkey lists the latest first.
  for (const move of [...moves].reverse()) replyMigration(call, move);
};

function replyMigration({ reply }: ClusterCall, move: SlotMoveView): void {
  const seconds = (ms: number): number => Math.floor(ms / SECOND_MS);
  const fields: readonly (readonly [string, string | number])[] = [
    ['name', move.id],
    ['operation', move.isImport ? 'IMPORT' : 'EXPORT'],
    ['slot_ranges', rangesText(move.ranges)],
    ['target_node', move.destinationId],
    ['source_node', move.sourceId],
    ['create_time', seconds(move.createdMs)],
    ['last_update_time', seconds(move.updatedMs)],
    ['last_ack_time', seconds(move.heardMs)],
    ['state', (move.isImport ? valkeyImportNames : valkeyExportNames)[move.phase]],
    ['message', move.lastError],
    ['cow_size', 0],
  ];
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
}

export const cancelSlotMigrations: ClusterRun = (call, cluster) => {
  cluster.slotMoves.cancel(undefined, 'export');
  call.reply.ok();
};

// --- between nodes --------------------------------------------------------------------------------------------------------

export const syncSlots: ClusterRun = (call, cluster) => {
  if (call.count > 4 + 2 * SLOT_COUNT) {
    call.reply.error('ERR Too many slot ranges');
    return;
  }
  const words: string[] = [];
  for (let index = 2; index < call.count; index++) words.push(call.text(index));
  const answer = cluster.slotMoves.takeWords(call.client, words);
  if (answer === 'OK') call.reply.ok();
  else if (answer !== undefined) call.reply.error(answer);
};
