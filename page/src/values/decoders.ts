// decoders: what the bytes of a value may be: text, JSON, MessagePack, PHP's serialize, compressed; and back where a person edits.
import { base64Of, bytesOf, bytesOfBase64, hexOf, isBinary, shownLines, textOf } from '../base/bytes.js';
import { t } from '../base/i18n.js';

export type Form = 'text' | 'json' | 'hex' | 'base64' | 'msgpack' | 'php' | 'gzip' | 'bits';

export const forms: readonly (readonly [Form, string])[] = [
  ['text', 'Text'],
  ['json', 'JSON'],
  ['hex', 'Hex'],
  ['base64', 'Base64'],
  ['msgpack', 'MessagePack'],
  ['php', 'PHP'],
  ['gzip', 'Gzip'],
  ['bits', 'Bits'],
];

/** The form that shows most of a value. */
export function guessForm(text: string): Form {
  const trimmed = text.trim();
  if (/^[{[]/.test(trimmed) && isJson(trimmed)) return 'json';
  if (/^([aOs]:\d+:|[idb]:[-\d.]+;|N;)/.test(trimmed) && /[;}]$/.test(trimmed)) return 'php';
  if (!isBinary(text)) return 'text';
  const bytes = bytesOf(text);
  if (
    (bytes[0] === 0x1f && bytes[1] === 0x8b) ||
    (bytes[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(bytes[1] ?? 0))
  )
    return 'gzip';
  try {
    // A map or a list; scalars would fit any bytes.
    if ((bytes[0]! & 0xe0) === 0x80 || (bytes[0]! >= 0xdc && bytes[0]! <= 0xdf)) {
      new MessagePack(bytes).whole();
      return 'msgpack';
    }
  } catch {
    return 'hex';
  }
  return 'hex';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The value in a form, for reading; throws with the reason when it is none. */
export async function decode(text: string, form: Form): Promise<string> {
  switch (form) {
    case 'text':
      return shownLines(text);
    case 'json':
      return prettyJson(text);
    case 'hex':
      return hexOf(bytesOf(text));
    case 'base64':
      return base64Of(bytesOf(text)).replace(/.{76}/g, '$&\n');
    case 'msgpack':
      return JSON.stringify(new MessagePack(bytesOf(text)).whole(), undefined, 2);
    case 'php':
      return JSON.stringify(new PhpSerialized(bytesOf(text)).whole(), undefined, 2);
    case 'gzip': {
      const inner = textOf(await inflate(bytesOf(text)));
      return guessForm(inner) === 'json'
        ? prettyJson(inner)
        : isBinary(inner)
          ? hexOf(bytesOf(inner))
          : shownLines(inner);
    }
    case 'bits':
      return '';
  }
}

/** Deeper levels are not set in further: thousands of open brackets would fill the memory with white space. */
const indentsMax = 50;

/** Numbers keep their digits: only the white space changes. */
function prettyJson(text: string): string {
  JSON.parse(text);
  const parts: string[] = [];
  let depth = 0;
  let before = '';
  const breakLine = (): void => void parts.push('\n', '  '.repeat(Math.min(depth, indentsMax)));
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const isClosing = token === '}' || token === ']';
    const isAfterOpening = before === '{' || before === '[';
    if (isClosing) depth--;
    // Nothing stands between the brackets of what is empty.
    if (before === ',' || isAfterOpening !== isClosing) breakLine();
    parts.push(token === ':' ? ': ' : token);
    if (token === '{' || token === '[') depth++;
    before = token;
  }
  return parts.join('');
}

/** Makes the text of a value from the text that a person edited. */
export function encode(edited: string, form: Form): string {
  if (form === 'json') {
    JSON.parse(edited);
    return edited;
  }
  if (form === 'hex') {
    const digits = edited
      .replace(/^[0-9a-f]{8} {2}/gim, '')
      .replace(/ {2}.*$/gm, '')
      .replace(/\s+/g, '');
    if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(t('Hex has pairs of 0-9 and a-f.'));
    return textOf(Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)));
  }
  return form === 'base64' ? textOf(bytesOfBase64(edited)) : edited;
}

export function isEditable(form: Form): boolean {
  return form === 'text' || form === 'json' || form === 'hex' || form === 'base64';
}

const inflatedMax = 32 << 20;

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const kind = bytes[0] === 0x1f ? 'gzip' : bytes[0] === 0x78 ? 'deflate' : 'deflate-raw';
  const reader = new Blob([bytes.slice()]).stream().pipeThrough(new DecompressionStream(kind)).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader
      .read()
      .catch(() => Promise.reject(new Error(t('These bytes are not compressed by gzip or zlib.'))));
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > inflatedMax) {
      await reader.cancel();
      break;
    }
  }
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const depthMax = 200;
const elementsMax = 1_000_000;

/** Reads the format of msgpack.org; large integers become text, so that they keep their digits. */
class MessagePack {
  private at = 0;
  private elements = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  whole(): unknown {
    const value = this.value(0);
    if (this.at !== this.bytes.length) throw new Error(t('There are bytes after the MessagePack value.'));
    return value;
  }

  private take(length: number): number {
    if (this.at + length > this.bytes.length) throw new Error(t('The MessagePack value is cut off.'));
    const at = this.at;
    this.at += length;
    return at;
  }

  private unsigned(length: 1 | 2 | 4): number {
    const at = this.take(length);
    return length === 1 ? this.view.getUint8(at) : length === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private text(length: number): string {
    const at = this.take(length);
    return shownLines(textOf(this.bytes.subarray(at, at + length)));
  }

  private list(count: number, depth: number): unknown[] {
    return Array.from({ length: this.bounded(count) }, () => this.value(depth + 1));
  }

  private map(count: number, depth: number): Record<string, unknown> {
    const map: [string, unknown][] = [];
    for (let index = 0; index < this.bounded(count); index++) {
      const name = this.value(depth + 1);
      map.push([typeof name === 'string' ? name : JSON.stringify(name), this.value(depth + 1)]);
    }
    return Object.fromEntries(map);
  }

  private bounded(count: number): number {
    this.elements += count;
    if (count > this.bytes.length || this.elements > elementsMax)
      throw new Error(t('The MessagePack value is damaged.'));
    return count;
  }

  private value(depth: number): unknown {
    if (depth > depthMax) throw new Error(t('The MessagePack value is too deep.'));
    const head = this.unsigned(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.map(head & 15, depth);
    if (head < 0xa0) return this.list(head & 15, depth);
    if (head < 0xc0) return this.text(head & 31);
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xd9:
        return this.text(this.unsigned(1));
      case 0xc5:
      case 0xda:
        return this.text(this.unsigned(2));
      case 0xc6:
      case 0xdb:
        return this.text(this.unsigned(4));
      case 0xca:
        return this.view.getFloat32(this.take(4));
      case 0xcb:
        return this.view.getFloat64(this.take(8));
      case 0xcc:
        return this.unsigned(1);
      case 0xcd:
        return this.unsigned(2);
      case 0xce:
        return this.unsigned(4);
      case 0xcf:
        return whole(this.view.getBigUint64(this.take(8)));
      case 0xd0:
        return this.view.getInt8(this.take(1));
      case 0xd1:
        return this.view.getInt16(this.take(2));
      case 0xd2:
        return this.view.getInt32(this.take(4));
      case 0xd3:
        return whole(this.view.getBigInt64(this.take(8)));
      case 0xdc:
        return this.list(this.unsigned(2), depth);
      case 0xdd:
        return this.list(this.unsigned(4), depth);
      case 0xde:
        return this.map(this.unsigned(2), depth);
      case 0xdf:
        return this.map(this.unsigned(4), depth);
      default:
        return this.extension(head);
    }
  }

  private extension(head: number): unknown {
    const length =
      head >= 0xd4 && head <= 0xd8
        ? 1 << (head - 0xd4)
        : head === 0xc7
          ? this.unsigned(1)
          : head === 0xc8
            ? this.unsigned(2)
            : head === 0xc9
              ? this.unsigned(4)
              : -1;
    if (length < 0) throw new Error(t('This is no MessagePack.'));
    const type = this.view.getInt8(this.take(1));
    return { extension: type, bytes: this.text(length) };
  }
}

function whole(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** Reads what PHP's serialize() writes; objects show their class, references their number. */
class PhpSerialized {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  whole(): unknown {
    return this.value(0);
  }

  private until(end: string): string {
    const code = end.charCodeAt(0);
    const found = this.bytes.indexOf(code, this.at);
    if (found < 0 || found - this.at > 100) throw new Error(t('This is not serialized by PHP.'));
    const text = textOf(this.bytes.subarray(this.at, found));
    this.at = found + 1;
    return text;
  }

  private expect(text: string): void {
    for (const character of text)
      if (this.bytes[this.at++] !== character.charCodeAt(0)) throw new Error(t('This is not serialized by PHP.'));
  }

  private string(): string {
    const length = Number(this.until(':'));
    this.expect('"');
    if (!(length >= 0 && this.at + length < this.bytes.length)) throw new Error(t('This is not serialized by PHP.'));
    const text = shownLines(textOf(this.bytes.subarray(this.at, this.at + length)));
    this.at += length;
    this.expect('"');
    return text;
  }

  private pairs(depth: number): unknown {
    const count = Number(this.until(':'));
    this.expect('{');
    if (!(count >= 0 && count <= this.bytes.length)) throw new Error(t('This is not serialized by PHP.'));
    const pairs: [string, unknown][] = [];
    for (let index = 0; index < count; index++)
      pairs.push([
        String(this.value(depth + 1))
          .replaceAll('\\x00', ' ')
          .trim(),
        this.value(depth + 1),
      ]);
    this.expect('}');
    return pairs.every(([name], index) => name === String(index))
      ? pairs.map(([, value]) => value)
      : Object.fromEntries(pairs);
  }

  private value(depth: number): unknown {
    if (depth > depthMax) throw new Error(t('The value is too deep.'));
    const kind = String.fromCharCode(this.bytes[this.at++] ?? 0);
    if (kind === 'N') {
      this.expect(';');
      return null;
    }
    this.expect(':');
    switch (kind) {
      case 'b':
        return this.until(';') === '1';
      case 'i':
        return whole(BigInt(this.until(';')));
      case 'd':
        return Number(this.until(';'));
      case 's': {
        const text = this.string();
        this.expect(';');
        return text;
      }
      case 'a':
        return this.pairs(depth);
      case 'O': {
        const name = this.string();
        this.expect(':');
        return { class: name, properties: this.pairs(depth) };
      }
      case 'R':
      case 'r':
        return { reference: this.until(';') };
      default:
        throw new Error(t('This is not serialized by PHP.'));
    }
  }
}
