// script-memory: whether scripts have taken so much memory that the one that runs must end.
//
// Two stores can overflow. V8's heap holds tables, functions and ordinary strings. Strings of more than about a megabyte
// that come from bytes lie outside of it, where V8 knows no limit. Both are measured after every 32 MB of long strings, the
// heap also at each look at the clock. Garbage counts too until it is collected, so a script is only refused
// after a collection.
import { getHeapStatistics } from 'node:v8';

// The limit counts the young generation too; beyond three quarters V8 may give up before a script is asked again.
const HEAP_SHARE_MAX = 0.7;

/** Set by the process's server; the stores belong to the process, so there is one limit. */
export const scriptMemory: { longStringBytesMax: number; collect: () => void } = {
  longStringBytesMax: Infinity,
  collect: () => undefined,
};

/** Whether the heap is nearly full, with so many bytes more in it. */
function heapIsFull(bytes: number): boolean {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used + bytes > limit * HEAP_SHARE_MAX;
}

/** Strings outside the heap: what V8 counts as outside without the buffers. */
function longStringsAreFull(bytes: number): boolean {
  const { external, arrayBuffers } = process.memoryUsage();
  return external - arrayBuffers + bytes > scriptMemory.longStringBytesMax;
}

/** Whether a script must end; `bytes` are taken, or will be, since it was asked last. */
export function memoryIsFull(bytes: number): boolean {
  if (!heapIsFull(bytes) && (bytes === 0 || !longStringsAreFull(bytes))) return false;
  scriptMemory.collect();
  return heapIsFull(bytes) || (bytes > 0 && longStringsAreFull(bytes));
}
