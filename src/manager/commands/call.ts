// call: the commands that go to each node in turn: `call` and `set-timeout`.
import { isError, replyText } from '../../client/reply.js';
import { readLeadingInteger } from '../../base/c-numbers.js';
import { NodeLost, type Context } from '../context.js';
import type { ClusterNode } from '../cluster-node.js';
import { rawReply } from '../raw-reply.js';
import { loadNamed } from './check.js';

export async function call(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, options, dialect } = context;
  const cluster = await loadNamed(context, words.slice(0, 1));
  if (cluster === undefined) return false;
  const command = words.slice(1);
  if (dialect.name === 'trib') {
    output.info(`>>> Calling ${command.map((word) => word.toUpperCase()).join(' ')}\n`);
  } else {
    output.info('>>> Calling');
    output.print(`${command.map((word) => ` ${word}`).join('')}\n`);
  }
  const replies: Record<string, string> = {};
  for (const node of cluster.nodes) {
    if (options.onlyMasters && node.replicates !== undefined) continue;
    if (options.onlyReplicas && node.replicates === undefined) continue;
    try {
      const reply = await context.change(node, ...command);
      const text = rawReply(reply);
      replies[node.name] = text;
      output.printBytes(`${node.name}: ${text}\n`);
    } catch (error) {
      if (!(error instanceof NodeLost)) throw error;
      output.print(`${node.name}: Failed!\n`);
    }
  }
  output.report.replies = replies;
  return true;
}

export async function setTimeouts(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, dialect } = context;
  const milliseconds = readLeadingInteger(words[1]!);
  if (milliseconds < 100) {
    output.complain('Setting a node timeout of less than 100 milliseconds is a bad idea.\n');
    return false;
  }
  const cluster = await loadNamed(context, words.slice(0, 1));
  if (cluster === undefined) return false;
  output.info('>>> Reconfiguring node timeout in every cluster node...\n');
  let good = 0;
  let bad = 0;
  for (const node of cluster.nodes) {
    const error = await setOne(context, node, milliseconds);
    if (error === undefined) {
      output.warn(`*** New timeout set for ${node.name}\n`);
      good++;
    } else {
      const word = dialect.name === 'trib' ? 'timeot' : 'timeout'; // as it was
      output.error(`ERR setting node-${word} for ${node.name}: ${error}\n`);
      bad++;
    }
  }
  output.info(`>>> New node timeout set. ${good} OK, ${bad} ERR.\n`);
  output.report.timeouts = { milliseconds, ok: good, failed: bad };
  return true;
}

async function setOne(context: Context, node: ClusterNode, milliseconds: number): Promise<string | undefined> {
  try {
    for (const words of [['SET', 'cluster-node-timeout', String(milliseconds)], ['REWRITE']]) {
      const reply = await context.change(node, 'CONFIG', ...words);
      if (isError(reply)) return replyText(reply);
    }
    return undefined;
  } catch (error) {
    if (error instanceof NodeLost) return error.message;
    throw error;
  }
}
