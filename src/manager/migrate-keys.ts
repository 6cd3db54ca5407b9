// migrate-keys: moves the keys of one slot from node to node by MIGRATE, some at a time.
//
// A key that the target has already is compared (DEBUG DIGEST-VALUE): equal ones are replaced, different ones stop the move
// unless --cluster-replace says that the source's count.
import { isAggregate, isError, replyText, type Reply } from '../client/reply.js';
import type { CommandArgument } from '../client/encode-command.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import type { Progress } from './progress.js';
import { isSlotServed, setSlot } from './slot-commands.js';

/** How long a MIGRATE may take in all, beside the time that it may be idle: a big value is one command. */
const migrateMsMax = 600_000;

export interface KeyMove {
  readonly source: ClusterNode;
  readonly target: ClusterNode;
  readonly slot: number;
  /** Called with each batch of keys that has moved. */
  readonly onKeys: (count: number) => void;
  readonly progress?: Progress | undefined;
  /** `fix` gives a slot that nobody serves to the target. */
  readonly isFix: boolean;
  /** Values of different content stop the move. */
  readonly replace: boolean;
}

/** The error's text, printed, when keys stay behind; undefined when all have moved. */
export async function migrateKeys(context: Context, move: KeyMove): Promise<string | undefined> {
  const { source, slot } = move;
  if (context.options.dryRun) {
    const reply = await context.call(source, 'CLUSTER', 'COUNTKEYSINSLOT', String(slot));
    if (reply.kind === 'integer' && Number(reply.value) > 0)
      context.showChange(source, ['MIGRATE', move.target.host, String(move.target.port), `(${reply.value} keys)`]);
    return undefined;
  }
  for (;;) {
    const reply = await context.call(
      source,
      'CLUSTER',
      'GETKEYSINSLOT',
      String(slot),
      String(context.options.pipeline),
    );
    if (isError(reply)) {
      context.replyError(source, replyText(reply));
      return replyText(reply);
    }
    const keys = readKeys(reply);
    if (keys.length === 0) return undefined;
    const bytes = move.progress === undefined ? 0 : await measureKeys(context, source, keys);
    const error = await migrateBatch(context, move, keys);
    if (error !== undefined) return error;
    move.onKeys(keys.length);
    move.progress?.addKeys(keys.length, bytes);
  }
}

function readKeys(reply: Reply): Uint8Array[] {
  if (!isAggregate(reply)) return [];
  return reply.elements.flatMap((element) => (element.kind === 'bulk' ? [element.bytes] : []));
}

/** Bytes that the keys take in memory, as far as the source reports them. */
async function measureKeys(context: Context, source: ClusterNode, keys: readonly Uint8Array[]): Promise<number> {
  const replies = await context.callMany(
    source,
    keys.map((key) => ['MEMORY', 'USAGE', key]),
  );
  return replies.reduce((sum, reply) => sum + (reply.kind === 'integer' ? Number(reply.value) : 0), 0);
}

async function migrateBatch(context: Context, move: KeyMove, keys: readonly Uint8Array[]): Promise<string | undefined> {
  const { source, target, slot } = move;
  const { output } = context;
  const first = await migrate(context, source, target, keys, false);
  if (!isError(first)) return undefined;
  const text = replyText(first);
  const isBusy = text.includes('BUSYKEY');
  const isServed = isBusy || (await isSlotServed(context, source, slot));
  let last = text;
  if (isBusy || isServed === false) {
    if (!isBusy && move.isFix) {
      output.warn(`*** Slot was not served, setting owner to node ${target.name}.\n`);
      await setSlot(context, source, slot, 'NODE', target);
    }
    if (isBusy && !(await mayReplace(context, move, keys))) return text;
    const second = await migrate(context, source, target, keys, isBusy);
    if (!isError(second)) return undefined;
    last = replyText(second);
  }
  output.print('\n');
  if (context.dialect.name === 'trib') output.error(`[ERR] Calling MIGRATE: ${last}\n`);
  else context.replyError(source, last);
  return last;
}

function migrate(
  context: Context,
  source: ClusterNode,
  target: ClusterNode,
  keys: readonly Uint8Array[],
  replace: boolean,
): Promise<Reply> {
  const { options, environment } = context;
  const words: CommandArgument[] = ['MIGRATE', target.host, String(target.port), '', '0', String(options.timeoutMs)];
  if (replace) words.push('REPLACE');
  words.push(...migrateLogin(environment.login), 'KEYS', ...keys);
  return context.callWithin(source, options.timeoutMs + migrateMsMax, words);
}

/** The login that MIGRATE uses at its target. */
export function migrateLogin({
  user,
  password,
}: {
  user?: string | undefined;
  password?: string | undefined;
}): string[] {
  if (password === undefined) return [];
  return user === undefined ? ['AUTH', password] : ['AUTH2', user, password];
}

/** Decides about keys that the target has already. */
async function mayReplace(context: Context, move: KeyMove, keys: readonly Uint8Array[]): Promise<boolean> {
  const { output, dialect } = context;
  if (dialect.name === 'trib' && move.isFix) {
    output.print('*** Target key exists. Replacing it for FIX.\n');
    return true;
  }
  output.warn('\n*** Target key exists\n');
  if (!move.replace) {
    output.warn('*** Checking key values on both nodes...\n');
    const different = await findDifferences(context, move.source, move.target, keys);
    if (different === undefined) {
      output.error('*** Value check failed!\n');
      return false;
    }
    if (different.length > 0) {
      output.error(
        `*** Found ${different.length} key(s) in both source node and target node having different values.\n` +
          `    Source node: ${move.source.name}\n    Target node: ${move.target.name}\n    Keys(s):\n`,
      );
      for (const key of different) output.error(`    - ${Buffer.from(key).toString()}\n`);
      output.error(
        'Please fix the above key(s) manually and try again or relaunch the command \n' +
          `with ${dialect.option('replace')} option to force key overriding.\n`,
      );
      return false;
    }
  }
  output.warn('*** Replacing target keys...\n');
  return true;
}

const noDigest = '0'.repeat(40);

/** Keys that both nodes have with different values; undefined when one of them does not tell. */
async function findDifferences(
  context: Context,
  source: ClusterNode,
  target: ClusterNode,
  keys: readonly Uint8Array[],
): Promise<Uint8Array[] | undefined> {
  const replies: Reply[] = [];
  for (const node of [source, target]) replies.push(await context.call(node, 'DEBUG', 'DIGEST-VALUE', ...keys));
  const areGood = [source, target].map((node, index) => context.accepts(node, replies[index]!));
  if (areGood.includes(false)) return undefined;
  const [ours, theirs] = replies.map((reply) => (isAggregate(reply) ? reply.elements.map(replyText) : []));
  if (ours!.length !== keys.length || theirs!.length !== keys.length) return undefined;
  return keys.filter((_, index) => {
    const [one, other] = [ours![index]!, theirs![index]!];
    return one !== noDigest && other !== noDigest && one !== other;
  });
}
