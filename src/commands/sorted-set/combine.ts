// combine: unions, intersections and differences of sorted sets (and plain sets, whose members all have the score 1).
//
// As in Redis, union and intersection take the sets by their size, the smallest first, so that sums of scores are added
// up in the same order and come out the same to the last digit. A sum of both infinities is 0.

import { Type } from '../../datatypes/object.js';
import { parseDouble } from '../../base/double.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, keysCounted } from '../../registry/command.js';
import { type Argument, int, key, many, oneof, optional, since, token } from '../../registry/grammar.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyRanks, sortedSetsOf, storeResult } from './access.js';

type Operation = 'union' | 'inter' | 'diff';
type Aggregate = 'sum' | 'min' | 'max' | 'count';

interface Source {
  type: number;
  encoding: number;
  /** 0: the key is missing. */
  ref: number;
  count: number;
  weight: number;
}

interface Request {
  readonly sources: Source[];
  aggregate: Aggregate;
  withScores: boolean;
  limit: number;
}

interface CombineForm {
  readonly operation: Operation;
  /** Argument with the count of keys. */
  readonly keysAt: number;
  readonly stores?: boolean;
  readonly counts?: boolean;
}

function aggregated(aggregate: Aggregate, a: number, b: number): number {
  if (aggregate === 'min') return b < a ? b : a;
  if (aggregate === 'max') return b > a ? b : a;
  const sum = a + b;
  return sum === sum ? sum : 0;
}

/** The contribution of a source's member to the result; with COUNT, its weight whatever the score is. */
function contribution(aggregate: Aggregate, source: Source, score: number): number {
  return aggregate === 'count' ? source.weight : source.weight * score;
}

function weighted(aggregate: Aggregate, source: Source, score: number): number {
  const value = contribution(aggregate, source, score);
  return value === value ? value : 0;
}

function parseRequest(call: DataCall, form: CombineForm): Request | undefined {
  const { reply } = call;
  const keys = call.integer(form.keysAt);
  if (Number.isNaN(keys)) return fail(call, errors.notInteger);
  if (keys < 1) return fail(call, `ERR at least 1 input key is needed for '${call.command.fullName}' command`);
  const first = form.keysAt + 1;
  if (keys > call.count - first) return fail(call, errors.syntax);
  const sources: Source[] = [];
  const { entries, values } = call.host.keyspace;
  for (let index = first; index < first + keys; index++) {
    const entry = call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!);
    const type = entry === 0 ? Type.ZSET : entries.type(entry);
    if (type !== Type.ZSET && type !== Type.SET) {
      reply.error(errors.wrongType);
      return undefined;
    }
    const ref = entry === 0 ? 0 : entries.word2(entry);
    sources.push({
      type,
      encoding: entry === 0 ? 0 : entries.encoding(entry),
      ref,
      count: entry === 0 ? 0 : values.count(entry),
      weight: 1,
    });
  }
  const request: Request = { sources, aggregate: 'sum', withScores: false, limit: 0 };
  return parseOptions(call, form, request, first + keys) ? request : undefined;
}

function fail(call: DataCall, error: string): undefined {
  call.reply.error(error);
  return undefined;
}

function parseOptions(call: DataCall, form: CombineForm, request: Request, from: number): boolean {
  const { sources } = request;
  const weighs = form.operation !== 'diff' && form.counts !== true;
  for (let index = from; index < call.count;) {
    const left = call.count - index;
    if (weighs && left > sources.length && call.is(index, 'weights')) {
      index++;
      for (const source of sources) {
        source.weight = parseDouble(call.bytes, call.starts[index]!, call.lengths[index]!);
        if (Number.isNaN(source.weight)) {
          call.reply.error('ERR weight value is not a float');
          return false;
        }
        index++;
      }
    } else if (weighs && left >= 2 && call.is(index, 'aggregate') && parseAggregate(call, request, index + 1)) {
      index += 2;
    } else if (form.stores !== true && form.counts !== true && call.is(index, 'withscores')) {
      request.withScores = true;
      index++;
    } else if (form.counts === true && left >= 2 && call.is(index, 'limit')) {
      request.limit = call.integer(index + 1);
      if (!(request.limit >= 0)) {
        call.reply.error("ERR LIMIT can't be negative");
        return false;
      }
      index += 2;
    } else {
      call.reply.error(errors.syntax);
      return false;
    }
  }
  return true;
}

function parseAggregate(call: DataCall, request: Request, index: number): boolean {
  if (call.is(index, 'sum')) request.aggregate = 'sum';
  else if (call.is(index, 'min')) request.aggregate = 'min';
  else if (call.is(index, 'max')) request.aggregate = 'max';
  else if (call.is(index, 'count')) request.aggregate = 'count';
  else return false;
  return true;
}

/** Calls `visit` with each member of a source and its own score, until it returns false. */
function forEachMember(
  call: DataCall,
  source: Source,
  visit: (bytes: Uint8Array, start: number, length: number, score: number) => boolean,
): void {
  if (source.ref === 0) return;
  if (source.type === Type.ZSET) {
    const { walk } = sortedSetsOf(call);
    for (walk.from(source.encoding, source.ref, 0); walk.valid; walk.next())
      if (!visit(walk.bytes, walk.start, walk.length, walk.score)) return;
    return;
  }
  const { sets } = call.host.keyspace.values;
  sets.open(source.encoding, source.ref);
  for (let more = sets.first(); more; more = sets.next()) if (!visit(sets.bytes, sets.start, sets.length, 1)) return;
}

/** The score of a member in a source, NaN when it is missing. */
function scoreIn(call: DataCall, source: Source, bytes: Uint8Array, start: number, length: number): number {
  if (source.ref === 0) return NaN;
  if (source.type === Type.ZSET) return sortedSetsOf(call).score(source.encoding, source.ref, bytes, start, length);
  return call.host.keyspace.values.sets.hasIn(source.encoding, source.ref, bytes, start, length) ? 1 : NaN;
}

/** The new set is in `encoding` and `ref` of the sorted sets. */
function makeUnion(call: DataCall, request: Request): void {
  const sets = sortedSetsOf(call);
  const combine = (a: number, b: number): number => aggregated(request.aggregate, a, b);
  for (const source of request.sources) {
    forEachMember(call, source, (bytes, start, length, score) => {
      sets.accumulate(sets.ref, weighted(request.aggregate, source, score), combine, bytes, start, length);
      return true;
    });
  }
}

/** Calls `visit` for each member that is in all sources, with its aggregated score, until it returns false. */
function forEachCommon(
  call: DataCall,
  request: Request,
  visit: (bytes: Uint8Array, start: number, length: number, score: number) => boolean,
): void {
  const { sources } = request;
  const smallest = sources[0]!;
  if (smallest.count === 0) return;
  forEachMember(call, smallest, (bytes, start, length, own) => {
    let score = weighted(request.aggregate, smallest, own);
    for (let index = 1; index < sources.length; index++) {
      const source = sources[index]!;
      const other = scoreIn(call, source, bytes, start, length);
      if (other !== other) return true;
      // As in Redis, only sums turn what is no number (infinity times 0) into 0 here.
      score = aggregated(request.aggregate, score, contribution(request.aggregate, source, other));
    }
    return visit(bytes, start, length, score);
  });
}

function makeDifference(call: DataCall, request: Request): void {
  const sets = sortedSetsOf(call);
  const { sources } = request;
  forEachMember(call, sources[0]!, (bytes, start, length, score) => {
    for (let index = 1; index < sources.length; index++) {
      const other = scoreIn(call, sources[index]!, bytes, start, length);
      if (other === other) return true;
    }
    sets.add(sets.encoding, sets.ref, score, 0, bytes, start, length, call.host.limits);
    return true;
  });
}

function runCombine(call: DataCall, form: CombineForm): void {
  const request = parseRequest(call, form);
  if (request === undefined) return;
  if (form.operation !== 'diff') request.sources.sort((a, b) => a.count - b.count);
  if (form.counts === true) {
    let count = 0;
    forEachCommon(call, request, () => ++count !== request.limit);
    call.reply.integer(count);
    return;
  }
  const sets = sortedSetsOf(call);
  const { limits } = call.host;
  // The big form first, as in Redis: a listpack would lose the sign of a score of -0 on the way to the reply.
  sets.create(Infinity, 0, limits);
  if (form.operation === 'union') {
    makeUnion(call, request);
  } else if (form.operation === 'diff') {
    makeDifference(call, request);
  } else {
    forEachCommon(call, request, (bytes, start, length, score) => {
      sets.add(sets.encoding, sets.ref, score, 0, bytes, start, length, limits);
      return true;
    });
  }
  const { encoding, ref } = sets;
  if (form.stores === true) {
    sets.settle(encoding, ref, limits);
    storeResult(call, 1, sets.encoding, sets.ref, `z${form.operation}store`);
    return;
  }
  replyRanks(call, encoding, ref, 0, sets.count(encoding, ref), false, request.withScores);
  call.host.keyspace.releaseValue(Type.ZSET, encoding, ref);
}

const weightsArgument: Argument = optional(many(int('weight', { token: 'WEIGHTS' })));
const aggregateArgument: Argument = optional({
  ...oneof('aggregate', token('SUM'), token('MIN'), token('MAX'), since('8.8.0', token('COUNT'))),
  token: 'AGGREGATE',
});
const weighing = [weightsArgument, aggregateArgument];
const readKeys = [keysCounted(1, ['RO', 'access'])];

function historyOf(operation: Operation): [string, string][] {
  return operation === 'diff' ? [] : [['8.8.0', 'Knows `COUNT` as an aggregate.']];
}

function declareReply(operation: Operation, summary: string, complexity: string): DataCommand {
  return command({
    name: `z${operation}`,
    since: '6.2.0',
    group: 'sorted_set',
    arity: -3,
    flags: ['readonly'],
    keys: readKeys,
    args: [int('numkeys'), many(key('key')), ...(operation === 'diff' ? [] : weighing), optional(token('WITHSCORES'))],
    summary,
    complexity,
    history: historyOf(operation),
    run: (call) => runCombine(call, { operation, keysAt: 1 }),
  });
}

function declareStore(operation: Operation, summary: string, complexity: string): DataCommand {
  return command({
    name: `z${operation}store`,
    since: operation === 'diff' ? '6.2.0' : '2.0.0',
    group: 'sorted_set',
    arity: -4,
    flags: ['write', 'denyoom'],
    keys: [keyAt(1, ['OW', 'update']), keysCounted(2, ['RO', 'access'])],
    args: [
      key('destination'),
      int('numkeys'),
      many(key('key', { keySpec: 1 })),
      ...(operation === 'diff' ? [] : weighing),
    ],
    summary,
    complexity,
    history: historyOf(operation),
    run: (call) => runCombine(call, { operation, keysAt: 2, stores: true }),
  });
}

const unionCost = 'O(N)+O(M*log(M)) with N members in all sets and M in the result.';
const interCost = 'O(N*K)+O(M*log(M)) with N members in the smallest of K sets and M in the result.';
const diffCost = 'O(N*K)+O(M*log(M)) with N members in the first of K sets and M in the result.';

export const zunion = declareReply('union', 'Returns the members of all of several sorted sets together.', unionCost);
export const zinter = declareReply('inter', 'Returns the members that are in each of several sorted sets.', interCost);
export const zdiff = declareReply(
  'diff',
  'Returns the members of the first sorted set that are in none of the others.',
  diffCost,
);
export const zunionstore = declareStore(
  'union',
  'Stores the members of all of several sorted sets together in a key.',
  unionCost,
);
export const zinterstore = declareStore(
  'inter',
  'Stores the members that are in each of several sorted sets in a key.',
  interCost,
);
export const zdiffstore = declareStore(
  'diff',
  'Stores the members of the first sorted set that are in none of the others in a key.',
  diffCost,
);

export const zintercard: DataCommand = command({
  name: 'zintercard',
  since: '7.0.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['readonly'],
  keys: readKeys,
  args: [int('numkeys'), many(key('key')), optional(int('limit', { token: 'LIMIT' }))],
  summary: 'Counts the members that are in each of several sorted sets, up to a limit.',
  complexity: 'O(N*K) with N members in the smallest of K sets.',
  run: (call) => runCombine(call, { operation: 'inter', keysAt: 1, counts: true }),
});
