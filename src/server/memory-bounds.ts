// memory-bounds: the memory that the process may have, and the server's own bounds that follow from it.
//
// A process in a container has less than the machine: the smallest limit of its control groups counts. V8 derives the
// limit of its heap from it too, unless --max-old-space-size sets one, and the limit cannot change later. Data lies
// outside the heap; inside are scripts, and objects that clients make in large numbers. Their bounds are shares of the
// heap's limit, so that they end in an error or a closed connection long before the heap is full.

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

const MB = 1024 * 1024;
/** Shares of the heap's limit. */
const STATE_SHARE = 0.3;
const SCRIPT_SHARE = 0.15;
const TRACKING_SHARE = 0.15;
const USER_SHARE = 0.1;
/** Shares of memory that clients' queues, and the long strings of a script, may take. */
const QUEUE_SHARE = 0.25;
const LUA_SHARE = 0.25;
const LUA_BYTES_MAX = 2048 * MB;

export interface MemoryBounds {
  /** Bytes that the process may have. */
  readonly totalBytes: number;
  /** The limit comes from a control group, not from the machine. */
  readonly isGroup: boolean;
  /** V8's limit of its heap. */
  readonly heapBytes: number;
  /** Heap for subscriptions, watched keys and the like of all clients together. */
  readonly stateBytes: number;
  /** Heap for loaded scripts and functions. */
  readonly scriptBytes: number;
  /** Heap for the table of keys that tracking clients have read. */
  readonly trackingBytes: number;
  /** Heap for the users that ACL SETUSER makes. */
  readonly userBytes: number;
  /** Memory outside the heap for commands that wait for EXEC, of all clients together. */
  readonly queueBytes: number;
  /** Memory outside the heap for the strings of a script, unless `lua-memory-limit` says another figure. */
  readonly luaBytes: number;
}

export function boundsFor(totalBytes: number, heapBytes: number, isGroup = false): MemoryBounds {
  return {
    totalBytes,
    isGroup,
    heapBytes,
    stateBytes: Math.floor(heapBytes * STATE_SHARE),
    scriptBytes: Math.floor(heapBytes * SCRIPT_SHARE),
    trackingBytes: Math.floor(heapBytes * TRACKING_SHARE),
    userBytes: Math.floor(heapBytes * USER_SHARE),
    queueBytes: Math.floor(totalBytes * QUEUE_SHARE),
    luaBytes: Math.min(LUA_BYTES_MAX, Math.floor(totalBytes * LUA_SHARE)),
  };
}

let known: MemoryBounds | undefined;

/** The bounds of this process; found out once. */
export function memoryBounds(): MemoryBounds {
  if (known === undefined) {
    const group = groupLimit(readText);
    const machine = totalmem();
    known = boundsFor(Math.min(group, machine), getHeapStatistics().heap_size_limit, group < machine);
  }
  return known;
}

/** The line that the log has of them at the start. */
export function describeBounds(bounds: MemoryBounds): string {
  const mb = (bytes: number): string => `${Math.floor(bytes / MB)} MB`;
  return `Memory: ${mb(bounds.totalBytes)} (${bounds.isGroup ? 'control group' : 'machine'}), JavaScript heap up to ${mb(bounds.heapBytes)}; at most ${mb(bounds.stateBytes)} of it for clients' subscriptions and keys, ${mb(bounds.queueBytes)} for queued commands, ${mb(bounds.luaBytes)} for strings of scripts`;
}

/** The heap may grow beyond what there is: the system would end the process. */
export function heapWarning({ heapBytes, totalBytes }: MemoryBounds): string | undefined {
  if (heapBytes <= totalBytes * 0.75) return undefined;
  return `The JavaScript heap may grow to ${Math.floor(heapBytes / MB)} MB of ${Math.floor(totalBytes / MB)} MB of memory: start node with --max-old-space-size=${Math.floor(totalBytes / 4 / MB)} to leave room for data`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/**
 * The smallest memory limit of the process's control groups, of version 1 or 2, those around them included; Infinity
 * without one. A container sees its own group as the root of /sys/fs/cgroup, whatever /proc/self/cgroup says.
 */
export function groupLimit(read: (path: string) => string | undefined): number {
  let limit = Infinity;
  const consider = (path: string): void => {
    const text = read(path)?.trim();
    if (text !== undefined && /^\d+$/.test(text)) limit = Math.min(limit, Number(text));
  };
  const climb = (root: string, path: string, file: string): void => {
    for (let folder = path; ; folder = folder.slice(0, folder.lastIndexOf('/'))) {
      consider(`${root}${folder}/${file}`);
      if (folder === '') return;
    }
  };
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [number, controllers, ...rest] = line.split(':');
    const path = rest.join(':').replace(/\/+$/, '');
    if (controllers === undefined || path.includes('..')) continue;
    if (number === '0' && controllers === '') climb('/sys/fs/cgroup', path, 'memory.max');
    else if (controllers.split(',').includes('memory')) climb('/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes');
  }
  return limit;
}
