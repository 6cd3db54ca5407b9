// native: writing library functions in TypeScript: argument checks with Lua's messages, and putting functions in tables.
import { numberToString, stringToNumber } from './numbers.js';
import { argumentError, LuaFunction, LuaTable, typeName } from './values.js';
import type { LuaValue, NativeCode, Results } from './values.js';

export function native(code: NativeCode): LuaFunction {
  return new LuaFunction(code);
}

export function setFunctions(table: LuaTable, functions: Record<string, (...args: LuaValue[]) => Results>): LuaTable {
  for (const name of Object.keys(functions)) table.set(name, native(functions[name]!));
  return table;
}

function wrongType(args: readonly LuaValue[], number: number, expected: string): never {
  const got = args.length < number ? 'no value' : typeName(args[number - 1]);
  throw argumentError(number, `${expected} expected, got ${got}`);
}

export function checkTable(args: readonly LuaValue[], number: number): LuaTable {
  const value = args[number - 1];
  return value instanceof LuaTable ? value : wrongType(args, number, 'table');
}

export function checkFunction(args: readonly LuaValue[], number: number): LuaFunction {
  const value = args[number - 1];
  return value instanceof LuaFunction ? value : wrongType(args, number, 'function');
}

export function checkNumber(args: readonly LuaValue[], number: number): number {
  const value = args[number - 1];
  if (typeof value === 'number') return value;
  const parsed = typeof value === 'string' ? stringToNumber(value) : undefined;
  return parsed === undefined ? wrongType(args, number, 'number') : parsed;
}

/** A number cut to a whole one, as a cast in C does. */
export function checkInteger(args: readonly LuaValue[], number: number): number {
  const value = checkNumber(args, number);
  if ((value | 0) === value) return value;
  if (value !== value) return -0x8000000000000000;
  if (value >= 0x8000000000000000 || value <= -0x8000000000000000) return -0x8000000000000000;
  return Math.trunc(value);
}

export function optionalInteger(args: readonly LuaValue[], number: number, otherwise: number): number {
  return args[number - 1] === undefined ? otherwise : checkInteger(args, number);
}

export function checkString(args: readonly LuaValue[], number: number): string {
  const value = args[number - 1];
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? numberToString(value) : wrongType(args, number, 'string');
}

export function optionalString(args: readonly LuaValue[], number: number, otherwise: string): string {
  return args[number - 1] === undefined ? otherwise : checkString(args, number);
}
