// cost-balance: which slots to move so that each master carries its share of a cost (keys, memory, load) rather than of slots.
//
// The most loaded node gives to the least loaded one, time after time: the dearest slot that neither takes the giver below
// its share nor the taker above its own, so that few slots move and nothing moves back. It ends when all are within the
// threshold or no slot fits any more; the largest distance from a share never grows.

export interface CostNode<T> {
  readonly node: T;
  readonly weight: number;
  /** Slots with their costs. */
  readonly slots: ReadonlyMap<number, number>;
}

export interface NodeCost<T> {
  readonly node: T;
  readonly cost: number;
  readonly share: number;
}

export interface CostPlan<T> {
  readonly transfers: readonly { readonly source: T; readonly target: T; readonly slots: readonly number[] }[];
  readonly before: readonly NodeCost<T>[];
  readonly after: readonly NodeCost<T>[];
}

interface State<T> {
  readonly node: T;
  readonly share: number;
  cost: number;
  /** Slots to give, dearest first. */
  readonly slots: { readonly slot: number; readonly cost: number }[];
}

export function planByCost<T>(nodes: readonly CostNode<T>[], thresholdPercent: number): CostPlan<T> {
  const costOf = ({ slots }: CostNode<T>): number => [...slots.values()].reduce((sum, cost) => sum + cost, 0);
  const total = nodes.reduce((sum, node) => sum + costOf(node), 0);
  const totalWeight = nodes.reduce((sum, { weight }) => sum + weight, 0);
  const states = nodes.map((node): State<T> => {
    const slots = [...node.slots].map(([slot, cost]) => ({ slot, cost })).filter(({ cost }) => cost > 0);
    slots.sort((one, other) => other.cost - one.cost || one.slot - other.slot);
    const share = totalWeight === 0 ? 0 : (total * node.weight) / totalWeight;
    return { node: node.node, share, cost: costOf(node), slots };
  });
  const snapshot = (): NodeCost<T>[] => states.map(({ node, cost, share }) => ({ node, cost, share }));
  const before = snapshot();
  const transfers = new Map<string, { source: T; target: T; slots: number[] }>();
  while (moveOne(states, thresholdPercent, transfers));
  return { transfers: [...transfers.values()], before, after: snapshot() };
}

/** Moves one slot in the plan; false when nothing is left to gain. */
function moveOne<T>(
  states: readonly State<T>[],
  thresholdPercent: number,
  transfers: Map<string, { source: T; target: T; slots: number[] }>,
): boolean {
  if (states.every((state) => isWithin(state, thresholdPercent))) return false;
  const order = [...states].sort((one, other) => other.cost - other.share - (one.cost - one.share));
  for (const source of order) {
    const surplus = source.cost - source.share;
    if (surplus <= 0) return false;
    for (let index = order.length - 1; index >= 0; index--) {
      const target = order[index]!;
      const room = Math.min(surplus, target.share - target.cost);
      if (room <= 0) break;
      const found = source.slots.findIndex(({ cost }) => cost <= room);
      if (found < 0) continue;
      const [moved] = source.slots.splice(found, 1);
      source.cost -= moved!.cost;
      target.cost += moved!.cost;
      const key = `${states.indexOf(source)} ${states.indexOf(target)}`;
      const transfer = transfers.get(key) ?? { source: source.node, target: target.node, slots: [] };
      transfer.slots.push(moved!.slot);
      transfers.set(key, transfer);
      return true;
    }
  }
  return false;
}

function isWithin({ cost, share }: { cost: number; share: number }, thresholdPercent: number): boolean {
  if (share === 0) return cost === 0;
  return Math.abs(100 - (100 * cost) / share) <= thresholdPercent;
}
