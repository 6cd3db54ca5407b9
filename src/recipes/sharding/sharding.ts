// sharding: which of several servers a key belongs to, decided by the client: ketama, ShardedJedis, modulo, slots.
//
// A placement is a function of the key and the list of servers alone, so all clients agree without talking. Kinds differ in the
// share of keys that move when the list changes: with modulo nearly all, with rings about 1/n, with slots as you say.

import { hashFunctions } from '../../base/hash-functions.js';
import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { KetamaContinuum } from '../../base/ketama.js';
import { digestWords, md5 } from '../../base/md5.js';
import { requireCount } from '../commands.js';
import { murmur64A } from './murmur-64a.js';

/** A server to place keys on. */
export interface Shard {
  /** The text that the ring hashes: 'host:port:weight' of twemproxy's file, or its name there; Jedis's `name`. */
  readonly name?: string | undefined;
  /** 1 if absent. */
  readonly weight?: number | undefined;
}

/** The place of a key's server in the list of servers. */
export type Placement = (key: string) => number;

const encoder = new TextEncoder();

function weightOf({ weight = 1 }: Shard): number {
  return requireCount('weight', weight);
}

/** By a hash of nutcracker.yml ('fnv1a_64', 'md5', 'crc32a', ...) modulo the servers, each as often as its weight: twemproxy's modula. */
export function moduloPlacement(shards: readonly Shard[], hash = 'fnv1a_64'): Placement {
  const places = shards.flatMap((shard, index) => new Array<number>(weightOf(shard)).fill(index));
  requireCount('the number of servers', places.length);
  return (key) => places[hashOf(hash, key) % places.length]!;
}

/**
 * The ring of twemproxy, bit for bit: the same key is on the same server. twemproxy hashes a server's name if it has one, else
 * 'host:port' (without the port if that is 11211).
 */
export function ketamaPlacement(shards: readonly Shard[], hash = 'fnv1a_64'): Placement {
  requireCount('the number of servers', shards.length);
  const named = shards.map((shard) => {
    if (shard.name === undefined) throw new RangeError('a server of a ketama ring needs a name');
    return { name: shard.name, weight: weightOf(shard) };
  });
  const ring = KetamaContinuum.of(named, [...named.keys()]);
  return (key) => ring.indexOf(hashOf(hash, key));
}

function hashOf(name: string, key: string): number {
  const hash = hashFunctions.get(name);
  if (hash === undefined) throw new RangeError(`no hash has the name ${name}: ${[...hashFunctions.keys()].join(', ')}`);
  const bytes = encoder.encode(key);
  return hash(bytes, 0, bytes.length);
}

export interface ShardedJedisOptions {
  /** MURMUR_HASH is Jedis's default. */
  readonly hash?: 'murmur' | 'md5' | undefined;
  /** Only what stands between braces is hashed, as with Sharded.DEFAULT_KEY_TAG_PATTERN. */
  readonly tags?: boolean | undefined;
}

const JEDIS_SEED = 0x1234abcd;
const JEDIS_POINTS = 160;

/**
 * The placement of ShardedJedis 2.9, bit for bit: 160 points for each weight, of SHARD-i-NODE-n, or of name*weight n where the shard
 * has a name. Without names the order of the list counts. Hashes are signed numbers of 64 bits, as Java's are.
 */
export function shardedJedisPlacement(shards: readonly Shard[], options: ShardedJedisOptions = {}): Placement {
  requireCount('the number of servers', shards.length);
  const hash = options.hash === 'md5' ? jedisMd5 : jedisMurmur;
  const points = new Map<bigint, number>();
  shards.forEach((shard, index) => {
    const weight = weightOf(shard);
    for (let node = 0; node < JEDIS_POINTS * weight; node++) {
      const text = shard.name === undefined ? `SHARD-${index}-NODE-${node}` : `${shard.name}*${weight}${node}`;
      points.set(hash(text), index); // of equal points the last counts, as in Java's map
    }
  });
  const sorted = [...points].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const values = BigInt64Array.from(sorted, ([value]) => value);
  return (key) => {
    // The dot of Java's patterns stands for everything but ends of lines, and next line is one.
    const tag = options.tags === true ? (/\{([^\n\r\u0085\u2028\u2029]+?)\}/.exec(key)?.[1] ?? key) : key;
    const value = hash(tag);
    let left = 0;
    let right = values.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if (values[middle]! < value) left = middle + 1;
      else right = middle;
    }
    return sorted[left === values.length ? 0 : left]![1];
  };
}

function jedisMurmur(text: string): bigint {
  return BigInt.asIntN(64, murmur64A(encoder.encode(text), JEDIS_SEED));
}

/** The first four bytes of the digest, the lowest first. */
function jedisMd5(text: string): bigint {
  md5(encoder.encode(text));
  return BigInt(digestWords[0]!);
}

/** By the 16,384 slots of Redis Cluster; `ownerOf` says whose a slot is. Without it the slots are dealt in equal ranges. */
export function slotPlacement(count: number, ownerOf?: (slot: number) => number): Placement {
  requireCount('the number of servers', count);
  const owner = ownerOf ?? ((slot: number) => Math.floor((slot * count) / SLOT_COUNT));
  return (key) => owner(keySlot(encoder.encode(key)));
}

/** By the first prefix that fits ('customer:', 'order:'): the vertical split. Throws a RangeError for a key without one. */
export function prefixPlacement(prefixes: readonly (readonly [string, number])[]): Placement {
  return (key) => {
    const found = prefixes.find(([prefix]) => key.startsWith(prefix));
    if (found === undefined) throw new RangeError(`no prefix fits the key ${key}`);
    return found[1];
  };
}

export interface SkewReport {
  /** Keys of each server. */
  readonly counts: readonly number[];
  /** The fullest server's keys as a multiple of its fair share. */
  readonly most: number;
  readonly least: number;
  /** The standard deviation, as a share of the mean. */
  readonly deviation: number;
}

/** How evenly a placement spreads keys over so many servers of the same weight. */
export function skewReport(placement: Placement, serverCount: number, keys: Iterable<string>): SkewReport {
  const counts = new Array<number>(requireCount('serverCount', serverCount)).fill(0);
  let total = 0;
  for (const key of keys) {
    counts[placement(key)]!++;
    total++;
  }
  const mean = Math.max(total / serverCount, Number.MIN_VALUE);
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / serverCount;
  return {
    counts,
    most: Math.max(...counts) / mean,
    least: Math.min(...counts) / mean,
    deviation: Math.sqrt(variance) / mean,
  };
}

/** The share of keys that have another server after a change; servers are compared by what `nameOf` says of their places. */
export function movedShare(
  before: Placement,
  after: Placement,
  keys: Iterable<string>,
  nameBefore: (place: number) => unknown = (place) => place,
  nameAfter: (place: number) => unknown = nameBefore,
): number {
  let moved = 0;
  let total = 0;
  for (const key of keys) {
    total++;
    if (nameBefore(before(key)) !== nameAfter(after(key))) moved++;
  }
  return total === 0 ? 0 : moved / total;
}
