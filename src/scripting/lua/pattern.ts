// pattern: Lua's patterns, compiled to a row of nodes and matched by backtracking.
//
// The choices that are still open lie on a stack of numbers instead of JavaScript's, so a match may be as deep as memory
// allows, and a search that takes long is parked like any loop: its state is in the matcher, `search` goes on where it
// was. A pattern has no alternatives, so a match passes all its nodes in order, and captures need not be put back.
//
// PUC Lua finds the faults of a pattern when a match comes to them, so a fault is a node, too. Compiled patterns are kept.
import { machine, spend } from './machine.js';
import { nativeError } from './values.js';
import type { LuaValue } from './values.js';

const capturesMax = 32;
const unfinished = -1;
const positionCapture = -2;
/** Steps between two looks at the clock. */
const stepsPerPause = 20_000;
/** Steps that take as long as one of the machine's. */
const stepsPerMachineStep = 8;
const cachedMax = 300;
const cachedBytesMax = 500;

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

const noBytes = new Uint8Array(256);
const anyByte = new Uint8Array(256).fill(1);
const singles: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(256).fill(undefined);

function onlyByte(code: number): Uint8Array {
  let table = singles[code];
  if (table === undefined) {
    table = new Uint8Array(256);
    table[code] = 1;
    singles[code] = table;
  }
  return table;
}

/** The class of a letter after a percent sign; any other character stands for itself. */
function classTable(kind: number): Uint8Array {
  return members[kind] ?? onlyByte(kind);
}

enum Op {
  byte,
  optional,
  greedy,
  lazy,
  open,
  close,
  balance,
  frontier,
  backReference,
  end,
  fault,
  match,
}

class PatternNode {
  constructor(
    readonly op: Op,
    /** The bytes that an item takes. */
    readonly table: Uint8Array,
    /** Least count of a greedy item, number of a capture, or first byte of a balance. */
    readonly a: number,
    /** Kind of a capture that opens, or second byte of a balance. */
    readonly b: number,
    readonly fault: string,
  ) {}

  /** The bytes of which one must follow, where that is known. */
  wanted: Uint8Array | null = null;
  /** The capture, complete before this node, whose bytes must follow; -1 for none. */
  wantedCapture = -1;
  /** The match is complete after this, or the subject must end. */
  isLast = false;
}

/** The bytes of which the subject must have one where this node is met; null where it may end, or have any. */
function bytesAt({ op, table, a }: PatternNode): Uint8Array | null {
  switch (op) {
    case Op.byte:
      return table;
    case Op.greedy:
      return a === 1 ? table : null;
    case Op.balance:
      return onlyByte(a);
    case Op.frontier:
      // The end of the subject counts as a zero byte.
      return table[0] === 0 ? table : null;
    default:
      return null;
  }
}

export interface Program {
  readonly nodes: readonly PatternNode[];
  readonly isAnchored: boolean;
  /** The bytes that a match can begin with, or null where it may be empty. */
  readonly first: Uint8Array | null;
  readonly captureCount: number;
}

class PatternFault {
  constructor(readonly message: string) {}
}

class Compiler {
  private readonly nodes: PatternNode[] = [];
  private readonly isOpen: boolean[] = [];

  constructor(private readonly pattern: string) {}

  compile(mayBeAnchored: boolean): Program {
    const isAnchored = mayBeAnchored && this.pattern.charCodeAt(0) === 94;
    try {
      this.items(isAnchored ? 1 : 0);
      this.add(Op.match);
    } catch (thrown) {
      if (!(thrown instanceof PatternFault)) throw thrown;
      this.add(Op.fault, noBytes, 0, 0, thrown.message);
    }
    this.nodes.forEach((node, at) => {
      const next = this.significant(at + 1);
      node.wanted = next === undefined ? null : bytesAt(next);
      // A capture that this very node ends may still become empty.
      if (next?.op === Op.backReference && this.isClosedBefore(next.a, at)) node.wantedCapture = next.a;
      node.isLast = next?.op === Op.match || next?.op === Op.end;
    });
    const first = bytesAt(this.significant(0)!);
    return { nodes: this.nodes, isAnchored, first, captureCount: this.isOpen.length };
  }

  /** The first node from `from` on that is no bracket of a capture. */
  private significant(from: number): PatternNode | undefined {
    let at = from;
    while (this.nodes[at]?.op === Op.open || this.nodes[at]?.op === Op.close) at++;
    return this.nodes[at];
  }

  private isClosedBefore(capture: number, at: number): boolean {
    return this.nodes.some((node, index) => index < at && node.op === Op.close && node.a === capture);
  }

  private add(op: Op, table: Uint8Array = noBytes, a = 0, b = 0, fault = ''): void {
    this.nodes.push(new PatternNode(op, table, a, b, fault));
  }

  private items(start: number): void {
    const { pattern, isOpen } = this;
    let item = start;
    while (item < pattern.length) {
      const kind = pattern.charCodeAt(item);
      if (kind === 40) {
        const isPosition = pattern.charCodeAt(item + 1) === 41;
        if (isOpen.length >= capturesMax) throw new PatternFault('too many captures');
        this.add(Op.open, noBytes, isOpen.length, isPosition ? positionCapture : unfinished);
        isOpen.push(!isPosition);
        item += isPosition ? 2 : 1;
      } else if (kind === 41) {
        const open = isOpen.lastIndexOf(true);
        if (open < 0) throw new PatternFault('invalid pattern capture');
        this.add(Op.close, noBytes, open);
        isOpen[open] = false;
        item++;
      } else if (kind === 36 && item + 1 === pattern.length) {
        this.add(Op.end);
        item++;
      } else if (kind === 37 && this.special(item)) {
        const next = pattern.charCodeAt(item + 1);
        if (next === 98) item += 4;
        else if (next === 102) item = this.itemEnd(item + 2);
        else item += 2;
      } else {
        item = this.single(item);
      }
    }
  }

  /** `%b`, `%f` and `%1`; says no for anything else after the percent sign. */
  private special(item: number): boolean {
    const { pattern, isOpen } = this;
    const next = pattern.charCodeAt(item + 1);
    if (next === 98) {
      if (item + 3 >= pattern.length) throw new PatternFault('unbalanced pattern');
      this.add(Op.balance, noBytes, pattern.charCodeAt(item + 2), pattern.charCodeAt(item + 3));
      return true;
    }
    if (next === 102) {
      if (pattern.charCodeAt(item + 2) !== 91) throw new PatternFault("missing '[' after '%f' in pattern");
      this.add(Op.frontier, this.setTable(item + 2, this.itemEnd(item + 2) - 1));
      return true;
    }
    if (!(next >= 48 && next <= 57)) return false;
    const which = next - 49;
    if (which < 0 || which >= isOpen.length || isOpen[which]!) throw new PatternFault('invalid capture index');
    this.add(Op.backReference, noBytes, which);
    return true;
  }

  /** A single item with what says how often; returns the index after it. */
  private single(item: number): number {
    const { pattern } = this;
    const itemEnd = this.itemEnd(item);
    const table = this.itemTable(item, itemEnd);
    switch (pattern.charCodeAt(itemEnd)) {
      case 63:
        this.add(Op.optional, table);
        return itemEnd + 1;
      case 42:
        this.add(Op.greedy, table, 0);
        return itemEnd + 1;
      case 43:
        this.add(Op.greedy, table, 1);
        return itemEnd + 1;
      case 45:
        this.add(Op.lazy, table);
        return itemEnd + 1;
      default:
        this.add(Op.byte, table);
        return itemEnd;
    }
  }

  /** The index after the single item that starts at `at`. */
  private itemEnd(at: number): number {
    const { pattern } = this;
    const code = pattern.charCodeAt(at);
    let next = at + 1;
    if (code === 37) {
      if (next >= pattern.length) throw new PatternFault("malformed pattern (ends with '%')");
      return next + 1;
    }
    if (code === 91) {
      if (pattern.charCodeAt(next) === 94) next++;
      do {
        if (next >= pattern.length) throw new PatternFault("malformed pattern (missing ']')");
        if (pattern.charCodeAt(next++) === 37 && next < pattern.length) next++;
      } while (pattern.charCodeAt(next) !== 93 || next >= pattern.length);
      return next + 1;
    }
    return next;
  }

  private itemTable(item: number, itemEnd: number): Uint8Array {
    const code = this.pattern.charCodeAt(item);
    if (code === 46) return anyByte;
    if (code === 37) return classTable(this.pattern.charCodeAt(item + 1));
    return code === 91 ? this.setTable(item, itemEnd - 1) : onlyByte(code);
  }

  /** The bytes of the set from `at` (the bracket) to `close` (its end). */
  private setTable(at: number, close: number): Uint8Array {
    const { pattern } = this;
    const table = new Uint8Array(256);
    let next = at + 1;
    const isComplement = pattern.charCodeAt(next) === 94;
    if (isComplement) next++;
    for (; next < close; next++) {
      const item = pattern.charCodeAt(next);
      if (item === 37) {
        next++;
        const inside = classTable(pattern.charCodeAt(next));
        for (let code = 0; code < 256; code++) table[code]! |= inside[code]!;
      } else if (pattern.charCodeAt(next + 1) === 45 && next + 2 < close) {
        table.fill(1, item, Math.max(item, pattern.charCodeAt(next + 2) + 1));
        next += 2;
      } else {
        table[item] = 1;
      }
    }
    if (isComplement) for (let code = 0; code < 256; code++) table[code]! ^= 1;
    return table;
  }
}

const cached = new Map<string, Program>();
/** Of patterns in which a circumflex at the start stands for itself. */
const cachedPlain = new Map<string, Program>();

/** `mayBeAnchored` says whether a circumflex at the start is an anchor. */
export function compilePattern(pattern: string, mayBeAnchored: boolean): Program {
  const cache = mayBeAnchored ? cached : cachedPlain;
  let program = cache.get(pattern);
  if (program === undefined) {
    program = new Compiler(pattern).compile(mayBeAnchored);
    if (cache.size >= cachedMax) cache.clear();
    if (pattern.length <= cachedBytesMax) cache.set(pattern, program);
  }
  return program;
}

/** Numbers of a choice on the stack: its node, the least position it may go back to, its position. */
const choiceNumbers = 3;

export class Matcher {
  subject = '';
  /** The match that `search` has found. */
  start = 0;
  end = 0;
  level = 0;
  private program: Program = { nodes: [], isAnchored: false, first: null, captureCount: 0 };
  private readonly starts = new Int32Array(capturesMax);
  private readonly lengths = new Int32Array(capturesMax);
  private stack = new Int32Array(30);
  private stackSize = 0;
  private steps = stepsPerPause;
  /** The next thing to do is an attempt at `start`; else the last choice has failed. */
  private isEntering = true;

  get isAnchored(): boolean {
    return this.program.isAnchored;
  }

  /** Makes the matcher one for another pair. */
  reset(subject: string, program: Program): this {
    this.subject = subject;
    this.program = program;
    return this;
  }

  /** The next `search` starts here. */
  begin(start: number): void {
    this.start = start;
    this.stackSize = 0;
    this.isEntering = true;
    this.steps -= 10;
  }

  /** Passes the steps on to the machine; may suspend. */
  private pause(): void {
    // Tests park at every look at the clock.
    this.steps = machine.loopTurns === 0 ? 0 : stepsPerPause;
    spend(stepsPerPause / stepsPerMachineStep);
    machine.tick();
  }

  private push(size: number, pc: number, least: number, at: number): number {
    if (size + choiceNumbers > this.stack.length) {
      const larger = new Int32Array(this.stack.length * 2);
      larger.set(this.stack);
      this.stack = larger;
    }
    const { stack } = this;
    stack[size] = pc;
    stack[size + 1] = least;
    stack[size + 2] = at;
    return size + choiceNumbers;
  }

  /** The first position from `start` on where a match can begin, or -1. */
  private candidate(start: number): number {
    const { subject } = this;
    const { first, isAnchored } = this.program;
    if (start > subject.length) return -1;
    if (first === null || isAnchored) return start;
    let at = start;
    while (at < subject.length && first[subject.charCodeAt(at)] === 0) at++;
    this.steps -= at - start;
    return at < subject.length ? at : -1;
  }

  /** Finds the first match from where it was begun. When it suspends, another call goes on. @hot */
  search(): boolean {
    const { subject } = this;
    const { nodes, isAnchored } = this.program;
    const bytes = subject.length;
    let size = this.stackSize;
    let at = this.start;
    let pc = 0;
    let isFailed = !this.isEntering;
    if (this.isEntering) {
      if (this.steps < 0) this.pause();
      at = this.candidate(at);
      if (at < 0) return false;
      this.start = at;
      this.isEntering = false;
    }
    for (;;) {
      if (isFailed) {
        if (this.steps < 0) {
          this.stackSize = size;
          this.pause();
        }
        if (size === 0) {
          at = isAnchored ? -1 : this.candidate(this.start + 1);
          if (at < 0) return false;
          this.start = at;
          pc = 0;
        } else {
          at = this.nextChoice(size);
          if (at < 0) {
            size -= choiceNumbers;
            continue;
          }
          pc = this.stack[size - choiceNumbers]! + 1;
          if (this.stack[size - 1] === -1) size -= choiceNumbers;
        }
        isFailed = false;
      }
      this.steps--;
      const node = nodes[pc]!;
      switch (node.op) {
        case Op.byte:
          if (at < bytes && node.table[subject.charCodeAt(at)] === 1) at++;
          else isFailed = true;
          break;
        case Op.greedy: {
          const least = at + node.a;
          const { table } = node;
          let last = at;
          while (last < bytes && table[subject.charCodeAt(last)] === 1) last++;
          this.steps -= last - at;
          if (last < least) {
            isFailed = true;
            break;
          }
          if (last > least) {
            // No shorter run helps where the match is complete then, or where the subject would have to end.
            if (!node.isLast) size = this.push(size, pc, least, last);
          }
          at = last;
          break;
        }
        case Op.lazy:
          size = this.push(size, pc, at, at);
          break;
        case Op.optional:
          if (at < bytes && node.table[subject.charCodeAt(at)] === 1) {
            size = this.push(size, pc, at, at);
            at++;
          }
          break;
        case Op.match:
          this.end = at;
          this.level = this.program.captureCount;
          return true;
        case Op.end:
          isFailed = at !== bytes;
          break;
        case Op.open:
          this.starts[node.a] = at;
          this.lengths[node.a] = node.b;
          break;
        case Op.close:
          this.lengths[node.a] = at - this.starts[node.a]!;
          break;
        default:
          at = this.rare(node, at);
          isFailed = at < 0;
      }
      pc++;
    }
  }

  /** The next position of the last choice on the stack, or -1 when it has none. A choice that was its last is marked. */
  private nextChoice(size: number): number {
    const { subject, stack } = this;
    const { nodes } = this.program;
    const pc = stack[size - 3]!;
    const node = nodes[pc]!;
    let at = stack[size - 1]!;
    if (node.op === Op.optional) {
      stack[size - 1] = -1;
      return at;
    }
    // A byte that must follow is looked for at once; of a reference to a capture it is known by now.
    const wanted = node.wantedCapture < 0 ? node.wanted : this.firstOfCapture(node.wantedCapture);
    const before = at;
    if (node.op === Op.greedy) {
      const least = stack[size - 2]!;
      at--;
      if (wanted !== null) while (at >= least && wanted[subject.charCodeAt(at)] === 0) at--;
      this.steps -= before - at;
      if (at < least) return -1;
      stack[size - 1] = at === least ? -1 : at;
      return at;
    }
    const { table } = node;
    const bytes = subject.length;
    do {
      if (at >= bytes || table[subject.charCodeAt(at)] === 0) {
        this.steps -= at - before;
        return -1;
      }
      at++;
    } while (wanted !== null && (at >= bytes || wanted[subject.charCodeAt(at)] === 0));
    this.steps -= at - before;
    stack[size - 1] = at;
    return at;
  }

  /** The byte that a reference to a capture needs, or null where it needs none or can only fail. */
  private firstOfCapture(which: number): Uint8Array | null {
    return this.lengths[which]! > 0 ? onlyByte(this.subject.charCodeAt(this.starts[which]!)) : null;
  }

  /** Nodes that are seldom met: where the match goes on, or -1. */
  private rare(node: PatternNode, at: number): number {
    const { subject } = this;
    switch (node.op) {
      case Op.balance:
        return this.balance(at, node.a, node.b);
      case Op.frontier: {
        const before = at === 0 ? 0 : subject.charCodeAt(at - 1);
        const here = at < subject.length ? subject.charCodeAt(at) : 0;
        return node.table[before] === 1 || node.table[here] === 0 ? -1 : at;
      }
      case Op.backReference: {
        const length = this.lengths[node.a]!;
        const start = this.starts[node.a]!;
        if (length < 0 || subject.length - at < length) return -1;
        for (let offset = 0; offset < length; offset++) {
          if (subject.charCodeAt(start + offset) !== subject.charCodeAt(at + offset)) return -1;
        }
        this.steps -= length;
        return at + length;
      }
      default:
        throw nativeError(node.fault);
    }
  }

  private balance(at: number, open: number, close: number): number {
    const { subject } = this;
    if (at >= subject.length || subject.charCodeAt(at) !== open) return -1;
    let nested = 1;
    for (let next = at + 1; next < subject.length; next++) {
      const code = subject.charCodeAt(next);
      if (code === close) {
        if (--nested === 0) {
          this.steps -= next - at;
          return next + 1;
        }
      } else if (code === open) {
        nested++;
      }
    }
    this.steps -= subject.length - at;
    return -1;
  }

  /** A capture's value; without captures number 0 is the whole match. @hot */
  capture(which: number): LuaValue {
    if (which >= this.level) {
      if (which !== 0) throw nativeError('invalid capture index');
      return this.subject.slice(this.start, this.end);
    }
    const length = this.lengths[which]!;
    const start = this.starts[which]!;
    if (length === unfinished) throw nativeError('unfinished capture');
    if (length === positionCapture) return start + 1;
    return this.subject.slice(start, start + length);
  }

  /** All captures, or the whole match where there are none and `wholeIfNone`. */
  captures(wholeIfNone: boolean): LuaValue[] {
    const count = this.level === 0 && wholeIfNone ? 1 : this.level;
    const values: LuaValue[] = [];
    for (let which = 0; which < count; which++) values.push(this.capture(which));
    return values;
  }
}

let spare: Matcher | null = null;

/** A matcher that nobody else uses until it is given back. */
export function takeMatcher(subject: string, program: Program): Matcher {
  const matcher = spare ?? new Matcher();
  spare = null;
  return matcher.reset(subject, program);
}

export function giveBack(matcher: Matcher): void {
  matcher.subject = '';
  spare = matcher;
}
