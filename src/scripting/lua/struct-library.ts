// struct-library: `struct`, C values in strings, with the options and messages of Roberto Ierusalimschy's lua-struct as Redis
// ships it.
//
//   b/B byte · h/H 2 · i/I 4, or iN/IN of N bytes · l/L 8 · T 8 · f 4 · d 8 · s zero-ended · cN fixed · c0 counted by the
//   number before · x one pad byte · ! alignment · > < endianness · blanks
import { checkInteger, checkNumber, checkString, setFunctions } from './native.js';
import { argumentError, LuaTable, nativeError } from './values.js';
import type { LuaValue } from './values.js';

const nativeAlignment = 8;
const integerBytesMax = 32;

const scratch = new DataView(new ArrayBuffer(8));

class Format {
  position = 0;
  isLittle = true;
  alignment = 1;

  constructor(readonly text: string) {}

  get isDone(): boolean {
    return this.position >= this.text.length;
  }

  next(): string {
    return this.text[this.position++]!;
  }

  private digits(otherwise: number): number {
    let value = 0;
    let count = 0;
    for (;;) {
      const code = this.text.charCodeAt(this.position);
      if (!(code >= 48 && code <= 57)) break;
      if (value > 214748363) throw nativeError('integral size overflow');
      value = value * 10 + code - 48;
      this.position++;
      count++;
    }
    return count === 0 ? otherwise : value;
  }

  /** The bytes that an option takes; reads its digits. */
  size(option: string): number {
    switch (option) {
      case 'b':
      case 'B':
      case 'x':
        return 1;
      case 'h':
      case 'H':
        return 2;
      case 'l':
      case 'L':
      case 'T':
      case 'd':
        return 8;
      case 'f':
        return 4;
      case 'c':
        return this.digits(1);
      case 'i':
      case 'I': {
        const size = this.digits(4);
        if (size > integerBytesMax)
          throw nativeError(`integral size ${size} is larger than limit of ${integerBytesMax}`);
        return size;
      }
      default:
        return 0;
    }
  }

  /** Pad bytes before an item of this size at `offset`. */
  padding(size: number, option: string, offset: number): number {
    if (size === 0 || option === 'c') return 0;
    const alignment = Math.min(size, this.alignment);
    if (alignment <= 1) return 0;
    return (alignment - (offset & (alignment - 1))) & (alignment - 1);
  }

  /** Options that stand for no value. */
  control(option: string): void {
    switch (option) {
      case ' ':
        return;
      case '>':
        this.isLittle = false;
        return;
      case '<':
        this.isLittle = true;
        return;
      case '!': {
        const alignment = this.digits(nativeAlignment);
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0)
          throw nativeError(`alignment ${alignment} is not a power of 2`);
        this.alignment = alignment;
        return;
      }
      default:
        throw argumentError(1, `invalid format option '${option}'`);
    }
  }
}

function integerBytes(value: number, size: number, isLittle: boolean): string {
  if (value >= 0 && value <= 0xffffffff && size <= 4) {
    let rest = Math.trunc(value);
    let short = '';
    for (let at = 0; at < size; at++) {
      const byte = String.fromCharCode(rest & 255);
      rest >>>= 8;
      short = isLittle ? short + byte : byte + short;
    }
    return short;
  }
  let whole: bigint;
  if (!Number.isFinite(value)) whole = -(2n ** 63n);
  else if (value >= 2 ** 63) whole = BigInt.asIntN(64, BigInt(Math.trunc(value)));
  else if (value < -(2 ** 63)) whole = -(2n ** 63n);
  else whole = BigInt(Math.trunc(value));
  // The value has 64 bits; what is above them is zero.
  whole = BigInt.asUintN(64, whole);
  let bytes = '';
  for (let at = 0; at < size; at++) {
    const byte = String.fromCharCode(Number(whole & 255n));
    whole >>= 8n;
    bytes = isLittle ? bytes + byte : byte + bytes;
  }
  return bytes;
}

function readInteger(data: string, at: number, size: number, isLittle: boolean, isSigned: boolean): number {
  if (size <= 4) {
    let short = 0;
    for (let step = 0; step < size; step++) {
      short = (short << 8) | data.charCodeAt(isLittle ? at + size - 1 - step : at + step);
    }
    if (!isSigned || size === 0) return short >>> 0;
    const spare = 32 - 8 * size;
    return (short << spare) >> spare;
  }
  let value = 0n;
  for (let step = 0; step < size; step++) {
    value = (value << 8n) | BigInt(data.charCodeAt(isLittle ? at + size - 1 - step : at + step));
  }
  value = BigInt.asUintN(64, value);
  if (isSigned) value = BigInt.asIntN(Math.min(64, size * 8), value);
  return Number(value);
}

function floatBytes(value: number, size: number, isLittle: boolean): string {
  if (size === 4) scratch.setFloat32(0, value, isLittle);
  else scratch.setFloat64(0, value, isLittle);
  let bytes = '';
  for (let at = 0; at < size; at++) bytes += String.fromCharCode(scratch.getUint8(at));
  return bytes;
}

function readFloat(data: string, at: number, size: number, isLittle: boolean): number {
  for (let step = 0; step < size; step++) scratch.setUint8(step, data.charCodeAt(at + step));
  return size === 4 ? scratch.getFloat32(0, isLittle) : scratch.getFloat64(0, isLittle);
}

function pack(args: LuaValue[]): string {
  const format = new Format(checkString(args, 1));
  // The original keeps a nil after its arguments, which shows in its messages.
  const values = [...args, undefined];
  let result = '';
  let number = 2;
  while (!format.isDone) {
    const option = format.next();
    const size = format.size(option);
    result += '\0'.repeat(format.padding(size, option, result.length));
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'i':
      case 'I':
      case 'l':
      case 'L':
      case 'T':
        result += integerBytes(checkNumber(values, number++), size, format.isLittle);
        break;
      case 'x':
        result += '\0';
        break;
      case 'f':
      case 'd':
        result += floatBytes(checkNumber(values, number++), size, format.isLittle);
        break;
      case 's':
      case 'c': {
        const text = checkString(values, number++);
        const count = size === 0 ? text.length : size;
        if (text.length < count) throw argumentError(number, 'string too short');
        result += text.slice(0, count);
        if (option === 's') result += '\0';
        break;
      }
      default:
        format.control(option);
    }
  }
  return result;
}

function unpack(args: LuaValue[]): LuaValue[] {
  const format = new Format(checkString(args, 1));
  const data = checkString(args, 2);
  const start = args[2] === undefined ? 1 : checkInteger(args, 3);
  if (start === 0) throw argumentError(3, 'offset must be 1 or greater');
  if (start < 0) throw argumentError(2, 'data string too short');
  let at = start - 1;
  const values: LuaValue[] = [];
  while (!format.isDone) {
    const option = format.next();
    let size = format.size(option);
    at += format.padding(size, option, at);
    if (at > data.length || size > data.length - at) throw argumentError(2, 'data string too short');
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'i':
      case 'I':
      case 'l':
      case 'L':
      case 'T':
        values.push(readInteger(data, at, size, format.isLittle, option >= 'a'));
        break;
      case 'x':
        break;
      case 'f':
      case 'd':
        values.push(readFloat(data, at, size, format.isLittle));
        break;
      case 'c':
        if (size === 0) {
          const count = values.pop();
          if (typeof count !== 'number') throw nativeError(`format 'c0' needs a previous size`);
          // As C on x86 casts it: what is too large for 64 bits is 0.
          size = count >= 2 ** 64 || count !== count ? 0 : count < 0 ? Infinity : Math.trunc(count);
          if (size > data.length - at) throw argumentError(2, 'data string too short');
        }
        values.push(data.slice(at, at + size));
        break;
      case 's': {
        const end = data.indexOf('\0', at);
        if (end < 0) throw nativeError('unfinished string in data');
        values.push(data.slice(at, end));
        size = end - at + 1;
        break;
      }
      default:
        format.control(option);
    }
    at += size;
  }
  values.push(at + 1);
  return values;
}

function sizeOf(args: LuaValue[]): number {
  const format = new Format(checkString(args, 1));
  let total = 0;
  while (!format.isDone) {
    const option = format.next();
    const size = format.size(option);
    total += format.padding(size, option, total);
    if (option === 's') throw argumentError(1, `option 's' has no fixed size`);
    if (option === 'c' && size === 0) throw argumentError(1, `option 'c0' has no fixed size`);
    if (!/[a-zA-Z]/.test(option)) format.control(option);
    total += size;
  }
  return total;
}

export function structLibrary(): LuaTable {
  return setFunctions(new LuaTable(), {
    pack: (...args) => pack(args),
    unpack: (...args) => unpack(args),
    size: (...args) => sizeOf(args),
  });
}
