// differences: where Kvasir differs from a certain redis-server on purpose, and why.
//
// Each names the reply that it excuses as narrowly as it can. A difference that is not seen in a long run is reported, so
// that the list does not outlive its reasons.

import type { Words } from './generator.js';

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** The versions of redis-server that show it: from `since` (all if absent), before `before` (all later ones if absent). */
  readonly since?: string;
  readonly before?: string;
  readonly matches: (words: Words, ours: string, theirs: string) => boolean;
}

function is(words: Words, ...names: string[]): boolean {
  return names.every((name, index) => (words[index] ?? '').toLowerCase() === name);
}

/** The reply with its numbers as JavaScript prints them, which is the shortest text of each double. */
export function shortNumbers(reply: string): string {
  return reply.replace(/-?\d+\.?\d*(?:e[+-]?\d+)?/g, (text) => String(Number(text)));
}

/** True if the two differ only where `pattern` matches ours and theirs has `instead`. */
function replaced(ours: string, theirs: string, pattern: RegExp, instead: string): boolean {
  return ours !== theirs && ours.replace(pattern, instead) === theirs.replace(pattern, instead);
}

/** XINFO STREAM without what only Redis 8.6 and 8.8 tell, and without the shape of the index. */
function withoutReleased(reply: string): string {
  return reply
    .replace(/, "(nacked-count|idmp-duration|idmp-maxsize|pids-tracked|iids-(tracked|added|duplicates))", \d+/g, '')
    .replace(/"(radix-tree-keys|radix-tree-nodes)", \d+/g, '$1');
}

const timeOf = /(?<="(seen|active)-time", )\d+/g;

/** XINFO CONSUMERS without those that have nothing, and without times. */
function withoutIdlers(reply: string): string {
  return reply
    .replace(/(, )?(array|map)\["name", "(\\.|[^"\\])*", "pending", 0, [^\]]*\]/g, '')
    .replace(/"idle", \d+(, "inactive", -?\d+)?/g, 'idle')
    .replace('array[, ', 'array[');
}

export const differences: readonly Difference[] = [
  {
    name: 'encodings of small lists and sets',
    reason: 'Redis 7.2 keeps small lists and sets in listpacks; 7.0 had quicklists and hash tables.',
    before: '7.2.0',
    matches: (_words, ours, theirs) => replaced(ours, theirs, /"(listpack|quicklist|hashtable)"/g, 'small'),
  },
  {
    name: 'the encoding of sums of INCRBYFLOAT',
    reason: 'A whole number is a number to us, however it was made; redis-server says so only after a restart.',
    matches: (_words, ours, theirs) => replaced(ours, theirs, /"(int|embstr)"/g, 'number'),
  },
  {
    name: 'the reference count of sums of INCRBYFLOAT',
    reason: 'As above: small whole numbers count as shared.',
    matches: (words, ours, theirs) => is(words, 'object', 'refcount') && ours === '2147483647' && theirs === '1',
  },
  {
    name: 'the reference count of values set in a transaction',
    reason: 'The queued command still refers to the value in redis-server.',
    matches: (words, ours, theirs) => is(words, 'object', 'refcount') && ours === '1' && Number(theirs) > 1,
  },
  {
    name: 'client names that begin with a zero byte',
    reason: 'redis-server looks at the name up to there only; we refuse such names.',
    matches: (words, ours) =>
      is(words, 'client', 'setname') && words[2]!.includes('\0') && ours.startsWith('-ERR Client names'),
  },
  {
    name: 'the encoding of a sorted set after SORT',
    reason:
      'redis-server gives a sorted set its large encoding in order to sort it; we do not change what is only read.',
    matches: (words, ours, theirs) =>
      is(words, 'object', 'encoding') && ours === '"listpack"' && theirs === '"skiplist"',
  },
  {
    name: 'the words of XREAD about too few ids',
    reason: 'Newer versions name the command and what may stand for an id.',
    matches: (_words, ours, theirs) => ours.startsWith('-ERR Unbalanced') && theirs.startsWith('-ERR Unbalanced'),
  },
  {
    name: 'consumers and lags of groups',
    reason:
      'Since 7.2 XCLAIM makes a consumer even if it gets nothing, and the lag and the count of entries read look at the first and the last id where 7.0 went on from a count that trimming, XDEL or the client had made wrong.',
    before: '7.2.0',
    matches: (words, ours, theirs) =>
      (is(words, 'xinfo') &&
        replaced(
          withoutReleased(ours),
          withoutReleased(theirs),
          /"(consumers|entries-read|lag)", (nil|-?\d+|array\[.*\])/g,
          '$1',
        )) ||
      (is(words, 'xinfo', 'consumers') && withoutIdlers(ours) === withoutIdlers(theirs)) ||
      (is(words, 'xgroup', 'createconsumer') && ours === '0' && theirs === '1'),
  },
  {
    name: 'the count of released messages and the figures of producers',
    reason: 'Since 8.6 XINFO STREAM tells of producers, since 8.8 with FULL how many messages XNACK has given back.',
    matches: (words, ours, theirs) =>
      is(words, 'xinfo', 'stream') &&
      withoutReleased(ours).replace(timeOf, '') === withoutReleased(theirs).replace(timeOf, ''),
  },
  {
    name: 'the time since a consumer last got something',
    reason: 'Since 7.2 XINFO CONSUMERS tells it.',
    before: '7.2.0',
    matches: (words, ours, theirs) =>
      is(words, 'xinfo', 'consumers') && replaced(ours, theirs, /"idle", \d+(, "inactive", -?\d+)?/g, 'idle'),
  },
  {
    name: 'the words of XSETID about ids that are too small for two reasons',
    reason: 'Newer versions look at the deleted id first.',
    before: '7.2.0',
    matches: (words, ours, theirs) =>
      is(words, 'xsetid') && ours.endsWith('current max_deleted_entry_id') && theirs.endsWith('target stream top item'),
  },
  {
    name: 'SORT after a number that is nearly zero',
    reason: 'redis-server looks at an errno that reading 5e-324 left behind.',
    matches: (words, ours, theirs) =>
      /^sort(_ro)?$/i.test(words[0]!) &&
      ours.startsWith('array') &&
      theirs === "-ERR One or more scores can't be converted into double",
  },
  {
    name: 'wrong arguments of BITCOUNT and BITPOS for keys that are not there',
    reason: 'Since 7.2 arguments are read first.',
    before: '7.2.0',
    matches: (words, ours, theirs) =>
      (is(words, 'bitcount') || is(words, 'bitpos')) && ours.startsWith('-ERR') && /^(0|-1|-WRONGTYPE.*)$/.test(theirs),
  },
  {
    name: 'XREAD with the id +',
    reason: 'Redis 7.4 brought it: the last entry.',
    before: '7.4.0',
    matches: (words, _ours, theirs) =>
      is(words, 'xread') && words.includes('+') && theirs.startsWith('-ERR Invalid stream ID'),
  },
  {
    name: 'the smallest integer as a count',
    reason: 'Newer versions refuse a number whose negation does not fit.',
    before: '7.2.0',
    matches: (words, ours) => (is(words, 'lrem') || is(words, 'lpos')) && ours.startsWith('-ERR value is out of range'),
  },
  {
    name: 'the range of timeouts',
    reason: 'Redis 7.0 overflowed to a negative timeout.',
    before: '7.2.0',
    matches: (_words, ours, theirs) =>
      replaced(ours, theirs, /timeout is (out of range|negative)/g, 'timeout is wrong'),
  },
  {
    name: 'cursors that are no cursor',
    reason: 'redis-server reads them with strtoul, which takes signs and, in 7.0, an empty text.',
    matches: (words, ours) => /scan$/i.test(words[0]!) && ours === '-ERR invalid cursor',
  },
  {
    name: 'SCAN with an unknown type',
    reason: 'Redis 8 refuses it; before it found nothing.',
    before: '7.4.9',
    matches: (words, ours) => is(words, 'scan') && ours.startsWith('-ERR unknown type name'),
  },
  {
    name: 'ranges that end before the first byte',
    reason: 'Redis 8 returns nothing; before it returned the first byte.',
    before: '7.4.9',
    matches: (words, ours, theirs) =>
      ours === '""' && theirs.length > 2 && (is(words, 'getrange') || is(words, 'substr')) && words[3]!.startsWith('-'),
  },
  {
    name: 'the text of doubles',
    reason: 'Since 7.2 the shortest text that reads back as the same number is printed; 7.0 prints 17 digits.',
    before: '7.2.0',
    matches: (_words, ours, theirs) => shortNumbers(ours) === shortNumbers(theirs),
  },
  {
    name: 'the last digits of doubles',
    reason:
      'redis-server looks for the shortest text with an algorithm that misses it once in a thousand: 1e23 is 9.999999999999999e22 there.',
    since: '7.2.0',
    matches: (_words, ours, theirs) =>
      /\d{16}/.test(theirs.replaceAll('.', '')) && shortNumbers(ours) === shortNumbers(theirs),
  },
  {
    name: 'floats that are hexadecimal, too large or behind a space',
    reason: 'Redis 8 reads floats with other code: no hexadecimal ones, no spaces, 1e400 is infinite.',
    since: '7.4.9',
    matches: (words, _ours, theirs) =>
      (/not a (valid )?float|need numeric/.test(theirs) && words.some((word) => /^\(?(0x| )/.test(word))) ||
      words.includes('1e400') ||
      /can't be converted into double/.test(theirs),
  },
  {
    name: 'the encoding of hashes whose fields could expire',
    reason: 'redis-server keeps the other encoding after HEXPIRE met no field; we look at the fields.',
    since: '7.4.0',
    matches: (_words, ours, theirs) => replaced(ours, theirs, /"(listpack|listpackex)"/g, 'listpack'),
  },
];
