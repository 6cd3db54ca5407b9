// comparing: when two servers' replies to a command count as the same.
//
// Bytes and types must agree, except where Redis itself promises nothing: the order of unordered collections, what chance
// picks, times. Each such command is named here with what is left of its reply to compare.

import { latin1, latin1Bytes } from '../../src/base/bytes.js';
import { isAggregate, type Reply } from '../../src/client/reply.js';
import type { Words } from './generator.js';

interface Rule {
  /** Turns a reply into what is compared. */
  readonly normalise?: (reply: Reply, words: Words) => Reply;
  /** How far integers may be apart. */
  readonly tolerance?: number;
  /** A reply that cannot be compared. */
  readonly incomparable?: (reply: Reply, words: Words) => boolean;
}

/** Differences that are meant: true if this one is. */
export type Excuse = (words: Words, ours: string, theirs: string) => boolean;

/** A reply in one line. */
export function show(reply: Reply | undefined): string {
  if (reply === undefined) return '(no reply)';
  if (isAggregate(reply)) return `${reply.kind}[${reply.elements.map(show).join(', ')}]`;
  switch (reply.kind) {
    case 'nil':
      return 'nil';
    case 'integer':
    case 'boolean':
      return `${reply.kind === 'boolean' ? '#' : ''}${reply.value}`;
    case 'double':
    case 'bignumber':
      return `${reply.kind} ${reply.text}`;
    case 'status':
      return `+${latin1(reply.bytes)}`;
    case 'error':
      return `-${latin1(reply.bytes)}`;
    default:
      return JSON.stringify(latin1(reply.bytes));
  }
}

function sorted(width: number): (reply: Reply) => Reply {
  return (reply) => {
    if (!isAggregate(reply)) return reply;
    const groups: Reply[][] = [];
    for (let at = 0; at < reply.elements.length; at += width)
      groups.push(reply.elements.slice(at, at + width) as Reply[]);
    const keyed = groups.map((group) => ({ group, text: group.map(show).join() }));
    keyed.sort((a, b) => (a.text < b.text ? -1 : 1));
    return { kind: reply.kind, elements: keyed.flatMap(({ group }) => group) };
  };
}

const masked: Reply = { kind: 'status', bytes: latin1Bytes('(something)') };

/** Only the structure; errors and nil as they are. */
function shape(reply: Reply): Reply {
  if (isAggregate(reply)) return { kind: reply.kind, elements: reply.elements.map(shape) };
  return reply.kind === 'error' || reply.kind === 'nil' ? reply : masked;
}

/** Part of a scan: how many elements a call visits is each server's own business. */
function isPartOfScan(reply: Reply, words: Words): boolean {
  return (
    isAggregate(reply) &&
    (show(reply.elements[0]) !== '"0"' ||
      words[/^scan$/i.test(words[0]!) ? 1 : 2] !== '0' ||
      words.some((word) => word.toLowerCase() === 'count'))
  );
}

function scan(reply: Reply, words: Words): Reply {
  if (!isAggregate(reply) || reply.elements.length !== 2) return reply;
  const [cursor, found] = reply.elements as [Reply, Reply];
  const pairs = /^[hz]scan$/i.test(words[0]!) && !words.some((word) => /^(novalues|noscores)$/i.test(word));
  return { kind: 'array', elements: [cursor, sorted(pairs ? 2 : 1)(found)] };
}

/** Idle times and moments of last use, in the replies that tell about consumers. */
function withoutTimes(reply: Reply): Reply {
  if (isAggregate(reply)) {
    const { elements } = reply;
    return {
      kind: reply.kind,
      elements: elements.map((element, index) => {
        const label = index > 0 ? show(elements[index - 1]) : '';
        return /^"(idle|inactive|seen-time|active-time|radix-tree-keys|radix-tree-nodes)"$/.test(label)
          ? masked
          : withoutTimes(element);
      }),
    };
  }
  return reply.kind === 'integer' && Number(reply.value) > 1_500_000_000_000 && Number(reply.value) < 2_500_000_000_000
    ? masked
    : reply;
}

/** XPENDING with a range: id, consumer, idle time, deliveries. */
function pendingEntries(reply: Reply): Reply {
  if (!isAggregate(reply)) return reply;
  return {
    kind: reply.kind,
    elements: reply.elements.map((entry) =>
      isAggregate(entry) && entry.elements.length === 4 && entry.elements[2]!.kind === 'integer'
        ? { kind: entry.kind, elements: entry.elements.map((element, index) => (index === 2 ? masked : element)) }
        : entry,
    ),
  };
}

function sortReply(reply: Reply, words: Words): Reply {
  const lower = words.map((word) => word.toLowerCase());
  // Equal weights and `BY nosort` leave the order open.
  if (!lower.includes('by')) return reply;
  return sorted(1)(lower.includes('limit') || lower.includes('get') ? shape(reply) : reply);
}

const unordered: Rule = { normalise: sorted(1) };
const pairs: Rule = { normalise: sorted(2) };
const random: Rule = { normalise: shape };
const scanning: Rule = { normalise: scan, incomparable: isPartOfScan };
const stream: Rule = { normalise: withoutTimes };
const milliseconds: Rule = { tolerance: 5000 };
const seconds: Rule = { tolerance: 6 };

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...['keys', 'smembers', 'sunion', 'sinter', 'sdiff', 'hkeys', 'hvals', 'pubsub|channels'].map(
    (name) => [name, unordered] as const,
  ),
  ['hgetall', pairs],
  ...[
    'randomkey',
    'spop',
    'srandmember',
    'hrandfield',
    'zrandmember',
    'time',
    'lastsave',
    'lolwut',
    'dump',
    'client|id',
    'object|idletime',
    'object|freq',
    'memory|usage',
  ].map((name) => [name, random] as const),
  ...['scan', 'sscan', 'hscan', 'zscan'].map((name) => [name, scanning] as const),
  ['xinfo|stream', stream],
  ['xinfo|consumers', stream],
  ['xpending', { normalise: pendingEntries }],
  ['sort', { normalise: sortReply }],
  ['sort_ro', { normalise: sortReply }],
  ...['pttl', 'hpttl', 'pexpiretime', 'hpexpiretime'].map((name) => [name, milliseconds] as const),
  ...['ttl', 'httl', 'expiretime', 'hexpiretime'].map((name) => [name, seconds] as const),
]);

const noRule: Rule = {};

function ruleOf(words: Words): Rule {
  const name = (words[0] ?? '').toLowerCase();
  return (
    rules.get(name) ??
    rules.get(`${name}|${(words[1] ?? '').toLowerCase()}`) ??
    (name === 'xadd' && words.includes('*') ? random : noRule)
  );
}

/** Compares the replies to one run of commands; knows which commands a transaction holds. */
export class Comparison {
  private queued: Words[] | undefined;

  constructor(private readonly excuse: Excuse) {}

  /** True if both replies to this command say the same. */
  same(words: Words, ours: Reply, theirs: Reply): boolean {
    const name = (words[0] ?? '').toLowerCase();
    if (this.queued !== undefined && name === 'exec') {
      const commands = this.queued;
      if (show(ours) !== "-ERR wrong number of arguments for 'exec' command") this.queued = undefined;
      if (
        isAggregate(ours) &&
        isAggregate(theirs) &&
        ours.elements.length === theirs.elements.length &&
        ours.elements.length === commands.length
      ) {
        return (
          ours.kind === theirs.kind &&
          commands.every((command, index) => this.equal(command, ours.elements[index]!, theirs.elements[index]!))
        );
      }
    } else if (this.queued !== undefined && name === 'discard' && show(ours) === '+OK') this.queued = undefined;
    else if (name === 'multi' && show(ours) === '+OK') this.queued = [];
    else if (show(ours) === '+QUEUED') this.queued?.push(words);
    return this.equal(words, ours, theirs);
  }

  private equal(words: Words, ours: Reply, theirs: Reply): boolean {
    const { normalise, tolerance = 0, incomparable } = ruleOf(words);
    if (
      incomparable !== undefined &&
      ours.kind === 'array' &&
      theirs.kind === 'array' &&
      (incomparable(ours, words) || incomparable(theirs, words))
    )
      return true;
    const a = normalise === undefined ? ours : normalise(ours, words);
    const b = normalise === undefined ? theirs : normalise(theirs, words);
    return near(a, b, tolerance) || this.excuse(words, show(ours), show(theirs));
  }
}

function near(a: Reply, b: Reply, tolerance: number): boolean {
  const setsOfTheirOwnOrder = a.kind === 'set' && b.kind === 'set';
  if (setsOfTheirOwnOrder) return show(sorted(1)(a)) === show(sorted(1)(b));
  if (isAggregate(a) && isAggregate(b)) {
    return (
      a.kind === b.kind &&
      a.elements.length === b.elements.length &&
      a.elements.every((element, index) => near(element, b.elements[index]!, tolerance))
    );
  }
  if (tolerance > 0 && a.kind === 'integer' && b.kind === 'integer' && a.value >= 0 && b.value >= 0) {
    const distance = Number(a.value) - Number(b.value);
    return Math.abs(distance) <= tolerance;
  }
  return show(a) === show(b);
}
