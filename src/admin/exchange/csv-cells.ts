// csv-cells: bytes as cells of CSV for people and spreadsheets, and back without loss.
//
// A cell is the text. Bytes that are no UTF-8 are \xHH, and a backslash that would begin such an escape is \x5c. A text that a
// spreadsheet would take for a formula gets a ' before it, and so does one that would look as if it had got one.
import { textOfBytes } from '../text-bytes.js';

const startsFormula = /^[=+@\t\r-]/;
const isNumber = /^[+-]?\d+(\.\d+)?$/;
const looksGuarded = /^'[=+@\t\r'-]/;

export function cellOf(bytes: Uint8Array): string {
  return quoted(guarded(escaped(textOfBytes(bytes).replace(/\\(?=x[0-9a-fA-F]{2})/g, '\\x5c'))));
}

/** `raw`: the content of a cell without the quotes of CSV, a character a byte. */
export function bytesOfCell(raw: string): Uint8Array {
  const text = unguarded(raw).replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(text, 'latin1');
}

/** Words as a line in the grammar of redis-cli: the fields and values of an entry of a stream. */
export function wordsCellOf(words: readonly Uint8Array[]): string {
  return quoted(guarded(words.map(wordOf).join(' ')));
}

/** The line of such a cell, for `splitBytes`. */
export function wordsOfCell(raw: string): Uint8Array {
  return Buffer.from(unguarded(raw), 'latin1');
}

function wordOf(bytes: Uint8Array): string {
  const text = textOfBytes(bytes);
  if (/^[\p{L}\p{N}_:.+@/-]+$/u.test(text)) return text;
  const inner = text.replace(/["\\]/g, '\\$&').replace(/[\0-\x1f\x7f]/g, byteEscape);
  return `"${escaped(inner)}"`;
}

function byteEscape(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** The lone surrogates of text-bytes as \xHH. */
function escaped(text: string): string {
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|([\udc80-\udcff])/g, (pair, lone: string | undefined) =>
    lone === undefined ? pair : `\\x${(lone.charCodeAt(0) - 0xdc00).toString(16)}`,
  );
}

function guarded(text: string): string {
  const needsGuard = (startsFormula.test(text) && !isNumber.test(text)) || looksGuarded.test(text);
  return needsGuard ? `'${text}` : text;
}

function unguarded(raw: string): string {
  return looksGuarded.test(raw) ? raw.slice(1) : raw;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
