// move-at-once: moves many slots from one node to another in one step, where both nodes are Kvasir's (CLUSTER MIGRATION).
//
// A step has at most SLOTS_PER_STEP slots: when a node or the manager is gone, no more than that is copied again. The nodes go on
// with the step under way without the manager; the next call waits for it (resume).
//
// Not here: the way that every node knows, key by key (move-slot).
import { parseRanges, rangesOf, slotsOf } from '../base/slot-ranges.js';
import { isAggregate, isError, replyText, type Reply } from '../client/reply.js';
import type { Move } from './allocation.js';
import { infoField, type Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import type { MoveOutcome } from './move-slot.js';
import type { Progress } from './progress.js';

const SLOTS_PER_STEP = 128;
const LOOK_MS = 20;
/** An import that fails so often will not come about. They come every second, and a handoff may take ten to be given up. */
const RETRIES_MAX = 20;

/** A move as CLUSTER MIGRATION STATUS shows it. */
export interface StepStatus {
  readonly id: string;
  readonly isImport: boolean;
  readonly ranges: string;
  readonly sourceId: string;
  readonly isOver: boolean;
  readonly isCompleted: boolean;
  readonly error: string;
  readonly retries: number;
  readonly keysDone: number;
  readonly keysTotal: number;
  readonly bytes: number;
}

/** The moves that a node knows; empty for nodes that know no such thing. */
export async function readSteps(
  context: Context,
  node: ClusterNode,
  ...which: readonly string[]
): Promise<StepStatus[]> {
  const reply = await context.call(node, 'CLUSTER', 'MIGRATION', 'STATUS', ...which);
  if (!isAggregate(reply)) return [];
  return reply.elements.map(readStep);
}

function readStep(reply: Reply): StepStatus {
  const words = isAggregate(reply) ? reply.elements.map(replyText) : [];
  const fields = new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : [])));
  const text = (name: string): string => fields.get(name) ?? '';
  const number = (name: string): number => Number(text(name)) || 0;
  return {
    id: text('id'),
    isImport: text('operation') === 'import',
    ranges: text('slots'),
    sourceId: text('source'),
    isOver: number('end_time') > 0,
    isCompleted: text('state') === 'completed',
    error: text('last_error'),
    retries: number('retries'),
    keysDone: number('keys_done'),
    keysTotal: number('keys_total'),
    bytes: number('bytes'),
  };
}

/** Whether a node can move slots in one step with others of its kind. */
export async function movesAtOnce(context: Context, node: ClusterNode): Promise<boolean> {
  if (node.movesAtOnce === undefined) {
    const info = await context.call(node, 'INFO', 'server');
    node.movesAtOnce = !isError(info) && infoField(replyText(info), 'kvasir_version') !== undefined;
    if (node.movesAtOnce) {
      // Versions before know the word, and refuse it.
      const status = await context.call(node, 'CLUSTER', 'MIGRATION', 'STATUS', 'ALL');
      node.movesAtOnce = !isError(status);
    }
  }
  return node.movesAtOnce;
}

/** Of a plan, the first moves that can be made in one step: of one source, and not too many. */
export function firstStep(moves: readonly Move<ClusterNode>[]): readonly Move<ClusterNode>[] {
  const source = moves[0]?.source;
  let count = 0;
  while (count < moves.length && count < SLOTS_PER_STEP && moves[count]!.source === source) count++;
  return moves.slice(0, count);
}

/** Makes one step of a plan. */
export async function moveStep(
  context: Context,
  cluster: Cluster,
  moves: readonly Move<ClusterNode>[],
  target: ClusterNode,
  progress: Progress | undefined,
  isQuiet: boolean,
): Promise<MoveOutcome> {
  const source = moves[0]!.source;
  const slots = moves.map(({ slot }) => slot);
  const counts = await context.callMany(
    source,
    slots.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]),
  );
  const ranges = rangesOf([...slots].sort((one, other) => one - other));
  const words = ranges.flatMap(({ first, last }) => [String(first), String(last)]);
  const begun = await context.change(target, 'CLUSTER', 'MIGRATION', 'IMPORT', ...words);
  if (isError(begun)) return { moved: false, error: replyText(begun) };
  const error = await waitForStep(context, target, replyText(begun), progress);
  if (error !== undefined) return { moved: false, error };
  for (const slot of slots) {
    source.slots[slot] = 0;
    target.slots[slot] = 1;
    progress?.slotDone();
  }
  if (!isQuiet) {
    const lines = slots.map((slot, index) => {
      const count = counts[index]!;
      const dots = '.'.repeat(count.kind === 'integer' ? Number(count.value) : 0);
      return `Moving slot ${slot} from ${source.name} to ${target.name}: ${dots}\n`;
    });
    const print = (): void => context.output.print(lines.join(''));
    if (progress?.isShown === true) progress.above(print);
    else print();
  }
  await waitForOwner(context, cluster, target, slots[0]!);
  return { moved: true };
}

/** Waits for a move to end; why it failed, if it did. */
async function waitForStep(
  context: Context,
  target: ClusterNode,
  id: string,
  progress: Progress | undefined,
): Promise<string | undefined> {
  const [keys, bytes] = [progress?.keys ?? 0, progress?.bytes ?? 0];
  for (;;) {
    const [step] = await readSteps(context, target, 'ID', id);
    if (step === undefined) return `Node ${target.name} has forgotten the slot migration ${id}`;
    progress?.reach(keys + step.keysDone, bytes + step.bytes);
    if (step.isCompleted) return undefined;
    if (step.isOver) return step.error;
    if (step.retries >= RETRIES_MAX) {
      await context.call(target, 'CLUSTER', 'MIGRATION', 'CANCEL', 'ID', id);
      return step.error;
    }
    await context.pause(LOOK_MS);
  }
}

/** The others hear of the new owner over the bus; what comes next should not meet one that has not. */
async function waitForOwner(context: Context, cluster: Cluster, target: ClusterNode, slot: number): Promise<void> {
  for (const node of cluster.masters) {
    if (node === target) continue;
    for (let look = 0; look < 50; look++) {
      const reply = await context.tryCall(node, 'CLUSTER', 'NODES');
      if (reply === undefined || isError(reply)) break;
      const line = replyText(reply)
        .split('\n')
        .find((each) => each.startsWith(target.id));
      const ranges = parseRanges(
        (line ?? '')
          .split(' ')
          .slice(8)
          .filter((word) => !word.startsWith('['))
          .join(' '),
      );
      if (ranges?.some(({ first, last }) => slot >= first && slot <= last) === true) break;
      await context.pause(LOOK_MS);
    }
  }
}

/** Waits for moves that an earlier call began; true if there were any. */
export async function awaitSteps(context: Context, cluster: Cluster): Promise<boolean> {
  let found = false;
  for (const node of cluster.masters) {
    if (!(await movesAtOnce(context, node))) continue;
    for (const step of await readSteps(context, node, 'ALL')) {
      if (!step.isImport || step.isOver) continue;
      found = true;
      const source = cluster.byId(step.sourceId);
      context.output.warn(
        `*** Slots ${step.ranges} are on their way from ${source?.name ?? step.sourceId} to ${node.name} since an earlier call. Waiting for them.\n`,
      );
      await context.change(node, 'CLUSTER', 'MIGRATION', 'RESUME', 'ID', step.id);
      if (context.options.dryRun) continue;
      const error = await waitForStep(context, node, step.id, undefined);
      const first = slotsOf(parseRanges(step.ranges) ?? [])[0];
      if (error !== undefined) context.output.warn(`*** They stay where they are: ${error}\n`);
      else if (first !== undefined) await waitForOwner(context, cluster, node, first);
    }
  }
  return found;
}
