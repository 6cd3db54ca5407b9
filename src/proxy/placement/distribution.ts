// distribution: which server of a pool a key belongs to: twemproxy's ketama, modula and random.
//
// A distribution is made from the servers that are live, in twemproxy's order of names (shorter names first, then by bytes), and
// made anew when one is ejected or returns. The ring of ketama is in base/ketama.ts.

import type { Prng } from '../../base/prng.js';
import { KetamaContinuum, type WeightedName } from '../../base/ketama.js';

export type DistributionName = 'ketama' | 'modula' | 'random';

/** A server as placement sees it; its name is what is hashed: see `hashedName`. */
export type PlacedServer = WeightedName;

export interface Distribution {
  /** The place in the list of servers that the distribution was made of. */
  indexOf(hash: number): number;
}

/** twemproxy sorts pools and servers by this before it numbers them. */
export function compareNames(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
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
  return name === 'modula' ? modula(servers, live) : KetamaContinuum.of(servers, live);
}
