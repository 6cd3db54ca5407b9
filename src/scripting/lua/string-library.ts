// string-library: `string`, the methods of every string.
import { formatString } from './format.js';
import {
  capture,
  call,
  chargeMemory,
  first,
  Frame,
  machine,
  metamethod,
  nativeCallsMax,
  nativeOverflow,
  passNative,
  raise,
  spend,
  stringBytesMax,
  suspension,
  truthy,
} from './machine.js';
import { checkFunction, checkInteger, checkString, native, optionalInteger, setFunctions } from './native.js';
import { numberToString } from './numbers.js';
import { compilePattern, giveBack, takeMatcher } from './pattern.js';
import type { Matcher } from './pattern.js';
import { argumentError, LuaError, LuaFunction, LuaTable, nativeError, typeName } from './values.js';
import type { LuaValue, Results } from './values.js';

const byteResultsMax = 7900;

/** A position counted from the end when negative. */
function relative(position: number, length: number): number {
  return position < 0 ? Math.max(0, length + position + 1) : position;
}

const specials = /[\^$*+?.([%-]/;

/** A search that was parked. */
class SearchFrame extends Frame {
  constructor(private readonly goOn: () => Results) {
    super();
  }

  override get isBoundary(): boolean {
    return false;
  }

  resume(): Results {
    return this.goOn();
  }
}

/** Searches on: no match is undefined, else the captures follow the positions of a `find`. */
function searchOn(matcher: Matcher, isFind: boolean): Results {
  let isFound: boolean;
  try {
    isFound = matcher.search();
  } catch (thrown) {
    if (thrown === suspension) capture(new SearchFrame(() => searchOn(matcher, isFind)));
    throw thrown;
  }
  let results: Results = undefined;
  if (isFound) {
    if (isFind) {
      results = [matcher.start + 1, matcher.end];
      for (let which = 0; which < matcher.level; which++) results.push(matcher.capture(which));
    } else {
      results = matcher.level <= 1 ? matcher.capture(0) : matcher.captures(true);
    }
  }
  giveBack(matcher);
  return results;
}

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
  const matcher = takeMatcher(subject, compilePattern(pattern, true));
  matcher.begin(start);
  return searchOn(matcher, isFind);
}

function gmatch(...args: LuaValue[]): Results {
  const subject = checkString(args, 1);
  const pattern = checkString(args, 2);
  const program = compilePattern(pattern, false);
  let from = 0;
  const searchNext = (matcher: Matcher): Results => {
    let isFound: boolean;
    try {
      isFound = matcher.search();
    } catch (thrown) {
      if (thrown === suspension) capture(new SearchFrame(() => searchNext(matcher)));
      throw thrown;
    }
    let results: Results = undefined;
    if (isFound) {
      from = matcher.end === matcher.start ? matcher.end + 1 : matcher.end;
      results = matcher.level <= 1 ? matcher.capture(0) : matcher.captures(true);
    } else {
      from = subject.length + 1;
    }
    giveBack(matcher);
    return results;
  };
  return native(() => {
    const matcher = takeMatcher(subject, program);
    matcher.begin(from);
    return searchNext(matcher);
  });
}

/** The replacement text of gsub with its captures put in. */
function expand(replacement: string, matcher: Matcher): string {
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
      result += matcher.subject.slice(matcher.start, matcher.end);
    } else {
      const value = matcher.capture(code - 49);
      result += typeof value === 'number' ? numberToString(value) : (value as string);
    }
  }
  return result;
}

/** The call that a table's `__index` needs, or the value itself. */
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

/** JavaScript stack that a callback of gsub takes, as `machine.stack` counts. */
const callbackStackBytes = 600;

/** A gsub as a frame of its own: it calls back directly, and when the call or the search is parked its state is here. */
class Gsub extends Frame {
  private result = '';
  /** The text up to here is in the result. */
  private kept = 0;
  private count = 0;
  private isCalling = false;
  private readonly matcher: Matcher;

  constructor(
    private readonly subject: string,
    pattern: string,
    /** A string, a table or a function. */
    private readonly replacement: LuaValue,
    private readonly countMax: number,
  ) {
    super();
    this.matcher = takeMatcher(subject, compilePattern(pattern, true));
    this.matcher.begin(0);
  }

  resume(value: Results): Results {
    const { isCalling } = this;
    this.isCalling = false;
    if (isCalling) {
      this.append(first(value));
      if (!this.advance()) return this.finish();
    }
    return this.run();
  }

  override fail(error: LuaError): Results {
    return raise(passNative(error));
  }

  run(): Results {
    const { matcher, replacement } = this;
    const isPlain = typeof replacement === 'string' && !replacement.includes('%');
    try {
      while (this.count < this.countMax && matcher.search()) {
        this.count++;
        if (isPlain) this.append(replacement);
        else if (typeof replacement === 'string') this.append(expand(replacement, matcher));
        else if (replacement instanceof LuaFunction) this.append(this.callBack(replacement));
        else this.append(this.lookUp(replacement as LuaTable));
        if (!this.advance()) break;
      }
    } catch (thrown) {
      if (thrown === suspension) capture(this);
      throw thrown;
    }
    return this.finish();
  }

  private callBack(callee: LuaFunction): LuaValue {
    const { matcher } = this;
    const { stack, nativeCalls } = machine;
    if (nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
    let results: Results;
    // A capture that was not closed is gsub's error, not the callee's.
    const { level } = matcher;
    const one = matcher.capture(0);
    const two = level < 2 ? undefined : matcher.capture(1);
    const all = level <= 2 ? null : matcher.captures(true);
    this.isCalling = true;
    machine.stack = stack - callbackStackBytes;
    machine.nativeCalls = nativeCalls + 1;
    try {
      if (level <= 1) results = callee.f(one);
      else if (all === null) results = callee.f(one, two);
      else results = callee.f(...all);
      results = first(results);
    } catch (thrown) {
      if (thrown instanceof LuaError) passNative(thrown);
      throw thrown;
    }
    this.isCalling = false;
    machine.stack = stack;
    machine.nativeCalls = nativeCalls;
    return results;
  }

  private lookUp(table: LuaTable): LuaValue {
    const key = this.matcher.capture(0);
    if (table.meta === null) return table.get(key);
    const found = lookup(table, key);
    if ('value' in found) return found.value;
    const { stack, nativeCalls } = machine;
    if (nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
    this.isCalling = true;
    machine.stack = stack - callbackStackBytes;
    machine.nativeCalls = nativeCalls + 1;
    let value: LuaValue;
    try {
      value = first(call(found.call[0], found.call.slice(1)));
    } catch (thrown) {
      if (thrown instanceof LuaError) passNative(thrown);
      throw thrown;
    }
    this.isCalling = false;
    machine.stack = stack;
    machine.nativeCalls = nativeCalls;
    return value;
  }

  /** Puts a value in the place of the match. */
  private append(value: LuaValue): void {
    const { start, end } = this.matcher;
    // Not replaced: it stays in what is copied later.
    if (!truthy(value)) return;
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw nativeError(`invalid replacement value (a ${typeName(value)})`);
    }
    if (start > this.kept) this.result += this.subject.slice(this.kept, start);
    this.result += typeof value === 'number' ? numberToString(value) : value;
    this.kept = end;
    if (this.result.length > stringBytesMax) throw nativeError('resulting string too large');
  }

  /** Goes on after the match; says whether there may be another. */
  private advance(): boolean {
    const { matcher } = this;
    const { start, end } = matcher;
    if (matcher.isAnchored || (end === start && start >= this.subject.length)) return false;
    matcher.begin(end > start ? end : start + 1);
    return true;
  }

  private finish(): Results {
    const { subject, kept } = this;
    const result = kept === 0 ? this.result + subject : this.result + subject.slice(kept);
    chargeMemory(result.length);
    giveBack(this.matcher);
    return [result, this.count];
  }
}

const notAscii = /[\x80-\xff]/;
const asciiLoopMax = 40;

/** Whether JavaScript changes the case of the same letters as C: it knows those over 127, too. */
function isAscii(text: string): boolean {
  if (text.length > asciiLoopMax) return !notAscii.test(text);
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** Up to here joining characters is faster than a Buffer. */
const reverseShortMax = 16;

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
      const countMax = optionalInteger(args, 4, subject.length + 1);
      const substitute = typeof replacement === 'number' ? numberToString(replacement) : replacement;
      return new Gsub(subject, pattern, substitute, countMax).run();
    },
    len: (...args) => checkString(args, 1).length,
    lower(...args) {
      const text = checkString(args, 1);
      chargeMemory(text.length);
      return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
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
      if (text.length > reverseShortMax) return Buffer.from(text, 'latin1').reverse().toString('latin1');
      let reversed = '';
      for (let at = text.length - 1; at >= 0; at--) reversed += text[at]!;
      return reversed;
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
      return isAscii(text) ? text.toUpperCase() : text.replace(/[a-z]+/g, (lower) => lower.toUpperCase());
    },
  });
}
