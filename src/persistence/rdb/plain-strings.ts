// plain-strings: the places of many strings in the bytes of an RDB, for who passes them on without an object for each.
//
// A string is plain when its name and its value stand in the file as they are: no integer, nothing compressed. Most data sets
// are mostly that. A key costs 20 bytes here, and 8 more when one of them expires; as a record of its own it would be two views and
// an object, about 300 bytes, which the collector has to find again.

import { NO_EXPIRY } from './format.js';

const STRIDE = 5;
const KEY_START = 0;
const KEY_LENGTH = 1;
const RAW_START = 2;
const VALUE_START = 3;
const VALUE_LENGTH = 4;

export class PlainStrings {
  count = 0;
  private readonly places: Int32Array;
  private times: Float64Array | undefined;

  constructor(
    readonly bytes: Uint8Array,
    readonly database: number,
    readonly capacity: number,
  ) {
    this.places = new Int32Array(capacity * STRIDE);
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /** `rawStart`: where the value begins with its length. */
  add(
    keyStart: number,
    keyLength: number,
    rawStart: number,
    valueStart: number,
    valueLength: number,
    expireAtMs: number,
  ): void {
    const { places } = this;
    const at = this.count * STRIDE;
    places[at + KEY_START] = keyStart;
    places[at + KEY_LENGTH] = keyLength;
    places[at + RAW_START] = rawStart;
    places[at + VALUE_START] = valueStart;
    places[at + VALUE_LENGTH] = valueLength;
    if (expireAtMs !== NO_EXPIRY) this.times ??= new Float64Array(this.capacity).fill(NO_EXPIRY);
    if (this.times !== undefined) this.times[this.count] = expireAtMs;
    this.count++;
  }

  get canExpire(): boolean {
    return this.times !== undefined;
  }

  keyStart(index: number): number {
    return this.places[index * STRIDE + KEY_START]!;
  }

  keyLength(index: number): number {
    return this.places[index * STRIDE + KEY_LENGTH]!;
  }

  valueStart(index: number): number {
    return this.places[index * STRIDE + VALUE_START]!;
  }

  valueLength(index: number): number {
    return this.places[index * STRIDE + VALUE_LENGTH]!;
  }

  expireAtMs(index: number): number {
    return this.times === undefined ? NO_EXPIRY : this.times[index]!;
  }

  key(index: number): Uint8Array {
    const start = this.keyStart(index);
    return this.bytes.subarray(start, start + this.keyLength(index));
  }

  /** The value as RDB has it. */
  raw(index: number): Uint8Array {
    const end = this.valueStart(index) + this.valueLength(index);
    return this.bytes.subarray(this.places[index * STRIDE + RAW_START]!, end);
  }
}
