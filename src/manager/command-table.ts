// command-table: the commands of the manager: how many words they take, and what help says of them.

export interface CommandEntry {
  readonly name: string;
  /** Number of words; below zero: at least so many. */
  readonly arity: number;
  readonly words: string;
  /** Options of redis-cli 7.0, in its order. */
  readonly options: readonly string[];
  readonly moreOptions?: readonly string[];
}

const anyNode = '<host:port> or <host> <port> - separated by either colon or space';

export const commandTable: readonly CommandEntry[] = [
  {
    name: 'create',
    arity: -2,
    words: 'host1:port1 ... hostN:portN',
    options: ['replicas <arg>'],
    moreOptions: ['join-timeout <seconds>'],
  },
  { name: 'check', arity: -1, words: anyNode, options: ['search-multiple-owners'] },
  { name: 'info', arity: -1, words: anyNode, options: [] },
  {
    name: 'fix',
    arity: -1,
    words: anyNode,
    options: ['search-multiple-owners', 'fix-with-unreachable-masters'],
  },
  {
    name: 'reshard',
    arity: -1,
    words: anyNode,
    options: ['from <arg>', 'to <arg>', 'slots <arg>', 'yes', 'timeout <arg>', 'pipeline <arg>', 'replace'],
  },
  {
    name: 'rebalance',
    arity: -1,
    words: anyNode,
    options: [
      'weight <node1=w1...nodeN=wN>',
      'use-empty-masters',
      'timeout <arg>',
      'simulate',
      'pipeline <arg>',
      'threshold <arg>',
      'replace',
    ],
    moreOptions: ['balance-by <slots, keys, memory or load>'],
  },
  {
    name: 'add-node',
    arity: 2,
    words: 'new_host:new_port existing_host:existing_port',
    options: ['slave', 'master-id <arg>'],
    moreOptions: ['join-timeout <seconds>'],
  },
  { name: 'del-node', arity: 2, words: 'host:port node_id', options: [] },
  { name: 'call', arity: -2, words: 'host:port command arg arg .. arg', options: ['only-masters', 'only-replicas'] },
  { name: 'set-timeout', arity: 2, words: 'host:port milliseconds', options: [] },
  {
    name: 'import',
    arity: 1,
    words: 'host:port',
    options: ['from <arg>', 'from-user <arg>', 'from-pass <arg>', 'from-askpass', 'copy', 'replace'],
  },
  { name: 'backup', arity: 2, words: 'host:port backup_directory', options: [] },
  { name: 'help', arity: 0, words: '', options: [] },
];

/** The entry of a command if it takes so many words; else what is wrong. */
export function findCommand(name: string, wordCount: number): CommandEntry | 'unknown' | 'arity' {
  const entry = commandTable.find((candidate) => candidate.name === name);
  if (entry === undefined) return 'unknown';
  const { arity } = entry;
  const isWrong = (arity > 0 && wordCount !== arity) || (arity < 0 && wordCount < -arity);
  return isWrong ? 'arity' : entry;
}
