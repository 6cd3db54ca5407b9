// option: a configuration directive as data; the table of them all is options.ts.

/** The largest values of C's integer types: Redis names them as bounds in its errors. */
export const intMin = -2147483648;
export const intMax = 2147483647;
export const uintMax = 4294967295;
export const longMax = 9223372036854775807n;
export const unsignedLongMax = 18446744073709551615n;

export interface OptionTraits {
  /** A second name, with the same value. */
  readonly alias?: string;
  /** CONFIG SET refuses: only the file and the command line can set it. */
  readonly immutable?: boolean;
  /** An immutable directive that CONFIG SET may set to the value that it has. */
  readonly acceptsOwnValue?: boolean;
  /** Never shown in logs, MONITOR and SLOWLOG. */
  readonly sensitive?: boolean;
  /** CONFIG SET needs enable-protected-configs. */
  readonly protected?: boolean;
  /** Takes several arguments. */
  readonly multiple?: boolean;
  /** CONFIG GET gives it by its exact name only. */
  readonly hidden?: boolean;
  /** Setting the same value again applies it again (files whose content may have changed). */
  readonly volatile?: boolean;
  /** CONFIG SET refuses while the data set is loading. */
  readonly denyLoading?: boolean;
}

interface OptionBase<Name extends string> extends OptionTraits {
  readonly name: Name;
  readonly summary: string;
}

export interface FlagOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'flag';
  readonly initial: boolean;
}

export interface NumberOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'number';
  /** memory: with units (kb, mb, ...); share: memory, or a percentage, held as a negative number. */
  readonly unit: 'plain' | 'memory' | 'share' | 'octal';
  readonly initial: number;
  readonly min: number;
  readonly max: number | bigint;
  /** Compared and shown as an unsigned number: a negative one is out of range because it is huge. */
  readonly unsigned: boolean;
}

export interface TextOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'text';
  /** Null: none, which is also what an empty value means. */
  readonly initial: string | null;
  /** The reason why a value is refused. */
  readonly refuse?: (value: string) => string | undefined;
}

export interface ChoiceOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'choice';
  readonly initial: string;
  readonly choices: readonly string[];
  /** Choices that are another name of one of the choices. */
  readonly synonyms?: Readonly<Record<string, string>>;
}

/** Several words out of a set at once. */
export interface WordsOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'words';
  /** The word that stands for none of the others. */
  readonly none: string;
  readonly choices: readonly string[];
  readonly refuse?: (words: readonly string[]) => string | undefined;
}

/** Directives with a grammar of their own; see special-settings.ts. */
export interface SpecialOption<Name extends string = string> extends OptionBase<Name> {
  readonly kind: 'special';
  readonly initialText: string;
}

export type Option = FlagOption | NumberOption | TextOption | ChoiceOption | WordsOption | SpecialOption;

export function flag<const Name extends string>(
  name: Name,
  initial: boolean,
  traits: OptionTraits,
  summary: string,
): FlagOption<Name> {
  return { kind: 'flag', name, initial, summary, ...traits };
}

type NumberTraits = OptionTraits & { readonly unit?: NumberOption['unit']; readonly unsigned?: boolean };

export function number<const Name extends string>(
  name: Name,
  initial: number,
  min: number,
  max: number | bigint,
  traits: NumberTraits,
  summary: string,
): NumberOption<Name> {
  return { kind: 'number', name, initial, min, max, unit: 'plain', unsigned: false, summary, ...traits };
}

/** A size with units, unsigned. */
export function size<const Name extends string>(
  name: Name,
  initial: number,
  min: number,
  max: number | bigint,
  traits: NumberTraits,
  summary: string,
): NumberOption<Name> {
  return { kind: 'number', name, initial, min, max, unit: 'memory', unsigned: true, summary, ...traits };
}

type TextTraits = OptionTraits & { readonly refuse?: (value: string) => string | undefined };

export function text<const Name extends string>(
  name: Name,
  initial: string | null,
  traits: TextTraits,
  summary: string,
): TextOption<Name> {
  return { kind: 'text', name, initial, summary, ...traits };
}

type ChoiceTraits = OptionTraits & { readonly synonyms?: Readonly<Record<string, string>> };

export function choice<const Name extends string>(
  name: Name,
  initial: string,
  choices: readonly string[],
  traits: ChoiceTraits,
  summary: string,
): ChoiceOption<Name> {
  return { kind: 'choice', name, initial, choices, summary, ...traits };
}

type WordsTraits = OptionTraits & { readonly refuse?: (words: readonly string[]) => string | undefined };

export function words<const Name extends string>(
  name: Name,
  none: string,
  choices: readonly string[],
  traits: WordsTraits,
  summary: string,
): WordsOption<Name> {
  return { kind: 'words', name, none, choices, multiple: true, summary, ...traits };
}

export function special<const Name extends string>(
  name: Name,
  initialText: string,
  traits: OptionTraits,
  summary: string,
): SpecialOption<Name> {
  return { kind: 'special', name, initialText, summary, ...traits };
}
