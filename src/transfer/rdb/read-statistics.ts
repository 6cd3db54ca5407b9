// read-statistics: takes all records of a source into the statistics of an RDB file.

import type { Source, Sink } from '../record/record.js';
import { runTransfer, type TransferOptions } from '../run-transfer.js';
import type { RdbStatistics } from './statistics.js';

/** False when it was interrupted. `afterBatch` is awaited before the next batch is read. */
export async function readStatistics(
  source: Source,
  statistics: RdbStatistics,
  options: TransferOptions,
  afterBatch: () => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const sink: Sink = {
    name: 'statistics',
    write: ({ records }) => {
      for (const record of records) statistics.take(record);
      return afterBatch();
    },
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const isDone = await runTransfer(source, sink, options);
  options.progress.clear();
  return isDone;
}
