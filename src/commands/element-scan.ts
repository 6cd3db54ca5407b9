// element-scan: the common part of HSCAN, SSCAN and ZSCAN: their declaration, their options, and the elements that they
// emit.

import { globMatchesRange } from '../base/glob.js';
import { errors } from '../protocol/errors.js';
import { keyAt } from '../registry/command.js';
import { type Argument, int, key, optional, pattern } from '../registry/grammar.js';
import type { DataCall } from './engine.js';

/** Above this a walk would not end sooner. */
const COUNT_MAX = 0x7fffffff;

export interface ElementScan {
  /** About how many elements a call emits. */
  readonly count: number;
  /** The pattern that elements must match; undefined: all do. */
  readonly glob: Uint8Array | undefined;
  /** Fields come without their values, members without their scores. */
  readonly alone: boolean;
}

/** The common part of the declarations; `more` are options of one of them. */
export function elementScan(elements: string, ...more: readonly Argument[]) {
  return {
    since: '2.8.0',
    arity: -3,
    flags: ['readonly'],
    keys: [keyAt(1, ['RO', 'access'])],
    args: [
      key('key'),
      int('cursor'),
      optional(pattern('pattern', { token: 'MATCH' })),
      optional(int('count', { token: 'COUNT' })),
      ...more,
    ],
    tips: ['nondeterministic_output'],
    complexity: `O(1) for every call; O(N) for a whole walk, where N is the number of ${elements}.`,
  } as const;
}

/**
 * Reads the options after the cursor (argument 2); undefined after an error reply. `aloneWord` is the option that
 * leaves out what belongs to an element, if there is one.
 */
export function readElementScan(call: DataCall, aloneWord?: 'novalues' | 'noscores'): ElementScan | undefined {
  let count = 10;
  let glob: Uint8Array | undefined;
  let alone = false;
  for (let index = 3; index < call.count; index++) {
    const hasNext = index + 1 < call.count;
    if (hasNext && call.is(index, 'count')) {
      count = call.integer(++index);
      if (Number.isNaN(count)) {
        call.reply.error(errors.notInteger);
        return undefined;
      }
      if (count < 1) {
        call.reply.error(errors.syntax);
        return undefined;
      }
    } else if (hasNext && call.is(index, 'match')) {
      glob = call.copy(++index);
      if (glob.length === 1 && glob[0] === 0x2a) glob = undefined;
    } else if (aloneWord !== undefined && call.is(index, aloneWord)) {
      alone = true;
    } else {
      call.reply.error(call.is(index, 'novalues') ? 'ERR NOVALUES option can only be used in HSCAN' : errors.syntax);
      return undefined;
    }
  }
  return { count: Math.min(count, COUNT_MAX), glob, alone };
}

/** Whether an element is to be emitted. @hot */
export function scanMatches(scan: ElementScan, bytes: Uint8Array, offset: number, length: number): boolean {
  return scan.glob === undefined || globMatchesRange(scan.glob, 0, scan.glob.length, bytes, offset, length, false);
}

/** The reply when the key is missing. */
export function replyEmptyScan(call: DataCall): void {
  call.reply.array(2);
  call.reply.bulkInteger(0);
  call.reply.emptyArray();
}
