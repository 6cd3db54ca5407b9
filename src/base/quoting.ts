// quoting: Redis's own grammar for a line of words, and its printable form of a byte string.
//
// Inline commands, config files, the manifest of the append-only file, shebangs of scripts and redis-cli share it:
//   "..."  knows \n \r \t \b \a, \xHH, and \c for any other character c
//   '...'  knows only \'
// A closing quote must be followed by white space or the end. A zero byte ends the line, as it ends a string in C.
// Texts are byte strings: one character is one byte.

import { isSpace, latin1, latin1Bytes } from './bytes.js';

/** Codes of n, r, t, b and a, and what they stand for after a backslash. */
const meanings: Readonly<Record<number, number>> = { 110: 10, 114: 13, 116: 9, 98: 8, 97: 7 };

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** The words of a line of bytes; undefined when a quote is not closed or runs into the next word. */
export function splitBytes(bytes: Uint8Array, from: number, end: number): Uint8Array[] | undefined {
  const words: Uint8Array[] = [];
  let at = from;
  for (;;) {
    while (at < end && (isSpace(bytes[at]!) || bytes[at] === 0)) {
      // A NUL ends the line, as it ends a C string.
      if (bytes[at] === 0) return words;
      at++;
    }
    if (at >= end) return words;
    const word: number[] = [];
    let quote = 0;
    for (;;) {
      const byte = at < end && bytes[at] !== 0 ? bytes[at]! : -1;
      if (quote === 0) {
        // Vertical tabs and form feeds part words only before one begins.
        if (byte < 0 || byte === 32 || byte === 9 || byte === 10 || byte === 13) break;
        if (byte === 34 || byte === 39) quote = byte;
        else word.push(byte);
        at++;
        continue;
      }
      if (byte < 0) return undefined;
      if (byte === quote) {
        at++;
        if (at < end && bytes[at] !== 0 && !isSpace(bytes[at]!)) return undefined;
        break;
      }
      if (byte !== 92) {
        word.push(byte);
        at++;
      } else if (quote === 39) {
        if (at + 1 < end && bytes[at + 1] === 39) {
          word.push(39);
          at += 2;
        } else {
          word.push(92);
          at++;
        }
      } else if (
        bytes[at + 1] === 120 &&
        at + 3 < end &&
        hexDigit(bytes[at + 2]) >= 0 &&
        hexDigit(bytes[at + 3]) >= 0
      ) {
        word.push(hexDigit(bytes[at + 2]) * 16 + hexDigit(bytes[at + 3]));
        at += 4;
      } else if (at + 1 < end) {
        word.push(meanings[bytes[at + 1]!] ?? bytes[at + 1]!);
        at += 2;
      } else {
        word.push(92);
        at++;
      }
    }
    words.push(Uint8Array.from(word));
  }
}

/** The words of a line; undefined when a quote is not closed or runs into the next word. */
export function splitWords(line: string): string[] | undefined {
  return splitBytes(latin1Bytes(line), 0, line.length)?.map((word) => latin1(word));
}

/** The one word that a quoted text stands for; undefined when it is none or several. */
export function unquote(text: string): string | undefined {
  const words = splitWords(text);
  return words?.length === 1 ? words[0] : undefined;
}

const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\x07': '\\a',
};
const unprintable = /["\\\x00-\x1f\x7f-\xff]/g;

function escapeByte(character: string): string {
  return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A byte string in double quotes, with everything escaped that a terminal would not print. */
export function quote(bytes: string): string {
  return `"${bytes.replace(unprintable, escapeByte)}"`;
}

/** As `quote`, without the quotes. */
export function escape(bytes: string): string {
  return bytes.replace(unprintable, escapeByte);
}
