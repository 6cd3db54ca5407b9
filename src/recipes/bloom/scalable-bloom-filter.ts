// scalable-bloom-filter: a Bloom filter that grows: when a layer is full, a bigger one with half its error rate follows.
//
// The error rates form a series whose sum stays below the one that was asked for (Almeida and others, 2007). All layers lie one
// after the other in one string, so that the keys of a call are known before it runs. The sizes of layers are computed here, and
// given to the script, so that arithmetic has one place.
//
// Keys, in one slot: scalable-bloom:{name} and :count (items of the last layer, and how many layers there are).

import { type Commands, replyList, replyNumber, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import type { MembershipFilter } from './bloom-filter.js';
import { inBatches } from './in-batches.js';
import { BLOOM_BITS_MAX, bloomHashes, bloomSize } from './sizing.js';

const GROWTH = 2;
/** Items of one script, which looks at all layers for each. */
const ITEMS_MAX = 500;

// ARGV: 1 to add, the number of possible layers, for each its offset, bits, hashes, capacity; then two hashes for each item.
const script = /* @__PURE__ */ makeScript(`
local adds, layerMost = ARGV[1] == '1', tonumber(ARGV[2])
local fields = redis.call('HMGET', KEYS[2], 'layers', 'count')
local layers, count = tonumber(fields[1] or 1), tonumber(fields[2] or 0)
local function layer(number)
  local at = 2 + (number - 1) * 4
  return tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
end
local function place(number, index, a, b)
  local offset, bits = layer(number)
  return string.format('%.0f', offset + math.fmod(math.fmod(a, bits) + index * (math.fmod(b, bits - 1) + 1), bits))
end
local function has(a, b)
  for number = layers, 1, -1 do
    local _, _, hashes = layer(number)
    local all = true
    for index = 0, hashes - 1 do
      if redis.call('GETBIT', KEYS[1], place(number, index, a, b)) == 0 then
        all = false
        break
      end
    end
    if all then return true end
  end
  return false
end
local answers = {}
for at = 3 + layerMost * 4, #ARGV, 2 do
  local a, b = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local known = has(a, b)
  if adds and not known then
    local _, _, hashes, capacity = layer(layers)
    if count >= capacity then
      if layers == layerMost then return redis.error_reply('ERR the filter is full: a string of Redis is no longer') end
      layers, count = layers + 1, 0
      _, _, hashes = layer(layers)
    end
    for index = 0, hashes - 1 do
      redis.call('SETBIT', KEYS[1], place(layers, index, a, b), 1)
    end
    count = count + 1
    redis.call('HSET', KEYS[2], 'layers', layers, 'count', count)
  end
  answers[#answers + 1] = known and 1 or 0
end
return answers
`);

/**
 * As `BloomFilter`, for sets whose size nobody knows: `capacity` is the size of the first layer. A call costs one round trip and looks at
 * all layers, which double. Breaks when `capacity` or `errorRate` change under the same name. `addAll` rejects when all layers that fit
 * into a string are full.
 */
export class ScalableBloomFilter implements MembershipFilter {
  private readonly keys: readonly [string, string];
  private readonly layers: readonly number[];

  constructor(
    private readonly commands: Commands,
    name: string,
    capacity: number,
    errorRate: number,
  ) {
    const key = tagged('scalable-bloom', name);
    this.keys = [key, `${key}:count`];
    const layers: number[] = [];
    let offset = 0;
    let layerCapacity = capacity;
    let layerRate = errorRate / 2;
    for (;;) {
      const bitsNeeded = (-layerCapacity * Math.log(layerRate)) / Math.LN2 ** 2;
      if (layers.length > 0 && offset + bitsNeeded + 8 > BLOOM_BITS_MAX) break;
      const { bits, hashes } = bloomSize(layerCapacity, layerRate);
      layers.push(offset, bits, hashes, layerCapacity);
      offset += bits;
      layerCapacity *= GROWTH;
      layerRate /= 2;
    }
    this.layers = layers;
  }

  async addAll(items: readonly string[]): Promise<boolean[]> {
    return (await this.call(1, items)).map((known) => !known);
  }

  hasAll(items: readonly string[]): Promise<boolean[]> {
    return this.call(0, items);
  }

  private call(adds: 0 | 1, items: readonly string[]): Promise<boolean[]> {
    return inBatches(items, ITEMS_MAX, async (batch) => {
      const args = [adds, this.layers.length / 4, ...this.layers, ...batch.flatMap(bloomHashes)];
      const reply = replyList(await runScript(this.commands, script, this.keys, args));
      return reply.map((known) => replyNumber(known) === 1);
    });
  }
}
