// check: the commands that look: `check`, `info`, and `fix`, which mends what it sees.
import { invalidAddress, readNodeWords } from '../address.js';
import { checkCluster } from '../check.js';
import { loadCluster, type Cluster } from '../cluster.js';
import type { Context } from '../context.js';
import { reportCluster, showClusterInfo } from '../describe.js';

/** Loads the cluster that the words name; undefined after saying what is wrong. */
export async function loadNamed(context: Context, words: readonly string[]): Promise<Cluster | undefined> {
  const address = readNodeWords(words);
  if (address === undefined) {
    context.output.complain(invalidAddress);
    return undefined;
  }
  return loadCluster(context, address);
}

export async function info(context: Context, words: readonly string[]): Promise<boolean> {
  const cluster = await loadNamed(context, words);
  if (cluster === undefined) return false;
  await showClusterInfo(context, cluster);
  reportCluster(context, cluster);
  return true;
}

export async function check(context: Context, words: readonly string[]): Promise<boolean> {
  return look(context, words, false);
}

export async function fix(context: Context, words: readonly string[]): Promise<boolean> {
  return look(context, words, true);
}

async function look(context: Context, words: readonly string[], fixes: boolean): Promise<boolean> {
  const cluster = await loadNamed(context, words);
  if (cluster === undefined) return false;
  if (context.dialect.name === 'cli') await showClusterInfo(context, cluster);
  const isGood = await checkCluster(context, cluster, { fixes });
  return isGood || context.dialect.name === 'trib'; // redis-trib's status says nothing
}
