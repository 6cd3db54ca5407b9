// table-library: `table`. Sorting is the quicksort of PUC Lua in its choices of pivots, because scripts see them: in the
// order of equal elements, and in what a comparison function that contradicts itself leads to.
import { chargeMemory, first, lessThanNative, readonlyText, runSteps, stringBytesMax, truthy } from './machine.js';
import type { NativeSteps } from './machine.js';
import { checkFunction, checkInteger, checkNumber, checkTable, optionalInteger, optionalString, setFunctions } from './native.js';
import { numberToString } from './numbers.js';
import { LuaError, LuaFunction, LuaTable, nativeError, traversalEnd, typeName } from './values.js';
import type { LuaValue } from './values.js';

function checkWritable(args: LuaValue[]): LuaTable {
  const table = checkTable(args, 1);
  if (table.readonly) throw new LuaError(readonlyText, 0);
  return table;
}

const stepsBetweenPauses = 2000;

class Sorter {
  private comparisons = 0;

  constructor(
    private readonly table: LuaTable,
    private readonly compare: LuaFunction | null,
  ) {}

  private *less(a: LuaValue, b: LuaValue): Generator<LuaValue[] | null, boolean, LuaValue | LuaValue[]> {
    if (++this.comparisons % stepsBetweenPauses === 0) yield null;
    if (this.compare !== null) return truthy(first(yield [this.compare, a, b]));
    const answer = lessThanNative(a, b);
    return typeof answer === 'boolean' ? answer : truthy(first(yield answer));
  }

  private swap(i: number, j: number): void {
    const { table } = this;
    const kept = table.getNumber(i);
    table.setNumber(i, table.getNumber(j));
    table.setNumber(j, kept);
  }

  /** Sorts t[low..high]. */
  *sort(from: number, to: number): Generator<LuaValue[] | null, void, LuaValue | LuaValue[]> {
    const { table } = this;
    let low = from;
    let high = to;
    while (low < high) {
      if (yield* this.less(table.getNumber(high), table.getNumber(low))) this.swap(low, high);
      if (high - low === 1) return;
      const middle = Math.floor((low + high) / 2);
      if (yield* this.less(table.getNumber(middle), table.getNumber(low))) this.swap(middle, low);
      else if (yield* this.less(table.getNumber(high), table.getNumber(middle))) this.swap(middle, high);
      if (high - low === 2) return;
      const pivot = table.getNumber(middle);
      this.swap(middle, high - 1);
      let i = low;
      let j = high - 1;
      for (;;) {
        while (yield* this.less(table.getNumber(++i), pivot)) {
          if (i > high) throw nativeError('invalid order function for sorting');
        }
        while (yield* this.less(pivot, table.getNumber(--j))) {
          if (j < low) throw nativeError('invalid order function for sorting');
        }
        if (j < i) break;
        this.swap(i, j);
      }
      this.swap(high - 1, i);
      // The smaller part by recursion, the larger by the loop.
      if (i - low < high - i) {
        yield* this.sort(low, i - 1);
        low = i + 1;
      } else {
        yield* this.sort(i + 1, high);
        high = i - 1;
      }
    }
  }
}

/** Numbers alone or strings alone, without holes, compare without calls and always the same way. */
function sortPlain(values: LuaValue[]): boolean {
  const kind = typeof values[0];
  if (kind !== 'number' && kind !== 'string') return false;
  for (const value of values) if (typeof value !== kind || value !== value) return false;
  if (kind === 'number') (values as number[]).sort((a, b) => a - b);
  else (values as string[]).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return true;
}

const plainSortMax = 20_000;

function* sortSteps(table: LuaTable, compare: LuaFunction | null): NativeSteps {
  const { length } = table.arr;
  if (compare === null && length < plainSortMax && sortPlain(table.arr)) return [];
  yield* new Sorter(table, compare).sort(1, length);
  return [];
}

function* foreachSteps(table: LuaTable, callee: LuaFunction): NativeSteps {
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
    const result = first(yield [callee, table.keyAt(position), table.valueAt(position)]);
    if (result !== undefined) return result;
  }
  return [];
}

function* foreachiSteps(table: LuaTable, callee: LuaFunction): NativeSteps {
  const length = table.length();
  for (let at = 1; at <= length; at++) {
    const result = first(yield [callee, at, table.getNumber(at)]);
    if (result !== undefined) return result;
  }
  return [];
}

export function tableLibrary(): LuaTable {
  return setFunctions(new LuaTable(), {
    concat(...args) {
      const table = checkTable(args, 1);
      const separator = optionalString(args, 2, '');
      const from = optionalInteger(args, 3, 1);
      const to = args[3] === undefined ? table.length() : checkInteger(args, 4);
      const parts: string[] = [];
      let bytes = 0;
      for (let at = from; at <= to; at++) {
        const value = table.getNumber(at);
        if (typeof value !== 'string' && typeof value !== 'number') {
          throw nativeError(`invalid value (${typeName(value)}) at index ${numberToString(at)} in table for 'concat'`);
        }
        const part = typeof value === 'number' ? numberToString(value) : value;
        bytes += part.length + separator.length;
        if (bytes > stringBytesMax) throw nativeError('resulting string too large');
        parts.push(part);
      }
      chargeMemory(bytes);
      return parts.join(separator);
    },
    foreach: (...args) => runSteps(foreachSteps(checkTable(args, 1), checkFunction(args, 2))),
    foreachi: (...args) => runSteps(foreachiSteps(checkTable(args, 1), checkFunction(args, 2))),
    getn: (...args) => checkTable(args, 1).length(),
    insert(...args) {
      const table = checkTable(args, 1);
      let end = table.length() + 1;
      let at: number;
      switch (args.length) {
        case 2:
          at = end;
          break;
        case 3: {
          at = checkInteger(args, 2);
          if (at > end) end = at;
          if (table.readonly) throw new LuaError(readonlyText, 0);
          if (at >= 1 && end === table.arr.length + 1) {
            table.insertAt(at, args[2]);
            return [];
          }
          for (let to = end; to > at; to--) table.setNumber(to, table.getNumber(to - 1));
          break;
        }
        default:
          throw nativeError(`wrong number of arguments to 'insert'`);
      }
      if (table.readonly) throw new LuaError(readonlyText, 0);
      table.setNumber(at, args[args.length - 1]);
      return [];
    },
    maxn(...args) {
      const table = checkTable(args, 1);
      let max = 0;
      for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
        const key = table.keyAt(position);
        if (typeof key === 'number' && key > max) max = key;
      }
      return max;
    },
    remove(...args) {
      const table = checkTable(args, 1);
      const end = table.length();
      const at = optionalInteger(args, 2, end);
      if (!(at >= 1 && at <= end)) return [];
      if (table.readonly) throw new LuaError(readonlyText, 0);
      return table.removeAt(at);
    },
    setn(...args) {
      checkTable(args, 1);
      checkNumber(args, 2);
      throw nativeError(`'setn' is obsolete`);
    },
    sort(...args) {
      const table = checkWritable(args);
      const compare = args[1] === undefined ? null : checkFunction(args, 2);
      return runSteps(sortSteps(table, compare));
    },
  });
}

