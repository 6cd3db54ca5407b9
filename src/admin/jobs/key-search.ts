// key-search: the keys that fit conditions: pattern, type, size, time to live, and what their values contain.
//
// The server filters by pattern and type; the rest is asked for a hundred keys at a time, and values are read in pieces: of a
// big one only the first part, so that a search costs the server little and the memory here nothing.
import { isAggregate, type Reply } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { delay } from '../../io/clock.js';
import { measure, type SampledKey } from '../keys/key-sample.js';
import { KeyScan, startingWith } from '../keys/key-scan.js';
import type { ServerLink } from '../link/server-link.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import type { Job } from './jobs.js';

const keysAtOnce = 100;
const valueBytesMax = 1 << 20;
const elementsMax = 2000;
/** After each step the server has at least as much time for others. */
const restShare = 0.5;

export interface Conditions {
  readonly database: number;
  readonly pattern: string;
  readonly type: string | undefined;
  readonly bytesMin: number;
  /** 'with' or 'without' a time to live, or undefined for both. */
  readonly ttl: 'with' | 'without' | undefined;
  /** With a time to live below so many seconds. */
  readonly ttlSecondsMax: number | undefined;
  /** A text that the value contains. */
  readonly contains: string;
  readonly limits: readonly string[];
}

/** Calls `take` with the keys that fit, a part at a time; it returns false to end the search. */
export async function searchKeys(
  link: ServerLink,
  clock: Clock,
  conditions: Conditions,
  job: Job,
  take: (keys: readonly Uint8Array[], measured: readonly SampledKey[] | undefined) => Promise<boolean> | boolean,
): Promise<void> {
  const { database, pattern, type, limits } = conditions;
  job.total = await keysIn(link, database);
  const match = pattern !== '' ? bytesOfText(pattern) : limits.length === 1 ? startingWith(limits[0]!) : undefined;
  const scan = new KeyScan(link, { database, pattern: match, type }, '');
  const seen = new Set<string>();
  while (!scan.isDone && !job.isCancelled) {
    const startMs = clock.steadyMs();
    const keys: Uint8Array[] = [];
    for (const key of await scan.next()) {
      const text = textOfBytes(key);
      if (seen.has(text) || (limits.length > 0 && !limits.some((limit) => text.startsWith(limit)))) continue;
      // SCAN may give a key twice, mostly close together.
      if (seen.size > 100_000) seen.clear();
      seen.add(text);
      keys.push(key);
    }
    job.done = Math.min(scan.scanned, job.total);
    for (let at = 0; at < keys.length && !job.isCancelled; at += keysAtOnce) {
      const part = await fitting(link, conditions, keys.slice(at, at + keysAtOnce));
      if (part.keys.length === 0) continue;
      job.matched += part.keys.length;
      if (!(await take(part.keys, part.measured))) return;
    }
    await delay(clock, Math.min(100, (clock.steadyMs() - startMs) * restShare));
  }
  if (!job.isCancelled) job.done = job.total;
}

export async function keysIn(link: ServerLink, database: number): Promise<number> {
  let total = 0;
  for (const node of await link.dataNodes()) {
    const reply = await link.callNode(node, database, ['DBSIZE']);
    if (reply.kind === 'integer') total += Number(reply.value);
  }
  return total;
}

async function fitting(
  link: ServerLink,
  conditions: Conditions,
  keys: Uint8Array[],
): Promise<{ keys: Uint8Array[]; measured: SampledKey[] | undefined }> {
  const { database, bytesMin, ttl, ttlSecondsMax, contains } = conditions;
  if (bytesMin === 0 && ttl === undefined && ttlSecondsMax === undefined && contains === '')
    return { keys, measured: undefined };
  const measured = await measure(link, database, keys);
  let chosen = keys
    .map((key, index) => ({ key, ...measured[index]! }))
    .filter(({ bytes, ttlMs }) => {
      if (bytes < bytesMin) return false;
      if (ttl === 'with' && ttlMs < 0) return false;
      if (ttl === 'without' && ttlMs >= 0) return false;
      return ttlSecondsMax === undefined || (ttlMs >= 0 && ttlMs < ttlSecondsMax * 1000);
    });
  if (contains !== '') {
    const wanted = Buffer.from(bytesOfText(contains));
    const found = await Promise.all(chosen.map(({ key, type }) => valueContains(link, database, key, type, wanted)));
    chosen = chosen.filter((_, index) => found[index]);
  }
  return {
    keys: chosen.map(({ key }) => key),
    measured: chosen.map(({ key, ...rest }) => ({ ...rest, key: textOfBytes(key) })),
  };
}

async function valueContains(
  link: ServerLink,
  database: number,
  key: Uint8Array,
  type: string,
  wanted: Buffer,
): Promise<boolean> {
  const call = (...words: (string | Uint8Array)[]): Promise<Reply> => link.call(database, words, key);
  const last = String(elementsMax - 1);
  switch (type) {
    case 'string':
      return replyContains(await call('GETRANGE', key, '0', String(valueBytesMax - 1)), wanted);
    case 'list':
      return replyContains(await call('LRANGE', key, '0', last), wanted);
    case 'zset':
      return replyContains(await call('ZRANGE', key, '0', last), wanted);
    case 'set':
      return replyContains(await call('SSCAN', key, '0', 'COUNT', last), wanted);
    case 'hash':
      return replyContains(await call('HSCAN', key, '0', 'COUNT', last), wanted);
    case 'stream':
      return replyContains(await call('XREVRANGE', key, '+', '-', 'COUNT', last), wanted);
    default:
      return false;
  }
}

function replyContains(reply: Reply, wanted: Buffer): boolean {
  if (reply.kind === 'bulk')
    return Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.length).includes(wanted);
  return isAggregate(reply) && reply.elements.some((element) => replyContains(element, wanted));
}
