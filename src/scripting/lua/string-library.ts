// string-library: `string`, the methods of every string.
import { formatString } from './format.js';
import { chargeMemory, first, metamethod, runSteps, spend, stringBytesMax, truthy } from './machine.js';
import type { NativeSteps } from './machine.js';
import { checkFunction, checkInteger, checkString, native, optionalInteger, setFunctions } from './native.js';
import { numberToString } from './numbers.js';
import { Matcher } from './pattern.js';
import { argumentError, LuaError, LuaFunction, LuaTable, nativeError, typeName } from './values.js';
import type { LuaValue, Results } from './values.js';

const byteResultsMax = 7900;

/** A position counted from the end when negative. */
function relative(position: number, length: number): number {
  return position < 0 ? Math.max(0, length + position + 1) : position;
}

const specials = /[\^$*+?.([%-]/;

/** For searches that no callback interrupts. */
const searcher = new Matcher('', '');

function find(args: LuaValue[], isFind: boolean): Results {
  const subject = checkString(args, 1);
  const pattern = checkString(args, 2);
  let start = relative(optionalInteger(args, 3, 1), subject.length) - 1;
  if (start < 0) start = 0;
  else if (start > subject.length) {
    // 5.1 searches at the end of the string then.
    start = subject.length;
  }
  if (isFind && (truthy(args[3]) || !specials.test(pattern))) {
    const at = subject.indexOf(pattern, start);
    spend((at < 0 ? subject.length - start : at - start) >> 4);
    return at < 0 ? undefined : [at + 1, at + pattern.length];
  }
  const matcher = searcher.reset(subject, pattern);
  const isAnchored = pattern.charCodeAt(0) === 94;
  let at = start;
  do {
    const end = matcher.matchAt(at, isAnchored ? 1 : 0);
    if (end >= 0) {
      if (!isFind) return matcher.captures(at, end, true);
      return [at + 1, end, ...matcher.captures(at, end, false)];
    }
    at++;
  } while (at <= subject.length && !isAnchored);
  return undefined;
}

function gmatch(...args: LuaValue[]): Results {
  const subject = checkString(args, 1);
  const pattern = checkString(args, 2);
  let at = 0;
  return native(() => {
    const matcher = searcher.reset(subject, pattern);
    for (; at <= subject.length; at++) {
      const end = matcher.matchAt(at, 0);
      if (end < 0) continue;
      const start = at;
      at = end === start ? end + 1 : end;
      return matcher.captures(start, end, true);
    }
    return undefined;
  });
}

/** The replacement text of gsub with its captures put in. */
function expand(replacement: string, matcher: Matcher, start: number, end: number): string {
  let result = '';
  for (let at = 0; at < replacement.length; at++) {
    const char = replacement[at]!;
    if (char !== '%') {
      result += char;
      continue;
    }
    at++;
    const code = replacement.charCodeAt(at);
    if (!(code >= 48 && code <= 57)) {
      result += at < replacement.length ? replacement[at]! : '\0';
    } else if (code === 48) {
      result += matcher.subject.slice(start, end);
    } else {
      const value = matcher.capture(code - 49, start, end);
      result += typeof value === 'number' ? numberToString(value) : (value as string);
    }
  }
  return result;
}

/** What a table's `__index` asks for, or the value itself. */
function lookup(table: LuaTable, key: LuaValue): { value: LuaValue } | { call: LuaValue[] } {
  let object: LuaValue = table;
  for (let loop = 0; loop < 100; loop++) {
    let handler: LuaValue;
    if (object instanceof LuaTable) {
      const value = object.get(key);
      if (value !== undefined || object.meta === null) return { value };
      handler = object.meta.getHash('__index');
      if (handler === undefined) return { value: undefined };
    } else {
      handler = metamethod(object, '__index');
      if (handler === undefined) throw new LuaError(`attempt to index a ${typeName(object)} value`, 0);
    }
    if (handler instanceof LuaFunction) return { call: [handler, object, key] };
    object = handler;
  }
  throw new LuaError('loop in gettable', 0);
}

function* gsubSteps(subject: string, pattern: string, replacement: LuaValue, countMax: number): NativeSteps {
  const isAnchored = pattern.charCodeAt(0) === 94;
  const matcher = new Matcher(subject, pattern);
  const text = typeof replacement === 'number' ? numberToString(replacement) : replacement;
  let result = '';
  let at = 0;
  let count = 0;
  let kept = 0;
  while (count < countMax) {
    const end = matcher.matchAt(at, isAnchored ? 1 : 0);
    if (end >= 0) {
      count++;
      result += subject.slice(kept, at);
      const whole = subject.slice(at, end);
      let value: LuaValue;
      if (typeof text === 'string') {
        value = text.includes('%') ? expand(text, matcher, at, end) : text;
      } else if (text instanceof LuaTable) {
        const found = lookup(text, matcher.capture(0, at, end));
        value = 'value' in found ? found.value : first(yield found.call);
      } else {
        value = first(yield [text, ...matcher.captures(at, end, true)]);
      }
      if (!truthy(value)) result += whole;
      else if (typeof value === 'string') result += value;
      else if (typeof value === 'number') result += numberToString(value);
      else throw nativeError(`invalid replacement value (a ${typeName(value)})`);
      kept = end;
      if (result.length > stringBytesMax) throw nativeError('resulting string too large');
      if ((count & 1023) === 0) yield null;
    } else if ((at & 0xffff) === 0xffff) {
      yield null;
    }
    if (end >= 0 && end > at) at = end;
    else if (at < subject.length) at++;
    else break;
    if (isAnchored) break;
  }
  result += subject.slice(kept);
  chargeMemory(result.length);
  return [result, count];
}

export function stringLibrary(): LuaTable {
  return setFunctions(new LuaTable(), {
    byte(...args) {
      const text = checkString(args, 1);
      const from = relative(optionalInteger(args, 2, 1), text.length);
      const to = Math.min(args[2] === undefined ? from : relative(checkInteger(args, 3), text.length), text.length);
      const start = Math.max(from, 1);
      if (start > to) return [];
      if (start === to) return text.charCodeAt(start - 1);
      if (to - start >= byteResultsMax) throw nativeError('string slice too long');
      const codes: number[] = [];
      for (let at = start; at <= to; at++) codes.push(text.charCodeAt(at - 1));
      return codes;
    },
    char(...args) {
      let text = '';
      for (let number = 1; number <= args.length; number++) {
        const code = checkInteger(args, number);
        if (code < 0 || code > 255) throw argumentError(number, 'invalid value');
        text += String.fromCharCode(code);
      }
      return text;
    },
    /** There is no bytecode: what comes looks like the head of some, which no one loads, as in Redis. */
    dump(...args) {
      if (checkFunction(args, 1).info === null) throw nativeError('unable to dump given function');
      return '\x1bLuaQ\0\x01\x04\b\x04\b\0';
    },
    find: (...args) => find(args, true),
    format: (...args) => formatString(args),
    gmatch,
    gfind: gmatch,
    gsub(...args) {
      const subject = checkString(args, 1);
      const pattern = checkString(args, 2);
      const replacement = args[2];
      const kind = typeName(replacement);
      if (kind !== 'string' && kind !== 'number' && kind !== 'table' && kind !== 'function') {
        throw argumentError(3, 'string/function/table expected');
      }
      return runSteps(gsubSteps(subject, pattern, replacement, optionalInteger(args, 4, subject.length + 1)));
    },
    len: (...args) => checkString(args, 1).length,
    lower(...args) {
      const text = checkString(args, 1);
      chargeMemory(text.length);
      return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
    },
    match: (...args) => find(args, false),
    rep(...args) {
      const text = checkString(args, 1);
      const count = checkInteger(args, 2);
      if (count <= 0 || text === '') return '';
      if (text.length * count > stringBytesMax) throw nativeError('resulting string too large');
      chargeMemory(text.length * count);
      return text.repeat(count);
    },
    reverse(...args) {
      const text = checkString(args, 1);
      chargeMemory(text.length);
      return Buffer.from(text, 'latin1').reverse().toString('latin1');
    },
    sub(...args) {
      const text = checkString(args, 1);
      const from = Math.max(1, relative(checkInteger(args, 2), text.length));
      const to = Math.min(relative(optionalInteger(args, 3, -1), text.length), text.length);
      return from > to ? '' : text.slice(from - 1, to);
    },
    upper(...args) {
      const text = checkString(args, 1);
      chargeMemory(text.length);
      return text.replace(/[a-z]+/g, (lower) => lower.toUpperCase());
    },
  });
}
