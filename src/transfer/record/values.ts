// values: the elements of a value, as sources make them and sinks write them.

import { ValueKind } from '../../persistence/rdb/format.js';

export interface StringValue {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
}

export interface ListValue {
  readonly kind: 'list' | 'set';
  readonly elements: Uint8Array[];
}

export interface SortedSetValue {
  readonly kind: 'zset';
  readonly elements: Uint8Array[];
  readonly scores: number[];
}

export interface HashValue {
  readonly kind: 'hash';
  readonly fields: Uint8Array[];
  readonly values: Uint8Array[];
  /** Milliseconds since 1970 for each field, 0 for none; empty when no field expires. */
  readonly expireAtMs: number[];
}

export interface StreamEntry {
  readonly id: string;
  /** Field, value, field, value. */
  readonly pairs: Uint8Array[];
}

export interface PendingEntry {
  readonly id: string;
  readonly timeMs: number;
  readonly count: number;
}

export interface StreamConsumer {
  readonly name: Uint8Array;
  readonly seenMs: number;
  /** -1: not known. */
  readonly activeMs: number;
  readonly pending: string[];
}

export interface StreamGroup {
  readonly name: Uint8Array;
  readonly lastId: string;
  /** -1: not known. */
  readonly entriesRead: number;
  readonly pending: PendingEntry[];
  readonly consumers: StreamConsumer[];
}

export interface StreamValue {
  readonly kind: 'stream';
  readonly entries: StreamEntry[];
  lastId: string;
  maxDeletedId: string;
  entriesAdded: number;
  readonly groups: StreamGroup[];
}

/** A module's value, which can only be passed on as it is. */
export interface ModuleValue {
  readonly kind: 'module';
  readonly module: string;
}

export type Value = StringValue | ListValue | SortedSetValue | HashValue | StreamValue | ModuleValue;
export type ValueName = Value['kind'];

/** The names of the kinds, in the order of their numbers; what TYPE replies. */
export const kindNames = ['string', 'list', 'set', 'zset', 'hash', 'module', 'stream'] as const;

export function kindNumber(name: string): number {
  return (kindNames as readonly string[]).indexOf(name);
}

export function kindName(kind: number): ValueName {
  return kindNames[kind] ?? 'module';
}

/** How many elements a value, or a part of it, has: entries of a stream, pairs of a hash. */
export function elementCount(value: Value): number {
  switch (value.kind) {
    case 'string':
    case 'module':
      return 1;
    case 'hash':
      return value.fields.length;
    case 'stream':
      return value.entries.length;
    default:
      return value.elements.length;
  }
}

/** Bytes of the elements, without any overhead. */
export function contentBytes(value: Value): number {
  const sum = (list: readonly Uint8Array[]): number => list.reduce((bytes, one) => bytes + one.length, 0);
  switch (value.kind) {
    case 'string':
      return value.bytes.length;
    case 'module':
      return 0;
    case 'hash':
      return sum(value.fields) + sum(value.values);
    case 'stream':
      return value.entries.reduce((bytes, entry) => bytes + sum(entry.pairs) + 16, 0);
    case 'zset':
      return sum(value.elements) + 8 * value.scores.length;
    default:
      return sum(value.elements);
  }
}

export function emptyValue(kind: number): Value {
  switch (kind) {
    case ValueKind.string:
      return { kind: 'string', bytes: new Uint8Array(0) };
    case ValueKind.list:
      return { kind: 'list', elements: [] };
    case ValueKind.set:
      return { kind: 'set', elements: [] };
    case ValueKind.zset:
      return { kind: 'zset', elements: [], scores: [] };
    case ValueKind.hash:
      return { kind: 'hash', fields: [], values: [], expireAtMs: [] };
    case ValueKind.stream:
      return { kind: 'stream', entries: [], lastId: '0-0', maxDeletedId: '0-0', entriesAdded: 0, groups: [] };
    default:
      return { kind: 'module', module: '' };
  }
}

/** The shortest text that a double can be read back from, in Redis's words. */
export function scoreText(score: number): string {
  if (score === Infinity) return 'inf';
  if (score === -Infinity) return '-inf';
  return Object.is(score, -0) ? '-0' : String(score);
}
