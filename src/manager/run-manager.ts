// run-manager: runs one command of the manager, and returns the exit status.
import { NodeLost, Context, type ManagerEnvironment } from './context.js';
import { addNode } from './commands/add-node.js';
import { backup } from './commands/backup.js';
import { call, setTimeouts } from './commands/call.js';
import { check, fix, info } from './commands/check.js';
import { create } from './commands/create.js';
import { deleteNode } from './commands/delete-node.js';
import { help } from './commands/help.js';
import { importKeys } from './commands/import.js';
import { rebalance } from './commands/rebalance.js';
import { reshard } from './commands/reshard.js';
import type { Dialect } from './dialect.js';
import type { ManagerOptions } from './options.js';

type Command = (context: Context, words: readonly string[]) => Promise<boolean>;

const commands: Readonly<Record<string, Command>> = {
  create,
  check,
  info,
  fix,
  reshard,
  rebalance,
  'add-node': addNode,
  'del-node': deleteNode,
  call,
  'set-timeout': setTimeouts,
  import: importKeys,
  backup,
  help,
};

export async function runManager(
  name: string,
  words: readonly string[],
  options: ManagerOptions,
  dialect: Dialect,
  environment: ManagerEnvironment,
): Promise<number> {
  const context = new Context(environment, options, dialect);
  let isGood = false;
  try {
    isGood = await commands[name]!(context, words);
  } catch (error) {
    if (!(error instanceof NodeLost)) throw error;
    context.output.error(`[ERR] ${error.message}\n`);
  }
  if (options.dryRun) context.output.report.wouldSend = context.wouldSend;
  context.output.finish(name, isGood);
  return isGood ? 0 : 1;
}
