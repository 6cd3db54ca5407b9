// bitfield-of: the bits or counters of items by BITFIELD, as many items at once as a request should have.

import { type Commands, replyList, replyNumber } from '../commands.js';
import { inBatches } from './in-batches.js';
import { type BloomSize, bloomPositions } from './sizing.js';

/** Operations of one BITFIELD: some milliseconds of the server. */
const OPERATIONS_MAX = 25_000;

/** The results of an operation at each position of each item. `start`: the key, and words before the operations. */
export function bitfieldOf(
  commands: Commands,
  start: readonly string[],
  size: BloomSize,
  items: readonly string[],
  operation: (position: number) => (string | number)[],
): Promise<number[][]> {
  const { hashes } = size;
  return inBatches(items, Math.max(1, Math.floor(OPERATIONS_MAX / hashes)), async (batch) => {
    const operations = batch.flatMap((item) => bloomPositions(item, size)).flatMap(operation);
    const results = replyList(await commands.send('BITFIELD', [...start, ...operations])).map(replyNumber);
    return batch.map((_, index) => results.slice(index * hashes, (index + 1) * hashes));
  });
}
