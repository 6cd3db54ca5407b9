// pattern: Lua's patterns, matched by backtracking.
//
// Steps are counted: a pattern that explodes ends in an error instead of holding the process, and recursion is bounded.
import { spend } from './machine.js';
import { nativeError } from './values.js';
import type { LuaError, LuaValue } from './values.js';

const capturesMax = 32;
const depthMax = 3000;
const unfinished = -1;
const positionCapture = -2;
const stepsMax = 20_000_000;
const stepsPerByte = 50;

/** The classes by their letter, as what a regular expression has for them: ASCII, as the C locale has it. */
const classes: Readonly<Record<string, RegExp>> = {
  a: /[A-Za-z]/,
  c: /[\0-\x1f\x7f]/,
  d: /[0-9]/,
  l: /[a-z]/,
  p: /[!-/:-@[-`{-~]/,
  s: /[\t-\r ]/,
  u: /[A-Z]/,
  w: /[0-9A-Za-z]/,
  x: /[0-9A-Fa-f]/,
  z: /\0/,
};

/** By the code of a class's letter: 1 for each byte that is in it. An upper-case letter stands for the complement. */
const members: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(256).fill(undefined);
for (const [letter, bytes] of Object.entries(classes)) {
  const inside = Uint8Array.from({ length: 256 }, (_, code) => Number(bytes.test(String.fromCharCode(code))));
  members[letter.charCodeAt(0)] = inside;
  members[letter.toUpperCase().charCodeAt(0)] = inside.map((is) => 1 - is);
}

/** Whether a byte is in the class of a letter; what is no class stands for itself. */
function inClass(code: number, kind: number): boolean {
  const inside = members[kind];
  return inside === undefined ? kind === code : inside[code] === 1;
}

export class Matcher {
  level = 0;
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private steps: number;
  private depth = 0;

  constructor(
    public subject: string,
    public pattern: string,
  ) {
    this.steps = stepsMax + stepsPerByte * subject.length;
  }

  /** Makes the matcher one for another pair. */
  reset(subject: string, pattern: string): this {
    this.subject = subject;
    this.pattern = pattern;
    this.steps = stepsMax + stepsPerByte * subject.length;
    return this;
  }

  /** Where the match of the pattern from `patternStart` ends when it starts at `start`; -1 for no match. */
  matchAt(start: number, patternStart: number): number {
    this.level = 0;
    this.depth = 0;
    const before = this.steps;
    const end = this.match(start, patternStart);
    spend((before - this.steps) >> 4);
    return end;
  }

  private count(): void {
    if (--this.steps < 0) throw nativeError('pattern too complex');
  }

  /** The index after the single item that starts at `at`. */
  private itemEnd(at: number): number {
    const { pattern } = this;
    if (at >= pattern.length) throw nativeError("malformed pattern (ends with '%')");
    const code = pattern.charCodeAt(at);
    let next = at + 1;
    if (code === 37) {
      if (next >= pattern.length) throw nativeError(`malformed pattern (ends with '%')`);
      return next + 1;
    }
    if (code === 91) {
      if (pattern.charCodeAt(next) === 94) next++;
      do {
        if (next >= pattern.length) throw nativeError(`malformed pattern (missing ']')`);
        if (pattern.charCodeAt(next++) === 37 && next < pattern.length) next++;
      } while (pattern.charCodeAt(next) !== 93 || next >= pattern.length);
      return next + 1;
    }
    return next;
  }

  /** Whether a byte is in the set from `at` (the bracket) to `close` (its end). */
  private inSet(code: number, at: number, close: number): boolean {
    const { pattern } = this;
    let next = at + 1;
    let found = true;
    if (pattern.charCodeAt(next) === 94) {
      found = false;
      next++;
    }
    for (; next < close; next++) {
      const item = pattern.charCodeAt(next);
      if (item === 37) {
        next++;
        if (inClass(code, pattern.charCodeAt(next))) return found;
      } else if (pattern.charCodeAt(next + 1) === 45 && next + 2 < close) {
        if (item <= code && code <= pattern.charCodeAt(next + 2)) return found;
        next += 2;
      } else if (item === code) {
        return found;
      }
    }
    return !found;
  }

  private single(at: number, item: number, itemEnd: number): boolean {
    this.count();
    if (at >= this.subject.length) return false;
    const code = this.subject.charCodeAt(at);
    const kind = this.pattern.charCodeAt(item);
    switch (kind) {
      case 46:
        return true;
      case 37:
        return inClass(code, this.pattern.charCodeAt(item + 1));
      case 91:
        return this.inSet(code, item, itemEnd - 1);
      default:
        return kind === code;
    }
  }

  private match(start: number, patternStart: number): number {
    if (++this.depth > depthMax) throw nativeError('pattern too complex');
    const end = this.matchHere(start, patternStart);
    this.depth--;
    return end;
  }

  private matchHere(start: number, patternStart: number): number {
    const { pattern, subject } = this;
    let at = start;
    let item = patternStart;
    for (;;) {
      this.count();
      if (item >= pattern.length) return at;
      const kind = pattern.charCodeAt(item);
      if (kind === 40) {
        return pattern.charCodeAt(item + 1) === 41
          ? this.startCapture(at, item + 2, positionCapture)
          : this.startCapture(at, item + 1, unfinished);
      }
      if (kind === 41) return this.endCapture(at, item + 1);
      if (kind === 36 && item + 1 === pattern.length) return at === subject.length ? at : -1;
      if (kind === 37) {
        const next = pattern.charCodeAt(item + 1);
        if (next === 98) {
          at = this.balance(at, item + 2);
          if (at < 0) return -1;
          item += 4;
          continue;
        }
        if (next === 102) {
          item += 2;
          if (pattern.charCodeAt(item) !== 91) throw nativeError(`missing '[' after '%f' in pattern`);
          const close = this.itemEnd(item);
          const before = at === 0 ? 0 : subject.charCodeAt(at - 1);
          const here = at < subject.length ? subject.charCodeAt(at) : 0;
          if (this.inSet(before, item, close - 1) || !this.inSet(here, item, close - 1)) return -1;
          item = close;
          continue;
        }
        if (next >= 48 && next <= 57) {
          at = this.backReference(at, next);
          if (at < 0) return -1;
          item += 2;
          continue;
        }
      }
      const itemEnd = this.itemEnd(item);
      switch (pattern.charCodeAt(itemEnd)) {
        case 63: {
          if (this.single(at, item, itemEnd)) {
            const end = this.match(at + 1, itemEnd + 1);
            if (end >= 0) return end;
          }
          item = itemEnd + 1;
          continue;
        }
        case 42:
          return this.longest(at, item, itemEnd, 0);
        case 43:
          return this.longest(at, item, itemEnd, 1);
        case 45:
          return this.shortest(at, item, itemEnd);
        default:
          if (!this.single(at, item, itemEnd)) return -1;
          at++;
          item = itemEnd;
      }
    }
  }

  private longest(at: number, item: number, itemEnd: number, least: number): number {
    let count = 0;
    while (this.single(at + count, item, itemEnd)) count++;
    // Nothing follows: the longest run is the match.
    if (itemEnd + 1 === this.pattern.length) return count >= least ? at + count : -1;
    for (; count >= least; count--) {
      const end = this.match(at + count, itemEnd + 1);
      if (end >= 0) return end;
    }
    return -1;
  }

  private shortest(start: number, item: number, itemEnd: number): number {
    let at = start;
    for (;;) {
      const end = this.match(at, itemEnd + 1);
      if (end >= 0) return end;
      if (!this.single(at, item, itemEnd)) return -1;
      at++;
    }
  }

  private balance(at: number, item: number): number {
    const { pattern, subject } = this;
    if (item + 1 >= pattern.length) throw nativeError('unbalanced pattern');
    const open = pattern.charCodeAt(item);
    const close = pattern.charCodeAt(item + 1);
    if (at >= subject.length || subject.charCodeAt(at) !== open) return -1;
    let nested = 1;
    for (let next = at + 1; next < subject.length; next++) {
      this.count();
      const code = subject.charCodeAt(next);
      if (code === close) {
        if (--nested === 0) return next + 1;
      } else if (code === open) {
        nested++;
      }
    }
    return -1;
  }

  private startCapture(at: number, item: number, kind: number): number {
    if (this.level >= capturesMax) throw nativeError('too many captures');
    this.starts[this.level] = at;
    this.lengths[this.level] = kind;
    this.level++;
    const end = this.match(at, item);
    if (end < 0) this.level--;
    return end;
  }

  private endCapture(at: number, item: number): number {
    let open = this.level - 1;
    while (open >= 0 && this.lengths[open] !== unfinished) open--;
    if (open < 0) throw nativeError('invalid pattern capture');
    this.lengths[open] = at - this.starts[open]!;
    const end = this.match(at, item);
    if (end < 0) this.lengths[open] = unfinished;
    return end;
  }

  private backReference(at: number, digit: number): number {
    const which = digit - 49;
    if (which < 0 || which >= this.level || this.lengths[which] === unfinished)
      throw nativeError('invalid capture index');
    const length = this.lengths[which]!;
    if (length < 0) return -1;
    const start = this.starts[which]!;
    if (this.subject.length - at < length) return -1;
    for (let offset = 0; offset < length; offset++) {
      if (this.subject.charCodeAt(start + offset) !== this.subject.charCodeAt(at + offset)) return -1;
    }
    return at + length;
  }

  /** A capture's value; without captures number 0 is the whole match. */
  capture(which: number, start: number, end: number): LuaValue {
    if (which >= this.level) {
      if (which !== 0) throw this.captureError();
      return this.subject.slice(start, end);
    }
    const length = this.lengths[which]!;
    if (length === unfinished) throw nativeError('unfinished capture');
    if (length === positionCapture) return this.starts[which]! + 1;
    return this.subject.slice(this.starts[which]!, this.starts[which]! + length);
  }

  private captureError(): LuaError {
    return nativeError('invalid capture index');
  }

  /** All captures, or the whole match where there are none and `wholeIfNone`. */
  captures(start: number, end: number, wholeIfNone: boolean): LuaValue[] {
    const count = this.level === 0 && wholeIfNone ? 1 : this.level;
    const values: LuaValue[] = [];
    for (let which = 0; which < count; which++) values.push(this.capture(which, start, end));
    return values;
  }
}
