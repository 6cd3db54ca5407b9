// bloom-filter: a set that never denies what is in it and takes a few bits for each item, on a bitmap of any server.
//
// One BITFIELD reads or sets the bits of thousands of items, so each call is atomic and one round trip, without a script; more items
// than that go in batches.
// Key: bloom:{name}.

import { type Commands, tagged } from '../commands.js';
import { bitfieldOf } from './bitfield-of.js';
import { type BloomSize, bloomSize } from './sizing.js';

/** The interface of all Bloom filters here. */
export interface MembershipFilter {
  /** For each item, true if it was certainly new. */
  addAll(items: readonly string[]): Promise<boolean[]>;
  /** For each item, false if it was certainly never added. */
  hasAll(items: readonly string[]): Promise<boolean[]>;
}

/**
 * Holds: `has` is true for every item that was added. For items that were not, it is true for about `errorRate` of them while at
 * most `capacity` items are in it, and for more and more after that. The memory is fixed: 1.2 MB for a million items at 1 %.
 * Items cannot be removed. Breaks when the size changes under the same name, and when the key is lost: `has` denies all then.
 */
export class BloomFilter implements MembershipFilter {
  readonly size: BloomSize;
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    name: string,
    capacity: number,
    errorRate: number,
  ) {
    this.size = bloomSize(capacity, errorRate);
    this.key = tagged('bloom', name);
  }

  async add(item: string): Promise<boolean> {
    return (await this.addAll([item]))[0]!;
  }

  async has(item: string): Promise<boolean> {
    return (await this.hasAll([item]))[0]!;
  }

  async addAll(items: readonly string[]): Promise<boolean[]> {
    return (await this.bitsOf(items, (position) => ['SET', 'u1', position, 1])).map((bits) => bits.includes(0));
  }

  async hasAll(items: readonly string[]): Promise<boolean[]> {
    return (await this.bitsOf(items, (position) => ['GET', 'u1', position])).map((bits) => !bits.includes(0));
  }

  private bitsOf(items: readonly string[], operation: (position: number) => (string | number)[]): Promise<number[][]> {
    return bitfieldOf(this.commands, [this.key], this.size, items, operation);
  }
}
