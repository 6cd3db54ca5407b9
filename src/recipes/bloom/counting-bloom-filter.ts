// counting-bloom-filter: a Bloom filter from which items can be removed: a counter of 8 bits in the place of each bit.
//
// A counter that has reached 255 stays there, so that it never goes to 0 while items need it. Key: counting-bloom:{name}.

import { type Commands, replyNumber, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import type { MembershipFilter } from './bloom-filter.js';
import { bitfieldOf } from './bitfield-of.js';
import { BLOOM_BITS_MAX, type BloomSize, bloomPositions, bloomSize } from './sizing.js';

const COUNTER_BITS = 8;

// The same place twice in one item counts twice, both ways.
const removeScript = /* @__PURE__ */ makeScript(`
local get = {}
for _, place in ipairs(ARGV) do
  get[#get + 1] = 'GET' get[#get + 1] = 'u8' get[#get + 1] = '#' .. place
end
local counters = redis.call('BITFIELD', KEYS[1], unpack(get))
local need = {}
for index, place in ipairs(ARGV) do
  need[place] = (need[place] or 0) + 1
  if counters[index] < need[place] then return 0 end
end
for index, place in ipairs(ARGV) do
  if counters[index] < 255 then
    redis.call('BITFIELD', KEYS[1], 'OVERFLOW', 'SAT', 'INCRBY', 'u8', '#' .. place, -1)
  end
end
return 1
`);

/**
 * As `BloomFilter`, with `remove`, in eight times the memory. Breaks when an item is removed that was never added (which `remove`
 * cannot always notice): items that share its counters may be denied then.
 */
export class CountingBloomFilter implements MembershipFilter {
  readonly size: BloomSize;
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    name: string,
    capacity: number,
    errorRate: number,
  ) {
    this.size = bloomSize(capacity, errorRate);
    if (this.size.bits * COUNTER_BITS > BLOOM_BITS_MAX)
      throw new RangeError(
        `${capacity} items at ${errorRate} need ${this.size.bits} counters: more than a string holds`,
      );
    this.key = tagged('counting-bloom', name);
  }

  /** For each item, true if it was certainly new. Each `add` of an item needs its own `remove`. */
  async addAll(items: readonly string[]): Promise<boolean[]> {
    const counters = await this.countersOf(items, (place) => ['INCRBY', 'u8', `#${place}`, 1]);
    return counters.map((list) => list.includes(1));
  }

  async hasAll(items: readonly string[]): Promise<boolean[]> {
    const counters = await this.countersOf(items, (place) => ['GET', 'u8', `#${place}`]);
    return counters.map((list) => !list.includes(0));
  }

  /** False if it was certainly not in the filter; nothing is changed then. */
  async remove(item: string): Promise<boolean> {
    const places = bloomPositions(item, this.size);
    return replyNumber(await runScript(this.commands, removeScript, [this.key], places)) === 1;
  }

  private countersOf(items: readonly string[], operation: (place: number) => (string | number)[]): Promise<number[][]> {
    return bitfieldOf(this.commands, [this.key, 'OVERFLOW', 'SAT'], this.size, items, operation);
  }
}
