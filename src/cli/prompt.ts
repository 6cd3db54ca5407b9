// prompt: reads commands one after the other, from a person at a terminal or from standard input.
import { splitWords } from '../base/quoting.js';
import type { Reply } from '../client/reply.js';
import type { Console } from './console.js';
import { printHelp } from './help.js';
import { readLeadingInteger } from '../base/c-numbers.js';
import type { LineSource } from './line-source.js';
import type { CliOptions } from './options.js';
import { terminalPalette } from './output/terminal-palette.js';
import { Session } from './session.js';

/** Time from which on the prompt tells how long a command took. */
const slowMs = 500;

export async function runPrompt(options: CliOptions, console: Console): Promise<number> {
  const session = new Session(options, console, await terminalPalette(console));
  session.interactive = true;
  await session.connect();
  const source = await openSource(session);
  await readCommands(session, source);
  source.close();
  session.connection?.close();
  return 0;
}

/** Reads commands until the end; 'restart' asks for a new debugging session. */
export async function readCommands(session: Session, source: LineSource): Promise<'quit' | 'restart'> {
  const { console } = session;
  session.interactive = true;
  console.endOnBrokenPipe = false;
  for (;;) {
    console.flush();
    const line = await source.read();
    if (line === undefined) return 'quit';
    const end = await runLine(session, source, line);
    if (end !== undefined) return end;
  }
}

export async function openSource(session: Session): Promise<LineSource> {
  // FAKETTY_WITH_PROMPT: tests play a terminal through pipes, as they do with redis-cli.
  if (session.console.stdinTerminal || process.env.FAKETTY_WITH_PROMPT !== undefined) {
    const { openTerminal } = await import('./terminal.js');
    return openTerminal(session);
  }
  const { openLineStream } = await import('./line-stream.js');
  return openLineStream(session);
}

async function runLine(session: Session, source: LineSource, line: string): Promise<'quit' | 'restart' | undefined> {
  const { console, options } = session;
  if (line === '') return undefined;
  const words = session.debugging ? splitDebuggerLine(line) : splitWords(line);
  if (words === undefined) {
    console.write('Invalid argument(s): a quote is not closed, or no space follows the closing one\n');
    source.remember(line, holdsSecretLine(line));
    return undefined;
  }
  const [first] = words;
  if (first === undefined) return undefined;
  let repeat = 1;
  let command = words;
  if (words.length > 1 && /^[+-]?\d+$/.test(first)) {
    repeat = readLeadingInteger(first);
    if (repeat <= 0 || !Number.isSafeInteger(repeat)) {
      console.write('Invalid kvasir-cli repeat command option value.\n');
      return undefined;
    }
    command = words.slice(1);
  }
  const { holdsSecret } = await import('./secrets.js');
  source.remember(line, holdsSecret(command));
  const name = first.toLowerCase();
  if (name === 'quit' || name === 'exit') return 'quit';
  if (first.startsWith(':')) {
    const { setPreference } = await import('./preferences.js');
    setPreference(source.preferences, words, console, false);
    return undefined;
  }
  if (name === 'restart') {
    if (options.evalFile !== undefined) return 'restart';
    console.write("Use 'restart' only in Lua debugging mode.\n");
    return undefined;
  }
  if (name === 'connect' && words.length === 3) {
    options.host = Buffer.from(words[1]!, 'latin1').toString();
    options.port = readLeadingInteger(words[2]!);
    options.socketPath = undefined;
    if (options.port < 0 || options.port > 65535) console.complain('Invalid server port.\n');
    else await session.connect();
    return undefined;
  }
  if (name === 'clear' && words.length === 1) {
    source.clearScreen();
    return undefined;
  }
  if (!session.debugging && (name === 'help' || name === '?')) {
    await printHelp(
      session,
      words.slice(1).map((word) => Buffer.from(word, 'latin1').toString()),
      source.hints,
    );
    return undefined;
  }
  await runCommand(session, command, repeat);
  return undefined;
}

async function runCommand(session: Session, command: readonly string[], repeat: number): Promise<void> {
  const { console, options } = session;
  const startedMs = performance.now();
  session.repliedMs = startedMs;
  await session.issue(
    command.map((word) => Buffer.from(word, 'latin1')),
    repeat,
  );
  if (session.debuggerEnded) {
    session.debuggerEnded = false;
    const reply: Reply | undefined = await session.read();
    if (reply !== undefined) session.show(reply);
    const rolledBack = options.debugger === 'sync' ? '' : ' -- dataset changes rolled back';
    console.write(`\n(Lua debugging session ended${rolledBack})\n\n`);
    await session.connect(); // the server ends the connection of a debugging session
  }
  const elapsedMs = session.repliedMs - startedMs;
  if (elapsedMs >= slowMs && options.output === 'standard') console.write(`(${(elapsedMs / 1000).toFixed(2)}s)\n`);
}

/** In the debugger everything after "eval" is one argument, whatever quotes are in it. */
function splitDebuggerLine(line: string): string[] | undefined {
  const match = /^(eval|e) (.*)$/s.exec(line);
  return match === null ? splitWords(line) : [match[1]!, match[2]!];
}

/** For a line that cannot be split: anything that looks like a password is one. */
function holdsSecretLine(line: string): boolean {
  return /\b(?:auth2?|acl|masterauth|requirepass|[\w-]*pass)\b/i.test(line);
}
