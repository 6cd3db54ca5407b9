// plain-records: plain strings as the records of keys that they stand for, for sinks and targets that want those.

import { RdbType, ValueKind } from '../../persistence/rdb/format.js';
import type { PlainStrings } from '../../persistence/rdb/plain-strings.js';
import { type Batch, type KeyRecord, keyRecord, type TransferRecord } from './record.js';

function recordOf(strings: PlainStrings, index: number): KeyRecord {
  return keyRecord({
    database: strings.database,
    key: strings.key(index),
    kind: ValueKind.string,
    expireAtMs: strings.expireAtMs(index),
    rdbType: RdbType.string,
    raw: strings.raw(index),
  });
}

/** All records of a batch, which are as many objects. */
export function recordsOf({ records, strings }: Pick<Batch, 'records' | 'strings'>): TransferRecord[] {
  if (strings === undefined) return records;
  const all = [...records];
  for (const list of strings) for (let index = 0; index < list.count; index++) all.push(recordOf(list, index));
  return all;
}
