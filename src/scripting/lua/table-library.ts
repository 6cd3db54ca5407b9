// table-library: `table`. Sorting is the quicksort of PUC Lua in its choices of pivots, because scripts see them: in the
// order of equal elements, and in what a comparison function that contradicts itself leads to.
import {
  capture,
  call,
  chargeMemory,
  first,
  Frame,
  lessThanNative,
  machine,
  nativeCallsMax,
  nativeOverflow,
  passNative,
  raise,
  readonlyText,
  runSteps,
  stringBytesMax,
  suspension,
  truthy,
} from './machine.js';
import type { NativeSteps } from './machine.js';
import {
  checkFunction,
  checkInteger,
  checkNumber,
  checkTable,
  optionalInteger,
  optionalString,
  setFunctions,
} from './native.js';
import { numberToString } from './numbers.js';
import { LuaError, LuaFunction, LuaTable, nativeError, traversalEnd, typeName } from './values.js';
import type { LuaValue, Results } from './values.js';

/** The next step of the sort; each but `take` compares two elements. */
enum Step {
  take,
  ends,
  middleLow,
  middleHigh,
  fromLeft,
  fromRight,
}

const comparisonsBetweenPauses = 1024;

/**
 * The sort as a frame of its own: it calls the comparison function directly, and when that is parked the state is here.
 * The ranges still to sort are pairs on a stack, the smaller part of a range is sorted first.
 */
class Sort extends Frame {
  private readonly ranges: number[] = [];
  private step = Step.take;
  private low = 1;
  private high: number;
  private left = 0;
  private right = 0;
  private pivot: LuaValue = undefined;
  private comparisons = 0;
  private isComparing = false;

  constructor(
    private readonly table: LuaTable,
    private readonly compare: LuaFunction | null,
  ) {
    super();
    this.high = table.length();
  }

  resume(value: Results): Results {
    // A pause between two comparisons leaves none to answer.
    const { isComparing } = this;
    this.isComparing = false;
    return this.run(isComparing, isComparing && truthy(first(value)));
  }

  override fail(error: LuaError): Results {
    return raise(this.isComparing ? passNative(error) : error);
  }

  start(): Results {
    return this.run(false, false);
  }

  private less(a: LuaValue, b: LuaValue): boolean {
    if (++this.comparisons % comparisonsBetweenPauses === 0) {
      machine.steps -= comparisonsBetweenPauses;
      machine.tick();
    }
    const { compare } = this;
    if (compare !== null) {
      this.isComparing = true;
      const answer = compare.f(a, b);
      this.isComparing = false;
      return answer === true || (answer !== false && truthy(first(answer)));
    }
    const answer = lessThanNative(a, b);
    if (typeof answer === 'boolean') return answer;
    this.isComparing = true;
    const called = first(call(answer[0], answer.slice(1)));
    this.isComparing = false;
    return truthy(called);
  }

  private swap(i: number, j: number): void {
    const { table } = this;
    const kept = table.getNumber(i);
    table.setNumber(i, table.getNumber(j));
    table.setNumber(j, kept);
  }

  private run(isResumed: boolean, resumedAnswer: boolean): Results {
    const { table } = this;
    const { stack, nativeCalls } = machine;
    if (nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
    machine.stack -= 600;
    machine.nativeCalls = nativeCalls + 1;
    let hasAnswer = isResumed;
    let answer = resumedAnswer;
    try {
      for (;;) {
        switch (this.step) {
          case Step.take:
            if (this.low >= this.high) {
              if (this.ranges.length === 0) {
                machine.stack = stack;
                machine.nativeCalls = nativeCalls;
                return [];
              }
              this.high = this.ranges.pop()!;
              this.low = this.ranges.pop()!;
              continue;
            }
            this.step = Step.ends;
            continue;
          case Step.ends:
            if (!hasAnswer) answer = this.less(table.getNumber(this.high), table.getNumber(this.low));
            if (answer) this.swap(this.low, this.high);
            this.step = Step.middleLow;
            if (this.high - this.low === 1) this.finishRange();
            break;
          case Step.middleLow: {
            const middle = Math.floor((this.low + this.high) / 2);
            if (!hasAnswer) answer = this.less(table.getNumber(middle), table.getNumber(this.low));
            this.step = Step.middleHigh;
            if (answer) {
              this.swap(middle, this.low);
              this.choosePivot(middle);
            }
            break;
          }
          case Step.middleHigh: {
            const middle = Math.floor((this.low + this.high) / 2);
            if (!hasAnswer) answer = this.less(table.getNumber(this.high), table.getNumber(middle));
            if (answer) this.swap(middle, this.high);
            this.choosePivot(middle);
            break;
          }
          case Step.fromLeft:
            if (!hasAnswer) answer = this.less(table.getNumber(this.left), this.pivot);
            if (answer) {
              if (this.left > this.high) throw nativeError('invalid order function for sorting');
              this.left++;
            } else {
              this.right--;
              this.step = Step.fromRight;
            }
            break;
          case Step.fromRight:
            if (!hasAnswer) answer = this.less(this.pivot, table.getNumber(this.right));
            if (answer) {
              if (this.right < this.low) throw nativeError('invalid order function for sorting');
              this.right--;
            } else {
              this.meet();
            }
        }
        hasAnswer = false;
      }
    } catch (thrown) {
      machine.stack = stack;
      machine.nativeCalls = nativeCalls;
      if (thrown === suspension) capture(this);
      else if (this.isComparing && thrown instanceof LuaError) passNative(thrown);
      throw thrown;
    }
  }

  private finishRange(): void {
    this.low = this.high;
    this.step = Step.take;
  }

  private choosePivot(middle: number): void {
    if (this.high - this.low === 2) {
      this.finishRange();
      return;
    }
    this.pivot = this.table.getNumber(middle);
    this.swap(middle, this.high - 1);
    this.left = this.low + 1;
    this.right = this.high - 1;
    this.step = Step.fromLeft;
  }

  /** Both scans stopped: swap what they found, or split the range where they crossed. */
  private meet(): void {
    if (this.right >= this.left) {
      this.swap(this.left, this.right);
      this.left++;
      this.step = Step.fromLeft;
      return;
    }
    const { low, high, left } = this;
    this.swap(high - 1, left);
    if (left - low < high - left) {
      this.ranges.push(left + 1, high);
      this.high = left - 1;
    } else {
      this.ranges.push(low, left - 1);
      this.low = left + 1;
    }
    this.step = Step.take;
  }
}

/** Numbers alone or strings alone, without holes, compare without calls and always the same way. */
function sortPlain(values: LuaValue[]): boolean {
  const kind = typeof values[0];
  if (kind !== 'number' && kind !== 'string') return false;
  for (const value of values) if (typeof value !== kind || value !== value) return false;
  if (kind === 'number') {
    const sorted = Float64Array.from(values as number[]).sort();
    for (let at = 0; at < sorted.length; at++) values[at] = sorted[at];
  } else {
    (values as string[]).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }
  return true;
}

/** Longer ones go the way that can be parked. */
const plainSortMax = 200_000;

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
      const table = checkTable(args, 1);
      if (table.readonly && table.length() > 1) throw new LuaError(readonlyText, 0);
      const compare = args[1] === undefined ? null : checkFunction(args, 2);
      if (compare === null && table.arr.length < plainSortMax && sortPlain(table.arr)) return [];
      return new Sort(table, compare).start();
    },
  });
}
