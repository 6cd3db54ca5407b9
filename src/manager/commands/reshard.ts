// reshard: moves a number of slots from some masters to another, as the options say or a person answers.
//
// It can be stopped at any time. Ctrl-C lets the slot under way finish; after anything worse the next call finishes it.
import { readLeadingInteger } from '../../base/c-numbers.js';
import { SLOT_COUNT } from '../../base/key-slot.js';
import { planReshard, type Move } from '../allocation.js';
import { settle } from '../agreement.js';
import { blockingProblems, checkCluster } from '../check.js';
import { loadCluster, type Cluster } from '../cluster.js';
import type { ClusterNode } from '../cluster-node.js';
import { NodeLost, type Context } from '../context.js';
import { describeNode } from '../describe.js';
import { firstStep, movesAtOnce, moveStep } from '../move-at-once.js';
import { moveSlot, type MoveOutcome } from '../move-slot.js';
import { startProgress, type Progress } from '../progress.js';
import { resumeMoves } from '../resume.js';
import { loadNamed } from './check.js';

export async function reshard(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, options } = context;
  const cluster = await loadHealthy(context, words, 'resharding', false);
  if (cluster === undefined) return false;
  const slotCount = await askSlotCount(context);
  if (slotCount === undefined) return false;
  const target = await askTarget(context, cluster);
  if (target === undefined) return false;
  const sources = await askSources(context, cluster, target);
  if (sources === undefined) return false;
  output.print(`\nReady to move ${slotCount} slots.\n  Source nodes:\n`);
  for (const source of sources) output.print(`${describeNode(source, context.dialect, '    ')}\n`);
  output.print(`  Destination node:\n${describeNode(target, context.dialect, '    ')}\n  Resharding plan:\n`);
  const moves = planReshard(sources, slotCount, context.dialect.precision);
  for (const { source, slot } of moves) output.print(`    Moving slot ${slot} from ${source.id}\n`);
  output.report.plan = moves.map(({ source, slot }) => ({ slot, from: source.id, to: target.id }));
  if (options.dryRun) return true;
  if (!options.yes) {
    output.print('Do you want to proceed with the proposed reshard plan (yes/no)? ');
    if ((await context.readAnswer()) !== 'yes') return false;
  }
  return moveAll(context, cluster, moves, target);
}

/** Moves the slots of a plan; false when some stay where they are. */
async function moveAll(
  context: Context,
  cluster: Cluster,
  moves: readonly Move<ClusterNode>[],
  target: ClusterNode,
): Promise<boolean> {
  const { output, environment, dialect } = context;
  const progress = await startProgress(context, moves);
  let done = 0;
  let isGood = true;
  try {
    while (done < moves.length) {
      if (environment.interrupt.asked) {
        isGood = false;
        break;
      }
      const { outcome, count } = await moveSome(context, cluster, moves.slice(done), target, progress);
      if (!outcome.moved) {
        progress?.clear();
        if (dialect.name === 'cli') output.error(`clusterManagerMoveSlot failed: ${outcome.error}\n`);
        isGood = false;
        break;
      }
      done += count;
    }
  } finally {
    progress?.clear();
  }
  if (progress !== undefined) output.report.moved = progress.figures;
  if (!isGood && done < moves.length) tellRest(context, done, moves.length);
  return isGood;
}

/** Moves the first slots of a plan: many in one step where both nodes can, else one. */
export async function moveSome(
  context: Context,
  cluster: Cluster,
  moves: readonly Move<ClusterNode>[],
  target: ClusterNode,
  progress: Progress | undefined,
  isQuiet = false,
): Promise<{ readonly outcome: MoveOutcome; readonly count: number }> {
  const { source, slot } = moves[0]!;
  try {
    if ((await movesAtOnce(context, source)) && (await movesAtOnce(context, target))) {
      const step = firstStep(moves);
      return { outcome: await moveStep(context, cluster, step, target, progress, isQuiet), count: step.length };
    }
    return { outcome: await moveSlot(context, cluster, source, target, slot, { progress, isQuiet }), count: 1 };
  } catch (error) {
    if (!(error instanceof NodeLost)) throw error;
    if (!isQuiet) context.output.print('\n');
    return { outcome: { moved: false, error: error.message }, count: 0 };
  }
}

function tellRest(context: Context, done: number, total: number): void {
  context.output.complain(
    `*** Stopped after ${done} of ${total} slots. To move the rest, run the command again with ${context.dialect.option('slots')} ${total - done}.\n`,
  );
}

/** Loads and checks the cluster, after finishing what an earlier call began; undefined when it is not fit for moves. */
export async function loadHealthy(
  context: Context,
  words: readonly string[],
  what: string,
  isQuiet: boolean,
  prepare: (cluster: Cluster) => boolean = () => true,
): Promise<Cluster | undefined> {
  let cluster = await loadNamed(context, words);
  if (cluster === undefined) return undefined;
  if (await resumeMoves(context, cluster)) {
    if (context.options.dryRun) context.output.print('[dry run] The plan is made for the cluster as it is now.\n');
    cluster = await loadCluster(context, cluster.nodes[0]!);
  }
  cluster = await settle(context, cluster);
  if (cluster === undefined) return undefined;
  if (!prepare(cluster)) return undefined;
  await checkCluster(context, cluster, { isQuiet });
  if (blockingProblems(cluster).length === 0) return cluster;
  const text = `*** Please fix your cluster problems before ${what}\n`;
  // As redis-cli does, which reports one of them on standard error.
  if (isQuiet) context.output.error(text);
  else context.output.complain(text);
  return undefined;
}

async function askSlotCount(context: Context): Promise<number | undefined> {
  let { slots } = context.options;
  if (slots !== 0) return slots > SLOT_COUNT ? SLOT_COUNT : slots;
  while (slots <= 0 || slots > SLOT_COUNT) {
    context.output.print(`How many slots do you want to move (from 1 to ${SLOT_COUNT})? `);
    const answer = await context.readAnswer();
    if (answer === undefined) return noAnswer(context);
    slots = readLeadingInteger(answer);
  }
  return slots;
}

function noAnswer(context: Context): undefined {
  context.output.complain('\n*** No answer on standard input, operation aborted.\n');
  return undefined;
}

async function askTarget(context: Context, cluster: Cluster): Promise<ClusterNode | undefined> {
  if (context.options.to !== undefined) return masterNamed(context, cluster, context.options.to);
  for (;;) {
    context.output.print('What is the receiving node ID? ');
    const answer = await context.readAnswer();
    if (answer === undefined) return noAnswer(context);
    if (answer === '') continue;
    const target = masterNamed(context, cluster, answer);
    // redis-trib asks again, redis-cli gives up.
    if (target !== undefined || context.dialect.name === 'cli') return target;
  }
}

function masterNamed(context: Context, cluster: Cluster, id: string): ClusterNode | undefined {
  const node = cluster.byId(id);
  if (node !== undefined && !node.isReplica) return node;
  context.output.error(
    context.dialect.name === 'trib'
      ? '*** The specified node is not known or not a master, please retry.\n'
      : `*** The specified node (${id}) is not known or not a master, please retry.\n`,
  );
  return undefined;
}

async function askSources(context: Context, cluster: Cluster, target: ClusterNode): Promise<ClusterNode[] | undefined> {
  const { output, options } = context;
  const sources: ClusterNode[] = [];
  const take = (id: string): 'all' | 'good' | 'bad' => {
    if (id === 'all') return 'all';
    const source = masterNamed(context, cluster, id);
    if (source === undefined) return 'bad';
    if (source === target) output.error('*** It is not possible to use the target node as source node.\n');
    else if (!sources.includes(source)) sources.push(source);
    return 'good';
  };
  let isAll = false;
  if (options.from !== undefined) {
    for (const id of options.from.split(',').filter((word) => word !== '')) {
      const taken = take(id);
      if (taken === 'bad') return undefined;
      if (taken === 'all') isAll = true;
    }
  } else {
    const answered = await askSourcesOneByOne(context, sources, take);
    if (answered === undefined) return undefined;
    isAll = answered === 'all';
  }
  const chosen = isAll ? cluster.masters.filter((node) => node !== target) : sources;
  if (chosen.length > 0) return chosen;
  output.complain('*** No source nodes given, operation aborted.\n');
  return undefined;
}

async function askSourcesOneByOne(
  context: Context,
  sources: readonly ClusterNode[],
  take: (id: string) => 'all' | 'good' | 'bad',
): Promise<'all' | 'done' | undefined> {
  const { output, dialect } = context;
  output.print(
    'Please enter all the source node IDs.\n' +
      "  Type 'all' to use all the nodes as source nodes for the hash slots.\n" +
      "  Type 'done' once you entered all the source nodes IDs.\n",
  );
  for (;;) {
    output.print(`Source node #${sources.length + 1}:${dialect.name === 'cli' ? ' ' : ''}`);
    const answer = await context.readAnswer();
    if (answer === undefined) return noAnswer(context);
    if (answer === 'done') return 'done';
    const taken = take(answer);
    if (taken === 'all') return 'all';
    if (taken === 'bad' && dialect.name === 'cli') return undefined;
  }
}
