// key-sample: what a keyspace is made of, estimated from keys at random places, without walking through it.
//
// SCAN with a random cursor gives keys at a random place: Redis and Kvasir order them by hash, so the names have no say in
// which are seen. A few thousand keys tell shares within a percent or two, whether there are a million or a hundred million.
import { isError, replyText, type Reply } from '../../client/reply.js';
import { ApiError } from '../api-error.js';
import type { ServerLink } from '../link/server-link.js';
import { textOfBytes } from '../text-bytes.js';
import { readScan } from './key-scan.js';
import { readPrefixes } from './prefix-counts.js';

const placesPerNode = 24;
const keysPerPlace = 50;
const measuredMax = 1500;
const prefixesMax = 200;
const biggestMax = 50;

export interface SampledKey {
  readonly key: string;
  readonly type: string;
  readonly bytes: number;
  /** Milliseconds; -1 for none. */
  readonly ttlMs: number;
}

export interface Sample {
  /** Keys of the database, by DBSIZE. */
  readonly total: number;
  readonly sampled: number;
  /** All keys were seen: the figures are exact. */
  readonly isExact: boolean;
  readonly prefixes: readonly { prefix: string; keys: number; bytes: number }[];
  /** The server counts prefixes: their keys are exact, and only bytes a key are estimated. */
  readonly hasExactPrefixes: boolean;
  readonly types: readonly { type: string; keys: number; bytes: number }[];
  readonly ttls: readonly { below: number; keys: number }[];
  readonly biggest: readonly SampledKey[];
}

export async function sampleKeys(
  link: ServerLink,
  database: number,
  separator: string,
  limits: readonly string[],
  random: () => number,
): Promise<Sample> {
  let total = 0;
  const found = new Map<string, { key: Uint8Array; weight: number }>();
  const nodes = await link.dataNodes();
  let seenAll = true;
  for (const node of nodes) {
    const size = await link.callNode(node, database, ['DBSIZE']);
    if (isError(size)) throw new ApiError('server-error', replyText(size));
    const count = size.kind === 'integer' ? Number(size.value) : 0;
    total += count;
    if (count === 0) continue;
    const isSmall = count <= placesPerNode * keysPerPlace;
    if (!isSmall) seenAll = false;
    const keys = isSmall ? await allKeys(link, node, database) : await randomKeys(link, node, database, random);
    for (const key of keys) found.set(textOfBytes(key), { key, weight: count / keys.length });
  }
  const allowed = [...found].filter(([text]) => limits.length === 0 || limits.some((limit) => text.startsWith(limit)));
  const chosen = allowed.slice(0, measuredMax);
  const scale = chosen.length === 0 ? 0 : allowed.length / chosen.length;
  const measured = await measure(
    link,
    database,
    chosen.map(([, { key }]) => key),
  );
  const counted = new Counted(separator);
  for (const [index, [text, { weight }]] of chosen.entries())
    counted.add({ key: text, ...measured[index]! }, weight * scale);
  const result = counted.result;
  const exact = limits.length > 0 ? undefined : await readPrefixes(link, database, separator, undefined);
  return {
    total,
    sampled: chosen.length,
    isExact: seenAll && scale <= 1,
    ...result,
    hasExactPrefixes: exact !== undefined,
    prefixes: exact === undefined ? result.prefixes : withExactCounts(result.prefixes, exact.prefixes),
  };
}

/** Counts from the server's table; what a key of the prefix takes is from the sample, or from that of all keys where it has none. */
function withExactCounts(
  sampled: Sample['prefixes'],
  exact: ReadonlyMap<string, number>,
): Sample['prefixes'][number][] {
  const known = new Map(sampled.map((one) => [one.prefix, one.bytes / Math.max(1, one.keys)]));
  const parentOf = (prefix: string): number | undefined => {
    for (let end = prefix.length; end > 0; end--) {
      const bytes = known.get(prefix.slice(0, end));
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  };
  return [...exact]
    .map(([prefix, keys]) => ({ prefix, keys, bytes: Math.round(keys * (parentOf(prefix) ?? 0)) }))
    .sort((a, b) => b.bytes - a.bytes || b.keys - a.keys)
    .slice(0, prefixesMax);
}

async function allKeys(
  link: ServerLink,
  node: Parameters<ServerLink['callNode']>[0],
  database: number,
): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  let cursor = '0';
  do {
    const step = readScan(await link.callNode(node, database, ['SCAN', cursor, 'COUNT', '1000']));
    keys.push(...step.keys);
    cursor = step.cursor;
  } while (cursor !== '0');
  return unique(keys);
}

async function randomKeys(
  link: ServerLink,
  node: Parameters<ServerLink['callNode']>[0],
  database: number,
  random: () => number,
): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for (let place = 0; place < placesPerNode; place++) {
    const cursor = String(Math.floor(random() * 2 ** 32));
    keys.push(...readScan(await link.callNode(node, database, ['SCAN', cursor, 'COUNT', String(keysPerPlace)])).keys);
  }
  return unique(keys);
}

function unique(keys: Uint8Array[]): Uint8Array[] {
  return [...new Map(keys.map((key) => [textOfBytes(key), key])).values()];
}

/** Type, bytes and time to live of keys, asked for together. */
export async function measure(
  link: ServerLink,
  database: number,
  keys: readonly Uint8Array[],
): Promise<Omit<SampledKey, 'key'>[]> {
  const number = (reply: Reply): number => (reply.kind === 'integer' ? Number(reply.value) : 0);
  const all = await Promise.all(
    keys.map((key) =>
      Promise.all([
        link.call(database, ['TYPE', key], key),
        link.call(database, ['PTTL', key], key),
        link.call(database, ['MEMORY', 'USAGE', key, 'SAMPLES', '5'], key),
      ]),
    ),
  );
  return all.map(([type, ttl, bytes]) => ({
    type: isError(type) ? '?' : replyText(type),
    ttlMs: number(ttl) < 0 ? -1 : number(ttl),
    bytes: number(bytes),
  }));
}

/** Upper ends of the histogram of times to live, in seconds; -1 for keys without one. */
const ttlEnds = [60, 3600, 86_400, 7 * 86_400, 30 * 86_400, Infinity];

class Counted {
  private readonly prefixes = new Map<string, { keys: number; bytes: number }>();
  private readonly types = new Map<string, { keys: number; bytes: number }>();
  private readonly ttls = new Map<number, number>();
  private readonly biggest: SampledKey[] = [];

  constructor(private readonly separator: string) {}

  add(sampled: SampledKey, weight: number): void {
    const { key, type, bytes, ttlMs } = sampled;
    addTo(this.types, type, weight, bytes);
    const end = ttlMs < 0 ? -1 : ttlEnds.find((seconds) => ttlMs < seconds * 1000)!;
    this.ttls.set(end, (this.ttls.get(end) ?? 0) + weight);
    this.biggest.push(sampled);
    // Every folder that the key lies in, up to four deep.
    let at = this.separator === '' ? -1 : key.indexOf(this.separator);
    for (let depth = 0; depth < 4 && at >= 0; depth++) {
      addTo(this.prefixes, key.slice(0, at + this.separator.length), weight, bytes);
      at = key.indexOf(this.separator, at + this.separator.length);
    }
  }

  get result(): Pick<Sample, 'prefixes' | 'types' | 'ttls' | 'biggest'> {
    const rounded = ({ keys, bytes }: { keys: number; bytes: number }): { keys: number; bytes: number } => ({
      keys: Math.round(keys),
      bytes: Math.round(bytes),
    });
    return {
      prefixes: [...this.prefixes]
        .map(([prefix, counts]) => ({ prefix, ...rounded(counts) }))
        .sort((a, b) => b.bytes - a.bytes)
        .slice(0, prefixesMax),
      types: [...this.types].map(([type, counts]) => ({ type, ...rounded(counts) })).sort((a, b) => b.keys - a.keys),
      ttls: [-1, ...ttlEnds]
        .map((end) => ({ below: end === Infinity ? 0 : end, keys: Math.round(this.ttls.get(end) ?? 0) }))
        .filter(({ keys }) => keys > 0),
      biggest: this.biggest.sort((a, b) => b.bytes - a.bytes).slice(0, biggestMax),
    };
  }
}

function addTo(map: Map<string, { keys: number; bytes: number }>, name: string, weight: number, bytes: number): void {
  const counts = map.get(name) ?? { keys: 0, bytes: 0 };
  counts.keys += weight;
  counts.bytes += weight * bytes;
  map.set(name, counts);
}
