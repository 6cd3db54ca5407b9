// fields: the part `FIELDS numfields field ...` of the commands on fields that expire.

import { block, int, many, str, type Argument } from '../../registry/grammar.js';
import type { DataCall } from '../engine.js';

export const fieldsArgument: Argument = { ...block('fields', int('numfields'), many(str('field'))), token: 'FIELDS' };

/**
 * Reads `FIELDS numfields` at argument `index`, where all that follows are fields; returns the index of the first, or 0
 * after an error reply. `countError` is the text for a count below 1.
 */
export function readFields(call: DataCall, index: number, countError: string): number {
  if (index >= call.count || !call.is(index, 'fields')) {
    call.reply.error('ERR Mandatory argument FIELDS is missing or not at the right position');
    return 0;
  }
  const count = index + 1 < call.count ? call.integer(index + 1) : NaN;
  if (Number.isNaN(count) || count < 1) {
    call.reply.error(countError);
    return 0;
  }
  if (count !== call.count - index - 2) {
    call.reply.error('ERR The `numfields` parameter must match the number of arguments');
    return 0;
  }
  return index + 2;
}
