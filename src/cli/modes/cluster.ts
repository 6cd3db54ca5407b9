// cluster: --cluster, the cluster manager in the words of redis-cli.
import { findCommand } from '../../manager/command-table.js';
import { cliDialect } from '../../manager/dialect.js';
import { OptionError, readManagerOptions } from '../../manager/options.js';
import { runManager } from '../../manager/run-manager.js';
import { readStandardInput } from '../command-input.js';
import type { Console } from '../console.js';
import { managerEnvironment } from '../manager-environment.js';
import type { CliOptions, ClusterCall } from '../options.js';
import { Session } from '../session.js';

export async function runCluster(call: ClusterCall, options: CliOptions, console: Console): Promise<number> {
  const words = addStandardInput(call, options);
  if (words === undefined) {
    console.complain('Using -X option but stdin tag not match.\n');
    return 1;
  }
  const found = findCommand(call.command, words.length);
  if (typeof found === 'string') {
    console.complain(
      found === 'arity'
        ? '[ERR] Wrong number of arguments for specified --cluster sub command\n'
        : 'Unknown --cluster subcommand\n',
    );
    return 1;
  }
  const given = new Map(call.options);
  if (options.output === 'json' || options.output === 'quoted-json') given.set('json', []);
  if (options.verbose) given.set('verbose', []);
  try {
    const managerOptions = readManagerOptions(given);
    const { tls, family, timeoutMs } = new Session(options, console).endpoint;
    const login = { user: options.user, password: options.password };
    const environment = managerEnvironment(console, { tls, family, timeoutMs }, login);
    if (given.has('from-askpass'))
      managerOptions.fromPassword = await environment.askPassword('Please input import source node password: ');
    return await runManager(found.name, words, managerOptions, cliDialect, environment);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.complain(`--cluster-${error.message}\n`);
    return 1;
  }
}

/** The words of the command, with what -x and -X take from standard input. */
function addStandardInput({ args }: ClusterCall, options: CliOptions): string[] | undefined {
  if (options.stdinLast) return [...args, Buffer.from(readStandardInput()).toString()];
  if (options.stdinTag === undefined) return args;
  const index = args.indexOf(options.stdinTag);
  if (index < 0) return undefined;
  return args.map((word, at) => (at === index ? Buffer.from(readStandardInput()).toString() : word));
}
