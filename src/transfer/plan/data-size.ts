// data-size: how much memory a data set takes in redis-server: by an RDB file, by running servers, or as the user says.

import { isError, replyText } from '../../client/reply.js';
import type { ServerAddress } from '../link/address.js';
import { Pipeline } from '../link/pipeline.js';
import { infoField } from '../link/replies.js';
import type { Interrupt } from '../program/program.js';
import { Progress } from '../program/progress.js';
import { rdbFile } from '../sources/rdb-file.js';
import { readStatistics } from '../rdb/read-statistics.js';
import { RdbStatistics } from '../rdb/statistics.js';
import { TransferError } from '../record/record.js';

export interface DataSize {
  /** Where the figure comes from. */
  readonly source: string;
  readonly bytes: number;
  readonly keys: number | undefined;
  /** Bytes and keys by type, where the source reports them. */
  readonly types: readonly { readonly name: string; readonly keys: number; readonly bytes: number }[];
}

/** Reads a whole RDB file; its keys are estimated as redis-server keeps them. Undefined when it was interrupted. */
export async function sizeOfRdb(
  path: string,
  nowMs: number,
  interrupt: Interrupt,
  mode: ConstructorParameters<typeof Progress>[1],
): Promise<DataSize | undefined> {
  const source = rdbFile(path);
  const progress = new Progress(source, mode);
  const statistics = new RdbStatistics({ nowMs, separator: ':', depth: 1, top: 0 });
  const isDone = await readStatistics(source, statistics, { progress, interrupt });
  if (!isDone) return undefined;
  for (const warning of source.warnings) process.stderr.write(`warning: ${warning}\n`);
  const types = [...statistics.types].map(([name, { keys, bytes }]) => ({ name, keys, bytes }));
  types.sort((one, other) => other.bytes - one.bytes);
  return { source: path, bytes: statistics.bytes, keys: statistics.keys, types };
}

/** Parts of used_memory that are no data. */
const noData = ['mem_clients_normal', 'mem_clients_slaves', 'mem_aof_buffer', 'mem_total_replication_buffers'];

/** Sums up running servers, one address for each master. */
export async function sizeOfServers(addresses: readonly ServerAddress[]): Promise<DataSize> {
  let bytes = 0;
  let keys = 0;
  for (const address of addresses) {
    const text = await infoOf(address);
    const used = Number(infoField(text, 'used_memory'));
    if (!Number.isFinite(used)) throw new TransferError(`${address.name}: INFO has no used_memory`);
    const other = noData.reduce((sum, name) => sum + (Number(infoField(text, name)) || 0), 0);
    bytes += Math.max(0, used - other);
    for (const [, count] of text.matchAll(/^db\d+:keys=(\d+)/gm)) keys += Number(count);
  }
  return { source: addresses.map(({ name }) => name).join(', '), bytes, keys, types: [] };
}

async function infoOf(address: ServerAddress): Promise<string> {
  const pipeline = await Pipeline.open(address);
  try {
    const reply = await pipeline.call('INFO');
    if (isError(reply)) throw new TransferError(`${address.name}: ${replyText(reply)}`);
    return replyText(reply);
  } finally {
    pipeline.close();
  }
}
