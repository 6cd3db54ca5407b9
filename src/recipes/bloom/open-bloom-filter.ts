// open-bloom-filter: the server's own Bloom filter (BF.*) where it has one, else the one on a bitmap.

import { type Commands, isErrorReply, replyList, replyNumber, replyText, tagged } from '../commands.js';
import { inBatches } from './in-batches.js';
import { BloomFilter, type MembershipFilter } from './bloom-filter.js';

const ITEMS_MAX = 10_000;

class ServerBloomFilter implements MembershipFilter {
  constructor(
    private readonly commands: Commands,
    private readonly key: string,
  ) {}

  async addAll(items: readonly string[]): Promise<boolean[]> {
    return await this.call('BF.MADD', items);
  }

  async hasAll(items: readonly string[]): Promise<boolean[]> {
    return await this.call('BF.MEXISTS', items);
  }

  private call(command: string, items: readonly string[]): Promise<boolean[]> {
    return inBatches(items, ITEMS_MAX, async (batch) =>
      replyList(await this.commands.send(command, [this.key, ...batch])).map(
        (flag) => flag === true || replyNumber(flag) === 1,
      ),
    );
  }
}

/**
 * A Bloom filter of the server where it knows BF.RESERVE, else a `BloomFilter`. The two have different keys, so a server that
 * gets the module later begins with an empty filter: fill it again then. One round trip to open.
 */
export async function openBloomFilter(
  commands: Commands,
  name: string,
  capacity: number,
  errorRate: number,
): Promise<MembershipFilter> {
  const onBitmap = new BloomFilter(commands, name, capacity, errorRate);
  const key = tagged('bf', name);
  try {
    await commands.send('BF.RESERVE', [key, errorRate, capacity]);
  } catch (error) {
    const text = error instanceof Error ? error.message : (replyText(error) ?? '');
    if (/unknown command/i.test(text) || isErrorReply(error, 'NOPERM')) return onBitmap;
    if (!/item exists/i.test(text)) throw error;
  }
  return new ServerBloomFilter(commands, key);
}
