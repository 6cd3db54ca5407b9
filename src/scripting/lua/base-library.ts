// base-library: the global functions and `coroutine`, as far as Redis lets scripts have them.
import { coroutineLibrary } from './coroutine.js';
import { compile, setKnownFunctions } from './compile.js';
import { LuaSyntaxError } from './lexer.js';
import {
  callFromNative,
  checkKey,
  first,
  metamethod,
  metatableOf,
  protectedCall,
  raise,
  readonlyText,
  runSteps,
  truthy,
} from './machine.js';
import type { NativeSteps } from './machine.js';
import { checkInteger, checkTable, native, optionalInteger, setFunctions } from './native.js';
import { numberToString, stringToNumber } from './numbers.js';
import {
  addressOf,
  argumentError,
  LuaError,
  LuaFunction,
  LuaTable,
  LuaUserdata,
  nativeError,
  traversalEnd,
  typeName,
} from './values.js';
import type { LuaValue, Results } from './values.js';

/** Slots of a Lua stack: arguments and results of `unpack` together. */
const unpackMax = 8000;

/** `tostring` without metamethods. */
function plainToString(value: LuaValue): string {
  switch (typeof value) {
    case 'undefined':
      return 'nil';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return numberToString(value);
    case 'string':
      return value;
    default:
      if (value instanceof LuaUserdata) return value.label;
      return `${typeName(value)}: ${addressOf(value)}`;
  }
}

export const nextFunction = native(function next(...args) {
  const table = checkTable(args, 1);
  const position = table.positionOf(args[1]);
  if (position === undefined) throw new LuaError(`invalid key to 'next'`, 0);
  const next = table.after(position);
  return next === traversalEnd ? undefined : [table.keyAt(next), table.valueAt(next)];
});

const ipairsStep = native(function ipairsStep(...args) {
  const next = checkInteger(args, 2) + 1;
  const value = checkTable(args, 1).getNumber(next);
  return value === undefined ? [] : [next, value];
});

const selectFunction = native(function select(...args) {
  const [number] = args;
  if (number === '#') return args.length - 1;
  const at = checkInteger(args, 1);
  const count = args.length;
  if (at < 0) {
    if (count + at < 1) throw argumentError(1, 'index out of range');
    return args.slice(count + at);
  }
  if (at === 0) throw argumentError(1, 'index out of range');
  return args.slice(at);
});

setKnownFunctions(nextFunction, ipairsStep, selectFunction);

function checkAny(args: LuaValue[], number: number): LuaValue {
  if (args.length < number) throw argumentError(number, 'value expected');
  return args[number - 1];
}

function load(source: string, chunkName: string, globals: LuaTable): Results {
  // Bytecode is no source: its first byte is an unexpected symbol.
  try {
    return compile(source, chunkName).bind(globals);
  } catch (thrown) {
    if (thrown instanceof LuaSyntaxError) return [undefined, thrown.message];
    throw thrown;
  }
}

function* loadSteps(reader: LuaFunction, chunkName: string, globals: LuaTable): NativeSteps {
  let source = '';
  for (;;) {
    const piece: LuaValue = first(yield [reader]);
    if (piece === undefined || piece === '') break;
    if (typeof piece !== 'string') throw new LuaError('reader function must return a string', 0);
    source += piece;
  }
  return load(source, chunkName, globals);
}

function digitValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 122 ? lower - 87 : 99;
}

function parseInBase(text: string, base: number): LuaValue {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
  const isNegative = trimmed.startsWith('-');
  let at = isNegative || trimmed.startsWith('+') ? 1 : 0;
  if (base === 16 && /^0x/i.test(trimmed.slice(at))) at += 2;
  if (at >= trimmed.length) return undefined;
  let value = 0;
  for (; at < trimmed.length; at++) {
    const digit = digitValue(trimmed.charCodeAt(at));
    if (digit >= base) return undefined;
    value = value * base + digit;
  }
  // As strtoul: too large saturates, a minus wraps around.
  if (value >= 2 ** 64) return 2 ** 64;
  return isNegative ? (value === 0 ? 0 : 2 ** 64 - value) : value;
}

/** Fills a table with the base functions; `load` and `loadstring` compile for these globals. */
export function openBase(globals: LuaTable): void {
  setFunctions(globals, {
    assert(...args) {
      if (truthy(checkAny(args, 1))) return args;
      const [, message] = args;
      if (message === undefined) throw nativeError('assertion failed!');
      if (typeof message !== 'string' && typeof message !== 'number') {
        throw argumentError(2, `string expected, got ${typeName(message)}`);
      }
      throw nativeError(typeof message === 'number' ? numberToString(message) : message);
    },
    collectgarbage(...args) {
      const option = args[0] ?? 'collect';
      switch (option) {
        case 'count':
          return 64;
        case 'step':
          return true;
        case 'collect':
        case 'stop':
        case 'restart':
        case 'setpause':
        case 'setstepmul':
          return 0;
        default:
          throw argumentError(
            1,
            typeof option === 'string' ? `invalid option '${option}'` : `string expected, got ${typeName(option)}`,
          );
      }
    },
    error(...args) {
      const level = optionalInteger(args, 2, 1);
      const [value] = args;
      return raise(
        new LuaError(typeof value === 'number' && level > 0 ? numberToString(value) : value, Math.max(0, level)),
      );
    },
    gcinfo() {
      return 64;
    },
    getmetatable(...args) {
      const meta = metatableOf(checkAny(args, 1));
      if (meta === null) return undefined;
      const shown = meta.getHash('__metatable');
      return shown === undefined ? meta : shown;
    },
    ipairs(...args) {
      return [ipairsStep, checkTable(args, 1), 0];
    },
    load(...args) {
      const reader = args[0];
      if (!(reader instanceof LuaFunction)) {
        throw argumentError(1, `function expected, got ${args.length === 0 ? 'no value' : typeName(reader)}`);
      }
      const name = args[1];
      return runSteps(loadSteps(reader, typeof name === 'string' ? name : '=(load)', globals));
    },
    loadstring(...args) {
      const source = typeof args[0] === 'number' ? numberToString(args[0]) : args[0];
      if (typeof source !== 'string') {
        throw argumentError(1, `string expected, got ${args.length === 0 ? 'no value' : typeName(source)}`);
      }
      return load(source, typeof args[1] === 'string' ? args[1] : source, globals);
    },
    pairs(...args) {
      return [nextFunction, checkTable(args, 1), undefined];
    },
    pcall(...args) {
      checkAny(args, 1);
      return protectedCall(args, undefined);
    },
    rawequal(...args) {
      checkAny(args, 2);
      return args[0] === args[1];
    },
    rawget(...args) {
      return checkTable(args, 1).get(checkAny(args, 2));
    },
    rawset(...args) {
      const table = checkTable(args, 1);
      checkAny(args, 3);
      if (table.readonly) throw new LuaError(readonlyText, 0);
      checkKey(args[1]);
      table.set(args[1], args[2]);
      return table;
    },
    setmetatable(...args) {
      const table = checkTable(args, 1);
      const meta = args[1];
      if (args.length < 2 || (meta !== undefined && !(meta instanceof LuaTable)))
        throw argumentError(2, 'nil or table expected');
      if (table.meta !== null && table.meta.getHash('__metatable') !== undefined) {
        throw nativeError('cannot change a protected metatable');
      }
      if (table.readonly) throw new LuaError(readonlyText, 0);
      table.meta = meta ?? null;
      return table;
    },
    tonumber(...args) {
      const base = optionalInteger(args, 2, 10);
      const value = checkAny(args, 1);
      if (base === 10) {
        if (typeof value === 'number') return value;
        return typeof value === 'string' ? stringToNumber(value) : undefined;
      }
      if (typeof value !== 'string' && typeof value !== 'number')
        throw argumentError(1, `string expected, got ${typeName(value)}`);
      if (base < 2 || base > 36) throw argumentError(2, 'base out of range');
      return parseInBase(plainToString(value), base);
    },
    tostring(...args) {
      const value = checkAny(args, 1);
      if (typeof value !== 'object') return plainToString(value);
      const handler = metamethod(value, '__tostring');
      return handler === undefined ? plainToString(value) : callFromNative(handler, value);
    },
    type(...args) {
      return typeName(checkAny(args, 1));
    },
    unpack(...args) {
      const table = checkTable(args, 1);
      const from = optionalInteger(args, 2, 1);
      const to = args[2] === undefined ? table.length() : checkInteger(args, 3);
      if (from > to) return [];
      if (to - from + 1 + args.length > unpackMax) throw nativeError('too many results to unpack');
      const values: LuaValue[] = [];
      for (let at = from; at <= to; at++) values.push(table.getNumber(at));
      return values;
    },
    xpcall(...args) {
      checkAny(args, 2);
      return protectedCall(args, args[1] ?? false);
    },
  });
  globals.set('next', nextFunction);
  globals.set('select', selectFunction);
  globals.set('_VERSION', 'Lua 5.1');
  globals.set('_G', globals);
  globals.set('coroutine', coroutineLibrary());
}
