// replies: commands on data that replied otherwise in old versions.

import type { Call } from '../registry/call.js';
import { type Change, refuseIf, reshape } from './changes.js';
import { bulk, integer, itemsOf, textOf, type ReplyTree } from './reply-tree.js';
import { isBefore, type Profile } from './profile.js';

const SAME_OBJECT = 'ERR source and destination objects are the same';

/** The names of encodings, by the version that brought them. */
function oldEncoding(name: string, kind: string, profile: Profile): string {
  let shown = name;
  if (isBefore(profile, '7.2.0') && shown === 'listpack') {
    if (kind === 'set') shown = 'hashtable';
    if (kind === 'list') shown = isBefore(profile, '3.2.0') ? 'ziplist' : 'quicklist';
  }
  if (isBefore(profile, '3.2.0') && shown === 'quicklist') shown = 'linkedlist';
  if (isBefore(profile, '7.0.0') && (shown === 'listpack' || shown === 'listpackex'))
    shown = kind === 'hash' && isBefore(profile, '2.6.0') ? 'zipmap' : 'ziplist';
  if (isBefore(profile, '3.0.0') && shown === 'embstr') shown = 'raw';
  if (isBefore(profile, '2.4.0') && kind === 'zset') shown = 'skiplist';
  return shown;
}

/** Pairs of names and values of a map or flat list, without some. */
function without(tree: ReplyTree, names: readonly string[]): ReplyTree {
  if (tree.type !== 'list' || tree.items === undefined) return tree;
  const items: ReplyTree[] = [];
  for (let index = 0; index + 1 < tree.items.length; index += 2)
    if (!names.includes(textOf(tree.items[index]) ?? '')) items.push(tree.items[index]!, tree.items[index + 1]!);
  return { ...tree, items };
}

function withoutIn(tree: ReplyTree, names: readonly string[]): ReplyTree {
  return tree.type === 'list' && tree.items !== undefined
    ? { ...tree, items: tree.items.map((item) => without(item, names)) }
    : tree;
}

/** Whether a stream ID begins or ends with what old servers did not know. */
function hasNewId(call: Call, from: number, to: number, isNew: (text: string) => boolean): string | undefined {
  for (let index = from; index < to; index++)
    if (isNew(call.text(index))) return 'ERR Invalid stream ID specified as stream command argument';
  return undefined;
}

const keyTimes: readonly Change[] = [
  // -1 stood for a missing key as well.
  {
    commands: ['ttl', 'pttl'],
    before: '2.8.0',
    wrap: reshape((tree) => (textOf(tree) === '-2' ? integer(-1) : undefined)),
  },
  // A time once set stayed.
  {
    commands: ['expire', 'expireat'],
    before: '2.1.3',
    wrap: (run, _profile, peers) => (call) => {
      const ttl = peers('ttl');
      const start = call.reply.defer();
      ttl?.(call);
      const shown = Buffer.from(call.reply.since(start)).toString('latin1');
      call.reply.rewind(start);
      if (/^:\d/.test(shown)) call.reply.integer(0);
      else run(call);
    },
  },
];

const connections: readonly Change[] = [
  // A subscriber may ask for an answer since 2.8, and gets it as a message.
  {
    commands: ['ping'],
    before: '2.8.0',
    wrap: (run) => (call) => {
      const start = call.reply.defer();
      run(call);
      if (call.reply.since(start)[0] !== '*'.charCodeAt(0)) return;
      call.reply.rewind(start);
      call.reply.error('ERR only (P)SUBSCRIBE / (P)UNSUBSCRIBE / QUIT allowed in this context');
    },
  },
  // Where no password is asked for, any was right.
  {
    commands: ['auth'],
    before: '2.4.0',
    wrap: (run) => (call) => {
      const start = call.reply.defer();
      run(call);
      if (!Buffer.from(call.reply.since(start)).toString('latin1').startsWith('-ERR Client sent AUTH')) return;
      call.reply.rewind(start);
      call.reply.ok();
    },
  },
];

const generic: readonly Change[] = [
  {
    commands: ['rename', 'renamenx'],
    before: '3.2.0',
    wrap: refuseIf((call) => (call.text(1) === call.text(2) ? SAME_OBJECT : undefined)),
  },
  {
    commands: ['object|encoding'],
    before: '7.2.0',
    wrap: (run, profile, peers) => {
      const kindOf = (call: Call): string => {
        const type = peers('type');
        const start = call.reply.defer();
        const first = call.starts[1]!;
        const length = call.lengths[1]!;
        // TYPE reads its key where OBJECT has the word ENCODING.
        call.starts[1] = call.starts[2]!;
        call.lengths[1] = call.lengths[2]!;
        type?.(call);
        call.starts[1] = first;
        call.lengths[1] = length;
        const shown = Buffer.from(call.reply.since(start)).toString('latin1');
        call.reply.rewind(start);
        return shown.slice(1, -2);
      };
      return reshape((tree, call) => {
        const name = textOf(tree);
        return name === undefined ? undefined : bulk(oldEncoding(name, kindOf(call), profile));
      })(run, profile, peers);
    },
  },
];

const geo: readonly Change[] = [
  {
    commands: ['geopos', 'geohash'],
    before: '4.0.0',
    wrap: (run, _profile, peers) => (call) => {
      const start = call.reply.defer();
      peers('type')?.(call);
      const isMissing = Buffer.from(call.reply.since(start)).toString('latin1') === '+none\r\n';
      call.reply.rewind(start);
      if (isMissing) call.reply.emptyArray();
      else run(call);
    },
  },
];

const streams: readonly Change[] = [
  {
    commands: ['xinfo|consumers'],
    before: '7.2.0',
    wrap: reshape((tree) => withoutIn(tree, ['inactive'])),
  },
  {
    commands: ['xinfo|groups'],
    before: '7.0.0',
    wrap: reshape((tree) => withoutIn(tree, ['entries-read', 'lag'])),
  },
  {
    commands: ['xinfo|stream'],
    before: '7.0.0',
    wrap: reshape((tree) => without(tree, ['max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id'])),
  },
  // It named the entries that are deleted since.
  {
    commands: ['xautoclaim'],
    before: '7.0.0',
    wrap: reshape((tree) => (tree.type === 'list' ? { ...tree, items: itemsOf(tree).slice(0, 2) } : undefined)),
  },
  {
    commands: ['xadd'],
    before: '7.0.0',
    wrap: refuseIf((call) => hasNewId(call, 2, Math.min(call.count, 7), (text) => /^\d+-\*$/.test(text))),
  },
  {
    commands: ['xrange', 'xrevrange'],
    before: '6.2.0',
    wrap: refuseIf((call) => hasNewId(call, 2, 4, (text) => text.startsWith('('))),
  },
  {
    commands: ['xread'],
    before: '7.4.0',
    product: 'redis',
    wrap: refuseIf((call) => hasNewId(call, call.count - 1, call.count, (text) => text === '+')),
  },
];

const strings: readonly Change[] = [
  // NX could not be asked for the old value as well.
  {
    commands: ['set'],
    before: '7.0.0',
    wrap: refuseIf((call) => {
      let both = 0;
      for (let index = 3; index < call.count; index++) {
        if (call.is(index, 'nx')) both |= 1;
        if (call.is(index, 'get')) both |= 2;
      }
      return both === 3 ? 'ERR syntax error' : undefined;
    }),
  },
];

const sortedSets: readonly Change[] = [
  {
    commands: ['zpopmin', 'zpopmax'],
    before: '7.0.0',
    wrap: (run) => (call) => {
      if (call.count === 3 && call.integer(2) < 0) call.reply.emptyArray();
      else run(call);
    },
  },
];

const lists: readonly Change[] = [
  // Their timeout was a whole number of seconds.
  {
    commands: ['blpop', 'brpop', 'brpoplpush'],
    before: '6.0.0',
    wrap: refuseIf((call) =>
      /^-?\d+$/.test(call.text(call.count - 1)) ? undefined : 'ERR timeout is not an integer or out of range',
    ),
  },
];

export const dataChanges: readonly Change[] = [
  ...keyTimes,
  ...connections,
  ...generic,
  ...geo,
  ...streams,
  ...strings,
  ...lists,
  ...sortedSets,
];
