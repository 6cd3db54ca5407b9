// yml: reads the YAML that nutcracker.yml is made of: a map of pools, each a map of keys with a value or a list of values.
//
// twemproxy refuses everything else that YAML has (flow style, anchors, tags, several documents), so a reader of lines is enough,
// and it can go on after a mistake and name the line of each.

export interface YmlValue {
  readonly text: string;
  readonly line: number;
}

export interface YmlEntry {
  readonly key: string;
  readonly line: number;
  readonly value: YmlValue | undefined;
  /** A list, for `key:` with `- item` lines below. */
  readonly items: YmlValue[];
}

export interface YmlPool {
  readonly name: string;
  readonly line: number;
  readonly entries: YmlEntry[];
}

/** A mistake with its place. */
export interface Mistake {
  /** 0 for what is about the whole file. */
  readonly line: number;
  readonly text: string;
}

/** Reads a scalar; returns undefined and adds a mistake when it is none. */
function readScalar(raw: string, line: number, mistakes: Mistake[]): string | undefined {
  const text = raw.trim();
  const fail = (reason: string): undefined => {
    mistakes.push({ line, text: reason });
    return undefined;
  };
  if (text === '') return '';
  const first = text[0]!;
  if (first === '"' || first === "'") {
    const end = text.indexOf(first, 1);
    if (end < 0) return fail('a quoted value does not end on its line');
    const rest = text.slice(end + 1).trim();
    if (rest !== '' && !rest.startsWith('#')) return fail(`unexpected "${rest}" after a quoted value`);
    const inner = text.slice(1, end);
    return first === '"'
      ? inner.replace(/\\(["\\/ntr])/g, (_, char: string) => ({ n: '\n', t: '\t', r: '\r' })[char] ?? char)
      : inner;
  }
  if (first === '[' || first === '{') return fail('flow style is disallowed: write one value a line');
  if (first === '&' || first === '*' || first === '!') return fail('anchors, aliases and tags are disallowed');
  if (first === '|' || first === '>') return fail('values of several lines are disallowed');
  if (first === '@' || first === '`' || first === '%') return fail(`a value that begins with ${first} must be quoted`);
  const comment = text.search(/\s#/);
  return (comment < 0 ? text : text.slice(0, comment)).trim();
}

class Reader {
  readonly pools: YmlPool[] = [];
  private pool: YmlPool | undefined;
  private entry: YmlEntry | undefined;
  private keyIndent = -1;

  constructor(readonly mistakes: Mistake[]) {}

  read(text: string, line: number): void {
    const content = text.trimStart();
    const indent = text.length - content.length;
    if (content === '' || content.startsWith('#')) return;
    if (text.slice(0, indent).includes('\t')) {
      this.fail(line, 'a tab cannot indent: use blanks');
      return;
    }
    if (/^(---|\.\.\.)(\s|$)/.test(content) && indent === 0) {
      this.fail(line, 'document markers are disallowed: the file is one document');
      return;
    }
    if (content.startsWith('%') && indent === 0) {
      this.fail(line, 'directives are disallowed');
      return;
    }
    if (content === '-' || content.startsWith('- ')) this.readItem(content.slice(1), indent, line);
    else this.readKey(content, indent, line);
  }

  private fail(line: number, text: string): void {
    this.mistakes.push({ line, text });
  }

  private readItem(raw: string, indent: number, line: number): void {
    const { entry } = this;
    if (indent === 0 || entry === undefined) {
      this.fail(line, 'a list item stands outside of a key');
      return;
    }
    if (entry.value !== undefined) {
      this.fail(line, `"${entry.key}" has a value and a list`);
      return;
    }
    const value = readScalar(raw, line, this.mistakes);
    if (value === undefined) return;
    if (value === '') this.fail(line, `an item of "${entry.key}" is empty`);
    else entry.items.push({ text: value, line });
  }

  private readKey(content: string, indent: number, line: number): void {
    const match = /^(?:"([^"]*)"|'([^']*)'|([^\s#:][^:]*?))\s*:(?:\s+(.*))?$/.exec(content);
    if (match === null) {
      this.fail(line, `"${content}" is no "key: value"`);
      return;
    }
    const key = match[1] ?? match[2] ?? match[3]!;
    const value = readScalar(match[4] ?? '', line, this.mistakes);
    if (indent === 0) this.openPool(key, value, line);
    else this.addEntry(key, value, indent, line);
  }

  private openPool(key: string, value: string | undefined, line: number): void {
    this.entry = undefined;
    this.keyIndent = -1;
    this.pool = { name: key, line, entries: [] };
    this.pools.push(this.pool);
    if (value !== '' && value !== undefined && !value.startsWith('#'))
      this.fail(line, `pool "${key}" has a value instead of keys`);
  }

  private addEntry(key: string, value: string | undefined, indent: number, line: number): void {
    if (this.pool === undefined) {
      this.fail(line, `"${key}" is indented, but belongs to no pool`);
      return;
    }
    if (this.keyIndent < 0) this.keyIndent = indent;
    if (indent !== this.keyIndent) {
      this.fail(line, `"${key}" is indented by ${indent} blanks, the keys before it by ${this.keyIndent}`);
      return;
    }
    const isEmpty = value === undefined || value === '' || value.startsWith('#');
    this.entry = { key, line, value: isEmpty ? undefined : { text: value, line }, items: [] };
    this.pool.entries.push(this.entry);
  }
}

/** Reads the whole text; mistakes are added, and what is right is returned. */
export function readYml(text: string, mistakes: Mistake[]): YmlPool[] {
  const reader = new Reader(mistakes);
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries())
    reader.read(line, index + 1);
  return reader.pools;
}
