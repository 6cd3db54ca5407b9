// collect-garbage: gives memory back to the system at idle moments.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `minor`: of young objects only. */
type Collector = (options?: { readonly type: 'minor' }) => void;

let collector: Collector | undefined;

/** Node's collector, which only a flag shows; another runtime's own, or none. */
function findCollector(): Collector {
  const { Bun } = globalThis as { readonly Bun?: { gc(wait: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  try {
    setFlagsFromString('--expose-gc');
    const found = runInNewContext('gc') as Collector;
    setFlagsFromString('--no-expose-gc');
    return found;
  } catch {
    return () => undefined;
  }
}

/**
 * Collects garbage now, which also frees buffers that nobody holds any more. Takes about a millisecond for each 2 MB of
 * heap that is in use, so it is for MEMORY PURGE and idle moments only.
 */
export function collectGarbage(): void {
  collector ??= findCollector();
  collector();
}

/**
 * Collects the objects that were made lately and are not held any more, with the buffers of theirs. Takes half a millisecond,
 * whatever the heap holds.
 */
export function collectYoungGarbage(): void {
  collector ??= findCollector();
  collector({ type: 'minor' });
}
