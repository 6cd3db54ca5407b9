// template: the text of a key, field or member with expressions in braces: `user:by-email:{lower(email)}`.
//
// `{{` and `}}` stand for braces, for hash tags: `cart:{{{user_id}}}:items`. A template of which one expression is NULL gives
// nothing, and the row is then not in that target. Binary columns keep their bytes.
import { valueWord } from '../values/value-text.js';
import { ExpressionError, type Expression, type Fields, parseExpression } from './expression.js';

export type Word = string | Uint8Array;

export class Template {
  readonly columns: ReadonlySet<string>;

  private constructor(
    readonly text: string,
    readonly parts: readonly (string | Expression)[],
  ) {
    this.columns = new Set(parts.flatMap((part) => (typeof part === 'string' ? [] : [...part.columns])));
  }

  static parse(text: string): Template {
    const parts: (string | Expression)[] = [];
    let plain = '';
    for (let at = 0; at < text.length;) {
      const letter = text[at]!;
      if ((letter === '{' || letter === '}') && text[at + 1] === letter) {
        plain += letter;
        at += 2;
        continue;
      }
      if (letter === '}')
        throw new ExpressionError(`'${text}': a brace is closed that was never opened (write }} for a brace)`);
      if (letter !== '{') {
        plain += letter;
        at++;
        continue;
      }
      const end = endOfExpression(text, at + 1);
      if (plain !== '') parts.push(plain);
      plain = '';
      parts.push(parseExpression(text.slice(at + 1, end)));
      at = end + 1;
    }
    if (plain !== '') parts.push(plain);
    return new Template(text, parts);
  }

  /** True when the template gives the same for all rows. */
  get isConstant(): boolean {
    return this.parts.every((part) => typeof part === 'string');
  }

  /** Undefined when an expression is NULL. */
  render(fields: Fields): Word | undefined {
    let text = '';
    let bytes: Uint8Array[] | undefined;
    for (const part of this.parts) {
      if (typeof part === 'string') {
        text += part;
        continue;
      }
      const value = part.evaluate(fields);
      if (value === null) return undefined;
      const word = valueWord(value);
      if (typeof word === 'string') text += word;
      else {
        (bytes ??= []).push(Buffer.from(text), word);
        text = '';
      }
    }
    return bytes === undefined ? text : Buffer.concat([...bytes, Buffer.from(text)]);
  }

  /** A pattern for SCAN that every key of the template matches. */
  get glob(): string {
    return this.parts.map((part) => (typeof part === 'string' ? part.replace(/[*?[\]\\^]/g, '\\$&') : '*')).join('');
  }
}

/** The brace that ends an expression; braces in its texts do not count. */
function endOfExpression(text: string, start: number): number {
  let quote = '';
  for (let at = start; at < text.length; at++) {
    const letter = text[at]!;
    if (quote !== '') {
      if (letter === '\\') at++;
      else if (letter === quote) quote = '';
    } else if (letter === "'" || letter === '"' || letter === '`') quote = letter;
    else if (letter === '}') return at;
  }
  throw new ExpressionError(`'${text}': the brace at ${start - 1} is not closed (write {{ for a brace)`);
}
