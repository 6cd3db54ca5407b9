// packed: reads the packed blobs of RDB files (listpack, ziplist, zipmap, intset) element by element, trusting nothing.
//
// Every element is checked to lie inside the blob before it is touched, for listpacks also its length at the end, so
// that a blob that was read to its end without an error can be adopted as it is, unless it is *irregular*: its elements
// can be read, but a listpack's header or lengths at the ends, or an intset's order, do not fit them. Redis loads such
// blobs; here they are made anew of their elements. Ziplists and zipmaps are never adopted, and Redis checks them
// fully, as here. Elements come out as bytes; integers as their decimal text. Cost: one pass.
//
// Not here: listpacks in the arena (structures/listpack).

const NO_BYTES = new Uint8Array(0);

/** Bytes that are borrowed until the next read. */
export class Slice {
  bytes: Uint8Array = new Uint8Array(24);
  start = 0;
  length = 0;
  /** Room for texts of integers and decompressed strings. */
  scratch: Uint8Array = this.bytes;

  set(bytes: Uint8Array, start: number, length: number): void {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
  }

  /** Room of at least this size in the scratch. */
  room(length: number): Uint8Array {
    if (this.scratch.length < length) this.scratch = new Uint8Array(Math.max(length, this.scratch.length * 2));
    return this.scratch;
  }

  /** The decimal text of a whole number of at most 2^53. */
  setInteger(value: number): void {
    const room = this.scratch;
    let rest = Math.abs(value);
    let at = 24;
    do {
      const next = Math.floor(rest / 10);
      room[--at] = 48 + (rest - next * 10);
      rest = next;
    } while (rest > 0);
    if (value < 0) room[--at] = 45;
    this.set(room, at, 24 - at);
  }

  setText(text: string): void {
    const room = this.room(text.length);
    for (let i = 0; i < text.length; i++) room[i] = text.charCodeAt(i);
    this.set(room, 0, text.length);
  }

  /** A 64-bit integer in two's complement. */
  setInteger64(high: number, low: number): void {
    const value = (high | 0) * 4294967296 + (low >>> 0);
    if (Number.isSafeInteger(value)) this.setInteger(value);
    else this.setText(((BigInt(high | 0) << 32n) | BigInt(low >>> 0)).toString());
  }

  /** A copy. Cold paths only. */
  copy(): Uint8Array {
    return this.bytes.slice(this.start, this.start + this.length);
  }

  toString(): string {
    let text = '';
    for (let at = this.start; at < this.start + this.length; at++) text += String.fromCharCode(this.bytes[at]!);
    return text;
  }
}

export class PackedError extends Error {}

function fail(what: string): never {
  throw new PackedError(what);
}

/** A zipmap with more fields does not say how many. */
const ZIPMAP_BIG = 254;

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

export const Packing = { listpack: 0, ziplist: 1, zipmap: 2, intset: 3 } as const;

/** Steps through one blob: `open`, then `next` until it returns false. */
export class PackedCursor {
  /** Elements that were read so far. */
  count = 0;
  private packing: number = Packing.listpack;
  private bytes: Uint8Array = NO_BYTES;
  private at = 0;
  private end = 0;
  /** The count of the header, -1 if it does not say. */
  declared = -1;
  /** The elements so far can be read but the blob must not be adopted. */
  isIrregular = false;
  private width = 0;
  private start = 0;
  private previousBytes = 0;
  private isValue = false;

  open(packing: number, bytes: Uint8Array, start: number, length: number): void {
    this.packing = packing;
    this.bytes = bytes;
    this.start = start;
    this.end = start + length;
    this.count = 0;
    this.declared = -1;
    this.isIrregular = false;
    this.previousBytes = 0;
    this.isValue = false;
    if (packing === Packing.listpack) {
      if (length < 7 || uint32(bytes, start) !== length || bytes[start + length - 1] !== 0xff)
        fail('listpack of a wrong size');
      const declared = bytes[start + 4]! | (bytes[start + 5]! << 8);
      this.declared = declared === 65535 ? -1 : declared;
      this.at = start + 6;
    } else if (packing === Packing.ziplist) {
      if (length < 11 || uint32(bytes, start) !== length) fail('ziplist of a wrong size');
      const declared = bytes[start + 8]! | (bytes[start + 9]! << 8);
      this.declared = declared === 65535 ? -1 : declared;
      this.at = start + 10;
    } else if (packing === Packing.zipmap) {
      if (length < 2) fail('zipmap of a wrong size');
      if (bytes[start]! < ZIPMAP_BIG) this.declared = 2 * bytes[start]!;
      this.at = start + 1;
    } else {
      if (length < 8) fail('intset of a wrong size');
      this.width = uint32(bytes, start);
      this.declared = uint32(bytes, start + 4);
      if (this.width !== 2 && this.width !== 4 && this.width !== 8) fail('intset with a wrong width');
      if (this.declared * this.width !== length - 8) fail('intset of a wrong size');
      this.at = start + 8;
    }
  }

  /** Puts the next element into `into`; false after the last one. */
  next(into: Slice): boolean {
    switch (this.packing) {
      case Packing.listpack:
        return this.nextOfListpack(into);
      case Packing.ziplist:
        return this.nextOfZiplist(into);
      case Packing.zipmap:
        return this.nextOfZipmap(into);
      default:
        return this.nextOfIntset(into);
    }
  }

  /** Reads all elements; throws when one is malformed. */
  skipAll(scratch: Slice): void {
    while (this.next(scratch));
  }

  private atEnd(): boolean {
    if (this.at + 1 !== this.end) fail('bytes after the end mark');
    if (this.declared >= 0 && this.declared !== this.count) fail('another count of elements than the header says');
    return false;
  }

  private need(from: number, count: number): void {
    // The last byte is the end mark.
    if (from + count > this.end - 1) fail('element that does not fit');
  }

  private nextOfListpack(into: Slice): boolean {
    const bytes = this.bytes;
    const at = this.at;
    if (at >= this.end) fail('no end mark');
    const first = bytes[at]!;
    if (first === 0xff) {
      if (at + 1 !== this.end || (this.declared >= 0 && this.declared !== this.count)) this.isIrregular = true;
      return false;
    }
    this.need(at, 1);
    let entry = 1;
    if (first < 0x80) into.setInteger(first);
    else if (first < 0xc0) {
      entry = 1 + (first & 63);
      this.need(at, entry);
      into.set(bytes, at + 1, first & 63);
    } else if (first < 0xe0) {
      entry = 2;
      this.need(at, entry);
      into.setInteger(((((first & 31) << 8) | bytes[at + 1]!) << 19) >> 19);
    } else if (first < 0xf0) {
      this.need(at, 2);
      const length = ((first & 15) << 8) | bytes[at + 1]!;
      entry = 2 + length;
      this.need(at, entry);
      into.set(bytes, at + 2, length);
    } else if (first === 0xf0) {
      this.need(at, 5);
      const length = uint32(bytes, at + 1);
      entry = 5 + length;
      this.need(at, entry);
      into.set(bytes, at + 5, length);
    } else if (first <= 0xf4) entry = 1 + this.integer(into, at + 1, first === 0xf4 ? 8 : first - 0xf0 + 1);
    else fail('unknown kind of element');
    const backBytes = entry <= 127 ? 1 : entry < 16383 ? 2 : entry < 2097151 ? 3 : entry < 268435455 ? 4 : 5;
    this.need(at + entry, backBytes);
    let back = 0;
    let factor = 1;
    for (let i = backBytes - 1; i >= 0; i--) {
      const byte = bytes[at + entry + i]!;
      if (byte >= 128 !== i > 0) this.isIrregular = true;
      back += (byte & 127) * factor;
      factor *= 128;
    }
    if (back !== entry) this.isIrregular = true;
    this.at = at + entry + backBytes;
    this.count++;
    return true;
  }

  /** Reads a little-endian integer of 2, 3, 4 or 8 bytes (1 for ziplists); returns its width. */
  private integer(into: Slice, at: number, width: number): number {
    this.need(at, width);
    const bytes = this.bytes;
    if (width === 1) into.setInteger((bytes[at]! << 24) >> 24);
    else if (width === 2) into.setInteger(((bytes[at]! | (bytes[at + 1]! << 8)) << 16) >> 16);
    else if (width === 3) into.setInteger(((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) << 8) >> 8);
    else if (width === 4) into.setInteger(uint32(bytes, at) | 0);
    else into.setInteger64(uint32(bytes, at + 4), uint32(bytes, at));
    return width;
  }

  private nextOfZiplist(into: Slice): boolean {
    const bytes = this.bytes;
    let at = this.at;
    if (at >= this.end) fail('no end mark');
    if (bytes[at] === 0xff) {
      // A ziplist says where its last element is: this one's place less what came last.
      if (uint32(bytes, this.start + 4) !== at - this.previousBytes - this.start)
        fail('place of the last element that differs');
      return this.atEnd();
    }
    const entryStart = at;
    let previous = bytes[at]!;
    if (previous === 254) {
      this.need(at, 5);
      previous = uint32(bytes, at + 1);
      at += 5;
    } else at++;
    if (previous !== this.previousBytes) fail('length of the previous element that differs');
    this.need(at, 1);
    const first = bytes[at]!;
    if (first < 0xc0) {
      let length = first & 63;
      let head = 1;
      if (first >= 0x80) {
        this.need(at, 5);
        length = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
        head = 5;
      } else if (first >= 0x40) {
        this.need(at, 2);
        length = (length << 8) | bytes[at + 1]!;
        head = 2;
      }
      this.need(at + head, length);
      into.set(bytes, at + head, length);
      at += head + length;
    } else if (first === 0xc0) at += 1 + this.integer(into, at + 1, 2);
    else if (first === 0xd0) at += 1 + this.integer(into, at + 1, 4);
    else if (first === 0xe0) at += 1 + this.integer(into, at + 1, 8);
    else if (first === 0xf0) at += 1 + this.integer(into, at + 1, 3);
    else if (first === 0xfe) at += 1 + this.integer(into, at + 1, 1);
    else if (first >= 0xf1 && first <= 0xfd) {
      into.setInteger((first & 15) - 1);
      at++;
    } else fail('unknown kind of element');
    this.previousBytes = at - entryStart;
    this.at = at;
    this.count++;
    return true;
  }

  private nextOfZipmap(into: Slice): boolean {
    const bytes = this.bytes;
    let at = this.at;
    if (at >= this.end) fail('no end mark');
    if (bytes[at] === 0xff && !this.isValue) {
      return this.atEnd();
    }
    let length = bytes[at]!;
    if (length === 254) {
      this.need(at, 5);
      length = uint32(bytes, at + 1);
      at += 5;
    } else if (length === 255) fail('end mark instead of a value');
    else at++;
    let unused = 0;
    if (this.isValue) {
      this.need(at, 1);
      unused = bytes[at++]!;
    }
    this.need(at, length + unused);
    into.set(bytes, at, length);
    this.at = at + length + unused;
    this.isValue = !this.isValue;
    this.count++;
    return true;
  }

  private nextOfIntset(into: Slice): boolean {
    if (this.at >= this.end) return false;
    const bytes = this.bytes;
    const at = this.at;
    const width = this.width;
    if (width === 2) into.setInteger(((bytes[at]! | (bytes[at + 1]! << 8)) << 16) >> 16);
    else if (width === 4) into.setInteger(uint32(bytes, at) | 0);
    else into.setInteger64(uint32(bytes, at + 4), uint32(bytes, at));
    if (this.count > 0 && !this.isAscending(at - width, at)) this.isIrregular = true;
    this.at = at + width;
    this.count++;
    return true;
  }

  private isAscending(a: number, b: number): boolean {
    const bytes = this.bytes;
    let difference = ((bytes[b + this.width - 1]! << 24) >> 24) - ((bytes[a + this.width - 1]! << 24) >> 24);
    for (let i = this.width - 2; i >= 0 && difference === 0; i--) difference = bytes[b + i]! - bytes[a + i]!;
    return difference > 0;
  }

  /** Where the blob begins, in the bytes it was opened on. */
  get blobStart(): number {
    return this.start;
  }
}
