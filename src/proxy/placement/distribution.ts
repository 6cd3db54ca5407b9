// distribution: which server of a pool a key belongs to: twemproxy's ketama, modula and random.
//
// A distribution is made from the servers that are live, in twemproxy's order of names (shorter names first, then by bytes), and
// made anew when one is ejected or returns. The continuum of ketama follows libketama with twemproxy's arithmetic in single
// precision, since a point more or less moves keys.

import type { Prng } from '../../base/prng.js';
import { latin1Bytes } from '../../base/bytes.js';
import { digestWords, md5 } from '../../base/md5.js';

export type DistributionName = 'ketama' | 'modula' | 'random';

/** A server as placement sees it. */
export interface PlacedServer {
  /** What is hashed: see `hashedName`. */
  readonly name: string;
  readonly weight: number;
}

export interface Distribution {
  /** The place in the list of servers that the distribution was made of. */
  indexOf(hash: number): number;
}

const POINTS_PER_SERVER = 160;
const POINTS_PER_DIGEST = 4;

/** twemproxy sorts pools and servers by this before it numbers them. */
export function compareNames(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

class Continuum implements Distribution {
  constructor(
    private readonly points: Uint32Array,
    private readonly servers: Int32Array,
  ) {}

  /** The first point that is not below the hash, or the first of all. @hot */
  indexOf(hash: number): number {
    const { points } = this;
    let left = 0;
    let right = points.length;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if (points[middle]! < hash) left = middle + 1;
      else right = middle;
    }
    return this.servers[right === points.length ? 0 : right]!;
  }
}

class Modula implements Distribution {
  constructor(private readonly servers: Int32Array) {}

  /** @hot */
  indexOf(hash: number): number {
    return this.servers[hash % this.servers.length]!;
  }
}

class Random implements Distribution {
  constructor(
    private readonly servers: Int32Array,
    private readonly prng: Prng,
  ) {}

  /** @hot */
  indexOf(): number {
    return this.servers[this.prng.below(this.servers.length)]!;
  }
}

/** How many points of the continuum a server has: 160 when all weights are equal. */
export function ketamaPoints(weight: number, totalWeight: number, liveCount: number): number {
  const share = Math.fround(weight / totalWeight);
  const groups = Math.fround(
    Math.fround(Math.fround(Math.fround(share * POINTS_PER_SERVER) / POINTS_PER_DIGEST) * liveCount) + 0.0000000001,
  );
  return Math.floor(groups) * POINTS_PER_DIGEST;
}

function ketama(servers: readonly PlacedServer[], live: readonly number[]): Distribution {
  let totalWeight = 0;
  for (const index of live) totalWeight += servers[index]!.weight;
  const points: { value: number; server: number }[] = [];
  for (const index of live) {
    const { name, weight } = servers[index]!;
    const digestCount = ketamaPoints(weight, totalWeight, live.length) / POINTS_PER_DIGEST;
    for (let digest = 0; digest < digestCount; digest++) {
      md5(latin1Bytes(`${name}-${digest}`));
      for (const value of digestWords) points.push({ value, server: index });
    }
  }
  // Equal values keep the order of the servers.
  points.sort((a, b) => a.value - b.value);
  return new Continuum(
    Uint32Array.from(points, (point) => point.value),
    Int32Array.from(points, (point) => point.server),
  );
}

function modula(servers: readonly PlacedServer[], live: readonly number[]): Distribution {
  return new Modula(Int32Array.from(live.flatMap((index) => new Array<number>(servers[index]!.weight).fill(index))));
}

/**
 * Makes a distribution over `live`, places in `servers`. Undefined when there is none, or when the weights leave ketama without
 * a point.
 */
export function makeDistribution(
  name: DistributionName,
  servers: readonly PlacedServer[],
  live: readonly number[],
  prng: Prng,
): Distribution | undefined {
  if (live.length === 0) return undefined;
  if (name === 'random') return new Random(Int32Array.from(live), prng);
  return name === 'modula' ? modula(servers, live) : ketama(servers, live);
}
