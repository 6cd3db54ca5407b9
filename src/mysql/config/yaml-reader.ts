// yaml-reader: a YAML file as checked values, with the place of every mistake.
//
// Each reading names the path of keys (`tables[0].targets[1].hash`) and the line, so that a long configuration can be mended without
// guessing. Keys that nobody asked for are mistakes too: a misspelt option must not be ignored.

import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { nearestWord } from '../../base/nearest-word.js';

/** A configuration that is wrong; the message has one line for each mistake. */
export class ConfigError extends Error {}

export class Mistakes {
  readonly lines: string[] = [];

  constructor(
    private readonly path: string,
    private readonly lineCounter: LineCounter,
    private readonly document: Document,
  ) {}

  /** The node that an alias (`*name`) stands for. */
  resolve(alias: Alias): unknown {
    return alias.resolve(this.document);
  }

  add(offset: number | undefined, text: string): void {
    const line = offset === undefined ? 0 : this.lineCounter.linePos(offset).line;
    const told = line === 0 ? `${this.path}: ${text}` : `${this.path}, line ${line}: ${text}`;
    if (!this.lines.includes(told)) this.lines.push(told);
  }
}

/** One map of the file. */
export class Section {
  private readonly asked = new Set<string>();

  constructor(
    private readonly map: YAMLMap | undefined,
    readonly path: string,
    readonly mistakes: Mistakes,
  ) {}

  private node(key: string): unknown {
    this.asked.add(key);
    const node: unknown = this.map?.get(key, true);
    if (!isAlias(node)) return node;
    return this.mistakes.resolve(node) ?? this.fail(key, `is *${node.source}, and no &${node.source} stands before it`);
  }

  private where(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  private offset(node: unknown): number | undefined {
    return (node as { range?: [number, number, number] | null } | undefined)?.range?.[0];
  }

  /** The section itself is wrong. */
  failHere(text: string): void {
    this.mistakes.add(this.offset(this.map), `${this.path} ${text}`);
  }

  fail(key: string, text: string): undefined {
    this.mistakes.add(this.offset(this.map?.get(key, true)) ?? this.offset(this.map), `${this.where(key)} ${text}`);
    return undefined;
  }

  has(key: string): boolean {
    return this.map?.has(key) === true;
  }

  get keys(): string[] {
    return (this.map?.items ?? []).map(({ key }) => (isScalar(key) ? String(key.value) : String(key)));
  }

  scalar(key: string): string | number | boolean | undefined {
    const node = this.node(key);
    if (node === undefined || node === null) return undefined;
    if (!isScalar(node)) return this.fail(key, 'must be one value');
    const { value } = node;
    if (value === null) return undefined;
    // A number keeps the digits that were written: 0123 and 1e3 are meant as texts as often as not.
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    return this.fail(key, 'must be a text, a number, true or false');
  }

  text(key: string): string | undefined {
    const node = this.node(key);
    const value = this.scalar(key);
    if (value === undefined) return undefined;
    return isScalar(node) && node.source !== undefined ? node.source : String(value);
  }

  needText(key: string): string {
    const text = this.text(key);
    if (text === undefined || text === '') {
      const node = this.map?.get(key, true);
      if (!isCollection(node) && !isAlias(node)) this.fail(key, 'is missing');
      return '';
    }
    return text;
  }

  number(key: string, least: number, most: number): number | undefined {
    const value = this.scalar(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= least && value <= most) return value;
    return this.fail(key, `must be a number from ${least} to ${most}`);
  }

  integer(key: string, least: number, most: number): number | undefined {
    const value = this.scalar(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.fail(key, `must be a whole number from ${least} to ${most}`);
  }

  flag(key: string): boolean | undefined {
    const value = this.scalar(key);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.fail(key, 'must be true or false');
  }

  choice<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const text = this.text(key);
    if (text === undefined || choices.includes(text as T)) return text as T | undefined;
    return this.fail(key, `must be one of ${choices.join(', ')}`);
  }

  /** Texts: one, or a list of them. */
  texts(key: string): string[] | undefined {
    const node = this.node(key);
    if (node === undefined || node === null) return undefined;
    if (isScalar(node)) {
      const text = this.text(key);
      return text === undefined ? undefined : [text];
    }
    if (!isSeq(node)) return this.fail(key, 'must be a list');
    const texts: string[] = [];
    for (const item of node.items) {
      if (isScalar(item) && item.value !== null) texts.push(item.source ?? String(item.value));
      else this.fail(key, 'must be a list of texts');
    }
    return texts;
  }

  section(key: string): Section | undefined {
    const node = this.node(key);
    if (node === undefined || node === null) return undefined;
    if (isMap(node)) return new Section(node, this.where(key), this.mistakes);
    return this.fail(key, 'must be a map of keys and values');
  }

  sections(key: string): Section[] {
    const node = this.node(key);
    if (node === undefined || node === null) return [];
    if (!isSeq(node)) {
      this.fail(key, 'must be a list');
      return [];
    }
    return node.items.flatMap((item, index) => {
      if (isMap(item)) return [new Section(item, `${this.where(key)}[${index}]`, this.mistakes)];
      this.fail(key, `must be a list of maps, and item ${index + 1} is none`);
      return [];
    });
  }

  /** The pairs of a map of texts. */
  pairs(key: string): [string, string][] {
    const section = this.section(key);
    if (section === undefined) return [];
    return section.keys.flatMap((name): [string, string][] => {
      const text = section.text(name);
      return text === undefined ? [] : [[name, text]];
    });
  }

  /** Complains of keys that nobody asked for. */
  end(): void {
    for (const key of this.keys) {
      if (this.asked.has(key)) continue;
      const near = nearestWord(key, this.asked);
      this.fail(key, `is no option here${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
  }
}

/** Reads a file's text; `read` makes a configuration of it. Throws a ConfigError with all mistakes. */
export function readYaml<T>(path: string, text: string, read: (top: Section) => T): T {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  const mistakes = new Mistakes(path, lineCounter, document as Document);
  for (const error of document.errors)
    mistakes.add(error.pos[0], error.message.split('\n')[0]!.replace(/ at line .*$/, ''));
  if (mistakes.lines.length > 0) throw new ConfigError(mistakes.lines.join('\n'));
  const { contents } = document;
  if (contents !== null && !isMap(contents)) mistakes.add(0, 'the file must be a map of keys and values');
  const result = read(new Section(isMap(contents) ? (contents as YAMLMap) : undefined, '', mistakes));
  if (mistakes.lines.length > 0) throw new ConfigError(mistakes.lines.join('\n'));
  return result;
}
