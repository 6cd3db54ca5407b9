// bytes: texts of the API as bytes, and back; a byte that is part of no UTF-8 is a lone surrogate U+DC80 to U+DCFF.

export function bytesOf(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  let run = '';
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character.length === 1 && code >= 0xdc80 && code <= 0xdcff) {
      if (run !== '') parts.push(encoder.encode(run));
      run = '';
      parts.push(Uint8Array.of(code - 0xdc00));
    } else run += character;
  }
  if (run !== '') parts.push(encoder.encode(run));
  return joined(parts);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function textOf(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    // Sequence by sequence, as the server does it.
  }
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceAt(bytes, at);
    text += length > 0 ? strict.decode(bytes.subarray(at, at + length)) : String.fromCharCode(0xdc00 + bytes[at]!);
    at += Math.max(1, length);
  }
  return text;
}

function sequenceAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length =
    first < 0x80
      ? 1
      : first >= 0xc2 && first <= 0xdf
        ? 2
        : first >= 0xe0 && first <= 0xef
          ? 3
          : first >= 0xf0 && first <= 0xf4
            ? 4
            : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

export function isBinary(text: string): boolean {
  return /[\udc80-\udcff\x00-\x08\x0e-\x1f]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''));
}

/**
 * Characters that nobody sees or that turn the text beside them around: control characters, marks of direction, spaces
 * without width. Two names that differ only by one would look alike. Joiners stay, as some scripts and pictures need them.
 */
const unseen =
  /[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** For people: the bytes of what cannot be seen as \xHH. */
export function printable(text: string): string {
  return text.replace(unseen, (one) => (one.length === 2 ? one : hexEscapes(one)));
}

function hexEscapes(text: string): string {
  return Array.from(bytesOf(text), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** As `printable`, and `unshown` makes the same text of it again: a backslash that would begin an escape is one itself. */
export function shown(text: string): string {
  return printable(text.replace(/\\(?=x[0-9a-fA-F]{2})/g, '\\x5c'));
}

/** The beginning of a name, for a place where a whole one of a megabyte would be of no use. */
export function shownStart(text: string, lengthMax = 300): string {
  return text.length > lengthMax ? `${shown(text.slice(0, lengthMax))}…` : shown(text);
}

/** As `printable`, with line breaks left alone. */
export function shownLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line.replaceAll('\t', '    ')))
    .join('\n');
}

/** The text that `shown` made this of: each \xHH is a byte. */
export function unshown(text: string): string {
  if (!text.includes('\\x')) return text;
  const parts: Uint8Array[] = [];
  for (const [part, hex] of text.matchAll(/\\x([0-9a-fA-F]{2})|[\s\S][^\\]*/g))
    parts.push(hex === undefined ? bytesOf(part) : Uint8Array.of(parseInt(hex, 16)));
  return textOf(joined(parts));
}

/** The pattern of SCAN that fits this text and no other. */
export function escapedPattern(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

export function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${ascii}`);
  }
  return lines.join('\n');
}

export function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** As an address may hold it, which cannot hold a text with bytes that are no UTF-8. */
export function base64UrlOf(text: string): string {
  return base64Of(bytesOf(text)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function bytesOfBase64(text: string): Uint8Array {
  const decoded = atob(text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
}
