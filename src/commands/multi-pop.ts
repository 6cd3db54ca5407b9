// multi-pop: popping from the first of several keys that is there, and waiting while none is: what lists and sorted sets share.
//
// The family gives its type, the names of its two ends, and how to pop one key's value and reply with it.

import { errors } from '../protocol/errors.js';
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

/** Pops from the value of the key at argument `index`, which is there and was looked up last, and replies. */
export type PopKey = (index: number, entry: number) => void;

/** Reads "numkeys key... end [COUNT n]" from argument `index` on; undefined after an error reply. */
export function parseMultiPop(call: DataCall, index: number, ends: readonly [string, string]): MultiPop | undefined {
  const { reply } = call;
  const keys = call.integer(index);
  if (!(keys >= 1)) {
    reply.error('ERR numkeys should be greater than 0');
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

/** Pops from the first key that is there. Returns whether anything was replied, be it that a key has another type. */
export function popFirst(call: DataCall, type: number, first: number, keys: number, pop: PopKey): boolean {
  for (let index = first; index < first + keys; index++) {
    const entry = writeTyped(call, index, type);
    if (entry === 0) continue;
    if (entry !== WRONG_TYPE) pop(index, entry);
    return true;
  }
  return false;
}

/** As `popFirst`, but suspends the call while no key is there. After the time the reply is a nil array. */
export function popFirstOrWait(
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

/** BLPOP and its like: "key... timeout". */
export function runBlockingPop(call: DataCall, type: number, pop: PopKey): void {
  const timeoutMs = parseTimeoutSeconds(call, call.count - 1);
  if (timeoutMs >= 0) popFirstOrWait(call, type, 1, call.count - 2, timeoutMs, pop);
}
