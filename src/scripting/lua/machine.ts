// machine: what generated code calls at run time, and how a running script is parked and taken up again.
//
// Compiled functions are plain JavaScript functions, the fastest thing V8 has. To suspend one, the stack is unwound:
// every call returns `unwinding`, and every function that gets it saves its place, locals and temporaries as a frame (a
// SavedCall) and returns it too. Resuming takes the innermost frame, enters the function's second compilation (the "guard" version, made
// on first need) at the saved place, and hands its result to the next frame. The same way serves
//   - the end of a time slice: the host gets the event loop back, and killing a script is dropping its frames;
//   - deep recursion: when the JavaScript stack is used up the frames move to the heap and work goes on with an empty
//     stack, and frames that only wait for a tail call are dropped, which makes tail calls proper;
//   - coroutines: a yield saves the frames up to the `resume`;
//   - errors: `machine.error` is set then, and the functions add their positions instead of saving frames.
//
// Operations that are no calls of functions may throw: a LuaError, or `suspension`. The function around them catches it and goes on as
// above, so a throw passes one function at most: V8 takes 1 to 10 us for each function that an exception passes, and a
// return value takes nothing.
//
// Calls from native functions and from metamethods are counted (`nativeCalls`), as PUC Lua counts them, because each takes
// a piece of its stack: 200 of them, one inside the other, are an error. Frames that move to the heap leave a boundary
// frame for each.
//
// Why not generator functions, the first idea: a call of a generator costs 60 to 100 ns, and every expression that may
// call needs one, so fib(27) would take five times as long as in PUC Lua. A plain call that looks at its result costs about
// 3 ns, and a frame that is saved and resumed about 0.1 us. lua.bench.ts compares with PUC Lua, `npm run bench -- --only
// scripts` with redis-server, construct by construct.
//
// Compiling 300 lines takes 1 ms once V8 is warm (3 to 10 ms the first time), a cached script with one host call 60 ns.
import { numberToString, stringToNumber } from './numbers.js';
import { LuaError, LuaFunction, LuaTable, LuaUserdata, typeName } from './values.js';
import type { LuaValue, NativeCode, Results } from './values.js';

/** The one exception that is not an error: unwind and save. */
export const suspension = { suspended: true } as const;

/** Returned by a call that did not end: `machine.error` is on its way out, or without one a suspension. */
export const unwinding: LuaValue[] = [];

export type SuspensionKind = 'slice' | 'stack' | 'yield';

/** What the call of a native does that was saved, once the call inside it has a result. */
export abstract class Frame {
  /** Whether it stands for a call that `nativeCalls` counts. */
  get isBoundary(): boolean {
    return true;
  }
  /** Goes on with the result of the call it waited for. */
  abstract resume(value: Results): Results;
  /** The call failed: returns a result where it catches, else throws or raises. */
  fail(error: LuaError): Results {
    return raise(error);
  }
  /** The frames of a coroutine that runs inside. */
  inner(): FrameStack | null {
    return null;
  }
}

/** Steps between two looks at the clock. */
export const stepsPerSlice = 10_000;
const loopTurns = 100;
/** JavaScript stack for Lua functions, in bytes as codegen counts them: what is safe anywhere, and what is enough. */
const stackBytesLeast = 400_000;
const stackBytesMost = 750_000;
/** Left to natives, the server's commands and V8's compiler. */
const stackBytesKept = 190_000;
/** Used by Lua functions when a native that takes much itself begins with an empty stack. */
const stackBytesBeforeDeep = 300_000;
/** Of `machine.stack` while no script runs. */
const unbounded = 1 << 29;
const framesMax = 20_000;
/** Calls from native functions, one inside the other; PUC Lua's limit. */
export const nativeCallsMax = 199;
const metaLoopMax = 100;

export interface GuardFunction {
  (state: unknown[], self: LuaFunction, place: number, value: Results): Results;
}

/** The constants of a compiled function. */
export class CompiledFunction {
  /** The guard version, once it is made. */
  guard: GuardFunction | null = null;

  constructor(
    readonly line: number,
    readonly chunk: string,
    /** Line and operand names by place; see codegen. */
    readonly places: readonly Place[],
    /** Sets `guard`. */
    readonly makeGuards: () => void,
  ) {}

  /** The place in the source. */
  where(place: number): LuaError['where'] {
    return { chunk: this.chunk, line: this.places[place]?.line ?? this.line };
  }
}

export interface Place {
  readonly line: number;
  /** Names of the operands, such as `local 'x'`. */
  readonly names: readonly (string | null)[];
  /** A call in tail position: its frame need not be kept. */
  readonly isTail: boolean;
  /** The locals in sight, in code that is compiled for a debugger. */
  readonly locals?: readonly VisibleLocal[];
}

export interface VisibleLocal {
  readonly name: string;
  /** Its place in a frame's state. */
  readonly slot: number;
  readonly isCell: boolean;
  /** The value of one that has no place. */
  readonly constant?: number;
}

/** A call on the heap. One class for all, in a chain: to save or resume one is a few loads and stores of known places. */
export class SavedCall {
  outer: SavedCall | null = null;

  constructor(
    /** Null for the call of a native: `self` is its Frame then. */
    readonly code: CompiledFunction | null,
    readonly place: number,
    /** Locals, temporaries, extra arguments, and last the upvalues. */
    readonly state: unknown[],
    readonly self: LuaFunction | Frame,
  ) {}
}

const noState: unknown[] = [];

export function saveNative(frame: Frame): SavedCall {
  return new SavedCall(null, 0, noState, frame);
}

/** Calls on the heap. */
export class FrameStack {
  innermost: SavedCall | null = null;
  count = 0;
  /** How many of them are boundaries. */
  boundaries = 0;

  push(frame: Frame): void {
    this.pushCall(saveNative(frame));
    if (frame.isBoundary) this.boundaries++;
  }

  /** A call that is no boundary. */
  pushCall(call: SavedCall): void {
    call.outer = this.innermost;
    this.innermost = call;
    this.count++;
  }

  clear(): void {
    this.innermost = null;
    this.count = 0;
    this.boundaries = 0;
  }
}

/** What has been saved since unwinding began. A young object: one that is old would cost a write barrier for each call. */
class Capture {
  outermost: SavedCall;
  count = 1;
  boundaries = 0;

  constructor(readonly innermost: SavedCall) {
    this.outermost = innermost;
  }
}

/** Saves the call of a native that is unwinding. */
export function capture(frame: Frame): void {
  captureCall(saveNative(frame));
  if (frame.isBoundary) machine.captured!.boundaries++;
}

/** @hot */
function captureCall(call: SavedCall): void {
  const { captured } = machine;
  if (captured === null) {
    machine.captured = new Capture(call);
    return;
  }
  captured.outermost.outer = call;
  captured.outermost = call;
  captured.count++;
}

interface Activity {
  /** Bytes of stack left. */
  stack: number;
  /** Steps left until the next look at the clock. */
  steps: number;
  /** Steps between two looks at the clock. */
  quantum: number;
  /** Turns of a loop before it calls `tick`. */
  loopTurns: number;
  /** Asked when steps are used up: may the script go on? */
  mayContinue: () => boolean;
  kind: SuspensionKind;
  captured: Capture | null;
  /** The error that makes calls return `unwinding`. */
  error: LuaError | null;
  /** Calls from native functions and metamethods that are under way. */
  nativeCalls: number;
  /** Values that a yield carries. */
  yielded: Results;
  /** Called with the size of large pieces of memory; may throw. */
  charge: (bytes: number) => void;
  largeBytes: number;
  stringMeta: LuaTable | null;
  coroutine: unknown;
  /** Told of each line that code compiled for a debugger comes to; may suspend. */
  atLine: (line: number) => void;
}

/** The state of the script that runs now. There is one thread, so there is one. */
export const machine: Activity & {
  over(): void;
  /** Gives the clock a look now and then; returns the turns until the next call. */
  tick: () => number;
  save(code: CompiledFunction, place: number, state: unknown[], self: LuaFunction): void;
} = {
  stack: unbounded,
  steps: stepsPerSlice,
  quantum: stepsPerSlice,
  loopTurns,
  mayContinue: () => true,
  kind: 'slice',
  captured: null,
  error: null,
  nativeCalls: 0,
  yielded: undefined,
  charge: () => undefined,
  largeBytes: 0,
  stringMeta: null,
  coroutine: null,
  atLine: () => undefined,

  /** The JavaScript stack is used up: the caller returns `unwinding`. */
  over() {
    this.kind = 'stack';
  },

  tick,

  save(code, place, state, self) {
    if (place > 0 && code.places[place]!.isTail) return;
    captureCall(new SavedCall(code, place, state, self));
  },
};

/** Loops call this every hundred turns, function entries when no steps are left. */
function passTurns(): number {
  machine.steps -= machine.loopTurns;
  if (machine.steps < 0) {
    machine.steps = machine.quantum;
    if (!machine.mayContinue()) throw suspend('slice');
  }
  return machine.loopTurns;
}

// Two functions that take turns: where V8 sees two it inlines neither. With all the way to the clock inlined a loop is too
// large to be peeled, and one that is entered midway (on-stack replacement) then keeps its numbers on the heap: 4 ns a turn, not 1.2.
function tick(): number {
  machine.tick = tock;
  return passTurns();
}

function tock(): number {
  machine.tick = tick;
  return passTurns();
}

export function suspend(kind: SuspensionKind): typeof suspension {
  machine.kind = kind;
  return suspension;
}

/** Makes an error the result of a call. */
export function raise(error: LuaError): Results {
  machine.error = error;
  return unwinding;
}

/** Takes the error that is on its way; null for a suspension. */
export function takeError(): LuaError | null {
  const { error } = machine;
  machine.error = null;
  return error;
}

/** Something was thrown in a function: `machine.error` is set unless it is a suspension. A bug of ours is thrown on. */
export function catchThrown(thrown: unknown): void {
  if (thrown === suspension) return;
  const error = toLuaError(thrown);
  if (!(error instanceof LuaError)) throw error;
  machine.error = error;
}

/** The value to throw where a result is needed and a call is unwinding. */
function unwound(): unknown {
  return takeError() ?? suspension;
}

/** Accounts for work that is not counted in steps, such as copying a long string. */
export function spend(steps: number): void {
  machine.steps -= Math.min(steps, stepsPerSlice) | 0;
}

const bytesBetweenChecks = 1 << 25;

/** Accounts for large strings, so that memory is looked at before it runs out. */
export function chargeMemory(bytes: number): void {
  machine.largeBytes += bytes;
  if (machine.largeBytes > bytesBetweenChecks) {
    const total = machine.largeBytes;
    machine.largeBytes = 0;
    machine.charge(total);
  }
}

export const stringBytesMax = 512 * 1024 * 1024 - 64;

/** Makes a Lua error of anything that was thrown; a bug of ours stays what it is. */
export function toLuaError(error: unknown): unknown {
  if (error instanceof LuaError) return error;
  if (error instanceof RangeError) {
    return new LuaError(/stack/.test(error.message) ? 'stack overflow' : 'not enough memory', 0);
  }
  return error;
}

/** An error passes through a Lua function: adds the position where it belongs. */
export function trace(error: LuaError, code: CompiledFunction, place: number): void {
  if (error.pending === 0 && error.where !== null) return;
  const at = code.places[place];
  const line = at === undefined ? code.line : at.line;
  if (error.where === null) error.where = { chunk: code.chunk, line };
  if (error.pending > 0) {
    if (error.argument >= 0) {
      const name = at?.names[0];
      const match = name === null || name === undefined ? null : /^(\w+) '(.*)'$/s.exec(name);
      error.finish(match === null ? '?' : match[2]!, match !== null && match[1] === 'method');
    }
    if (error.operand > 0) {
      const name = at?.names[error.operand - 1];
      if (name !== null && name !== undefined) error.nameOperand(name);
      error.operand = 0;
    }
    if (--error.pending === 0 && typeof error.value === 'string') error.value = `${code.chunk}:${line}: ${error.value}`;
  }
}

let stackBytes = stackBytesLeast;
let isStackMeasured = false;

/** Finds out, once a script has used up the least, how much stack there is: scripts that start from now on may have more. */
function measureStack(): void {
  isStackMeasured = true;
  // A list of arguments takes the same in compiled code and in any engine.
  const list = new Array<number>(1000).fill(0);
  const wanted = stackBytesMost + stackBytesKept;
  let found = 0;
  const descend = (): void => {
    found += list.length * listedBytes;
    if (found < wanted) Reflect.apply(descend, undefined, list);
  };
  try {
    Reflect.apply(descend, undefined, list);
  } catch {
    // The end of the stack.
  }
  stackBytes = Math.max(stackBytesLeast, Math.min(found - stackBytesKept, stackBytesMost));
}

/** A native that may take half of the stack itself: where Lua functions have used much, it is called when they are saved. */
export function deepNative(code: NativeCode): NativeCode {
  return (...args) => {
    if (stackBytes - machine.stack <= stackBytesBeforeDeep) return code(...args);
    capture(new StartFrame(new LuaFunction(code), args));
    machine.over();
    return unwinding;
  };
}

/** Moves what was captured to the inner end of a stack, whose calls from `outer` on are still there. Returns its innermost call. */
function absorb(stack: FrameStack, outer: SavedCall | null): SavedCall | null {
  const { captured } = machine;
  if (captured === null) return outer;
  machine.captured = null;
  captured.outermost.outer = outer;
  stack.count += captured.count;
  stack.boundaries += captured.boundaries;
  return captured.innermost;
}

function resume(saved: SavedCall, value: Results): Results {
  const { code, self } = saved;
  if (code === null) return (self as Frame).resume(value);
  if (code.guard === null) code.makeGuards();
  return code.guard!(saved.state, self as LuaFunction, saved.place, value);
}

function fail(saved: SavedCall, error: LuaError): Results {
  const { code, self } = saved;
  if (code === null) return (self as Frame).fail(error);
  trace(error, code, saved.place);
  return raise(error);
}

/**
 * Runs frames from the innermost out until none is left. Returns `unwinding` when no frame caught an error, or when parked:
 * all frames are then in `stack`.
 */
export function drive(stack: FrameStack, start: Results, isRoot: boolean): Results {
  const { stack: bytes, nativeCalls } = machine;
  let value = start;
  let error: LuaError | null = null;
  // The chain hangs on a variable meanwhile: an old object would take a write barrier at each call, and hold what is done.
  let next = stack.innermost;
  stack.innermost = null;
  for (;;) {
    const saved = next;
    if (saved === null) return error === null ? value : raise(error);
    next = saved.outer;
    stack.count--;
    if (saved.code === null && (saved.self as Frame).isBoundary) stack.boundaries--;
    machine.stack = bytes;
    machine.nativeCalls = nativeCalls + stack.boundaries;
    try {
      value = error === null ? resume(saved, value) : fail(saved, error);
    } catch (thrown) {
      catchThrown(thrown);
      value = unwinding;
    }
    error = null;
    if (value !== unwinding) continue;
    error = takeError();
    if (error !== null) continue;
    next = absorb(stack, next);
    if (machine.kind === 'stack' && stack.count > framesMax) error = new LuaError('stack overflow', 1);
    else if (!isRoot || machine.kind !== 'stack') {
      stack.innermost = next;
      return unwinding;
    } else if (!isStackMeasured) {
      measureStack();
    }
    value = undefined;
  }
}

/** Calls a function as the first act of a stack of frames. */
export class StartFrame extends Frame {
  constructor(
    private callee: LuaValue,
    private args: LuaValue[],
  ) {
    super();
  }

  override get isBoundary(): boolean {
    return false;
  }

  /** Makes a frame that has ended into a new one. */
  restart(callee: LuaValue, args: LuaValue[]): void {
    this.callee = callee;
    this.args = args;
  }

  resume(): Results {
    return call(this.callee, this.args);
  }
}

class NegateFrame extends Frame {
  override get isBoundary(): boolean {
    return false;
  }

  resume(value: Results): Results {
    return !truthy(first(value));
  }
}

/** The first result of a call; throws where the call is unwinding. @hot */
export function first(results: Results): LuaValue {
  if (!(results instanceof Array)) return results;
  if (results === unwinding) throw unwound();
  return results[0];
}

/** All results of a call; throws where the call is unwinding. */
export function list(results: Results): LuaValue[] {
  if (!(results instanceof Array)) return [results];
  if (results === unwinding) throw unwound();
  return results;
}

/** @hot */
export function truthy(value: LuaValue): boolean {
  return value !== undefined && value !== false;
}

export function metatableOf(value: LuaValue): LuaTable | null {
  if (value instanceof LuaTable || value instanceof LuaUserdata) return value.meta;
  return typeof value === 'string' ? machine.stringMeta : null;
}

export function metamethod(value: LuaValue, event: string): LuaValue {
  const meta = metatableOf(value);
  return meta === null ? undefined : meta.getHash(event);
}

/** An operand of the wrong type. */
export function typeError(action: string, value: LuaValue, operand: number): LuaError {
  const error = new LuaError(`attempt to ${action} a ${typeName(value)} value`, 1);
  error.operand = operand;
  error.action = action;
  error.culprit = typeName(value);
  return error;
}

/** JavaScript stack that a call with a list of arguments takes besides the callee's own, and each argument of it. */
const listCallBytes = 250;
const listedBytes = 8;

export function call(callee: LuaValue, args: LuaValue[]): Results {
  // A suspension or an error puts the stack back by itself.
  const bytes = listCallBytes + listedBytes * args.length;
  machine.stack -= bytes;
  const results = callee instanceof LuaFunction ? callee.f(...args) : callValue(callee, args);
  machine.stack += bytes;
  return results;
}

/** Calls what is no function, by `__call`. */
function callValue(callee: LuaValue, args: LuaValue[]): Results {
  const handler = metamethod(callee, '__call');
  if (!(handler instanceof LuaFunction)) throw typeError('call', callee, 1);
  return handler.f(callee, ...args);
}

/** A call whose last argument gave several values. */
export function callSpread(callee: LuaValue, args: LuaValue[], rest: Results): Results {
  if (rest instanceof Array) for (let at = 0; at < rest.length; at++) args.push(rest[at]);
  else args.push(rest);
  return call(callee, args);
}

/** A table of the constructor `{a = ..., b = ...}`. */
export function record(keys: LuaValue[], vals: LuaValue[]): LuaTable {
  return LuaTable.ofFields(keys, vals);
}

// Lists of values made here hold anything from the start. Made where the values are known to be numbers V8 would keep bare
// numbers in them, and every place that reads fields would have to tell three kinds of lists apart.

export function recordOfOne(keys: LuaValue[], a: LuaValue): LuaTable {
  return LuaTable.ofFields(keys, [a]);
}

export function recordOfTwo(keys: LuaValue[], a: LuaValue, b: LuaValue): LuaTable {
  return LuaTable.ofFields(keys, [a, b]);
}

export function recordOfThree(keys: LuaValue[], a: LuaValue, b: LuaValue, c: LuaValue): LuaTable {
  return LuaTable.ofFields(keys, [a, b, c]);
}

recordOfOne(['a'], '');
recordOfTwo(['a', 'b'], '', '');
recordOfThree(['a', 'b', 'c'], '', '', '');

/** In the place of a native call whose caller needs no more than its first result. */
class BoundaryFrame extends Frame {
  resume(value: Results): Results {
    return value;
  }
}

const boundary = new BoundaryFrame();

export function nativeOverflow(level: number): LuaError {
  return new LuaError('C stack overflow', level);
}

/** The first result of a metamethod; throws where the call is unwinding. @hot */
function metaResult(handler: LuaValue, a: LuaValue, b: LuaValue, c: LuaValue, count: 2 | 3): LuaValue {
  if (machine.nativeCalls >= nativeCallsMax) throw nativeOverflow(1);
  machine.nativeCalls++;
  let results: Results;
  if (handler instanceof LuaFunction) results = count === 2 ? handler.f(a, b) : handler.f(a, b, c);
  else results = call(handler, count === 2 ? [a, b] : [a, b, c]);
  machine.nativeCalls--;
  if (!(results instanceof Array)) return results;
  if (results === unwinding) {
    if (machine.error === null) capture(boundary);
    throw unwound();
  }
  return results[0];
}

/** The first result of a function that a native calls last of all. */
export function callFromNative(callee: LuaValue, arg: LuaValue): LuaValue {
  if (machine.nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
  machine.nativeCalls++;
  const results = call(callee, [arg]);
  machine.nativeCalls--;
  if (results === unwinding && machine.error === null) capture(boundary);
  return first(results);
}

/** @hot */
export function index(object: LuaValue, key: LuaValue): LuaValue {
  if (object instanceof LuaTable) {
    const value = typeof key === 'number' ? object.getNumber(key) : object.getHash(key);
    if (value !== undefined || object.meta === null) return value;
  }
  return indexByMeta(object, key);
}

/** The key is a string. @hot */
export function indexName(object: LuaValue, key: string): LuaValue {
  if (object instanceof LuaTable) {
    const value = object.getHash(key);
    if (value !== undefined || object.meta === null) return value;
    return inheritedName(object, object.meta, key);
  }
  if (typeof object === 'string' && machine.stringMeta !== null) {
    const methods = machine.stringMeta.indexHandler;
    if (methods instanceof LuaTable) {
      const method = methods.getHash(key);
      if (method !== undefined) return method;
    }
  }
  return indexByMeta(object, key);
}

/** A field that the object itself lacks: classes are chains of tables. @hot */
function inheritedName(object: LuaTable, objectMeta: LuaTable, key: string): LuaValue {
  let meta = objectMeta;
  for (let loop = 1; loop < metaLoopMax; loop++) {
    const parent = meta.indexHandler;
    if (parent === undefined) return undefined;
    if (!(parent instanceof LuaTable)) break;
    const value = parent.getHash(key);
    if (value !== undefined || parent.meta === null) return value;
    ({ meta } = parent);
  }
  return indexByMeta(object, key);
}

function indexByMeta(start: LuaValue, key: LuaValue): LuaValue {
  let object = start;
  for (let loop = 0; loop < metaLoopMax; loop++) {
    let handler: LuaValue;
    if (object instanceof LuaTable) {
      const value = object.get(key);
      if (value !== undefined || object.meta === null) return value;
      handler = object.meta.getHash('__index');
      if (handler === undefined) return undefined;
    } else {
      handler = metamethod(object, '__index');
      if (handler === undefined) throw typeError('index', object, loop === 0 ? 1 : 0);
    }
    if (handler instanceof LuaFunction) return metaResult(handler, object, key, undefined, 2);
    object = handler;
  }
  throw new LuaError('loop in gettable', 1);
}

/** @hot */
export function setIndex(object: LuaValue, key: LuaValue, value: LuaValue): void {
  if (object instanceof LuaTable && !object.readonly) {
    if (object.meta === null) {
      if (typeof key === 'number' && key === key) {
        object.setNumber(key, value);
        return;
      }
      if (typeof key === 'string') {
        object.setHash(key, value);
        return;
      }
    } else if (typeof key === 'string' && object.replace(key, value)) {
      return;
    }
  }
  setIndexSlow(object, key, value);
}

export function checkKey(key: LuaValue): void {
  if (key === undefined) throw new LuaError('table index is nil', 1);
  if (key !== key) throw new LuaError('table index is NaN', 1);
}

export const readonlyText = 'Attempt to modify a readonly table';

function setIndexSlow(start: LuaValue, key: LuaValue, value: LuaValue): void {
  let object = start;
  for (let loop = 0; loop < metaLoopMax; loop++) {
    let handler: LuaValue;
    if (object instanceof LuaTable) {
      if (object.readonly) throw new LuaError(readonlyText, 1);
      handler = object.meta === null ? undefined : object.meta.getHash('__newindex');
      if (handler === undefined || object.get(key) !== undefined) {
        checkKey(key);
        object.set(key, value);
        return;
      }
    } else {
      handler = metamethod(object, '__newindex');
      if (handler === undefined) throw typeError('index', object, loop === 0 ? 1 : 0);
    }
    if (handler instanceof LuaFunction) {
      metaResult(handler, object, key, value, 3);
      return;
    }
    object = handler;
  }
  throw new LuaError('loop in settable', 1);
}

export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? stringToNumber(value) : undefined;
}

/** @hot */
export function modulo(left: number, right: number): number {
  return left - Math.floor(left / right) * right;
}

/** C's pow differs from `**` where the base is 1 or -1. */
export function power(left: number, right: number): number {
  if (left === 1 || (left === -1 && (right === Infinity || right === -Infinity))) return 1;
  return left ** right;
}

type Arithmetic = '__add' | '__sub' | '__mul' | '__div' | '__mod' | '__pow' | '__unm';

/** Arithmetic on what is not a pair of numbers. */
export function arithmetic(event: Arithmetic, left: LuaValue, right: LuaValue): LuaValue {
  const a = toNumber(left);
  const b = toNumber(right);
  if (a !== undefined && b !== undefined) {
    switch (event) {
      case '__add':
        return a + b;
      case '__sub':
        return a - b;
      case '__mul':
        return a * b;
      case '__div':
        return a / b;
      case '__mod':
        return modulo(a, b);
      case '__pow':
        return power(a, b);
      case '__unm':
        return -a;
    }
  }
  let handler = metamethod(left, event);
  if (handler === undefined) handler = metamethod(right, event);
  if (handler === undefined) {
    throw a === undefined ? typeError('perform arithmetic on', left, 1) : typeError('perform arithmetic on', right, 2);
  }
  return metaResult(handler, left, right, undefined, 2);
}

function compareError(left: LuaValue, right: LuaValue, level: number): LuaError {
  const a = typeName(left);
  const b = typeName(right);
  return new LuaError(a === b ? `attempt to compare two ${a} values` : `attempt to compare ${a} with ${b}`, level);
}

function orderHandler(left: LuaValue, right: LuaValue, event: string): LuaValue {
  const handler = metamethod(left, event);
  return handler !== undefined && handler === metamethod(right, event) ? handler : undefined;
}

/** @hot */
export function lessThan(left: LuaValue, right: LuaValue): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left < right;
  if (typeof left === 'string' && typeof right === 'string') return left < right;
  return lessThanByMeta(left, right);
}

function lessThanByMeta(left: LuaValue, right: LuaValue): boolean {
  if (typeName(left) === typeName(right)) {
    const handler = orderHandler(left, right, '__lt');
    if (handler !== undefined) return truthy(metaResult(handler, left, right, undefined, 2));
  }
  throw compareError(left, right, 1);
}

/** A comparison of a native: the call to make, or the answer. */
export function lessThanNative(left: LuaValue, right: LuaValue): boolean | LuaValue[] {
  if (typeof left === 'number' && typeof right === 'number') return left < right;
  if (typeof left === 'string' && typeof right === 'string') return left < right;
  if (typeName(left) === typeName(right)) {
    const handler = orderHandler(left, right, '__lt');
    if (handler !== undefined) return [handler, left, right];
  }
  throw compareError(left, right, 0);
}

/** @hot */
export function lessEqual(left: LuaValue, right: LuaValue): boolean {
  if (typeof left === 'number' && typeof right === 'number') return left <= right;
  if (typeof left === 'string' && typeof right === 'string') return left <= right;
  if (typeName(left) === typeName(right)) {
    const handler = orderHandler(left, right, '__le');
    if (handler !== undefined) return truthy(metaResult(handler, left, right, undefined, 2));
    const opposite = orderHandler(left, right, '__lt');
    if (opposite !== undefined) {
      try {
        return !truthy(metaResult(opposite, right, left, undefined, 2));
      } catch (thrown) {
        if (thrown === suspension) capture(new NegateFrame());
        throw thrown;
      }
    }
  }
  throw compareError(left, right, 1);
}

/** @hot */
export function equal(left: LuaValue, right: LuaValue): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  return equalByMeta(left, right);
}

function equalByMeta(left: LuaValue, right: LuaValue): boolean {
  if (typeName(left) !== typeName(right)) return false;
  const a = metatableOf(left);
  const b = metatableOf(right);
  if (a === null || b === null) return false;
  const handler = a.getHash('__eq');
  if (handler === undefined || (a !== b && handler !== b.getHash('__eq'))) return false;
  return truthy(metaResult(handler, left, right, undefined, 2));
}

/** @hot */
export function length(value: LuaValue): LuaValue {
  if (value instanceof LuaTable) return value.length();
  if (typeof value === 'string') return value.length;
  const handler = metamethod(value, '__len');
  if (handler === undefined) throw typeError('get length of', value, 1);
  return metaResult(handler, value, undefined, undefined, 2);
}

/** Joins two strings, as long as the result is no longer than a string may be. */
export function join(left: string, right: string): string {
  const bytes = left.length + right.length;
  if (bytes > 1_000_000) {
    if (bytes > stringBytesMax) throw new LuaError('string length overflow', 1);
    chargeMemory(bytes);
  }
  return left + right;
}

/** @hot */
export function concat(left: LuaValue, right: LuaValue): LuaValue {
  if (typeof left === 'string') {
    if (typeof right === 'string') return join(left, right);
    if (typeof right === 'number') return join(left, numberToString(right));
  } else if (typeof left === 'number') {
    if (typeof right === 'string') return join(numberToString(left), right);
    if (typeof right === 'number') return join(numberToString(left), numberToString(right));
  }
  return concatByMeta(left, right, 1);
}

function concatByMeta(left: LuaValue, right: LuaValue, operand: number): LuaValue {
  let handler = metamethod(left, '__concat');
  if (handler === undefined) handler = metamethod(right, '__concat');
  if (handler === undefined) {
    const leftIsFine = typeof left === 'string' || typeof left === 'number';
    throw leftIsFine ? typeError('concatenate', right, operand + 1) : typeError('concatenate', left, operand);
  }
  return metaResult(handler, left, right, undefined, 2);
}

/** Goes on with a chain of concatenations whose right part a metamethod computes. */
class ConcatFrame extends Frame {
  constructor(
    private readonly values: LuaValue[],
    private readonly count: number,
  ) {
    super();
  }

  override get isBoundary(): boolean {
    return false;
  }

  resume(value: Results): Results {
    return concatFrom(this.values, this.count, first(value));
  }
}

function concatFrom(values: LuaValue[], start: number, last: LuaValue): LuaValue {
  let result = last;
  let count = start;
  while (count > 0) {
    const left = values[--count];
    const leftText = typeof left === 'number' ? numberToString(left) : left;
    const rightText = typeof result === 'number' ? numberToString(result) : result;
    if (typeof leftText === 'string' && typeof rightText === 'string') {
      result = join(leftText, rightText);
      continue;
    }
    try {
      result = concatByMeta(left, result, count + 1);
    } catch (thrown) {
      if (thrown === suspension && count > 0) capture(new ConcatFrame(values, count));
      throw thrown;
    }
  }
  return result;
}

/** `a .. b .. c`: joins from the right, as the operator binds. */
export function concatAll(values: LuaValue[]): LuaValue {
  const last = values.length - 1;
  return concatFrom(values, last, values[last]);
}

/** Checks a bound of a numeric for. */
export function forBound(value: LuaValue, what: string): number {
  const number = toNumber(value);
  if (number === undefined) throw new LuaError(`'for' ${what} must be a number`, 1);
  return number;
}

/** The request of a native that calls back: a function and its arguments; null only passes time. */
export type CallRequest = LuaValue[] | null;
export type NativeSteps = Generator<CallRequest, Results, Results>;

class StepsFrame extends Frame {
  constructor(private readonly steps: NativeSteps) {
    super();
  }

  resume(value: Results): Results {
    return runSteps(this.steps, value);
  }

  override fail(error: LuaError): Results {
    return raise(passNative(error));
  }
}

/** An error passes through a native function: it may have been meant for it, and a native has no lines. */
export function passNative(error: LuaError): LuaError {
  if (error.pending > 0) {
    error.finish('?', false);
    error.pending--;
  }
  error.operand = 0;
  return error;
}

const nativeStackBytes = 600;

/**
 * Runs a native function that calls back (foreach, load): a generator that yields the calls it wants made, so that it can
 * be parked between two of them.
 */
export function runSteps(steps: NativeSteps, start?: Results): Results {
  const { stack, nativeCalls } = machine;
  if (nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
  let value = start;
  let isCalling = false;
  let results: Results;
  try {
    for (;;) {
      const { done, value: request } = steps.next(value);
      if (done === true) return request as Results;
      isCalling = true;
      if (request === null) {
        machine.steps -= loopTurns * 10;
        machine.tick();
        value = undefined;
      } else {
        const callee = (request as LuaValue[]).shift();
        machine.stack = stack - nativeStackBytes;
        machine.nativeCalls = nativeCalls + 1;
        results = call(callee, request as LuaValue[]);
        if (results === unwinding) break;
        machine.nativeCalls = nativeCalls;
        machine.stack = stack;
        value = results;
      }
      isCalling = false;
    }
  } catch (thrown) {
    catchThrown(thrown);
  }
  machine.nativeCalls = nativeCalls;
  const { error } = machine;
  if (error === null) capture(new StepsFrame(steps));
  else if (isCalling) passNative(error);
  return unwinding;
}

/** Puts values before a result that comes later. */
class PrefixFrame extends Frame {
  constructor(private readonly ok: boolean) {
    super();
  }

  resume(value: Results): Results {
    return [this.ok, ...list(value)];
  }

  override fail(): Results {
    return [false, 'error in error handling'];
  }
}

class ProtectedFrame extends Frame {
  constructor(private readonly handler: LuaValue) {
    super();
  }

  resume(value: Results): Results {
    return succeeded(value);
  }

  override fail(error: LuaError): Results {
    return handleError(error, this.handler);
  }
}

/** The value of an error that no Lua function will see any more. */
export function errorValue(error: LuaError): LuaValue {
  error.finish('?', false);
  return error.value;
}

/** The error value of pcall: Redis turns a table that is an error reply into its text. */
function caughtValue(value: LuaValue): LuaValue {
  if (!(value instanceof LuaTable)) return value;
  const text = value.getHash('err');
  return typeof text === 'string' || typeof text === 'number' ? text : value;
}

function handleError(error: LuaError, handler: LuaValue): Results {
  const value = errorValue(error);
  if (handler === undefined) return [false, caughtValue(value)];
  let results: Results;
  try {
    results = call(handler, [value]);
  } catch (thrown) {
    catchThrown(thrown);
    results = unwinding;
  }
  if (results !== unwinding) return results instanceof Array ? [false, ...results] : [false, results];
  if (takeError() !== null) return [false, 'error in error handling'];
  capture(new PrefixFrame(false));
  return unwinding;
}

/** `[true, ...results]` */
export function succeeded(results: Results): LuaValue[] {
  if (!(results instanceof Array)) return [true, results];
  switch (results.length) {
    case 0:
      return [true];
    case 1:
      return [true, results[0]];
    default:
      return [true, ...results];
  }
}

/** pcall, and xpcall with a handler: calls the first argument with the others. @hot */
export function protectedCall(args: readonly LuaValue[], handler: LuaValue): Results {
  const { stack, nativeCalls } = machine;
  if (nativeCalls >= nativeCallsMax) throw nativeOverflow(0);
  let results: Results;
  try {
    machine.stack = stack - nativeStackBytes - listedBytes * args.length;
    machine.nativeCalls = nativeCalls + 1;
    const callee = args[0];
    if (!(callee instanceof LuaFunction)) results = call(callee, handler === undefined ? args.slice(1) : []);
    else if (handler !== undefined || args.length === 1) results = callee.f();
    else if (args.length === 2) results = callee.f(args[1]);
    else if (args.length === 3) results = callee.f(args[1], args[2]);
    else results = callee.f(...args.slice(1));
  } catch (thrown) {
    catchThrown(thrown);
    results = unwinding;
  }
  machine.nativeCalls = nativeCalls;
  machine.stack = stack;
  if (results !== unwinding) return succeeded(results);
  const error = takeError();
  if (error !== null) return handleError(error, handler);
  capture(new ProtectedFrame(handler));
  return unwinding;
}

export interface Activation {
  readonly mayContinue: () => boolean;
  readonly charge: (bytes: number) => void;
  coroutine: unknown;
  readonly stringMeta: LuaTable;
  /** For tests: suspends as often as can be. */
  readonly isFrantic: boolean;
}

/**
 * Runs frames as one script's. The state of another script that is under way is put back afterwards. Throws
 * `suspension` when parked and LuaError when no frame caught it.
 */
export function activate(frames: FrameStack, activation: Activation): Results {
  const { stack, steps, quantum, nativeCalls, coroutine, mayContinue, charge, stringMeta } = machine;
  const turns = machine.loopTurns;
  machine.stack = Math.min(stack, stackBytes);
  machine.steps = activation.isFrantic ? 0 : stepsPerSlice;
  machine.quantum = machine.steps;
  machine.loopTurns = activation.isFrantic ? 0 : loopTurns;
  machine.captured = null;
  // The host's call of the script is one of them.
  machine.nativeCalls = 1;
  machine.coroutine = activation.coroutine;
  machine.mayContinue = activation.mayContinue;
  machine.charge = activation.charge;
  machine.stringMeta = activation.stringMeta;
  try {
    const results = drive(frames, undefined, true);
    if (results === unwinding) throw unwound();
    return results;
  } finally {
    activation.coroutine = machine.coroutine;
    machine.stack = stack;
    machine.steps = steps;
    machine.quantum = quantum;
    machine.loopTurns = turns;
    machine.nativeCalls = nativeCalls;
    machine.coroutine = coroutine;
    machine.mayContinue = mayContinue;
    machine.charge = charge;
    machine.stringMeta = stringMeta;
  }
}
