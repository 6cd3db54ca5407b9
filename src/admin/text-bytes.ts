// text-bytes: any bytes as one JavaScript string and back, so that keys and values travel in JSON without loss.
//
// Bytes that are UTF-8 become that text. Each byte that is part of none becomes a lone surrogate, U+DC80 to U+DCFF (the
// scheme of Python's surrogateescape, PEP 383). No valid UTF-8 decodes to a lone surrogate, so the way back is exact.
import { isUtf8 } from 'node:buffer';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      const end = runEnd(bytes, at);
      text += strict.decode(bytes.subarray(at, end));
      at = end;
    } else text += String.fromCharCode(0xdc00 + bytes[at++]!);
  }
  return text;
}

export function bytesOfText(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const [part, escaped] of text.matchAll(
    /(?<![\ud800-\udbff])([\udc80-\udcff]+)|(?:[\ud800-\udbff][\udc00-\udfff]|[^\udc80-\udcff])+/g,
  )) {
    if (escaped === undefined) parts.push(Buffer.from(part, 'utf8'));
    else parts.push(Buffer.from(Array.from(part, (character) => character.charCodeAt(0) - 0xdc00)));
  }
  return Buffer.concat(parts);
}

/** The end of the sequences of UTF-8 that begin at `at`. */
function runEnd(bytes: Uint8Array, at: number): number {
  for (let length = sequenceLength(bytes, at); length > 0; length = sequenceLength(bytes, at)) at += length;
  return at;
}

/** Bytes of the UTF-8 sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === undefined) return 0;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
