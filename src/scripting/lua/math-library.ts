// math-library: `math`, and `os` with its clock.
import { power } from './machine.js';
import { checkInteger, checkNumber, setFunctions } from './native.js';
import { argumentError, LuaTable, nativeError } from './values.js';
import type { LuaValue } from './values.js';

/** Splits into a fraction of 0.5 to 1 and a power of two. */
function frexp(value: number): [number, number] {
  if (value === 0 || !Number.isFinite(value)) return [value, 0];
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(value))) + 1);
  let fraction = value * 2 ** -exponent;
  while (Math.abs(fraction) < 0.5) {
    fraction *= 2;
    exponent--;
  }
  while (Math.abs(fraction) >= 1) {
    fraction /= 2;
    exponent++;
  }
  return [fraction, exponent];
}

/** The generator that Redis gives scripts: 48 bits, so that the same seed gives the same numbers on every machine. */
class Random48 {
  private state = 0x1234abcd330en;

  seed(value: number): void {
    this.state = ((BigInt(value | 0) & 0xffffffffn) << 16n) | 0x330en;
  }

  next(): number {
    this.state = (this.state * 0x5deece66dn + 0xbn) & 0xffffffffffffn;
    return Number(this.state >> 17n);
  }
}

const randomMax = 0x7fffffff;

export interface MathState {
  readonly library: LuaTable;
  /** Begins another sequence of random numbers. */
  seed(value: number): void;
}

export function openMath(): MathState {
  const random = new Random48();
  const unary =
    (compute: (x: number) => number) =>
    (...args: LuaValue[]): number =>
      compute(checkNumber(args, 1));
  const extreme =
    (isBetter: (a: number, b: number) => boolean) =>
    (...args: LuaValue[]): number => {
      let best = checkNumber(args, 1);
      for (let number = 2; number <= args.length; number++) {
        const value = checkNumber(args, number);
        if (isBetter(value, best)) best = value;
      }
      return best;
    };
  /** The second argument is checked first: C compilers on x86 evaluate from the right, and scripts see the message. */
  const binary =
    (compute: (x: number, y: number) => number) =>
    (...args: LuaValue[]): number => {
      const y = checkNumber(args, 2);
      return compute(checkNumber(args, 1), y);
    };
  const fmod = binary((x, y) => x % y);
  const library = setFunctions(new LuaTable(), {
    abs: unary(Math.abs),
    acos: unary(Math.acos),
    asin: unary(Math.asin),
    atan: unary(Math.atan),
    atan2: binary(Math.atan2),
    ceil: unary(Math.ceil),
    cos: unary(Math.cos),
    cosh: unary(Math.cosh),
    deg: unary((x) => x / (Math.PI / 180)),
    exp: unary(Math.exp),
    floor: unary(Math.floor),
    fmod,
    frexp: (...args) => frexp(checkNumber(args, 1)),
    ldexp: (...args) => {
      const exponent = checkInteger(args, 2);
      const half = Math.trunc(exponent / 2);
      return checkNumber(args, 1) * 2 ** half * 2 ** (exponent - half);
    },
    log: unary(Math.log),
    log10: unary(Math.log10),
    max: extreme((a, b) => a > b),
    min: extreme((a, b) => a < b),
    mod: fmod,
    modf: (...args) => {
      const value = checkNumber(args, 1);
      if (!Number.isFinite(value)) return [value, value !== value ? value : 0];
      const whole = Math.trunc(value);
      return [whole, value - whole];
    },
    pow: binary(power),
    rad: unary((x) => x * (Math.PI / 180)),
    random: (...args) => {
      const unit = (random.next() % randomMax) / randomMax;
      switch (args.length) {
        case 0:
          return unit;
        case 1: {
          const upper = checkInteger(args, 1);
          if (upper < 1) throw argumentError(1, 'interval is empty');
          return Math.floor(unit * upper) + 1;
        }
        case 2: {
          const lower = checkInteger(args, 1);
          const upper = checkInteger(args, 2);
          if (lower > upper) throw argumentError(2, 'interval is empty');
          return Math.floor(unit * (upper - lower + 1)) + lower;
        }
        default:
          throw nativeError('wrong number of arguments');
      }
    },
    randomseed: (...args) => {
      random.seed(checkInteger(args, 1));
      return [];
    },
    sin: unary(Math.sin),
    sinh: unary(Math.sinh),
    sqrt: unary(Math.sqrt),
    tan: unary(Math.tan),
    tanh: unary(Math.tanh),
  });
  library.set('pi', Math.PI);
  library.set('huge', Infinity);
  return { library, seed: (value) => random.seed(value) };
}

/** `os.clock`: seconds of `nowMs`. */
export function osLibrary(nowMs: () => number): LuaTable {
  return setFunctions(new LuaTable(), { clock: () => nowMs() / 1000 });
}
