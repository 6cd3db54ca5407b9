// slot-costs: what each slot of a master costs, in keys, memory or load.
//
// Newer servers tell it themselves (CLUSTER SLOT-STATS). For the others memory is estimated from some keys of each slot, and
// load from the processor time of the node, spread over its slots by their keys.
import { isAggregate, isError, replyText, type Reply } from '../client/reply.js';
import type { ClusterNode } from './cluster-node.js';
import { infoField } from './cluster.js';
import type { Context } from './context.js';

export type Costs = Map<ClusterNode, Map<number, number>>;

const samplesPerSlot = 3;
const loadWindowMs = 1000;

/** Undefined after saying which node does not tell. */
export async function measureCosts(
  context: Context,
  nodes: readonly ClusterNode[],
  by: 'keys' | 'memory' | 'load',
): Promise<Costs | undefined> {
  const costs: Costs = new Map();
  const spent = by === 'load' ? await processorSeconds(context, nodes) : undefined;
  if (by === 'load' && spent === undefined) return undefined;
  for (const node of nodes) {
    const field = { keys: 'key-count', memory: 'memory-bytes', load: 'cpu-usec' }[by];
    const told = await slotStats(context, node, field);
    if (told !== undefined) {
      costs.set(node, told);
      continue;
    }
    const keys = await keysOfSlots(context, node);
    if (by === 'memory') await weighByMemory(context, node, keys);
    if (by === 'load') spread(keys, spent!.get(node)!);
    costs.set(node, keys);
  }
  return costs;
}

/** A figure of CLUSTER SLOT-STATS for all slots; undefined where the server does not have it. */
async function slotStats(context: Context, node: ClusterNode, field: string): Promise<Map<number, number> | undefined> {
  const reply = await context.call(node, 'CLUSTER', 'SLOT-STATS', 'SLOTSRANGE', '0', '16383');
  if (isError(reply) || !isAggregate(reply)) return undefined;
  const costs = new Map<number, number>();
  for (const entry of reply.elements) {
    if (!isAggregate(entry)) return undefined;
    const [slot, stats] = entry.elements;
    if (slot?.kind !== 'integer' || stats === undefined || !isAggregate(stats)) return undefined;
    const at = stats.elements.findIndex((name, index) => index % 2 === 0 && replyText(name) === field);
    const value: Reply | undefined = stats.elements[at + 1];
    if (at < 0 || value?.kind !== 'integer') return undefined;
    costs.set(Number(slot.value), Number(value.value));
  }
  return costs;
}

async function keysOfSlots(context: Context, node: ClusterNode): Promise<Map<number, number>> {
  const slots = node.slotList;
  const replies = await context.callMany(
    node,
    slots.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]),
  );
  return new Map(slots.map((slot, index) => [slot, integerOf(replies[index])]));
}

/** Replaces counts of keys by bytes: the mean of some keys of the slot, times their number. */
async function weighByMemory(context: Context, node: ClusterNode, keys: Map<number, number>): Promise<void> {
  const slots = [...keys].filter(([, count]) => count > 0).map(([slot]) => slot);
  const names = await context.callMany(
    node,
    slots.map((slot) => ['CLUSTER', 'GETKEYSINSLOT', String(slot), String(samplesPerSlot)]),
  );
  for (const [index, slot] of slots.entries()) {
    const reply = names[index]!;
    const samples = isAggregate(reply)
      ? reply.elements.flatMap((name) => (name.kind === 'bulk' ? [name.bytes] : []))
      : [];
    const sizes = await context.callMany(
      node,
      samples.map((name) => ['MEMORY', 'USAGE', name, 'SAMPLES', '5']),
    );
    const total = sizes.reduce((sum, size) => sum + integerOf(size), 0);
    if (samples.length > 0) keys.set(slot, Math.round((total / samples.length) * keys.get(slot)!));
  }
}

const integerOf = (reply: Reply | undefined): number => (reply?.kind === 'integer' ? Number(reply.value) : 0);

/** Shares a node's load out to its slots: each has a part for being there, and one for each key. */
function spread(keys: Map<number, number>, load: number): void {
  const total = [...keys.values()].reduce((sum, count) => sum + count + 1, 0);
  for (const [slot, count] of keys) keys.set(slot, (load * (count + 1)) / total);
}

/** Microseconds of processor time that each node takes within a second. */
async function processorSeconds(
  context: Context,
  nodes: readonly ClusterNode[],
): Promise<Map<ClusterNode, number> | undefined> {
  const look = async (): Promise<(number | undefined)[]> =>
    Promise.all(
      nodes.map(async (node) => {
        const reply = await context.call(node, 'INFO', 'cpu');
        if (!context.accepts(node, reply)) return undefined;
        const field = (name: string): number => Number(infoField(replyText(reply), name) ?? NaN);
        return (field('used_cpu_user') + field('used_cpu_sys')) * 1e6;
      }),
    );
  const first = await look();
  await context.pause(loadWindowMs);
  const second = await look();
  const spent = new Map<ClusterNode, number>();
  for (const [index, node] of nodes.entries()) {
    const used = second[index]! - first[index]!;
    if (!Number.isFinite(used)) return undefined;
    spent.set(node, Math.max(0, used));
  }
  return spent;
}
