// allocation: the arithmetic of a cluster: which masters get which slots, how many slots each source gives, and what a
// balance costs. Pure functions; the numbers are those of redis-cli and redis-trib to the slot.
//
// redis-cli computes in single precision and redis-trib in double, which can make a difference of one slot: `precision`
// says which.
import { SLOT_COUNT } from '../base/key-slot.js';

/** Math.fround for redis-cli, the identity for redis-trib. */
export type Precision = (value: number) => number;

export const single: Precision = Math.fround;
export const double: Precision = (value) => value;

export const mastersOf = (nodeCount: number, replicas: number): number => Math.floor(nodeCount / (replicas + 1));

/** First and last slot of each of the masters of a new cluster. */
export function shareSlots(masterCount: number, precision: Precision): [number, number][] {
  const width = precision(SLOT_COUNT / masterCount);
  const ranges: [number, number][] = [];
  let first = 0;
  let cursor = 0;
  for (let index = 0; index < masterCount; index++) {
    let last = Math.round(precision(precision(cursor + width) - 1));
    if (last > SLOT_COUNT || index === masterCount - 1) last = SLOT_COUNT - 1;
    if (last < first) last = first;
    ranges.push([first, last]);
    first = last + 1;
    cursor = precision(cursor + width);
  }
  return ranges;
}

/** One of each host in turn, so that neighbours in the list are on different hosts. */
export function interleaveHosts<T extends { readonly host: string }>(nodes: readonly T[]): T[] {
  const byHost = new Map<string, T[]>();
  for (const node of nodes) {
    const group = byHost.get(node.host);
    if (group === undefined) byHost.set(node.host, [node]);
    else group.push(node);
  }
  const groups = [...byHost.values()];
  const result: T[] = [];
  for (let round = 0; result.length < nodes.length; round++) {
    for (const group of groups) if (round < group.length) result.push(group[round]!);
  }
  return result;
}

export interface Assignment<T> {
  readonly replica: T;
  readonly master: T;
  /** More replicas than asked for: nodes that were left over. */
  readonly isExtra: boolean;
}

/** Gives each master its replicas, from other hosts where possible, and the nodes that are left over one by one. */
export function assignReplicas<T extends { readonly host: string }>(
  masters: readonly T[],
  others: readonly T[],
  replicas: number,
): Assignment<T>[] {
  // To begin with the second one often gives a better spread over hosts.
  const free = [...others.slice(1), ...others.slice(0, 1)];
  const assignments: Assignment<T>[] = [];
  const assignOne = (master: T, isExtra: boolean): void => {
    if (free.length === 0) return;
    const elsewhere = free.findIndex(({ host }) => host !== master.host);
    const [replica] = free.splice(Math.max(elsewhere, 0), 1);
    assignments.push({ replica: replica!, master, isExtra });
  };
  for (const master of masters) for (let count = 0; count < replicas; count++) assignOne(master, false);
  while (free.length > 0) for (const master of masters) assignOne(master, true);
  return assignments;
}

export interface ReshardSource {
  readonly slotList: readonly number[];
}

export interface Move<T> {
  readonly source: T;
  readonly slot: number;
}

/** Which slots each source gives so that `slotCount` of them move: in proportion to what it has, lowest first. */
export function planReshard<T extends ReshardSource>(
  sources: readonly T[],
  slotCount: number,
  precision: Precision,
): Move<T>[] {
  const lists = sources.map((source) => ({ source, list: source.slotList }));
  const total = lists.reduce((sum, { list }) => sum + list.length, 0);
  lists.sort((one, other) => other.list.length - one.list.length);
  const moves: Move<T>[] = [];
  lists.forEach(({ source, list }, index) => {
    if (total === 0) return;
    const share = precision(precision(slotCount / total) * list.length);
    const most = index === 0 ? Math.ceil(share) : Math.floor(share);
    for (const slot of list.slice(0, most)) if (moves.length < slotCount) moves.push({ source, slot });
  });
  return moves;
}

export interface Weighted {
  readonly slotCount: number;
  readonly weight: number;
}

export interface Balance<T> {
  readonly node: T;
  /** Slots that the node has too many (positive) or too few. */
  balance: number;
}

/** How far each node is from its share, sorted from too few to too many; undefined when all are near enough. */
export function findBalances<T extends Weighted>(
  nodes: readonly T[],
  thresholdPercent: number,
  precision: Precision,
): Balance<T>[] | undefined {
  const totalWeight = nodes.reduce((sum, { weight }) => precision(sum + weight), 0);
  let isOver = false;
  let total = 0;
  const balances = nodes.map((node): Balance<T> => {
    const { slotCount, weight } = node;
    const expected =
      totalWeight === 0 ? 0 : Math.trunc(precision(precision(SLOT_COUNT / totalWeight) * precision(weight)));
    if (thresholdPercent > 0) {
      if (slotCount > 0) {
        if (precision(Math.abs(100 - (100 * expected) / slotCount)) > thresholdPercent) isOver = true;
      } else if (expected > 1) isOver = true;
    }
    total += slotCount - expected;
    return { node, balance: slotCount - expected };
  });
  if (!isOver) return undefined;
  // Rounding leaves some slots over: those who get slots anyway take them.
  const takers = balances.filter(({ balance }) => balance <= 0);
  while (total > 0 && takers.length > 0) {
    for (const taker of takers) {
      if (total === 0) break;
      taker.balance--;
      total--;
    }
  }
  return balances.sort((one, other) => one.balance - other.balance);
}

export interface Transfer<T> {
  readonly source: T;
  readonly target: T;
  readonly slotCount: number;
}

/** Transfers of slots from donors to receivers, for balances as `findBalances` sorts them. */
export function pairBalances<T>(balances: readonly Balance<T>[]): Transfer<T>[] {
  const open = balances.map(({ node, balance }) => ({ node, balance }));
  const transfers: Transfer<T>[] = [];
  let low = 0;
  let high = open.length - 1;
  while (low < high) {
    const target = open[low]!;
    const source = open[high]!;
    const slotCount = Math.min(Math.abs(target.balance), Math.abs(source.balance));
    if (slotCount > 0) transfers.push({ source: source.node, target: target.node, slotCount });
    target.balance += slotCount;
    source.balance -= slotCount;
    if (target.balance === 0) low++;
    if (source.balance === 0) high--;
  }
  return transfers;
}
