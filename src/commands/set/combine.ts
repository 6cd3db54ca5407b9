// combine: SINTER, SUNION, SDIFF, with the variants that store the result (...STORE) or only count it (...CARD).
//
// An intersection walks the smallest set and asks the others, smallest first. A difference does the same with the first
// set when that is less work than walking all of them; else, and for unions, the result is built beside, in a set that
// is thrown away after the reply. A result to be stored is always built beside: its key may be one of the sources.

import { Encoding, Type } from '../../datatypes/object.js';
import type { Sets } from '../../datatypes/set.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, keysCounted, keysFrom } from '../../registry/command.js';
import { int, key, many, optional, token } from '../../registry/grammar.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyMember, setsOf } from './access.js';

type Operation = 'inter' | 'union' | 'diff';

/** The sets of a command, in the order of its keys; a missing key has ref 0. */
const encodings: number[] = [];
const refs: number[] = [];
const sizes: number[] = [];

/** Looks up the keys of arguments `first` to `end` - 1; false after an error reply. */
function openSources(call: DataCall, first: number, end: number): boolean {
  const { entries, values } = call.host.keyspace;
  encodings.length = refs.length = sizes.length = 0;
  for (let index = first; index < end; index++) {
    const entry = readTyped(call, index, Type.SET);
    if (entry === WRONG_TYPE) return false;
    const encoding = entry === 0 ? Encoding.INTSET : entries.encoding(entry);
    const ref = entry === 0 ? 0 : entries.word2(entry);
    encodings.push(encoding);
    refs.push(ref);
    sizes.push(entry === 0 ? 0 : values.sets.count(encoding, ref));
  }
  return true;
}

/** Orders the sources from `from` on by size, upwards or downwards. */
function sortSources(from: number, direction: 1 | -1): void {
  const order = refs.map((_, index) => index).slice(from);
  order.sort((one, other) => direction * (sizes[one]! - sizes[other]!));
  for (const list of [encodings, refs, sizes]) {
    const sorted = order.map((index) => list[index]!);
    for (let index = 0; index < sorted.length; index++) list[from + index] = sorted[index]!;
  }
}

/** Whether the member that was read is in the source at `index`. @hot */
function sourceHas(sets: Sets, index: number): boolean {
  return sets.hasIn(encodings[index]!, refs[index]!, sets.bytes, sets.start, sets.length);
}

/** Calls `visit` for the members that all sources have, until it says false. */
function intersect(sets: Sets, visit: () => boolean): void {
  if (sizes.includes(0)) return;
  sortSources(0, 1);
  const smallest = refs[0]!;
  sets.open(encodings[0]!, smallest);
  for (let more = sets.first(); more; more = sets.next()) {
    let inAll = true;
    for (let index = 1; inAll && index < refs.length; index++)
      inAll = refs[index] === smallest || sourceHas(sets, index);
    if (inAll && !visit()) return;
  }
}

/** Calls `visit` for the members that only the first source has, until it says false. */
function subtract(sets: Sets, visit: () => boolean): void {
  const first = refs[0]!;
  if (first === 0 || refs.indexOf(first, 1) > 0) return;
  // Members that go are most likely found in the largest set.
  sortSources(1, -1);
  sets.open(encodings[0]!, first);
  for (let more = sets.first(); more; more = sets.next()) {
    let inNone = true;
    for (let index = 1; inNone && index < refs.length; index++) inNone = refs[index] === 0 || !sourceHas(sets, index);
    if (inNone && !visit()) return;
  }
}

/** Whether asking the other sources about each member of the first is less work than walking them all. */
function asksOthers(): boolean {
  const work = sizes[0]! * sizes.length;
  const walk = sizes.reduce((sum, size) => sum + size, 0);
  return work / 2 <= walk;
}

/** Adds the borrowed member of one set to the result. @hot */
function addTo(result: Sets, sets: Sets, call: DataCall): boolean {
  return result.add(sets.bytes, sets.start, sets.length, call.host.limits);
}

/** Opens an empty result of the encoding that suits: the same as all sources', if they agree. */
function openResult(call: DataCall, stores: boolean): Sets {
  const result = setsOf(call).second;
  const present = encodings.filter((_, index) => refs[index] !== 0);
  // Redis starts a stored result as an intset, so that one that holds integers only is one.
  const isIntset = stores || present.every((encoding) => encoding === Encoding.INTSET);
  result.openEmpty(isIntset ? Encoding.INTSET : Encoding.HASHTABLE);
  return result;
}

/** Builds a union, or a difference by walking all sources, beside; it stops at `limit` members of a union. */
function build(call: DataCall, operation: 'union' | 'diff', stores: boolean, limit = Infinity): Sets {
  const sets = setsOf(call);
  const result = openResult(call, stores);
  for (let index = 0; index < refs.length; index++) {
    if (refs[index] === 0) continue;
    sets.open(encodings[index]!, refs[index]!);
    const adds = operation === 'union' || index === 0;
    for (let more = sets.first(); more; more = sets.next()) {
      if (adds) addTo(result, sets, call);
      else result.delete(sets.bytes, sets.start, sets.length);
      if (adds && result.size() >= limit) return result;
    }
    if (result.size() === 0 && operation === 'diff') break;
  }
  return result;
}

/** Frees a result; a big one in slices. */
function release(call: DataCall, result: Sets): void {
  call.host.keyspace.releaseValue(Type.SET, result.encoding, result.ref);
}

function replyCombined(call: DataCall, operation: Operation): void {
  const { reply } = call;
  if (!openSources(call, 1, call.count)) return;
  const sets = setsOf(call);
  if (operation === 'inter' || (operation === 'diff' && asksOthers())) {
    const deferred = reply.defer();
    let count = 0;
    const visit = (): boolean => {
      replyMember(call);
      count++;
      return true;
    };
    if (operation === 'inter') intersect(sets, visit);
    else subtract(sets, visit);
    reply.settleSet(deferred, count);
    return;
  }
  const result = build(call, operation, false);
  reply.set(result.size());
  for (let more = result.first(); more; more = result.next())
    reply.bulkOf(result.bytes, result.view, result.start, result.length);
  release(call, result);
}

/** Opens the result of an intersection: it is no wider than the smallest set. */
function openIntersection(call: DataCall): Sets {
  const result = setsOf(call).second;
  result.openEmpty(Encoding.INTSET);
  return result;
}

function storeCombined(call: DataCall, operation: Operation): void {
  if (!openSources(call, 2, call.count)) return;
  const sets = setsOf(call);
  let result: Sets;
  if (operation === 'inter' || (operation === 'diff' && asksOthers())) {
    result = openIntersection(call);
    const visit = (): boolean => {
      addTo(result, sets, call);
      return true;
    };
    if (operation === 'inter') intersect(sets, visit);
    else subtract(sets, visit);
  } else {
    result = build(call, operation, true);
  }
  storeResult(call, result, `s${operation}store`);
}

/** Makes the result the value of the key at argument 1, in place of the old value; an empty one deletes the key. */
function storeResult(call: DataCall, result: Sets, event: string): void {
  const { db, bytes, starts, lengths } = call;
  const size = result.size();
  const entry = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
  const { hash } = db;
  if (size === 0) {
    release(call, result);
    if (entry !== 0) {
      db.remove(entry, hash);
      changed(call, 1, 1);
      notify(call, EventClass.GENERIC, 'del', 1);
    }
  } else {
    db.replaceValue(entry, bytes, starts[1]!, lengths[1]!, hash, Type.SET, result.encoding, result.ref);
    changed(call, 1, 1);
    notify(call, EventClass.SET, event, 1);
  }
  call.reply.integer(size);
}

const readTips = ['nondeterministic_output_order'] as const;

function declareReply(operation: Operation, summary: string, complexity: string): DataCommand {
  return command({
    name: `s${operation}`,
    since: '1.0.0',
    group: 'set',
    arity: -2,
    flags: ['readonly'],
    keys: [keysFrom(1, -1, 1, ['RO', 'access'])],
    args: [many(key('key'))],
    tips: readTips,
    summary,
    complexity,
    run: (call) => replyCombined(call, operation),
  });
}

function declareStore(operation: Operation, summary: string, complexity: string): DataCommand {
  return command({
    name: `s${operation}store`,
    since: '1.0.0',
    group: 'set',
    arity: -3,
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, ['OW', 'update']), keysFrom(2, -1, 1, ['RO', 'access'])],
    args: [key('destination'), many(key('key', { keySpec: 1 }))],
    summary,
    complexity,
    run: (call) => storeCombined(call, operation),
  });
}

const allMembers = 'O(N) where N is the number of members of all sets.';
const smallestTimesSets = 'O(N*M) at worst, where N is the size of the smallest set and M the number of sets.';

export const sinter = declareReply('inter', 'Returns the members that all of several sets have.', smallestTimesSets);
export const sunion = declareReply('union', 'Returns the members that any of several sets has.', allMembers);
export const sdiff = declareReply('diff', 'Returns the members of a set that none of the other sets has.', allMembers);
export const sinterstore = declareStore(
  'inter',
  'Stores the members that all of several sets have.',
  smallestTimesSets,
);
export const sunionstore = declareStore('union', 'Stores the members that any of several sets has.', allMembers);
export const sdiffstore = declareStore(
  'diff',
  'Stores the members of a set that none of the other sets has.',
  allMembers,
);

/** Reads `numkeys key ... [LIMIT limit]` and opens the sources; returns the limit (0: none), or NaN after an error reply. */
function readCounted(call: DataCall, hasApprox: boolean): number {
  const { reply } = call;
  const count = call.integer(1);
  if (Number.isNaN(count) || count < 1) {
    reply.error(errors.noKeys);
    return NaN;
  }
  if (count > call.count - 2) {
    reply.error("ERR Number of keys can't be greater than number of args");
    return NaN;
  }
  let limit = 0;
  for (let index = 2 + count; index < call.count; index++) {
    if (index + 1 < call.count && call.is(index, 'limit')) {
      limit = call.integer(++index);
      if (Number.isNaN(limit) || limit < 0) {
        reply.error("ERR LIMIT can't be negative");
        return NaN;
      }
    } else if (!hasApprox || !call.is(index, 'approx')) {
      reply.error(errors.syntax);
      return NaN;
    }
  }
  return openSources(call, 2, 2 + count) ? limit : NaN;
}

function countCombined(call: DataCall, operation: Operation): void {
  const limit = readCounted(call, operation === 'union');
  if (Number.isNaN(limit)) return;
  const sets = setsOf(call);
  const most = limit === 0 ? Infinity : limit;
  let count = 0;
  const visit = (): boolean => ++count < most;
  if (operation === 'inter') {
    intersect(sets, visit);
  } else if (operation === 'diff' && asksOthers()) {
    subtract(sets, visit);
  } else {
    const result = build(call, operation, false, operation === 'union' ? most : Infinity);
    count = Math.min(result.size(), most);
    release(call, result);
  }
  call.reply.integer(count);
}

const numkeys = [int('numkeys'), many(key('key'))] as const;
const limitArgument = optional(int('limit', { token: 'LIMIT' }));

export const sintercard: DataCommand = command({
  name: 'sintercard',
  since: '7.0.0',
  group: 'set',
  arity: -3,
  flags: ['readonly'],
  keys: [keysCounted(1, ['RO', 'access'])],
  args: [...numkeys, limitArgument],
  summary: 'Counts the members that all of several sets have.',
  complexity: smallestTimesSets,
  run: (call) => countCombined(call, 'inter'),
});

// APPROX allows an estimate; the exact count is one, and costs the memory of the union for the time of the command.
export const sunioncard: DataCommand = command({
  name: 'sunioncard',
  since: '8.10.0',
  group: 'set',
  arity: -3,
  flags: ['readonly'],
  keys: [keysCounted(1, ['RO', 'access'])],
  args: [...numkeys, optional(token('APPROX')), limitArgument],
  summary: 'Counts the members that any of several sets has.',
  complexity: allMembers,
  run: (call) => countCombined(call, 'union'),
});

export const sdiffcard: DataCommand = command({
  name: 'sdiffcard',
  since: '8.10.0',
  group: 'set',
  arity: -3,
  flags: ['readonly'],
  keys: [keysCounted(1, ['RO', 'access'])],
  args: [...numkeys, limitArgument],
  summary: 'Counts the members of a set that none of the other sets has.',
  complexity: allMembers,
  run: (call) => countCombined(call, 'diff'),
});
