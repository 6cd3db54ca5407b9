// program: what all tools of the transfer family do alike: help, version, errors, exit codes, interruption.
//
//   0  done
//   1  failed, or something could not be transferred (the message says what)
//   2  wrong command line
//   130  interrupted

import { KVASIR_VERSION } from '../../base/version.js';
import { boundGarbage } from '../garbage.js';
import { systemErrorText } from '../../base/system-error.js';
import { RdbError } from '../../persistence/rdb/reader.js';
import { TransferError } from '../record/record.js';
import { helpText, type Options, type OptionTable, parseOptions, UsageError } from './options.js';

const MESSAGE_MAX = 1000;

export interface ProgramSpec {
  readonly name: string;
  readonly usage: string;
  readonly options: OptionTable;
  /** Text below the options. */
  readonly after?: string;
  readonly version?: string;
  /** Returns the exit code. */
  run(options: Options, interrupt: Interrupt): Promise<number>;
}

/** Asks long work to end at the next safe point; a second signal ends the process. */
export class Interrupt {
  isAsked = false;
  private readonly listeners: (() => void)[] = [];

  ask(): void {
    this.isAsked = true;
    for (const listener of this.listeners.splice(0)) listener();
  }

  /** Called once when the work shall end. */
  onAsk(listener: () => void): void {
    if (this.isAsked) listener();
    else this.listeners.push(listener);
  }
}

export const commonOptions = {
  help: { kind: 'flag', letter: 'h', help: 'Show this help and exit.' },
  version: { kind: 'flag', letter: 'V', help: 'Show the version and exit.' },
} as const satisfies OptionTable;

function listenForSignals(interrupt: Interrupt): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (interrupt.isAsked) process.exit(130);
      interrupt.ask();
    });
}

/** A message may quote a file, which has any bytes and may be one long line. */
function shown(message: string): string {
  const text = message.replace(
    /[\0-\x09\x0b-\x1f\x7f]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return text.length <= MESSAGE_MAX ? text : `${text.slice(0, MESSAGE_MAX)}...`;
}

/** Runs a program to its exit code; whatever goes wrong is one line on the error output. */
export async function runProgram(spec: ProgramSpec, words: readonly string[]): Promise<number> {
  boundGarbage();
  const table = { ...spec.options, ...commonOptions };
  // The reader of a pipe may go away: then there is nobody to write for.
  process.stdout.on('error', () => process.exit(1));
  try {
    const options = parseOptions(table, words, process.env);
    if (options.flag('help')) {
      process.stdout.write(helpText(spec.usage, table, spec.after));
      return 0;
    }
    if (options.flag('version')) {
      process.stdout.write(`${spec.version ?? `${spec.name} ${KVASIR_VERSION}`}\n`);
      return 0;
    }
    const interrupt = new Interrupt();
    listenForSignals(interrupt);
    const status = await spec.run(options, interrupt);
    return interrupt.isAsked && status === 0 ? 130 : status;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${spec.name}: ${shown(error.message)}\nTry: ${spec.name} --help\n`);
      return error.status;
    }
    if (error instanceof TransferError) {
      process.stderr.write(`${spec.name}: ${shown(error.message)}\n`);
      return error.status;
    }
    // A value out of DUMP or of a master's snapshot; files are read by sources that name the place.
    if (error instanceof RdbError) {
      process.stderr.write(`${spec.name}: a value is damaged: ${error.message}\n`);
      return 1;
    }
    if (error instanceof Error && 'code' in error) {
      const path = 'path' in error ? `${String(error.path)}: ` : '';
      process.stderr.write(`${spec.name}: ${path}${systemErrorText(error)}\n`);
      return 1;
    }
    process.stderr.write(`${spec.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

/** Runs one of several programs under the first word: `kvasir-rdb stats FILE`. */
export async function runCommands(
  name: string,
  intro: string,
  commands: Readonly<Record<string, ProgramSpec>>,
  words: readonly string[],
): Promise<number> {
  const [first, ...rest] = words;
  const command = first === undefined ? undefined : commands[first];
  if (command !== undefined) return runProgram(command, rest);
  const list = Object.entries(commands).map(([word, spec]) => {
    const about = spec.usage.split('\n').find((line, index) => index > 0 && line.trim() !== '') ?? '';
    return `  ${word.padEnd(12)} ${about.trim()}`;
  });
  const help = `${intro.trimEnd()}\n\nCommands:\n${list.join('\n')}\n\n'${name} COMMAND --help' tells more.\n`;
  if (first === '--help' || first === '-h' || first === 'help') process.stdout.write(help);
  else if (first === '--version' || first === '-V') process.stdout.write(`${name} ${KVASIR_VERSION}\n`);
  else {
    process.stderr.write(first === undefined ? help : `${name}: there is no command '${first}'\n${help}`);
    return 2;
  }
  return 0;
}
