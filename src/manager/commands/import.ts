// import: moves the keys of a server that is no cluster node into the cluster, each to the node of its slot.
import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { ConnectError } from '../../client/open-stream.js';
import { logIn, LoginError } from '../../client/open-node.js';
import { isAggregate, isError, replyText, type Reply } from '../../client/reply.js';
import { invalidAddress, parseAddress, readNodeWords } from '../address.js';
import { settle } from '../agreement.js';
import { checkCluster, blockingProblems } from '../check.js';
import { infoField, type Cluster } from '../cluster.js';
import { ClusterNode } from '../cluster-node.js';
import type { Context } from '../context.js';
import { migrateLogin } from '../migrate-keys.js';
import { loadNamed } from './check.js';

const scanCount = '1000';

export async function importKeys(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, options, dialect } = context;
  const address = readNodeWords(words);
  const source = options.from === undefined ? undefined : parseAddress(options.from);
  if (address === undefined) output.complain(invalidAddress);
  else if (options.from === undefined)
    output.complain(`[ERR] Option '${dialect.option('from')}' is required for subcommand 'import'.\n`);
  else if (source === undefined || source.port === 0)
    output.complain(
      `[ERR] Invalid ${dialect.option('from')} host. You need to pass a valid address (ie. 120.0.0.1:7000).\n`,
    );
  if (address === undefined || source === undefined || source.port === 0) return false;
  const from = new ClusterNode(source);
  const name = dialect.name === 'trib' ? '' : `${address.host}:${address.port}`; // redis-trib leaves it out
  output.info(`>>> Importing data from ${from.name} to cluster ${name}\n`);
  const cluster = await settle(context, await loadNamed(context, words));
  if (cluster === undefined) return false;
  if (!(await checkCluster(context, cluster)) && blockingProblems(cluster).length > 0) return false;
  if (dialect.name === 'trib') output.info('>>> Connecting to the source Redis instance\n');
  if (!(await openSource(context, from))) return false;
  const size = await askSource(context, from, 'DBSIZE');
  if (size === undefined) return false;
  output.warn(`*** Importing ${replyText(size)} keys from DB 0\n`);
  return moveKeys(context, cluster, from);
}

/** Connects with the login that is for the source. */
async function openSource(context: Context, source: ClusterNode): Promise<boolean> {
  const { output, options, environment } = context;
  try {
    source.connection = await environment.open(source);
    await logIn(source.connection, { user: options.fromUser, password: options.fromPassword });
  } catch (error) {
    if (error instanceof LoginError) output.complain(`AUTH failed: ${error.message}\n`);
    else if (error instanceof ConnectError)
      output.complain(`Could not connect to Redis at ${source.name}: ${error.message}.\n`);
    else throw error;
    return false;
  }
  const info = await askSource(context, source, 'INFO');
  if (info === undefined) return false;
  if (infoField(replyText(info), 'cluster_enabled') !== '1') return true;
  output.error('[ERR] The source node should not be a cluster node.\n');
  return false;
}

async function askSource(context: Context, source: ClusterNode, ...words: string[]): Promise<Reply | undefined> {
  const reply = await context.call(source, ...words);
  if (!isError(reply)) return reply;
  sourceError(context, source, replyText(reply));
  return undefined;
}

function sourceError(context: Context, source: ClusterNode, text: string): void {
  context.output.error(`Source ${source.name} replied with error:\n${text}\n`);
}

async function moveKeys(context: Context, cluster: Cluster, source: ClusterNode): Promise<boolean> {
  const { output, environment } = context;
  const owners = new Array<ClusterNode | undefined>(SLOT_COUNT).fill(undefined);
  for (const node of cluster.masters) node.slots.forEach((owned, slot) => owned === 1 && (owners[slot] ??= node));
  let moved = 0;
  for (let cursor = '0'; ;) {
    const page = await askSource(context, source, 'SCAN', cursor, 'COUNT', scanCount);
    if (page === undefined) return false;
    const [next, keys] = isAggregate(page) ? page.elements : [];
    if (next === undefined || keys === undefined || !isAggregate(keys)) {
      sourceError(context, source, 'the reply to SCAN is none');
      return false;
    }
    for (const element of keys.elements) {
      if (element.kind !== 'bulk') continue;
      if (environment.interrupt.asked) {
        output.complain(`*** Stopped after ${moved} keys. Run the command again to go on.\n`);
        return false;
      }
      const target = owners[keySlot(element.bytes)];
      if (!(await moveKey(context, source, target, element.bytes))) return false;
      moved++;
    }
    cursor = replyText(next);
    if (cursor === '0') break;
  }
  output.report.imported = moved;
  return true;
}

async function moveKey(
  context: Context,
  source: ClusterNode,
  target: ClusterNode | undefined,
  key: Uint8Array,
): Promise<boolean> {
  const { output, options, environment } = context;
  if (target === undefined) {
    output.error(`[ERR] No node that answers has the slot ${keySlot(key)}\n`);
    return false;
  }
  output.printBytes(`Migrating ${Buffer.from(key).toString('latin1')} to ${target.name}: `);
  const reply = await changeLong(context, source, [
    'MIGRATE',
    target.host,
    String(target.port),
    key,
    '0',
    String(options.timeoutMs),
    ...migrateLogin(environment.login),
    ...(options.copy ? ['COPY'] : []),
    ...(options.replace ? ['REPLACE'] : []),
  ]);
  if (isError(reply)) {
    if (context.dialect.name === 'trib') output.print(`${replyText(reply)}\n`);
    else sourceError(context, source, replyText(reply));
    return context.dialect.name === 'trib'; // which goes on with the next key
  }
  output.ok('OK\n');
  return true;
}

async function changeLong(context: Context, node: ClusterNode, words: (string | Uint8Array)[]): Promise<Reply> {
  if (context.options.dryRun) return context.change(node, ...words);
  return context.callWithin(node, context.options.timeoutMs + 600_000, words);
}
