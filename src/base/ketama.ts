// ketama: the ring of consistent hashing as twemproxy lays it, point for point.
//
// It follows libketama with twemproxy's arithmetic in single precision, since a point more or less moves keys. Each server has 160 points when
// all weights are equal: four of each MD5 of "name-0", "name-1", ...

import { latin1Bytes } from './bytes.js';
import { digestWords, md5 } from './md5.js';

const POINTS_PER_SERVER = 160;
const POINTS_PER_DIGEST = 4;

/** A server as placement sees it. */
export interface WeightedName {
  /** The text that is hashed. */
  readonly name: string;
  readonly weight: number;
}

/** How many points of the continuum a server has: 160 when all weights are equal. */
export function ketamaPoints(weight: number, totalWeight: number, liveCount: number): number {
  const share = Math.fround(weight / totalWeight);
  const groups = Math.fround(
    Math.fround(Math.fround(Math.fround(share * POINTS_PER_SERVER) / POINTS_PER_DIGEST) * liveCount) + 0.0000000001,
  );
  return Math.floor(groups) * POINTS_PER_DIGEST;
}

export class KetamaContinuum {
  private constructor(
    private readonly points: Uint32Array,
    private readonly servers: Int32Array,
  ) {}

  /** The ring over `live`, places in `servers`. */
  static of(servers: readonly WeightedName[], live: readonly number[]): KetamaContinuum {
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
    return new KetamaContinuum(
      Uint32Array.from(points, (point) => point.value),
      Int32Array.from(points, (point) => point.server),
    );
  }

  /** The server of the first point that is not below the hash, or of the first of all. @hot */
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
