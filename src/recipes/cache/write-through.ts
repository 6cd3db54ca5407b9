// write-through: changes source and cache together, one writer of a key at a time, so that both end with the same value.

import type { Commands } from '../commands.js';
import { Lock } from '../lock/lock.js';
import type { LockOptions } from '../lock/lock-options.js';
import type { Cache } from './cache.js';

/**
 * Writes to the source, then to the cache, under a lock of the key. Without the lock two writers could end in one order in the
 * source and in the other in the cache. If the process dies between the two, the cache has the old value until its time ends;
 * if the source's write rejects, the key is forgotten, since the write may have happened. Three round trips, two of them the lock's.
 */
export async function writeThrough<T>(
  commands: Commands,
  cache: Cache,
  key: string,
  value: T,
  write: (value: T, fence: number) => Promise<void>,
  options: LockOptions = {},
): Promise<void> {
  const lock = new Lock(commands, `cache-write:${cache.name}:${key}`, options);
  await lock.run(async (held) => {
    try {
      await write(value, held.fence);
      held.assertValid();
      await cache.set(key, value);
    } catch (error) {
      await cache.invalidate(key).catch(() => undefined); // the error of the write is the one to hear of
      throw error;
    }
  });
}
