// lexer: cuts Lua 5.1 source into tokens.
//
// Source is a one-byte string: each character stands for a byte, so any byte passes through strings untouched. Error
// texts and line numbers are PUC Lua's, because scripts' authors search the web for them.
import { parseNumber } from './numbers.js';

export class LuaSyntaxError extends Error {}

/** The name of a chunk in messages: `@file`, `=name`, or the source itself. */
export function shortSource(chunkName: string): string {
  if (chunkName.startsWith('=')) return chunkName.slice(1, 60);
  if (chunkName.startsWith('@')) {
    const file = chunkName.slice(1);
    return file.length > 52 ? `...${file.slice(file.length - 52)}` : file;
  }
  const lineEnd = chunkName.search(/[\r\n]/);
  const cut = lineEnd >= 0 ? chunkName.slice(0, lineEnd) : chunkName;
  if (cut.length > 43 || lineEnd >= 0) return `[string "${cut.slice(0, 43)}..."]`;
  return `[string "${cut}"]`;
}

export type TokenKind = 'name' | 'string' | 'number' | '<eof>' | string;

/** By their own text: what the source says is another string, and comparing two that are the same object is faster. */
const keywords = new Map(
  [
    'and',
    'break',
    'do',
    'else',
    'elseif',
    'end',
    'false',
    'for',
    'function',
    'if',
    'in',
    'local',
    'nil',
    'not',
    'or',
    'repeat',
    'return',
    'then',
    'true',
    'until',
    'while',
  ].map((word) => [word, word]),
);

const DIGIT = 1;
const LETTER = 2;

/** The kinds of token that a byte can be part of; a table, because most of the lexer's time goes here. */
const classes = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  const char = String.fromCharCode(code);
  classes[code] = /\d/.test(char) ? DIGIT : /[A-Za-z_]/.test(char) ? LETTER : 0;
}

function isDigit(code: number): boolean {
  return classes[code] === DIGIT;
}

function isNamePart(code: number): boolean {
  return classes[code]! > 0;
}

export class Lexer {
  /** The current token: a keyword or symbol is its own kind. */
  kind: TokenKind = '<eof>';
  text = '';
  value = 0;
  line = 1;
  /** The line of the token before the current one. */
  lastLine = 1;
  /** The text of the current token, for messages. */
  private raw = '';
  private position = 0;
  private ahead: { kind: TokenKind; text: string; value: number; line: number; raw: string } | null = null;

  private readonly source: string;
  private readonly end: number;

  constructor(
    source: string,
    private readonly chunk: string,
  ) {
    // V8 throws code away that reads beyond a string's end: a name may be the last thing in the source.
    this.source = `${source}\0`;
    this.end = source.length;
  }

  next(): void {
    this.lastLine = this.line;
    const { ahead } = this;
    if (ahead !== null) {
      this.ahead = null;
      ({ kind: this.kind, text: this.text, value: this.value, line: this.line, raw: this.raw } = ahead);
    } else {
      this.scan();
    }
  }

  /** The kind of the token after the current one. */
  peek(): TokenKind {
    const { kind, text, value, line, raw } = this;
    this.scan();
    this.ahead = { kind: this.kind, text: this.text, value: this.value, line: this.line, raw: this.raw };
    Object.assign(this, { kind, text, value, line, raw });
    return this.ahead.kind;
  }

  /** Throws `message near 'token'`; without `near` the message alone. */
  fail(message: string, near: string | null = this.tokenText()): never {
    const place = `${this.chunk}:${this.line}: ${message}`;
    throw new LuaSyntaxError(near === null ? place : `${place} near '${near}'`);
  }

  private tokenText(): string | null {
    if (this.kind === 'name' || this.kind === 'string' || this.kind === 'number') return this.raw;
    const code = this.kind.charCodeAt(0);
    // As in C, where the number 0 stands for no token.
    if (code === 0) return null;
    if (this.kind.length === 1 && (code < 32 || code === 127)) return `char(${code})`;
    return this.kind;
  }

  private scan(): void {
    const { source } = this;
    for (;;) {
      if (this.position >= this.end) {
        this.kind = '<eof>';
        return;
      }
      const code = source.charCodeAt(this.position);
      if (code === 10 || code === 13) {
        this.newLine();
        continue;
      }
      if (code === 32 || (code >= 9 && code <= 12)) {
        this.position++;
        continue;
      }
      if (code === 45) {
        if (source.charCodeAt(this.position + 1) !== 45) return this.symbol('-');
        this.position += 2;
        this.skipComment();
        continue;
      }
      const kind = classes[code];
      if (kind === LETTER) return this.name();
      if (kind === DIGIT) return this.number();
      switch (code) {
        case 91: {
          const level = this.longBracketLevel();
          if (level >= 0) {
            this.longString(level, true);
            return;
          }
          if (level === -2)
            this.fail(
              'invalid long string delimiter',
              source.slice(this.position, this.position + this.bracketTextLength()),
            );
          return this.symbol('[');
        }
        case 61:
          return this.symbol(source.charCodeAt(this.position + 1) === 61 ? '==' : '=');
        case 60:
          return this.symbol(source.charCodeAt(this.position + 1) === 61 ? '<=' : '<');
        case 62:
          return this.symbol(source.charCodeAt(this.position + 1) === 61 ? '>=' : '>');
        case 126:
          return this.symbol(source.charCodeAt(this.position + 1) === 61 ? '~=' : '~');
        case 34:
        case 39:
          return this.quoted(code);
        case 46:
          if (source.startsWith('...', this.position)) return this.symbol('...');
          if (source.startsWith('..', this.position)) return this.symbol('..');
          if (isDigit(source.charCodeAt(this.position + 1))) return this.number();
          return this.symbol('.');
        default:
          return this.symbol(source[this.position]!);
      }
    }
  }

  private symbol(kind: string): void {
    this.kind = kind;
    this.position += kind.length;
  }

  private newLine(): void {
    const code = this.source.charCodeAt(this.position++);
    const other = this.source.charCodeAt(this.position);
    if ((other === 10 || other === 13) && other !== code) this.position++;
    this.line++;
  }

  private name(): void {
    const { source } = this;
    const start = this.position;
    let end = start + 1;
    while (classes[source.charCodeAt(end)]! > 0) end++;
    this.position = end;
    const word = source.slice(start, end);
    this.kind = keywords.get(word) ?? 'name';
    this.text = word;
    this.raw = word;
  }

  private number(): void {
    const { source } = this;
    const start = this.position;
    while (isDigit(source.charCodeAt(this.position)) || source.charCodeAt(this.position) === 46) this.position++;
    const exponent = source.charCodeAt(this.position) | 32;
    if (exponent === 101) {
      this.position++;
      const sign = source.charCodeAt(this.position);
      if (sign === 43 || sign === 45) this.position++;
    }
    while (isNamePart(source.charCodeAt(this.position))) this.position++;
    const text = source.slice(start, this.position);
    const value = parseNumber(text);
    if (value === undefined) this.fail('malformed number', text);
    this.kind = 'number';
    this.value = value;
    this.raw = text;
  }

  /** How many `=` stand in `[==[`; -1 for a lone bracket, -2 for a broken opening. */
  private longBracketLevel(): number {
    let at = this.position + 1;
    while (this.source.charCodeAt(at) === 61) at++;
    const level = at - this.position - 1;
    if (this.source.charCodeAt(at) === 91) return level;
    return level === 0 ? -1 : -2;
  }

  private bracketTextLength(): number {
    let at = this.position + 1;
    while (this.source.charCodeAt(at) === 61) at++;
    return at - this.position;
  }

  private skipComment(): void {
    if (this.source.charCodeAt(this.position) === 91) {
      const level = this.longBracketLevel();
      if (level >= 0) {
        this.longString(level, false);
        return;
      }
    }
    while (this.position < this.end) {
      const code = this.source.charCodeAt(this.position);
      if (code === 10 || code === 13) return;
      this.position++;
    }
  }

  private longString(level: number, isString: boolean): void {
    const { source } = this;
    const start = this.position;
    this.position += level + 2;
    const first = source.charCodeAt(this.position);
    if (first === 10 || first === 13) this.newLine();
    const close = `]${'='.repeat(level)}]`;
    let text = '';
    let from = this.position;
    for (;;) {
      if (this.position >= this.end) {
        this.fail(isString ? 'unfinished long string' : 'unfinished long comment', '<eof>');
      }
      const code = source.charCodeAt(this.position);
      if (code === 93 && source.startsWith(close, this.position)) {
        text += source.slice(from, this.position);
        this.position += close.length;
        if (isString) {
          this.kind = 'string';
          this.text = text;
          this.raw = source.slice(start, this.position);
        }
        return;
      }
      if (code === 10 || code === 13) {
        text += `${source.slice(from, this.position)}\n`;
        this.newLine();
        from = this.position;
      } else {
        this.position++;
      }
    }
  }

  private quoted(quote: number): void {
    const { source } = this;
    const mark = source[this.position]!;
    this.position++;
    let text = '';
    let from = this.position;
    for (;;) {
      const code = source.charCodeAt(this.position);
      if (this.position >= this.end) this.fail('unfinished string', '<eof>');
      if (code === quote) {
        text += source.slice(from, this.position);
        this.position++;
        this.kind = 'string';
        this.text = text;
        this.raw = mark + text + mark;
        return;
      }
      if (code === 10 || code === 13) this.fail('unfinished string', mark + text + source.slice(from, this.position));
      if (code !== 92) {
        this.position++;
        continue;
      }
      text += source.slice(from, this.position);
      this.position++;
      text += this.escape(mark + text);
      from = this.position;
    }
  }

  /** Reads what follows a backslash. */
  private escape(soFar: string): string {
    const { source } = this;
    if (this.position >= this.end) return '';
    const code = source.charCodeAt(this.position);
    if (code === 10 || code === 13) {
      this.newLine();
      return '\n';
    }
    if (isDigit(code)) {
      let value = 0;
      for (let count = 0; count < 3 && isDigit(source.charCodeAt(this.position)); count++) {
        value = value * 10 + source.charCodeAt(this.position) - 48;
        this.position++;
      }
      if (value > 255) this.fail('escape sequence too large', soFar);
      return String.fromCharCode(value);
    }
    this.position++;
    switch (code) {
      case 97:
        return '\x07';
      case 98:
        return '\b';
      case 102:
        return '\f';
      case 110:
        return '\n';
      case 114:
        return '\r';
      case 116:
        return '\t';
      case 118:
        return '\v';
      default:
        return String.fromCharCode(code);
    }
  }
}
