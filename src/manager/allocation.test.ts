import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import {
  assignReplicas,
  double,
  findBalances,
  interleaveHosts,
  mastersOf,
  pairBalances,
  planReshard,
  shareSlots,
  single,
} from './allocation.js';
import { improveAffinity, scoreAffinity, type Placed } from './anti-affinity.js';
import { planByCost } from './cost-balance.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 32));
function property(name: string, rounds: number, check: (random: Prng) => void): void {
  test(name, () => {
    for (let round = 0; round < rounds; round++) {
      try {
        check(new Prng((seed + round) | 0));
      } catch (error) {
        throw new Error(`with KVASIR_SEED=${seed + round}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  });
}

const source = (first: number, count: number): { slotList: number[] } => ({
  slotList: Array.from({ length: count }, (_, index) => first + index),
});

const counts = (sources: readonly { slotList: number[] }[], slots: number, precision = single): number[] => {
  const moves = planReshard(sources, slots, precision);
  return sources.map((one) => moves.filter((move) => move.source === one).length);
};

test('three masters get the ranges that all guides show', () => {
  const expected = [
    [0, 5460],
    [5461, 10922],
    [10923, 16383],
  ];
  for (const precision of [single, double]) assert.deepEqual(shareSlots(3, precision), expected);
});

test('reshard takes from three masters what guides show', () => {
  const masters = [source(0, 5461), source(5461, 5462), source(10923, 5461)];
  assert.deepEqual(counts(masters, 600), [199, 201, 199]);
  assert.deepEqual(counts(masters, 500), [166, 167, 166]);
  assert.deepEqual(counts(masters, 4096), [1365, 1366, 1365]);
});

test('redis-cli and redis-trib differ by a slot', () => {
  const masters = [source(0, 5462), source(5462, 5462)];
  assert.deepEqual(counts(masters, 1000, single), [500, 500]);
  assert.deepEqual(counts(masters, 1000, double), [500, 499]);
  assert.equal(mastersOf(7, 1), 3);
});

property('slots are shared without holes, as evenly as can be', 300, (random) => {
  const masters = 1 + random.below(500);
  for (const precision of [single, double]) {
    const ranges = shareSlots(masters, precision);
    assert.equal(ranges.length, masters);
    let next = 0;
    for (const [first, last] of ranges) {
      assert.equal(first, next);
      assert.ok(Math.abs(last - first + 1 - 16384 / masters) <= 1, `${last - first + 1} slots of ${masters} masters`);
      next = last + 1;
    }
    assert.equal(next, 16384);
  }
});

property('a reshard moves no slot twice, none that a source has not, and hardly fewer than asked', 40, (random) => {
  const sources = [];
  let first = 0;
  for (let count = 1 + random.below(8); count > 0; count--) {
    const size = random.below(3000);
    sources.push(source(first, size));
    first += size;
  }
  const asked = 1 + random.below(Math.max(1, first));
  const moves = planReshard(sources, asked, random.below(2) === 0 ? single : double);
  assert.equal(new Set(moves.map(({ slot }) => slot)).size, moves.length);
  for (const move of moves) assert.ok(move.source.slotList.includes(move.slot));
  assert.ok(moves.length <= asked);
  if (asked <= first) assert.ok(moves.length >= asked - sources.length, `${moves.length} of ${asked}`);
});

property('a rebalance brings all to their shares', 300, (random) => {
  const count = 2 + random.below(10);
  const cuts = Array.from({ length: count - 1 }, () => random.below(16384)).sort((one, other) => one - other);
  const sizes = [...cuts, 16384].map((cut, index) => cut - (cuts[index - 1] ?? 0));
  const nodes = sizes.map((slotCount, id) => ({ id, slotCount, weight: random.below(4) }));
  if (nodes.every(({ weight }) => weight === 0)) nodes[0]!.weight = 1;
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
  const balances = findBalances(nodes, 2, single);
  if (balances === undefined) return;
  const after = new Map(nodes.map((node) => [node, node.slotCount]));
  for (const { source: from, target, slotCount } of pairBalances(balances)) {
    after.set(from, after.get(from)! - slotCount);
    after.set(target, after.get(target)! + slotCount);
  }
  for (const [node, slots] of after) {
    assert.ok(slots >= 0);
    assert.ok(Math.abs(slots - (16384 * node.weight) / total) <= count, `${slots} slots with weight ${node.weight}`);
  }
  assert.equal(
    [...after.values()].reduce((sum, slots) => sum + slots, 0),
    16384,
  );
});

property('every node of a new cluster has one role, and replicas are spread over hosts', 40, (random) => {
  const hosts = 1 + random.below(5);
  const replicas = random.below(4);
  const count = 3 * (replicas + 1) + random.below(12);
  const nodes = Array.from({ length: count }, (_, index): Placed => {
    return { id: `n${index}`, host: `h${random.below(hosts)}`, replicates: undefined };
  });
  const order = interleaveHosts(nodes);
  assert.equal(new Set(order).size, count);
  const masters = order.slice(0, mastersOf(count, replicas));
  const assignments = assignReplicas(masters, order.slice(masters.length), replicas);
  assert.equal(new Set([...masters, ...assignments.map(({ replica }) => replica)]).size, count);
  for (const master of masters)
    assert.ok(assignments.filter((assignment) => assignment.master === master).length >= replicas);
  for (const { replica, master } of assignments) replica.replicates = master.id;
  const before = scoreAffinity(nodes).score;
  const loads = (): string[] => nodes.map(({ replicates }) => replicates ?? '').sort();
  const loadsBefore = loads();
  const affinity = improveAffinity(nodes, random);
  const { score } = scoreAffinity(nodes);
  assert.ok(score <= before);
  assert.deepEqual(loads(), loadsBefore);
  assert.equal(affinity === 'perfect', score === 0);
});

property('a balance by cost moves each slot at most once and makes nobody worse', 300, (random) => {
  let slot = 0;
  const nodes = Array.from({ length: 2 + random.below(6) }, (_, node) => {
    const slots = new Map<number, number>();
    for (let count = random.below(60); count > 0; count--) slots.set(slot++, random.below(1000));
    return { node, weight: 1 + random.below(3), slots };
  });
  const { transfers, before, after } = planByCost(nodes, 2);
  const moved = transfers.flatMap(({ slots }) => slots);
  assert.equal(new Set(moved).size, moved.length);
  const distance = (costs: typeof before): number =>
    Math.max(...costs.map(({ cost, share }) => Math.abs(cost - share)));
  assert.ok(distance(after) <= distance(before) + 1e-6);
  const held = new Map(nodes.map(({ node, slots }) => [node, new Map(slots)]));
  for (const { source: from, target, slots } of transfers) {
    for (const one of slots) {
      held.get(target)!.set(one, held.get(from)!.get(one)!);
      assert.ok(held.get(from)!.delete(one));
    }
  }
  for (const { node, cost } of after) {
    const sum = [...held.get(node)!.values()].reduce((total, one) => total + one, 0);
    assert.ok(Math.abs(sum - cost) < 1e-6);
  }
});
