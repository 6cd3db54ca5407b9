// help: the commands of the manager with their options, in the layout of the program that is spoken.
import type { Context } from '../context.js';
import { commandTable } from '../command-table.js';

const nameWidth = 15;
const note =
  'For check, fix, reshard, del-node, set-timeout, info, rebalance, call, import, backup you can specify the host and port of any working node in the cluster.';

export function help(context: Context): Promise<boolean> {
  const lines = ['Cluster Manager Commands:'];
  const further: string[] = [];
  for (const { name, words, options, moreOptions } of commandTable) {
    lines.push(`  ${name.padEnd(nameWidth)}${words}`);
    for (const option of options) lines.push(`${' '.repeat(nameWidth)}  --cluster-${option}`);
    for (const option of moreOptions ?? []) further.push(`  ${name.padEnd(nameWidth)}--cluster-${option}`);
  }
  lines.push('', note, '', 'Cluster Manager Options:');
  lines.push(`  ${'--cluster-yes'.padEnd(nameWidth)}Automatic yes to cluster commands prompts`);
  lines.push('', 'Beyond redis-cli:', ...further);
  lines.push(
    '  --cluster-answer-timeout <seconds>   How long a node may take to answer (default 15)',
    '  --cluster-dry-run        Show what would be sent, and change nothing',
    '  --json                   Print one JSON document; the text goes to standard error',
    '',
    '',
  );
  context.output.print(lines.join('\n').replace(/\n$/, ''));
  return Promise.resolve(false); // the status of redis-cli
}
