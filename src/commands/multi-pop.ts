// multi-pop: popping from the first of several keys that exists, and waiting while none does, for lists and sorted
// sets.
//
// The family gives its type, the names of its two ends, and how to pop one key's value and reply with it.

import { errors } from '../protocol/errors.js';
import { keysCounted } from '../registry/command.js';
import { type Argument, double, int, key, many, optional } from '../registry/grammar.js';
import { writeTyped, WRONG_TYPE } from './access.js';
import type { DataCall } from './engine.js';
import { parseTimeoutSeconds } from './timeout.js';

export interface MultiPop {
  /** Arguments `first` to `first + keys - 1` are the keys. */
  readonly first: number;
  readonly keys: number;
  /** Which of the two ends: 0 or 1. */
  readonly end: number;
  readonly count: number;
}

/** LMPOP, ZMPOP: what their declarations have in common; `where` names the two ends. */
export function multiPop(where: Argument) {
  return {
    since: '7.0.0',
    arity: -4,
    flags: ['write'],
    keys: [keysCounted(1, ['RW', 'access', 'delete'])],
    args: [int('numkeys'), many(key('key')), where, optional(int('count', { token: 'COUNT' }))],
  } as const;
}

/** BLMPOP, BZMPOP: the same after a timeout. */
export function blockingMultiPop(where: Argument) {
  return {
    since: '7.0.0',
    arity: -5,
    flags: ['write', 'blocking'],
    keys: [keysCounted(2, ['RW', 'access', 'delete'])],
    args: [double('timeout'), ...multiPop(where).args],
  } as const;
}

/** Pops from the value of the key at argument `index`, which exists and was looked up last, and replies. */
type PopKey = (index: number, entry: number) => void;

/** Reads "numkeys key... end [COUNT n]" from argument `index` on; undefined after an error reply. */
function parseMultiPop(call: DataCall, index: number, ends: readonly [string, string]): MultiPop | undefined {
  const { reply } = call;
  const keys = call.integer(index);
  if (!(keys >= 1)) {
    reply.error(errors.noKeys);
    return undefined;
  }
  const where = index + keys + 1;
  const end = where >= call.count ? -1 : call.is(where, ends[0]) ? 0 : call.is(where, ends[1]) ? 1 : -1;
  if (end < 0) {
    reply.error(errors.syntax);
    return undefined;
  }
  let count = 0;
  for (let option = where + 1; option < call.count; option += 2) {
    if (count !== 0 || !call.is(option, 'count') || option + 1 >= call.count) {
      reply.error(errors.syntax);
      return undefined;
    }
    count = call.integer(option + 1);
    if (!(count >= 1)) {
      reply.error('ERR count should be greater than 0');
      return undefined;
    }
  }
  return { first: index + 1, keys, end, count: count === 0 ? 1 : count };
}

/** Pops from the first key that exists. Returns whether it replied, be it with the error of a wrong type. */
function popFirst(call: DataCall, type: number, first: number, keys: number, pop: PopKey): boolean {
  for (let index = first; index < first + keys; index++) {
    const entry = writeTyped(call, index, type);
    if (entry === 0) continue;
    if (entry !== WRONG_TYPE) pop(index, entry);
    return true;
  }
  return false;
}

/** As `popFirst`, but suspends the call while no key exists. After the time the reply is a nil array. */
function popFirstOrWait(
  call: DataCall,
  type: number,
  first: number,
  keys: number,
  timeoutMs: number,
  pop: PopKey,
): void {
  if (popFirst(call, type, first, keys, pop)) return;
  if (call.denyBlocking) {
    call.reply.nilArray();
    return;
  }
  call.host.block(call, {
    keys: Array.from({ length: keys }, (_, index) => first + index),
    timeoutMs,
    onlyType: type,
    onTimeout: (reply) => reply.nilArray(),
  });
}

/** Pops some elements of the key at argument `index`, as `request` says, and replies with the key and them. */
export type PopSome = (call: DataCall, request: MultiPop, index: number, entry: number) => void;

export function runMultiPop(call: DataCall, type: number, ends: readonly [string, string], pop: PopSome): void {
  const request = parseMultiPop(call, 1, ends);
  if (request === undefined) return;
  if (!popFirst(call, type, request.first, request.keys, (index, entry) => pop(call, request, index, entry)))
    call.reply.nilArray();
}

export function runBlockingMultiPop(call: DataCall, type: number, ends: readonly [string, string], pop: PopSome): void {
  const request = parseMultiPop(call, 2, ends);
  if (request === undefined) return;
  const timeoutMs = parseTimeoutSeconds(call, 1);
  if (timeoutMs < 0) return;
  popFirstOrWait(call, type, request.first, request.keys, timeoutMs, (index, entry) =>
    pop(call, request, index, entry),
  );
}

/** BLPOP and its like: "key... timeout". */
export function runBlockingPop(call: DataCall, type: number, pop: PopKey): void {
  const timeoutMs = parseTimeoutSeconds(call, call.count - 1);
  if (timeoutMs >= 0) popFirstOrWait(call, type, 1, call.count - 2, timeoutMs, pop);
}
