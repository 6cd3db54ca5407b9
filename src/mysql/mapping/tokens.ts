// tokens: the words of an expression.

import { Decimal, type Value } from '../values/value.js';

export type Token =
  | { readonly kind: 'value'; readonly text: string; readonly value: Value }
  | { readonly kind: 'word' | 'sign' | 'name'; readonly text: string };

/** The text of an expression cannot be cut into words. */
export class TokenError extends Error {}

const matcher =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([\p{L}_$][\p{L}\p{N}_$]*)|'((?:[^'\\]|''|\\.)*)'|"((?:[^"\\]|""|\\.)*)"|`([^`]+)`|(<=|>=|<>|!=|==|\|\||&&|[-+*/%(),?:=<>!]))/suy;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

function unescape(text: string, quote: string): string {
  return text.replaceAll(quote + quote, quote).replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

function numberOf(text: string): Value {
  if (/[eE]/.test(text)) return Number(text);
  if (text.includes('.')) return new Decimal(text);
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  matcher.lastIndex = 0;
  while (text.slice(matcher.lastIndex).trim() !== '') {
    const start = matcher.lastIndex;
    const match = matcher.exec(text);
    if (match === null)
      throw new TokenError(`'${text.slice(start).trim().slice(0, 20)}' is nothing that can stand there`);
    const [, number, word, single, double, name, sign] = match;
    if (number !== undefined) tokens.push({ kind: 'value', text: number, value: numberOf(number) });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (single !== undefined) tokens.push({ kind: 'value', text: `'${single}'`, value: unescape(single, "'") });
    else if (double !== undefined) tokens.push({ kind: 'value', text: `"${double}"`, value: unescape(double, '"') });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else tokens.push({ kind: 'sign', text: sign! });
  }
  return tokens;
}
