// values: what a Lua value is in JavaScript.
//
//   nil undefined · boolean boolean · number number · string one-byte string · table LuaTable · function LuaFunction
//   thread LuaCoroutine (coroutine.ts) · userdata LuaUserdata
//
// No value is a bare JavaScript object, array or function, and every access goes through these classes, so a script finds
// no way to prototypes, constructors or globals. An array stands for several values (`Results`); a function that returns
// exactly one value returns it bare.
//
// A table has an array part (`arr[0]` is t[1], the last element is never nil) and a hash part: keys and values in order of
// insertion, so that `next` needs no more than a position. Up to eight keys are searched in a row, beyond that a Map
// finds them. Assigning nil leaves the key in place until the next growth: clearing fields while traversing is allowed.

export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction | LuaUserdata | LuaThread;
export type Results = LuaValue | LuaValue[];
/** `this` is the LuaFunction. */
export type NativeCode = (...args: LuaValue[]) => Results;

export const scanMax = 8;

/** The end of a traversal, see `LuaTable.after`. */
export const traversalEnd = -0x7fffffff;

const unknown = { isUnknown: true } as const;

/** Both lists of a hash part that holds nothing: most arrays never get one. Never written to. */
const nothing: LuaValue[] = [];

export class LuaTable {
  keys = nothing;
  vals = nothing;
  meta: LuaTable | null = null;
  /** A script may not change it (the host may, through the raw methods). */
  readonly = false;
  private index: Map<LuaValue, number> | null = null;
  /** Hash places whose value is not nil. */
  private live = 0;
  /** The value of `__index` while it is known: every lookup through a metatable reads it. */
  private indexValue: LuaValue | typeof unknown = unknown;

  /** With `arr` as its array part, which is the table's from then on. */
  constructor(readonly arr: LuaValue[] = []) {}

  /** With this hash part, which is the table's from then on: up to eight strings, all different. @hot */
  static ofFields(keys: LuaValue[], vals: LuaValue[]): LuaTable {
    const table = new LuaTable();
    table.keys = keys;
    table.vals = vals;
    let live = 0;
    for (let slot = 0; slot < vals.length; slot++) if (vals[slot] !== undefined) live++;
    table.live = live;
    return table;
  }

  /** `__index` of a metatable. @hot */
  get indexHandler(): LuaValue {
    const { indexValue } = this;
    if (indexValue !== unknown) return indexValue as LuaValue;
    const value = this.getHash('__index');
    this.indexValue = value;
    return value;
  }

  private find(key: LuaValue): number {
    if (this.index !== null) {
      const slot = this.index.get(key);
      return slot === undefined ? -1 : slot;
    }
    const { keys } = this;
    for (let slot = 0; slot < keys.length; slot++) if (keys[slot] === key) return slot;
    return -1;
  }

  /** @hot */
  get(key: LuaValue): LuaValue {
    return typeof key === 'number' ? this.getNumber(key) : this.getHash(key);
  }

  /** @hot */
  getNumber(key: number): LuaValue {
    const at = key - 1;
    const { arr } = this;
    if (at >= 0 && at < arr.length && (at | 0) === at) return arr[at];
    if (this.keys.length === 0) return undefined;
    return this.getHash(key);
  }

  /** Any key but a number inside the array part. @hot */
  getHash(key: LuaValue): LuaValue {
    const { index, keys } = this;
    if (index !== null) {
      const slot = index.get(key);
      return slot === undefined ? undefined : this.vals[slot];
    }
    for (let slot = 0; slot < keys.length; slot++) if (keys[slot] === key) return this.vals[slot];
    return undefined;
  }

  /** Raw assignment; the key is neither nil nor NaN. @hot */
  set(key: LuaValue, value: LuaValue): void {
    if (typeof key === 'number') this.setNumber(key, value);
    else this.setHash(key, value);
  }

  /** @hot */
  setNumber(key: number, value: LuaValue): void {
    const at = key - 1;
    const { arr } = this;
    const { length } = arr;
    if (at >= 0 && at < length && (at | 0) === at) {
      arr[at] = value;
      if (value === undefined && at === length - 1) this.trim();
      return;
    }
    if (at === length) {
      if (value === undefined) return;
      arr.push(value);
      if (this.live > 0) this.migrate();
      return;
    }
    this.setHash(key, value);
  }

  setHash(key: LuaValue, value: LuaValue): void {
    if (this.indexValue !== unknown) this.indexValue = unknown;
    const slot = this.find(key);
    if (slot >= 0) {
      if (this.vals[slot] === undefined) {
        if (value !== undefined) this.live++;
      } else if (value === undefined) this.live--;
      this.vals[slot] = value;
      return;
    }
    if (value === undefined) return;
    if (this.keys === nothing) {
      // Not by `push`, which makes room for seventeen: many tables have one field.
      this.keys = [key];
      this.vals = [value];
      this.live = 1;
      return;
    }
    if (this.keys.length >= scanMax) this.grow();
    if (this.index !== null) this.index.set(key, this.keys.length);
    this.keys.push(key);
    this.vals.push(value);
    this.live++;
  }

  /** Assigns to a key of the hash part that has a value already; else changes nothing and says false. @hot */
  replace(key: LuaValue, value: LuaValue): boolean {
    const slot = this.find(key);
    if (slot < 0 || this.vals[slot] === undefined) return false;
    if (this.indexValue !== unknown) this.indexValue = unknown;
    if (value === undefined) this.live--;
    this.vals[slot] = value;
    return true;
  }

  private trim(): void {
    const { arr } = this;
    let { length } = arr;
    while (length > 0 && arr[length - 1] === undefined) length--;
    arr.length = length;
  }

  /** Moves the keys that now follow the array part out of the hash. */
  private migrate(): void {
    const { arr } = this;
    for (;;) {
      const slot = this.find(arr.length + 1);
      if (slot < 0) return;
      const value = this.vals[slot];
      if (value === undefined) return;
      this.vals[slot] = undefined;
      this.live--;
      arr.push(value);
    }
  }

  /** Drops dead keys when there are many, and builds the Map when a row of keys gets long. */
  private grow(): void {
    if (this.live < this.keys.length >> 1) {
      const { keys, vals } = this;
      this.keys = [];
      this.vals = [];
      this.index = null;
      for (let slot = 0; slot < keys.length; slot++) {
        if (vals[slot] === undefined) continue;
        this.keys.push(keys[slot]);
        this.vals.push(vals[slot]);
      }
    }
    if (this.index === null && this.keys.length >= scanMax) {
      this.index = new Map();
      for (let slot = 0; slot < this.keys.length; slot++) this.index.set(this.keys[slot], slot);
    }
  }

  /** Makes room at t[at], inside or at the end of the array part. */
  insertAt(at: number, value: LuaValue): void {
    this.arr.splice(at - 1, 0, value);
    if (this.live > 0) this.migrate();
    this.trim();
  }

  /** Takes t[at] out of the array part and closes the gap. */
  removeAt(at: number): LuaValue {
    const [removed] = this.arr.splice(at - 1, 1);
    this.trim();
    return removed;
  }

  /** A border: t[n] is not nil and t[n+1] is. */
  length(): number {
    return this.arr.length;
  }

  /** Places the values of a constructor from t[start + 1] on; nils inside leave holes in the array part. */
  arrange(start: number, values: readonly LuaValue[], rest: Results): void {
    const { arr } = this;
    const several = rest instanceof Array ? rest : rest === undefined ? [] : [rest];
    const total = values.length + several.length;
    if (arr.length > start) {
      // `{[1] = 'lost', [2] = 'stays', 'kept'}`
      const early = arr.splice(start);
      for (let at = total; at < early.length; at++) this.setHash(start + at + 1, early[at]);
    }
    // `{[2] = 'lost', 'first', 'kept'}`
    if (this.live > 0) for (let at = 1; at <= total; at++) this.replace(start + at, undefined);
    while (arr.length < start) arr.push(undefined);
    for (let at = 0; at < values.length; at++) arr.push(values[at]);
    for (let at = 0; at < several.length; at++) arr.push(several[at]);
    this.trim();
    if (this.live > 0) this.migrate();
  }

  /**
   * The position after `position` that holds a value. Start with 0; positions over 0 count array elements, those below
   * count hash places, `traversalEnd` says that none is left.
   */
  after(position: number): number {
    let next = position;
    if (next >= 0) {
      const { arr } = this;
      while (next < arr.length) if (arr[next++] !== undefined) return next;
      next = 0;
    }
    const { vals } = this;
    for (let slot = -next; slot < vals.length; slot++) if (vals[slot] !== undefined) return -slot - 1;
    return traversalEnd;
  }

  keyAt(position: number): LuaValue {
    return position > 0 ? position : this.keys[-position - 1];
  }

  valueAt(position: number): LuaValue {
    return position > 0 ? this.arr[position - 1] : this.vals[-position - 1];
  }

  /** The position of a key for `next`, or undefined where the table never had it. */
  positionOf(key: LuaValue): number | undefined {
    if (key === undefined) return 0;
    if (typeof key === 'number' && key >= 1 && key <= this.arr.length && (key | 0) === key) return key;
    const slot = this.find(key);
    if (slot >= 0) return -slot - 1;
    // An element that was cleared during the traversal took the array's end with it.
    if (typeof key === 'number' && key > this.arr.length && (key | 0) === key) return key;
    return undefined;
  }
}

/** What tells a function of Lua from a native. */
export interface FunctionInfo {
  readonly line: number;
}

export class LuaFunction {
  constructor(
    readonly f: NativeCode,
    readonly info: FunctionInfo | null = null,
  ) {}
}

export class LuaUserdata {
  meta: LuaTable | null = null;
  constructor(readonly label: string) {}
}

/** A coroutine as other files see it. */
export abstract class LuaThread {
  abstract readonly status: 'suspended' | 'running' | 'normal' | 'dead';
}

/** An error that Lua code can catch. */
export class LuaError {
  /** The function that is to blame counts from 1; 0 when the position is already in the message. */
  pending: number;
  /** The type of the operand to blame. */
  culprit = '';
  /** Where it was raised, as far as Lua code was involved. */
  where: { readonly chunk: string; readonly line: number } | null = null;
  /** The number of the bad argument, or -1; the message is made when the call's name is known. */
  argument = -1;
  /** The operand to blame, counted from 1, and what was tried with it; the name is known where the error passes. */
  operand = 0;
  action = '';
  constructor(
    public value: LuaValue,
    level = 0,
  ) {
    this.pending = level;
  }

  nameOperand(name: string): void {
    this.value = `attempt to ${this.action} ${name} (a ${this.culprit} value)`;
  }

  finish(name: string, isMethod: boolean): void {
    if (this.argument < 0) return;
    let number = this.argument;
    this.argument = -1;
    if (isMethod) number--;
    this.value =
      isMethod && number === 0
        ? `calling '${name}' on bad self (${this.value as string})`
        : `bad argument #${number} to '${name}' (${this.value as string})`;
  }
}

/** An error that a native function blames its caller for. */
export function nativeError(message: string): LuaError {
  return new LuaError(message, 1);
}

export function argumentError(number: number, message: string): LuaError {
  const error = new LuaError(message, 1);
  error.argument = number;
  return error;
}

export function typeName(value: LuaValue): string {
  switch (typeof value) {
    case 'undefined':
      return 'nil';
    case 'boolean':
      return 'boolean';
    case 'number':
      return 'number';
    case 'string':
      return 'string';
    default:
      if (value instanceof LuaTable) return 'table';
      if (value instanceof LuaFunction) return 'function';
      if (value instanceof LuaThread) return 'thread';
      return 'userdata';
  }
}

let addressNext = 0x55d0c0de1000;
const addresses = new WeakMap<object, string>();

/** A made-up address, the same as long as the value lives. */
export function addressOf(value: object): string {
  let address = addresses.get(value);
  if (address === undefined) {
    address = `0x${addressNext.toString(16).padStart(12, '0')}`;
    addressNext += 0x30;
    addresses.set(value, address);
  }
  return address;
}
