// functions: the libraries of a server; none where it knows or allows no functions.

import { isError, replyText } from '../../client/reply.js';
import type { Pipeline } from '../link/pipeline.js';
import { elementsOf } from '../link/replies.js';
import type { TransferRecord } from '../record/record.js';

export async function readFunctions(pipeline: Pipeline): Promise<TransferRecord[]> {
  const reply = await pipeline.call('FUNCTION', 'LIST', 'WITHCODE');
  if (isError(reply)) return [];
  const records: TransferRecord[] = [];
  for (const library of elementsOf(reply)) {
    const fields = elementsOf(library);
    const at = fields.findIndex((field) => replyText(field) === 'library_code');
    if (at >= 0) records.push({ what: 'function', code: Buffer.from(replyText(fields[at + 1]), 'latin1') });
  }
  return records;
}
