// trib: kvasir-trib, the cluster manager with the command line and the dialogue of redis-trib.rb, for the guides that know it.
import { tribDialect } from '../manager/dialect.js';
import { OptionError, readManagerOptions } from '../manager/options.js';
import { runManager } from '../manager/run-manager.js';
import { findBadAddress, parseTribCommandLine } from '../manager/trib/command-line.js';
import { Console } from './console.js';
import { Exit } from './exit.js';
import { managerEnvironment } from './manager-environment.js';

/** Runs the program with the words after its name; returns the exit status. */
export async function runTrib(args: readonly string[]): Promise<number> {
  const console = new Console();
  try {
    return await start(args, console);
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  } finally {
    console.flush();
  }
}

async function start(args: readonly string[], console: Console): Promise<number> {
  const parsed = parseTribCommandLine(args);
  if (parsed.kind === 'help') {
    console.print(parsed.text);
    return parsed.status;
  }
  if (parsed.kind === 'refuse') {
    console.print(`${parsed.text}\n`);
    return 1;
  }
  const { command, words, options } = parsed;
  const bad = findBadAddress(command, words);
  if (bad !== undefined) {
    console.print(`Invalid IP or Port (given as ${bad}) - use IP:Port format\n`);
    return 1;
  }
  const text = (name: string): string | undefined => options.get(name)?.[0];
  const tls = {
    caFile: text('cacert'),
    certFile: text('cert'),
    keyFile: text('key'),
    insecure: options.has('insecure'),
  };
  const login = { user: text('user'), password: text('password') ?? process.env.REDISCLI_AUTH };
  const environment = managerEnvironment(console, { tls: options.has('tls') ? tls : undefined }, login);
  try {
    return await runManager(command, words, readManagerOptions(options), tribDialect, environment);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.print(`--${error.message}\n`);
    return 1;
  }
}
