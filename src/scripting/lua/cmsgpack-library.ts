// cmsgpack-library: `cmsgpack`, MessagePack for scripts as lua-cmsgpack 0.4.0 writes and reads it.
//
// Numbers that are whole go out as the shortest integer, others as the shortest float that keeps the value. A table whose
// keys are 1..n is an array. Nesting over 16 levels is written as nil.
import { deepNative } from './machine.js';
import { checkInteger, checkString, setFunctions } from './native.js';
import { argumentError, LuaTable, nativeError, traversalEnd } from './values.js';
import type { LuaValue } from './values.js';

const nestingMax = 16;
const unpackDepthMax = 1000;
const scratch = new DataView(new ArrayBuffer(8));

function bigEndian(value: number, bytes: number): string {
  let text = '';
  for (let at = bytes - 1; at >= 0; at--) text += String.fromCharCode(Math.floor(value / 2 ** (8 * at)) % 256);
  return text;
}

function head(code: number): string {
  return String.fromCharCode(code);
}

function viewBytes(count: number): string {
  let text = '';
  for (let at = 0; at < count; at++) text += String.fromCharCode(scratch.getUint8(at));
  return text;
}

function packInteger(value: number): string {
  if (value >= 0) {
    if (value <= 127) return head(value);
    if (value <= 0xff) return head(0xcc) + bigEndian(value, 1);
    if (value <= 0xffff) return head(0xcd) + bigEndian(value, 2);
    if (value <= 0xffffffff) return head(0xce) + bigEndian(value, 4);
    scratch.setBigUint64(0, BigInt(value));
    return head(0xcf) + viewBytes(8);
  }
  if (value >= -32) return head(256 + value);
  if (value >= -128) return head(0xd0) + bigEndian(256 + value, 1);
  if (value >= -32768) return head(0xd1) + bigEndian(65536 + value, 2);
  if (value >= -2147483648) return head(0xd2) + bigEndian(4294967296 + value, 4);
  scratch.setBigInt64(0, BigInt(value));
  return head(0xd3) + viewBytes(8);
}

function packNumber(value: number): string {
  // Whole numbers beyond 63 bits stay floats.
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) return packInteger(value);
  if (Math.fround(value) === value) {
    scratch.setFloat32(0, value);
    return head(0xca) + viewBytes(4);
  }
  scratch.setFloat64(0, value);
  return head(0xcb) + viewBytes(8);
}

function packString(text: string): string {
  const { length } = text;
  if (length < 32) return head(0xa0 | length) + text;
  if (length <= 0xff) return head(0xd9) + bigEndian(length, 1) + text;
  if (length <= 0xffff) return head(0xda) + bigEndian(length, 2) + text;
  return head(0xdb) + bigEndian(length, 4) + text;
}

/** The length of an array, or -1 for a table with other keys or holes. */
function arrayLength(table: LuaTable): number {
  let max = 0;
  let count = 0;
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
    const key = table.keyAt(position);
    if (typeof key !== 'number' || key <= 0 || !Number.isInteger(key)) return -1;
    count++;
    if (key > max) max = key;
  }
  return max === count ? max : -1;
}

function packTable(table: LuaTable, level: number): string {
  const length = arrayLength(table);
  const parts: string[] = [];
  if (length >= 0) {
    parts.push(
      length <= 15
        ? head(0x90 | length)
        : length <= 0xffff
          ? head(0xdc) + bigEndian(length, 2)
          : head(0xdd) + bigEndian(length, 4),
    );
    for (let at = 1; at <= length; at++) parts.push(packValue(table.getNumber(at), level + 1));
    return parts.join('');
  }
  let count = 0;
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
    parts.push(packValue(table.keyAt(position), level + 1), packValue(table.valueAt(position), level + 1));
    count++;
  }
  const start =
    count <= 15
      ? head(0x80 | count)
      : count <= 0xffff
        ? head(0xde) + bigEndian(count, 2)
        : head(0xdf) + bigEndian(count, 4);
  return start + parts.join('');
}

function packValue(value: LuaValue, level: number): string {
  switch (typeof value) {
    case 'string':
      return packString(value);
    case 'boolean':
      return head(value ? 0xc3 : 0xc2);
    case 'number':
      return packNumber(value);
    default:
      return value instanceof LuaTable && level < nestingMax ? packTable(value, level) : head(0xc0);
  }
}

const missingBytes = 'Missing bytes in input.';
const badFormat = 'Bad data format in input.';

class Reader {
  private depth = 0;

  constructor(
    private readonly data: string,
    public position: number,
  ) {}

  get left(): number {
    return this.data.length - this.position;
  }

  private need(bytes: number): void {
    if (this.left < bytes) throw nativeError(missingBytes);
  }

  private load(bytes: number): void {
    this.need(bytes);
    for (let at = 0; at < bytes; at++) scratch.setUint8(at, this.data.charCodeAt(this.position + at));
    this.position += bytes;
  }

  private unsigned(bytes: number): number {
    this.need(bytes);
    let value = 0;
    for (let at = 0; at < bytes; at++) value = value * 256 + this.data.charCodeAt(this.position + at);
    this.position += bytes;
    return value;
  }

  private text(length: number): string {
    this.need(length);
    const value = this.data.slice(this.position, this.position + length);
    this.position += length;
    return value;
  }

  private array(length: number): LuaTable {
    const table = new LuaTable();
    if (++this.depth > unpackDepthMax) throw nativeError(badFormat);
    for (let at = 1; at <= length; at++) table.setNumber(at, this.value());
    this.depth--;
    return table;
  }

  private map(length: number): LuaTable {
    const table = new LuaTable();
    if (++this.depth > unpackDepthMax) throw nativeError(badFormat);
    for (let at = 0; at < length; at++) {
      const key = this.value();
      const value = this.value();
      if (key === undefined) throw nativeError('table index is nil');
      if (key !== key) throw nativeError('table index is NaN');
      table.set(key, value);
    }
    this.depth--;
    return table;
  }

  value(): LuaValue {
    this.need(1);
    const code = this.data.charCodeAt(this.position++);
    if (code <= 0x7f) return code;
    if (code >= 0xe0) return code - 256;
    if (code <= 0x8f) return this.map(code & 15);
    if (code <= 0x9f) return this.array(code & 15);
    if (code <= 0xbf) return this.text(code & 31);
    switch (code) {
      case 0xc0:
        return undefined;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xd9:
        return this.text(this.unsigned(1));
      case 0xda:
        return this.text(this.unsigned(2));
      case 0xdb:
        return this.text(this.unsigned(4));
      case 0xca:
        this.load(4);
        return scratch.getFloat32(0);
      case 0xcb:
        this.load(8);
        return scratch.getFloat64(0);
      case 0xcc:
        return this.unsigned(1);
      case 0xcd:
        return this.unsigned(2);
      case 0xce:
        return this.unsigned(4);
      case 0xcf:
        this.load(8);
        // The original hands unsigned values on as signed.
        return Number(scratch.getBigInt64(0));
      case 0xd0:
        this.load(1);
        return scratch.getInt8(0);
      case 0xd1:
        this.load(2);
        return scratch.getInt16(0);
      case 0xd2:
        this.load(4);
        return scratch.getInt32(0);
      case 0xd3:
        this.load(8);
        return Number(scratch.getBigInt64(0));
      case 0xdc:
        return this.array(this.unsigned(2));
      case 0xdd:
        return this.array(this.unsigned(4));
      case 0xde:
        return this.map(this.unsigned(2));
      case 0xdf:
        return this.map(this.unsigned(4));
      default:
        throw nativeError(badFormat);
    }
  }
}

/**
 * Reads at most `limit` values from `offset`, after the next offset or -1 for the end; without a limit and an offset all
 * values alone.
 */
function unpackFrom(data: string, limit: number, offset: number): LuaValue[] {
  if (offset < 0 || limit < 0) {
    throw nativeError(`Invalid request to unpack with offset of ${offset} and limit of ${data.length}.`);
  }
  if (offset > data.length) throw nativeError(`Start offset ${offset} greater than input length ${data.length}.`);
  const reader = new Reader(data, offset);
  const values: LuaValue[] = [];
  const isWhole = limit === 0 && offset === 0;
  const most = isWhole ? Infinity : limit;
  while (reader.left > 0 && values.length < most) values.push(reader.value());
  if (!isWhole) values.unshift(reader.left === 0 ? -1 : reader.position);
  return values;
}

export function cmsgpackLibrary(): LuaTable {
  const library = setFunctions(new LuaTable(), {
    pack(...args) {
      if (args.length === 0) throw argumentError(0, 'MessagePack pack needs input.');
      return args.map((value) => packValue(value, 0)).join('');
    },
    unpack: deepNative((...args) => unpackFrom(checkString(args, 1), 0, 0)),
    unpack_one: deepNative((...args) =>
      unpackFrom(checkString(args, 1), 1, args[1] === undefined ? 0 : checkInteger(args, 2)),
    ),
    unpack_limit: deepNative((...args) => {
      const data = checkString(args, 1);
      return unpackFrom(data, checkInteger(args, 2), args[2] === undefined ? 0 : checkInteger(args, 3));
    }),
  });
  library.set('_NAME', 'cmsgpack');
  library.set('_VERSION', 'lua-cmsgpack 0.4.0');
  library.set('_COPYRIGHT', 'Copyright (C) 2012, Salvatore Sanfilippo');
  library.set('_DESCRIPTION', 'MessagePack C implementation for Lua');
  return library;
}
