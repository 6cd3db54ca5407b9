// first-time: deduplication: says whether an id is seen for the first time within a time.

import { type Commands, replyText, requireCount, tagged } from '../commands.js';

/** True the first time an id is seen within `ttlMs`. Call it before the work and a crash loses the work; after it, and a crash repeats it. */
export async function firstTime(commands: Commands, name: string, id: string, ttlMs: number): Promise<boolean> {
  const key = tagged('seen', name, id);
  return replyText(await commands.send('SET', [key, 1, 'NX', 'PX', requireCount('ttlMs', ttlMs)])) === 'OK';
}
