// anti-affinity: keeps replicas away from the hosts of their masters and of each other.
//
// The score counts violations: 10,000 for each replica on its master's host, and for replicas of one master that share
// another host, their number. The search swaps the masters of two replicas at random, one of which offends, and keeps a swap
// unless the score rises, for up to 500 swaps a node. Only the score is promised; the pairs are chance. On one host no swap can help, so
// there the pairs stay as they were announced.
import type { RandomSource } from '../base/prng.js';

export interface Placed {
  readonly host: string;
  readonly id: string;
  replicates: string | undefined;
}

const sameHostAsMaster = 10_000;
const swapsPerNode = 500;

export type Affinity = 'perfect' | 'replica-with-master' | 'replicas-together';

/** The score, and one offending replica of each group that offends. */
export function scoreAffinity<T extends Placed>(nodes: readonly T[]): { score: number; offenders: T[] } {
  const groups = new Map<string, { hasMaster: boolean; replicas: T[] }>();
  for (const node of nodes) {
    const key = `${node.host} ${node.replicates ?? node.id}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { hasMaster: false, replicas: [] }));
    if (node.replicates === undefined) group.hasMaster = true;
    else group.replicas.push(node);
  }
  let score = 0;
  const offenders: T[] = [];
  for (const { hasMaster, replicas } of groups.values()) {
    if (replicas.length === 0 || (!hasMaster && replicas.length < 2)) continue;
    score += hasMaster ? sameHostAsMaster * replicas.length : replicas.length;
    offenders.push(replicas[0]!);
  }
  return { score, offenders };
}

/** Swaps masters of replicas until the score is as good as it gets. */
export function improveAffinity<T extends Placed>(nodes: readonly T[], random: RandomSource): Affinity {
  const replicas = nodes.filter(({ replicates }) => replicates !== undefined);
  const isOneHost = nodes.every(({ host }) => host === nodes[0]!.host);
  for (let swap = 0; !isOneHost && swap < swapsPerNode * nodes.length; swap++) {
    const { score, offenders } = scoreAffinity(nodes);
    if (score === 0 || offenders.length === 0) break;
    const first = offenders[random.below(offenders.length)]!;
    const others = replicas.filter((replica) => replica !== first);
    if (others.length === 0) break;
    const second = others[random.below(others.length)]!;
    [first.replicates, second.replicates] = [second.replicates, first.replicates];
    // A swap that changes nothing may be a step to one that does.
    if (scoreAffinity(nodes).score > score)
      [first.replicates, second.replicates] = [second.replicates, first.replicates];
  }
  const { score } = scoreAffinity(nodes);
  if (score === 0) return 'perfect';
  return score >= sameHostAsMaster ? 'replica-with-master' : 'replicas-together';
}
