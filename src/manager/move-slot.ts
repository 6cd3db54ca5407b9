// move-slot: moves one slot with its keys from node to node.
//
// The order makes each moment safe to stop at: first the target imports, then the source migrates, then the keys go, then the
// target becomes the owner (with a new epoch, so that it wins over what others believe), then the source learns of it,
// then the others. `resume` and `fix` recognise the state that a stop leaves behind.
import { errors } from '../protocol/errors.js';
import type { Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import { NodeLost, type Context } from './context.js';
import { migrateKeys } from './migrate-keys.js';
import type { Progress } from './progress.js';
import { closeSlot, countKeys, otherMasters, setSlot } from './slot-commands.js';

export interface MoveOptions {
  /** Print nothing. */
  readonly isQuiet?: boolean;
  /** Move the keys only: other code sets the slot's owner. */
  readonly keysOnly?: boolean;
  readonly isFix?: boolean;
  readonly progress?: Progress | undefined;
}

/** True when the slot has moved; else the errors have been printed, but for `error`. */
export type MoveOutcome = { readonly moved: true } | { readonly moved: false; readonly error: string };

const replicaAlready = errors.setSlotOnMasters;

export async function moveSlot(
  context: Context,
  cluster: Cluster,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
  options: MoveOptions = {},
): Promise<MoveOutcome> {
  const line = startLine(context, source, target, slot, options);
  const isOpen = options.keysOnly === true ? undefined : await openSlot(context, source, target, slot);
  if (isOpen !== undefined) {
    if (options.progress?.isShown === true) line.end();
    return { moved: false, error: isOpen };
  }
  const error = await migrateKeys(context, {
    source,
    target,
    slot,
    onKeys: line.dots,
    progress: options.progress,
    isFix: options.isFix === true,
    replace: context.options.replace,
  });
  line.end();
  if (error !== undefined) {
    if (options.keysOnly !== true) await closeIfUntouched(context, source, target, slot);
    return { moved: false, error };
  }
  if (options.keysOnly !== true) {
    const refusal = await handOver(context, cluster, source, target, slot);
    if (refusal !== undefined) return { moved: false, error: refusal };
  }
  options.progress?.slotDone();
  return { moved: true };
}

/** Opens the slot on both sides; the error's text if one refuses. */
async function openSlot(
  context: Context,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
): Promise<string | undefined> {
  return (
    (await setSlot(context, target, slot, 'IMPORTING', source)) ??
    (await setSlot(context, source, slot, 'MIGRATING', target))
  );
}

/** Makes the target the owner everywhere; the error's text if a node that matters refuses. */
export async function handOver(
  context: Context,
  cluster: Cluster,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
): Promise<string | undefined> {
  const refusal = await setSlot(context, target, slot, 'NODE', target);
  if (refusal !== undefined) return refusal;
  const sourceRefusal = await setSlot(context, source, slot, 'NODE', target);
  // A source without any slot left may have become a replica of the target already.
  if (sourceRefusal !== undefined && !sourceRefusal.startsWith(replicaAlready)) return sourceRefusal;
  for (const node of otherMasters(cluster, source, target)) {
    try {
      const otherRefusal = await setSlot(context, node, slot, 'NODE', target);
      if (otherRefusal !== undefined && !otherRefusal.startsWith(replicaAlready)) return otherRefusal;
    } catch (error) {
      if (!(error instanceof NodeLost)) throw error;
      // It learns of the slot from the others when it comes back.
      context.output.warn(`*** ${error.message}. Going on without it.\n`);
      cluster.nodes.splice(cluster.nodes.indexOf(node), 1);
      cluster.unreachable.push({ node, isMaster: true });
    }
  }
  source.slots[slot] = 0;
  target.slots[slot] = 1;
  source.migrating.delete(slot);
  target.importing.delete(slot);
  return undefined;
}

/** Closes a slot again of which no key has moved. */
async function closeIfUntouched(
  context: Context,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
): Promise<void> {
  try {
    if ((await countKeys(context, target, slot)) !== 0) {
      context.output.warn(
        `*** Slot ${slot} stays open between ${source.name} and ${target.name}: the next call moves the rest of its keys.\n`,
      );
      return;
    }
    await closeSlot(context, source, slot);
    await closeSlot(context, target, slot);
  } catch (error) {
    if (!(error instanceof NodeLost)) throw error;
  }
}

/** The line that shows a slot with a dot for each key: at once for a pipe, whole at the end below a progress bar. */
function startLine(
  context: Context,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
  { isQuiet, progress }: MoveOptions,
): { dots(count: number): void; end(): void } {
  if (isQuiet === true) return { dots: () => undefined, end: () => undefined };
  const { output } = context;
  let text = '';
  const show = (part: string): void => {
    if (progress?.isShown === true) text += part;
    else {
      output.print(part);
      output.terminal.flush();
    }
  };
  show(`Moving slot ${slot} from ${source.name} to ${target.name}: `);
  return {
    dots: (count) => show('.'.repeat(count)),
    end: () => {
      show('\n');
      if (progress?.isShown === true) progress.above(() => output.print(text));
    },
  };
}
