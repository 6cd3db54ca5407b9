// change-feed: an entry of a stream target: what happened to a row, for readers that go on where they were.
//
// Fields: op (insert, update, delete), table, row (JSON after), old (JSON before), time (seconds of the statement), and gtid or pos.

import type { Entry, TakeCommand } from './effects.js';
import type { MappingTarget } from '../config/sync-config.js';
import type { Word } from './template.js';

export interface ChangeOrigin {
  readonly table: string;
  readonly timestamp: number;
  /** GTID, or file:offset of the transaction's rows. */
  readonly place: string;
}

export function feedChange(
  target: MappingTarget & { readonly kind: 'stream' },
  before: Entry | undefined,
  after: Entry | undefined,
  origin: ChangeOrigin,
  take: TakeCommand,
): void {
  const entry = after ?? before;
  if (entry === undefined) return;
  const operation = before === undefined ? 'insert' : after === undefined ? 'delete' : 'update';
  const words: Word[] = ['XADD', entry.key];
  if (target.lengthMax !== undefined) words.push('MAXLEN', '~', String(target.lengthMax));
  words.push('*', 'op', operation, 'table', origin.table);
  if (after !== undefined) words.push('row', after.value!);
  if (before !== undefined) words.push('old', before.value!);
  words.push('time', String(origin.timestamp), 'at', origin.place);
  take(words);
}
