// options: the words of a command line by a declared table, and `--help` made of the same table.
//
// `--name value`, `--name=value`, `-n value`, `-nvalue`, and several letters of flags together (`-bO`). `--` ends the options.

import { nearestWord } from '../../base/nearest-word.js';
import { TransferError } from '../record/record.js';

export type OptionKind = 'flag' | 'text' | 'integer' | 'size' | 'number' | 'list';

export interface OptionSpec {
  readonly kind: OptionKind;
  readonly letter?: string;
  /** Other long names. */
  readonly aliases?: readonly string[];
  /** The name of the value in the help. */
  readonly value?: string;
  readonly help: string;
  /** An environment variable that gives the value. */
  readonly variable?: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** A wrong command line: exit code 2. */
export class UsageError extends TransferError {
  constructor(message: string) {
    super(message, 2);
  }
}

export class Options {
  readonly words: string[] = [];
  private readonly values = new Map<string, string | number | boolean | string[]>();

  constructor(readonly table: OptionTable) {}

  set(name: string, text: string | undefined): void {
    const spec = this.table[name]!;
    if (spec.kind === 'flag') this.values.set(name, true);
    else if (spec.kind === 'list') this.values.set(name, [...this.list(name), ...(text ?? '').split(',')]);
    else if (spec.kind === 'text') this.values.set(name, text ?? '');
    else this.values.set(name, numberOf(name, spec.kind, text ?? ''));
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  flag(name: string): boolean {
    return this.values.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.values.get(name);
    return value === undefined ? undefined : String(value);
  }

  number(name: string): number | undefined {
    const value = this.values.get(name);
    return typeof value === 'number' ? value : undefined;
  }

  list(name: string): string[] {
    const value = this.values.get(name);
    return Array.isArray(value) ? value : [];
  }
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
  t: 1000 ** 4,
  tb: 1024 ** 4,
};

/** A size as in redis.conf: 100mb, 1g, 512. Undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]{0,2})$/i.exec(text.trim());
  const unit = units[match?.[2]?.toLowerCase() ?? 'none'];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

function numberOf(name: string, kind: OptionKind, text: string): number {
  if (kind === 'size') {
    const size = parseSize(text);
    if (size === undefined) throw new UsageError(`--${name} wants a size such as 512mb, not '${text}'`);
    return size;
  }
  const number = Number(text);
  const isGood = text.trim() !== '' && Number.isFinite(number) && (kind === 'number' || Number.isSafeInteger(number));
  if (!isGood) throw new UsageError(`--${name} wants a ${kind === 'number' ? '' : 'whole '}number, not '${text}'`);
  return number;
}

export function parseOptions(table: OptionTable, words: readonly string[], variables: NodeJS.ProcessEnv): Options {
  const options = new Options(table);
  const names = new Map<string, string>();
  const letters = new Map<string, string>();
  for (const [name, spec] of Object.entries(table)) {
    for (const one of [name, ...(spec.aliases ?? [])]) names.set(one, name);
    if (spec.letter !== undefined) letters.set(spec.letter, name);
    const value = spec.variable === undefined ? undefined : variables[spec.variable];
    if (value !== undefined && value !== '') options.set(name, value);
  }
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word === '--') {
      options.words.push(...words.slice(index + 1));
      break;
    }
    const next = (shown: string): string => {
      if (++index >= words.length) throw new UsageError(`${shown} needs a value`);
      return words[index]!;
    };
    if (word.startsWith('--')) takeLong(options, names, word, next);
    else if (word.startsWith('-') && word.length > 1) takeLetters(options, letters, word, next);
    else options.words.push(word);
  }
  return options;
}

function takeLong(options: Options, names: Map<string, string>, word: string, next: (shown: string) => string): void {
  const equals = word.indexOf('=');
  const written = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const name = names.get(written);
  if (name === undefined) {
    const near = nearestWord(written, names.keys());
    throw new UsageError(`there is no option --${written}${near === undefined ? '' : `; did you mean --${near}?`}`);
  }
  const isFlag = options.table[name]!.kind === 'flag';
  if (isFlag && equals >= 0) throw new UsageError(`--${written} takes no value`);
  options.set(name, isFlag ? undefined : equals >= 0 ? word.slice(equals + 1) : next(word));
}

function takeLetters(options: Options, letters: Map<string, string>, word: string, next: (s: string) => string): void {
  for (let at = 1; at < word.length; at++) {
    const name = letters.get(word[at]!);
    if (name === undefined) throw new UsageError(`there is no option -${word[at]!}`);
    if (options.table[name]!.kind === 'flag') {
      options.set(name, undefined);
      continue;
    }
    const rest = word.slice(at + 1);
    options.set(name, rest === '' ? next(`-${word[at]!}`) : rest);
    return;
  }
}

const HELP_COLUMN = 30;

export function helpText(usage: string, table: OptionTable, after = ''): string {
  const lines = Object.entries(table).map(([name, spec]) => {
    const letter = spec.letter === undefined ? '    ' : `-${spec.letter}, `;
    const value = spec.kind === 'flag' ? '' : ` ${spec.value ?? spec.kind.toUpperCase()}`;
    const left = `  ${letter}--${name}${value}`;
    const gap = left.length < HELP_COLUMN ? ' '.repeat(HELP_COLUMN - left.length) : `\n${' '.repeat(HELP_COLUMN)}`;
    const variable = spec.variable === undefined ? '' : ` [${spec.variable}]`;
    return `${left}${gap}${spec.help}${variable}`;
  });
  return `${usage.trimEnd()}\n\nOptions:\n${lines.join('\n')}\n${after === '' ? '' : `\n${after.trimEnd()}\n`}`;
}
