// rebalance: evens out the masters: by number of slots as redis-cli does, or by what the slots cost (`--cluster-balance-by`).
import { readLeadingNumber } from '../../base/c-numbers.js';
import { findBalances, pairBalances, planReshard, type Move } from '../allocation.js';
import type { Cluster } from '../cluster.js';
import type { ClusterNode } from '../cluster-node.js';
import type { Context } from '../context.js';
import { planByCost, type CostNode } from '../cost-balance.js';
import { startProgress, type Progress } from '../progress.js';
import { measureCosts } from '../slot-costs.js';
import { loadHealthy, moveSome } from './reshard.js';

export async function rebalance(context: Context, words: readonly string[]): Promise<boolean> {
  const { options } = context;
  let weights: Map<ClusterNode, number> | undefined;
  const cluster = await loadHealthy(context, words, 'rebalancing', true, (loaded) => {
    weights = readWeights(context, loaded);
    return weights !== undefined;
  });
  if (cluster === undefined) return false;
  const involved: Involved[] = [];
  for (const node of cluster.masters) {
    if (!options.useEmptyMasters && node.slotCount === 0) continue;
    involved.push({ node, slotCount: node.slotCount, weight: weights!.get(node) ?? 1 });
  }
  return options.balanceBy === 'slots'
    ? balanceSlots(context, cluster, involved)
    : balanceCosts(context, cluster, involved);
}

interface Involved {
  readonly node: ClusterNode;
  readonly slotCount: number;
  readonly weight: number;
}

function readWeights(context: Context, cluster: Cluster): Map<ClusterNode, number> | undefined {
  const weights = new Map<ClusterNode, number>();
  for (const text of context.options.weights) {
    const equals = text.indexOf('=');
    const node = cluster.byIdPrefix(text.slice(0, equals));
    if (equals < 0 || node === undefined) {
      const problem = equals < 0 ? `invalid input ${text}` : `No such master node ${text.slice(0, equals)}`;
      context.output.error(`*** ${problem}\n`);
      return undefined;
    }
    weights.set(node, context.dialect.precision(readLeadingNumber(text.slice(equals + 1))));
  }
  return weights;
}

function tellTotal(context: Context, involved: readonly Involved[]): void {
  const { dialect } = context;
  const total = involved.reduce((sum, { weight }) => dialect.precision(sum + weight), 0);
  context.output.info(`>>> Rebalancing across ${involved.length} nodes. Total weight = ${dialect.weight(total)}\n`);
}

function tellBalanced(context: Context): true {
  const { output, dialect, options } = context;
  output.warn(
    `*** No rebalancing needed! All nodes are within the ${dialect.percent(options.thresholdPercent)} threshold.\n`,
  );
  return true;
}

async function balanceSlots(context: Context, cluster: Cluster, involved: readonly Involved[]): Promise<boolean> {
  const { output, dialect, options } = context;
  const balances = findBalances(involved, options.thresholdPercent, dialect.precision);
  if (balances === undefined) return tellBalanced(context);
  tellTotal(context, involved);
  if (options.verbose)
    for (const { node, balance } of balances) output.print(`${node.node.name} balance is ${balance} slots\n`);
  // Planned before anything moves; a source gives its lowest slots first, to one target after the other.
  const left = new Map(involved.map(({ node }) => [node, node.slotList]));
  const transfers = pairBalances(balances).map(({ source, target, slotCount }) => {
    const list = left.get(source.node)!;
    const moves = planReshard([{ slotList: list, node: source.node }], slotCount, dialect.precision);
    left.set(source.node, list.slice(moves.length));
    return {
      source: source.node,
      target: target.node,
      moves: moves.map(({ slot }) => ({ source: source.node, slot })),
    };
  });
  return runTransfers(context, cluster, transfers);
}

interface PlannedTransfer {
  readonly source: ClusterNode;
  readonly target: ClusterNode;
  readonly moves: readonly Move<ClusterNode>[];
}

async function runTransfers(
  context: Context,
  cluster: Cluster,
  transfers: readonly PlannedTransfer[],
): Promise<boolean> {
  const { output, options } = context;
  output.report.plan = transfers.map(({ source, target, moves }) => ({
    from: source.id,
    to: target.id,
    slots: moves.map(({ slot }) => slot),
  }));
  const isReal = !options.simulate && !options.dryRun;
  const all = transfers.flatMap(({ moves }) => moves);
  const progress = isReal ? await startProgress(context, all) : undefined;
  try {
    for (const transfer of transfers) {
      const { source, target, moves } = transfer;
      output.print(`Moving ${moves.length} slots from ${source.name} to ${target.name}\n`);
      if (!isReal) {
        output.print(`${'#'.repeat(moves.length)}\n`);
        continue;
      }
      if (!(await runTransfer(context, cluster, transfer, progress))) return false;
    }
  } finally {
    progress?.clear();
  }
  if (progress !== undefined) output.report.moved = progress.figures;
  return true;
}

async function runTransfer(
  context: Context,
  cluster: Cluster,
  { target, moves }: PlannedTransfer,
  progress: Progress | undefined,
): Promise<boolean> {
  const { output, environment } = context;
  let marks = '';
  for (let done = 0; done < moves.length;) {
    if (environment.interrupt.asked) {
      progress?.clear();
      output.complain('\n*** Stopped. Run the command again to go on.\n');
      return false;
    }
    const { outcome, count } = await moveSome(context, cluster, moves.slice(done), target, progress, true);
    done += count;
    if (!outcome.moved) {
      progress?.clear();
      output.error(`*** clusterManagerMoveSlot: ${outcome.error}\n`);
      return false;
    }
    if (progress?.isShown === true) marks += '#'.repeat(count);
    else {
      output.print('#'.repeat(count));
      output.terminal.flush();
    }
  }
  if (progress?.isShown === true) progress.above(() => output.print(`${marks}\n`));
  else output.print('\n');
  progress?.clear();
  return true;
}

const unitNames = { keys: 'keys', memory: 'bytes', load: 'units of load' } as const;

async function balanceCosts(context: Context, cluster: Cluster, involved: readonly Involved[]): Promise<boolean> {
  const { output, options } = context;
  const by = options.balanceBy as keyof typeof unitNames;
  const costs = await measureCosts(
    context,
    involved.map(({ node }) => node),
    by,
  );
  if (costs === undefined) return false;
  const nodes = involved.map(({ node, weight }): CostNode<ClusterNode> => ({ node, weight, slots: costs.get(node)! }));
  const plan = planByCost(nodes, options.thresholdPercent);
  output.report.costs = plan.before.map(({ node, cost, share }) => ({ id: node.id, [by]: Math.round(cost), share }));
  if (plan.transfers.length === 0) return tellBalanced(context);
  tellTotal(context, involved);
  for (const [index, { node, cost, share }] of plan.before.entries()) {
    const after = plan.after[index]!;
    output.print(
      `${node.name} has ${Math.round(cost)} ${unitNames[by]}, its share is ${Math.round(share)}, then ${Math.round(after.cost)}\n`,
    );
  }
  const transfers = plan.transfers.map(({ source, target, slots }) => ({
    source,
    target,
    moves: slots.map((slot) => ({ source, slot })),
  }));
  return runTransfers(context, cluster, transfers);
}
