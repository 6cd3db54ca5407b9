// flush-job: FLUSHALL or FLUSHDB through the page: first a copy of the keys into a file, then the flush; and the way back.
//
// The copy goes key by key (SCAN and DUMP), so it works on every server and cluster and never stalls one; the undo goes by
// commands, so replicas and the AOF have the keys again as well. A copy that does not succeed, or is cancelled, ends the job
// before anything is deleted. It is no picture of one moment: what is written while it is made may be missing in it.
import { isError, replyText } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { FileOutput } from '../../transfer/program/output.js';
import { exportKeys } from '../exchange/export.js';
import type { ServerLink } from '../link/server-link.js';
import type { FlushCopies, FlushCopy } from '../store/flush-copies.js';
import type { Job } from './jobs.js';
import { keysIn } from './key-search.js';

const copyBytesMax = 4 * 2 ** 30;

export interface FlushOrder {
  /** undefined: all databases. */
  readonly database: number | undefined;
  readonly keepsCopy: boolean;
}

class CopyOutput extends FileOutput {
  constructor(
    path: string,
    private readonly job: Job,
  ) {
    super(path);
  }

  get isGone(): boolean {
    return this.job.isCancelled || this.bytes > copyBytesMax;
  }
}

export async function runFlush(
  link: ServerLink,
  clock: Clock,
  copies: FlushCopies,
  order: FlushOrder,
  job: Job,
): Promise<void> {
  const { database } = order;
  const what = database === undefined ? 'FLUSHALL' : `FLUSHDB ${database}`;
  const copy = order.keepsCopy ? await makeCopy(link, clock, copies, order, what, job) : undefined;
  if (job.isCancelled) return;
  const flush = async (): Promise<void> => {
    for (const node of await link.dataNodes()) {
      const reply = await link.callNode(node, database ?? 0, [database === undefined ? 'FLUSHALL' : 'FLUSHDB']);
      if (isError(reply)) throw new Error(replyText(reply));
    }
  };
  // Known before the flush, as a connection that is lost leaves open whether the server has flushed.
  if (copy !== undefined) copies.keep(link.entry.id, copy);
  await flush();
  job.result = { keys: copy?.keys, canUndo: copy !== undefined };
}

/** Copies the keys; undefined when the job was cancelled. */
async function makeCopy(
  link: ServerLink,
  clock: Clock,
  copies: FlushCopies,
  { database }: FlushOrder,
  what: string,
  job: Job,
): Promise<FlushCopy | undefined> {
  const file = copies.newFile();
  const output = new CopyOutput(copies.pathOf({ file } as FlushCopy), job);
  try {
    job.total = await countKeys(link, database);
    const keys = await exportKeys(
      link,
      clock,
      { format: 'json', database, pattern: '', limits: [], onKeys: (count) => (job.done = count) },
      output,
    );
    if (output.bytes > copyBytesMax)
      throw new Error('The copy would have more than 4 GB. Nothing was deleted; flush without a copy.');
    if (job.isCancelled) {
      output.abandon();
      return undefined;
    }
    return { file, atMs: clock.wallMs(), keys, bytes: output.bytes, what };
  } catch (error) {
    output.abandon();
    throw error;
  }
}

async function countKeys(link: ServerLink, database: number | undefined): Promise<number> {
  if (database !== undefined) return keysIn(link, database);
  let total = 0;
  for (const node of await link.dataNodes())
    for (const [, keys] of replyText(await link.callNode(node, 0, ['INFO', 'keyspace'])).matchAll(
      /^db\d+:keys=(\d+)/gm,
    ))
      total += Number(keys);
  return total;
}
