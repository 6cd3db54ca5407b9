// bulk-job: the same change for every key that fits: delete, time to live, another prefix, a copy on another server.
//
// Changes go out a hundred keys at a time while the search goes on, so memory does not depend on how many keys there are, and
// cancelling stops after the part under way. A change ends when it has met as many keys as its preview counted.
import { isError, replyText, type Reply } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import type { ServerLink } from '../link/server-link.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import type { Job } from './jobs.js';
import { type Conditions, searchKeys } from './key-search.js';

export type Change =
  | { readonly kind: 'delete' }
  | { readonly kind: 'expire'; readonly seconds: number }
  | { readonly kind: 'persist' }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly replaces: boolean }
  | { readonly kind: 'copy'; readonly target: ServerLink; readonly database: number; readonly replaces: boolean };

export async function runBulk(
  link: ServerLink,
  clock: Clock,
  conditions: Conditions,
  change: Change,
  countMax: number,
  job: Job,
): Promise<void> {
  let changed = 0;
  let met = 0;
  let isCut = false;
  await searchKeys(link, clock, conditions, job, async (found) => {
    const keys = found.slice(0, countMax - met);
    met += keys.length;
    isCut = keys.length < found.length;
    job.matched = met;
    const outcomes = await Promise.all(keys.map((key) => changeOne(link, conditions.database, key, change)));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome === 'changed') changed++;
      else if (outcome !== 'same') job.fault(`${shown(keys[index]!)}: ${outcome}`);
    }
    job.result = { changed };
    return !isCut;
  });
  job.result = { changed };
  if (isCut)
    throw new Error(
      `More keys fit now than the ${countMax} of the preview: it ended after these. Search again for the rest.`,
    );
}

function shown(key: Uint8Array): string {
  return textOfBytes(key.subarray(0, 200));
}

/** 'changed', 'same', or the words of an error. */
async function changeOne(link: ServerLink, database: number, key: Uint8Array, change: Change): Promise<string> {
  const call = (...words: (string | Uint8Array)[]): Promise<Reply> => link.call(database, words, key);
  switch (change.kind) {
    case 'delete': {
      const reply = await call('UNLINK', key);
      // Before Redis 4.0 there is only DEL.
      return outcomeOf(isError(reply) && /unknown command/i.test(replyText(reply)) ? await call('DEL', key) : reply);
    }
    case 'expire':
      return outcomeOf(await call('EXPIRE', key, String(change.seconds)));
    case 'persist':
      return outcomeOf(await call('PERSIST', key));
    case 'rename': {
      const text = textOfBytes(key);
      if (!text.startsWith(change.from)) return 'same';
      const name = bytesOfText(change.to + text.slice(change.from.length));
      return outcomeOf(await call(change.replaces ? 'RENAME' : 'RENAMENX', key, name));
    }
    case 'copy':
      return copyOne(call, key, change);
  }
}

function outcomeOf(reply: Reply): string {
  if (isError(reply)) return replyText(reply);
  return reply.kind === 'integer' && Number(reply.value) === 0 ? 'same' : 'changed';
}

async function copyOne(
  call: (...words: (string | Uint8Array)[]) => Promise<Reply>,
  key: Uint8Array,
  { target, database, replaces }: Extract<Change, { kind: 'copy' }>,
): Promise<string> {
  const [dump, ttl] = await Promise.all([call('DUMP', key), call('PTTL', key)]);
  if (dump.kind !== 'bulk') return isError(dump) ? replyText(dump) : 'same'; // it went meanwhile
  const ttlMs = ttl.kind === 'integer' && Number(ttl.value) > 0 ? String(ttl.value) : '0';
  const reply = await target.call(database, ['RESTORE', key, ttlMs, dump.bytes, ...(replaces ? ['REPLACE'] : [])], key);
  return isError(reply) ? replyText(reply) : 'changed';
}
