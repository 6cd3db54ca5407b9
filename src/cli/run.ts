// run: what the command line asked for, from options to exit status.
import { unquote } from '../base/quoting.js';
import { KVASIR_VERSION } from '../base/version.js';
import { commandBytes, readStandardInput } from './command-input.js';
import { Console } from './console.js';
import { Exit } from './exit.js';
import type { CommandHints } from './hints/command-docs.js';
import { fallbackHints } from './hints/fallback.js';
import { parseCommandLine, usage, type CliOptions } from './options.js';
import { terminalPalette } from './output/terminal-palette.js';
import { Session } from './session.js';

/** The parts that the executable adds. */
export interface Parts {
  /** Hints for servers that give none themselves. */
  readonly loadHints?: () => Promise<CommandHints>;
}

/** Runs the program with the words after its name; returns the exit status. */
export async function runCli(words: readonly string[], parts: Parts = {}): Promise<number> {
  fallbackHints.load = parts.loadHints;
  const console = new Console();
  try {
    return await start(words, console);
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  } finally {
    console.flush();
  }
}

async function start(words: readonly string[], console: Console): Promise<number> {
  const parsed = parseCommandLine(words, console.formatsForTerminal);
  switch (parsed.kind) {
    case 'help':
      if (parsed.status === 0) console.print(usage());
      else console.complain(usage());
      return parsed.status;
    case 'version':
      console.print(`kvasir-cli ${KVASIR_VERSION}\n`);
      return 0;
    case 'refuse':
      console.complain(`${parsed.message}\n`);
      return 1;
  }
  const { options, command, warnings } = parsed;
  for (const warning of warnings) console.complain(`${warning}\n`);
  options.password ??= process.env.REDISCLI_AUTH;
  if (options.askPassword) {
    const { askPassword } = await import('./editor/ask-password.js');
    options.password = await askPassword('Please input password: ');
  }
  if (options.cluster !== undefined) {
    if (process.env.REDISCLI_CLUSTER_YES === '1') options.cluster.options.set('yes', []);
    const { runCluster } = await import('./modes/cluster.js');
    return runCluster(options.cluster, options, console);
  }
  if (options.modes.size > 0 || options.testHint !== undefined || options.testHintFile !== undefined) {
    const { runMode } = await import('./modes/run-mode.js');
    const status = await runMode(options, console);
    if (status !== undefined) return status;
  }
  if (options.evalFile !== undefined) {
    const { runEval } = await import('./modes/eval.js');
    return runEval(options, console, command);
  }
  if (command.length === 0) {
    const { runPrompt } = await import('./prompt.js');
    return runPrompt(options, console);
  }
  return runCommand(options, console, commandBytes(command));
}

/** Runs the one command of the command line. */
async function runCommand(options: CliOptions, console: Console, command: readonly Uint8Array[]): Promise<number> {
  let args = [...command];
  if (options.quotedInput) {
    const unquoted = args.map((argument) => unquote(Buffer.from(argument).toString('latin1')));
    if (unquoted.includes(undefined)) {
      console.write('Invalid quoted string\n');
      return 1;
    }
    args = unquoted.map((argument) => Buffer.from(argument!, 'latin1'));
  }
  if (options.stdinLast) {
    args.push(readStandardInput());
  } else if (options.stdinTag !== undefined) {
    const tag = Buffer.from(options.stdinTag);
    const index = args.findIndex((argument) => tag.equals(argument));
    if (index < 0) {
      console.complain('Using -X option but stdin tag not match.\n');
      return 1;
    }
    args[index] = readStandardInput();
  }
  const session = new Session(options, console, await terminalPalette(console));
  const name = Buffer.from(args[0]!).toString('latin1').toLowerCase();
  if (name === 'help' || name === '?') {
    const { printHelp } = await import('./help.js');
    await printHelp(
      session,
      args.slice(1).map((argument) => Buffer.from(argument).toString()),
    );
    return 0;
  }
  const done = await session.issue(args, options.repeat);
  await session.readMessages();
  console.flush();
  session.connection?.close();
  return done ? 0 : 1;
}
