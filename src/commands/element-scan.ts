// element-scan: the options that HSCAN, SSCAN and ZSCAN have in common, read from their arguments.

import { globMatchesRange } from '../base/glob.js';
import { errors } from '../protocol/errors.js';
import type { DataCall } from './engine.js';

/** Above this a walk would not end sooner. */
const COUNT_MAX = 0x7fffffff;

export interface ElementScan {
  /** About how many elements a call emits. */
  readonly count: number;
  /** What elements have to match; undefined: all do. */
  readonly glob: Uint8Array | undefined;
  readonly noValues: boolean;
}

/** Reads the options behind the cursor (argument 2); undefined after an error reply. */
export function readElementScan(call: DataCall, isHash: boolean): ElementScan | undefined {
  let count = 10;
  let glob: Uint8Array | undefined;
  let noValues = false;
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
    } else if (call.is(index, 'novalues')) {
      if (!isHash) {
        call.reply.error('ERR NOVALUES option can only be used in HSCAN');
        return undefined;
      }
      noValues = true;
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  return { count: Math.min(count, COUNT_MAX), glob, noValues };
}

/** Whether an element is to be emitted. @hot */
export function scanMatches(scan: ElementScan, bytes: Uint8Array, offset: number, length: number): boolean {
  return scan.glob === undefined || globMatchesRange(scan.glob, 0, scan.glob.length, bytes, offset, length, false);
}

/** The reply when the key is not there. */
export function replyEmptyScan(call: DataCall): void {
  call.reply.array(2);
  call.reply.bulkInteger(0);
  call.reply.emptyArray();
}
