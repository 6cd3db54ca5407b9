// buffer: as much of Node's Buffer as the server uses, for browsers: bytes with texts, comparisons and numbers.
//
// The bundle for browsers (scripts/browser-bundle.mjs) puts it in the place of the global. Only what the modules of the server
// call is here; the test of that bundle runs them without Node's.

type Encoding = 'latin1' | 'binary' | 'utf8' | 'utf-8' | 'hex' | 'base64';

/** String.fromCharCode takes so many characters at once. */
const PIECE = 8192;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += PIECE)
    text += String.fromCharCode(...Uint8Array.prototype.subarray.call(bytes, at, Math.min(end, at + PIECE)));
  return text;
}

function bytesOfText(text: string, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'latin1':
    case 'binary':
      return Uint8Array.from(text, (character) => character.charCodeAt(0));
    case 'hex':
      return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (pair) => parseInt(pair, 16));
    case 'base64':
      return bytesOfText(atob(text), 'latin1');
    default:
      return encoder.encode(text);
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return a[index]! < b[index]! ? -1 : 1;
  return Math.sign(a.length - b.length);
}

type Source = string | ArrayBufferLike | ArrayLike<number>;

/** Without the static side of Uint8Array, whose `from` and `of` mean something else. */
const Bytes = Uint8Array as unknown as new (
  source: ArrayBufferLike | ArrayLike<number> | number,
  offset?: number,
  length?: number,
) => Uint8Array;

export class Buffer extends Bytes {
  static alloc(length: number, fill = 0): Buffer {
    const made = new Buffer(length);
    if (fill !== 0) made.fill(fill);
    return made;
  }

  static allocUnsafe(length: number): Buffer {
    return new Buffer(length);
  }

  /** Of a text; of an ArrayBuffer, which is shared; or of bytes, which are copied. */
  static from(source: Source, offsetOrEncoding?: number | Encoding, length?: number): Buffer {
    if (typeof source === 'string') return new Buffer(bytesOfText(source, (offsetOrEncoding as Encoding) ?? 'utf8'));
    if (isMemory(source)) return new Buffer(source, offsetOrEncoding as number, length);
    return new Buffer(source as ArrayLike<number>);
  }

  static concat(parts: readonly Uint8Array[], totalLength?: number): Buffer {
    const made = new Buffer(totalLength ?? parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      made.set(part, at);
      at += part.length;
    }
    return made;
  }

  static compare(a: Uint8Array, b: Uint8Array): number {
    return compareBytes(a, b);
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static byteLength(text: string, encoding: Encoding = 'utf8'): number {
    return bytesOfText(text, encoding).length;
  }

  override toString(encoding: Encoding = 'utf8', start = 0, end = this.length): string {
    const from = Math.max(0, start);
    const to = Math.min(this.length, end);
    switch (encoding) {
      case 'latin1':
      case 'binary':
        return latin1Text(this, from, to);
      case 'hex':
        return Array.from(this.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join('');
      case 'base64':
        return btoa(latin1Text(this, from, to));
      default:
        return decoder.decode(this.subarray(from, to));
    }
  }

  /** Also for plain Uint8Arrays, by `call`. */
  latin1Slice(start: number, end: number): string {
    return latin1Text(this, start, end);
  }

  latin1Write(text: string, offset: number, length: number): number {
    for (let index = 0; index < length; index++) this[offset + index] = text.charCodeAt(index);
    return length;
  }

  equals(other: Uint8Array): boolean {
    return compareBytes(this, other) === 0;
  }

  compare(other: Uint8Array, start = 0, end = other.length): number {
    return compareBytes(this, other.subarray(start, end));
  }

  copy(target: Uint8Array, targetStart = 0, start = 0, end = this.length): number {
    const part = this.subarray(start, end);
    target.set(part, targetStart);
    return part.length;
  }

  readInt32LE(offset = 0): number {
    return new DataView(this.buffer, this.byteOffset).getInt32(offset, true);
  }
}

/** An ArrayBuffer of this page or of another frame, or a shared one, which pages that are not isolated do not have. */
function isMemory(source: Source): source is ArrayBufferLike {
  return /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(source));
}
