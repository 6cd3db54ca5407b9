// cluster-slot-stats: CLUSTER SLOT-STATS: figures of this shard's slots, by range or in the order of one of them.

import { SLOT_COUNT } from '../../base/key-slot.js';
import { errors } from '../../protocol/errors.js';
import type { ClusterPort } from '../cluster-port.js';
import { type ClusterCall, type ClusterRun, refuseSyntax, slotAt } from './cluster-host.js';

type Metric = readonly [name: string, of: (slot: number) => number];

function metricsOf(call: ClusterCall): readonly Metric[] {
  const { slotStats, keyspace } = call.host;
  const { counts } = keyspace.databases[0]!.slots!;
  const keyCount: Metric = ['key-count', (slot) => counts[slot]!];
  if (!slotStats.isOn) return [keyCount];
  return [
    keyCount,
    ['cpu-usec', (slot) => slotStats.cpuOf(slot)],
    ['network-bytes-in', (slot) => slotStats.bytesInOf(slot)],
    ['network-bytes-out', (slot) => slotStats.bytesOutOf(slot)],
  ];
}

/** The slots of this shard from `start` to `end`. */
function ownSlots(cluster: ClusterPort, start: number, end: number): number[] {
  const slots: number[] = [];
  for (let slot = start; slot <= end; slot++) if (cluster.owner(slot) === cluster.shardMaster) slots.push(slot);
  return slots;
}

function replySlots(call: ClusterCall, slots: readonly number[], metrics: readonly Metric[]): void {
  call.reply.array(slots.length);
  for (const slot of slots) {
    call.reply.array(2);
    call.reply.integer(slot);
    call.reply.map(metrics.length);
    for (const [name, of] of metrics) {
      call.reply.bulkText(name);
      call.reply.integer(of(slot));
    }
  }
}

interface Order {
  readonly limit: number;
  readonly ascending: boolean;
}

/** Reads what follows ORDERBY's metric; undefined after the error reply. */
function readOrder(call: ClusterCall): Order | undefined {
  let limit: number | undefined;
  let ascending: boolean | undefined;
  for (let index = 4; index < call.count; index++) {
    let isRepeated: boolean;
    if (call.is(index, 'limit') && index + 1 < call.count) {
      isRepeated = limit !== undefined;
      limit = call.integer(++index);
      if (!(limit >= 1 && limit <= SLOT_COUNT)) {
        call.reply.error('ERR Limit has to lie in between 1 and 16384 (maximum number of slots).');
        return undefined;
      }
    } else if (call.is(index, 'asc') || call.is(index, 'desc')) {
      isRepeated = ascending !== undefined;
      ascending = call.is(index, 'asc');
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
    if (isRepeated) {
      call.reply.error('ERR Provided multiple filters of the same type.');
      return undefined;
    }
  }
  return { limit: limit ?? SLOT_COUNT, ascending: ascending === true };
}

export const slotStats: ClusterRun = (call, cluster) => {
  const metrics = metricsOf(call);
  if (call.count === 5 && call.is(2, 'slotsrange')) {
    const start = slotAt(call, 3);
    if (Number.isNaN(start)) return;
    const end = slotAt(call, 4);
    if (Number.isNaN(end)) return;
    if (start > end) call.reply.error(`ERR Start slot number ${start} is greater than end slot number ${end}`);
    else replySlots(call, ownSlots(cluster, start, end), metrics);
  } else if (call.is(2, 'orderby')) {
    const metric = metrics.find(([name]) => call.is(3, name));
    if (metric === undefined) {
      call.reply.error('ERR Unrecognized sort metric for ORDERBY.');
      return;
    }
    const order = readOrder(call);
    if (order === undefined) return;
    const [, of] = metric;
    const sign = order.ascending ? 1 : -1;
    const slots = ownSlots(cluster, 0, SLOT_COUNT - 1).sort((a, b) => sign * (of(a) - of(b)) || a - b);
    replySlots(call, slots.slice(0, order.limit), metrics);
  } else {
    refuseSyntax(call);
  }
};
