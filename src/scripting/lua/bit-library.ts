// bit-library: `bit`, 32-bit operations with the results and argument rules of LuaBitOp.
import { checkNumber, optionalInteger, setFunctions } from './native.js';
import { LuaTable } from './values.js';
import type { LuaValue } from './values.js';

/** Any number modulo 2^32, as a signed 32-bit integer; halves round to even. */
function bits(args: LuaValue[], number: number): number {
  const value = checkNumber(args, number);
  if ((value | 0) === value) return value;
  if (!Number.isFinite(value)) return 0;
  // The original adds 2^52 + 2^51 and takes the low bits, which rounds.
  return Number.isInteger(value) ? value | 0 : (value + 6755399441055744 - 6755399441055744) | 0;
}

function fold(combine: (a: number, b: number) => number) {
  return (...args: LuaValue[]): number => {
    let result = bits(args, 1);
    for (let number = 2; number <= args.length; number++) result = combine(result, bits(args, number));
    return result;
  };
}

function shift(compute: (value: number, count: number) => number) {
  return (...args: LuaValue[]): number => compute(bits(args, 1), bits(args, 2) & 31) | 0;
}

export function bitLibrary(): LuaTable {
  return setFunctions(new LuaTable(), {
    tobit: (...args) => bits(args, 1),
    bnot: (...args) => ~bits(args, 1),
    band: fold((a, b) => a & b),
    bor: fold((a, b) => a | b),
    bxor: fold((a, b) => a ^ b),
    lshift: shift((value, count) => value << count),
    rshift: shift((value, count) => value >>> count),
    arshift: shift((value, count) => value >> count),
    rol: shift((value, count) => (value << count) | (value >>> ((32 - count) & 31))),
    ror: shift((value, count) => (value >>> count) | (value << ((32 - count) & 31))),
    bswap: (...args) => {
      const value = bits(args, 1);
      return (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | (value << 24);
    },
    tohex: (...args) => {
      const value = bits(args, 1) >>> 0;
      let digits = args.length < 2 ? 8 : optionalInteger(args, 2, 8) | 0;
      const isUpper = digits < 0;
      digits = Math.min(8, Math.abs(digits));
      const text = value
        .toString(16)
        .padStart(8, '0')
        .slice(8 - digits);
      return isUpper ? text.toUpperCase() : text;
    },
  });
}
