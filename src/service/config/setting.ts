// setting: one directive's current value: how it is read from words, shown by CONFIG GET and written by CONFIG REWRITE.
//
// Code that needs a value on a hot path keeps the setting object and reads `value`: a field of a number or a boolean,
// always current, without a lookup.
//
// Not here: the list of directives (options), those with a grammar of their own (special-settings).
import { quote } from '../../base/quoting.js';
import type { ChoiceOption, FlagOption, NumberOption, Option, TextOption, WordsOption } from '../../registry/option.js';

/** A line that CONFIG REWRITE writes for a directive. */
export interface RewriteLine {
  readonly line: string;
  /** Written even if the file does not name the directive, because it is not the default. */
  readonly force: boolean;
}

export interface Setting {
  readonly option: Option;
  /** Takes a new value, or gives the reason why not and keeps the old one. `fromFile`: a config file is being read. */
  assign(words: readonly string[], fromFile: boolean): string | undefined;
  /** The value as CONFIG GET shows it. */
  print(): string;
  rewrite(): readonly RewriteLine[];
}

export class FlagSetting implements Setting {
  value: boolean;

  constructor(readonly option: FlagOption) {
    this.value = option.initial;
  }

  assign(words: readonly string[]): string | undefined {
    const word = words[0]!.toLowerCase();
    if (word !== 'yes' && word !== 'no') return "argument must be 'yes' or 'no'";
    this.value = word === 'yes';
    return undefined;
  }

  print(): string {
    return this.value ? 'yes' : 'no';
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.print()}`, force: this.value !== this.option.initial }];
  }
}

const unitFactors: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/** Reads a size such as 100mb; undefined when it is none. It wraps at 64 bits, as Redis's does. */
export function parseMemory(word: string): bigint | undefined {
  const parts = /^([0-9]{0,127})([a-z]*)$/i.exec(word);
  const factor = parts === null ? undefined : unitFactors[parts[2]!.toLowerCase()];
  if (parts === null || factor === undefined) return undefined;
  const amount = BigInt(parts[1] === '' ? '0' : parts[1]!);
  const most = 2n ** 64n - 1n;
  return BigInt.asUintN(64, (amount > most ? most : amount) * factor);
}

/** A size with the largest unit that divides it. */
export function formatMemory(bytes: bigint): string {
  if (bytes !== 0n) {
    if (bytes % unitFactors.gb! === 0n) return `${bytes / unitFactors.gb!}gb`;
    if (bytes % unitFactors.mb! === 0n) return `${bytes / unitFactors.mb!}mb`;
    if (bytes % unitFactors.kb! === 0n) return `${bytes / unitFactors.kb!}kb`;
  }
  return bytes.toString();
}

function parseWholeNumber(word: string): bigint | undefined {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(word)) return undefined;
  const value = BigInt(word);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

export class NumberSetting implements Setting {
  /** The value; of one beyond 2^53 the nearest double. A share in percent is negative. */
  value: number;
  private exact: bigint;

  constructor(readonly option: NumberOption) {
    this.value = option.initial;
    this.exact = BigInt(option.initial);
  }

  assign(words: readonly string[]): string | undefined {
    const parsed = this.parse(words[0]!);
    if (typeof parsed === 'string') return parsed;
    const reason = this.outOfBounds(parsed);
    if (reason === undefined) this.set(parsed);
    return reason;
  }

  /** Sets a value that is known to be good. */
  set(value: bigint): void {
    this.exact = value;
    this.value = Number(value);
  }

  private parse(word: string): bigint | string {
    const { unit, unsigned } = this.option;
    if (unit === 'memory' || unit === 'share') {
      const bytes = parseMemory(word);
      if (bytes !== undefined) return unsigned ? bytes : BigInt.asIntN(64, bytes);
      if (unit === 'memory') return 'argument must be a memory value';
      const percent = word.length > 1 && word.endsWith('%') ? parseWholeNumber(word.slice(0, -1)) : undefined;
      return percent !== undefined && percent >= 0n ? -percent : 'argument must be a memory or percent value';
    }
    if (unit === 'octal') {
      const octal = /^\s*([+-]?)([0-7]{1,20})$/.exec(word);
      if (octal === null) return "argument couldn't be parsed as an octal number";
      const value = BigInt(`0o${octal[2]!}`);
      return octal[1] === '-' ? BigInt.asUintN(64, -value) : value;
    }
    const value = parseWholeNumber(word);
    if (value === undefined) return "argument couldn't be parsed into an integer";
    return unsigned ? BigInt.asUintN(64, value) : value;
  }

  private outOfBounds(value: bigint): string | undefined {
    const { min, max, unit } = this.option;
    if (unit === 'share' && value < 0n) {
      return value < min ? `percentage argument must be less or equal to ${-min}` : undefined;
    }
    if (value >= min && value <= max) return undefined;
    const radix = unit === 'octal' ? 8 : 10;
    return `argument must be between ${min.toString(radix)} and ${max.toString(radix)} inclusive`;
  }

  print(): string {
    if (this.option.unit === 'share' && this.exact < 0n) return `${-this.exact}%`;
    return this.exact.toString(this.option.unit === 'octal' ? 8 : 10);
  }

  rewrite(): readonly RewriteLine[] {
    const { name, unit, initial } = this.option;
    const sized = (unit === 'memory' || unit === 'share') && this.exact >= 0n;
    return [
      { line: `${name} ${sized ? formatMemory(this.exact) : this.print()}`, force: this.exact !== BigInt(initial) },
    ];
  }
}

export class TextSetting implements Setting {
  /** A byte string; empty for none. */
  value: string;

  constructor(readonly option: TextOption) {
    this.value = option.initial ?? '';
  }

  assign(words: readonly string[]): string | undefined {
    const reason = this.option.refuse?.(words[0]!);
    if (reason === undefined) this.value = words[0]!;
    return reason;
  }

  print(): string {
    return this.value;
  }

  rewrite(): readonly RewriteLine[] {
    if (this.option.initial === null && this.value === '') return [];
    return [{ line: `${this.option.name} ${quote(this.value)}`, force: this.value !== this.option.initial }];
  }
}

function mustBeOneOf(choices: readonly string[]): string {
  return `argument(s) must be one of the following: ${choices.join(', ')}`.slice(0, 255);
}

export class ChoiceSetting implements Setting {
  value: string;

  constructor(readonly option: ChoiceOption) {
    this.value = option.initial;
  }

  assign(words: readonly string[]): string | undefined {
    const word = words[0]!.toLowerCase();
    if (words.length !== 1 || !this.option.choices.includes(word)) return mustBeOneOf(this.option.choices);
    this.value = this.option.synonyms?.[word] ?? word;
    return undefined;
  }

  print(): string {
    return this.value;
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.value}`, force: this.value !== this.option.initial }];
  }
}

export class WordsSetting implements Setting {
  /** In the order of the table; empty for none. */
  value: readonly string[] = [];

  constructor(readonly option: WordsOption) {}

  assign(words: readonly string[]): string | undefined {
    const { none, choices, refuse } = this.option;
    const chosen = words.map((word) => word.toLowerCase());
    if (chosen.length === 0 || chosen.some((word) => word !== none && !choices.includes(word))) {
      return mustBeOneOf([none, ...choices]);
    }
    const value = choices.filter((word) => chosen.includes(word));
    const reason = refuse?.(value);
    if (reason === undefined) this.value = value;
    return reason;
  }

  print(): string {
    return this.value.length === 0 ? this.option.none : this.value.join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.print()}`, force: this.value.length > 0 }];
  }
}
