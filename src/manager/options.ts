// options: what the words after a manager's command say about how to do it.
import { readLeadingInteger, readLeadingNumber } from '../base/c-numbers.js';

export type BalanceBy = 'slots' | 'keys' | 'memory' | 'load';

export interface ManagerOptions {
  replicas: number;
  masterId: string | undefined;
  asReplica: boolean;
  from: string | undefined;
  to: string | undefined;
  fromUser: string | undefined;
  fromPassword: string | undefined;
  slots: number;
  /** Prompts that ask whether to go on are answered with yes. */
  yes: boolean;
  /** Milliseconds that MIGRATE may be idle. */
  timeoutMs: number;
  /** Keys in one MIGRATE. */
  pipeline: number;
  thresholdPercent: number;
  /** `node=weight`, the node by the beginning of its id. */
  weights: readonly string[];
  balanceBy: BalanceBy;
  useEmptyMasters: boolean;
  simulate: boolean;
  replace: boolean;
  copy: boolean;
  onlyMasters: boolean;
  onlyReplicas: boolean;
  searchMultipleOwners: boolean;
  fixWithUnreachableMasters: boolean;
  /** Show what would be sent, and send nothing that changes anything. */
  dryRun: boolean;
  json: boolean;
  verbose: boolean;
  /** Seconds to wait for nodes to join. */
  joinSeconds: number;
  /** Seconds that a node may take to answer. */
  answerSeconds: number;
}

/** A value that no number or word of the option is. */
export class OptionError extends Error {}

const defaultJoinSeconds = 60;
const defaultAnswerSeconds = 15;

/** Options by their names without `--cluster-`, with their values. */
export function readManagerOptions(given: ReadonlyMap<string, readonly string[]>): ManagerOptions {
  const has = (name: string): boolean => given.has(name);
  const text = (name: string): string | undefined => given.get(name)?.[0];
  const integer = (name: string, otherwise: number): number => {
    const value = text(name);
    return value === undefined ? otherwise : readLeadingInteger(value);
  };
  const balanceBy = text('balance-by') ?? 'slots';
  if (!isBalanceBy(balanceBy))
    throw new OptionError(`balance-by takes slots, keys, memory or load, not '${balanceBy}'`);
  const threshold = text('threshold');
  return {
    replicas: Math.max(0, integer('replicas', 0)),
    masterId: text('master-id'),
    asReplica: has('slave') || has('replica'),
    from: text('from'),
    to: text('to'),
    fromUser: text('from-user'),
    fromPassword: text('from-pass'),
    slots: integer('slots', 0),
    yes: has('yes'),
    timeoutMs: Math.max(1, integer('timeout', 60_000)),
    pipeline: Math.max(1, integer('pipeline', 10)),
    thresholdPercent: threshold === undefined ? 2 : readLeadingNumber(threshold),
    weights: given.get('weight') ?? [],
    balanceBy,
    useEmptyMasters: has('use-empty-masters'),
    simulate: has('simulate'),
    replace: has('replace'),
    copy: has('copy'),
    onlyMasters: has('only-masters'),
    onlyReplicas: has('only-replicas'),
    searchMultipleOwners: has('search-multiple-owners'),
    fixWithUnreachableMasters: has('fix-with-unreachable-masters'),
    dryRun: has('dry-run'),
    json: has('json'),
    verbose: has('verbose'),
    joinSeconds: Math.max(1, integer('join-timeout', defaultJoinSeconds)),
    answerSeconds: Math.max(1, integer('answer-timeout', defaultAnswerSeconds)),
  };
}

function isBalanceBy(text: string): text is BalanceBy {
  return text === 'slots' || text === 'keys' || text === 'memory' || text === 'load';
}
