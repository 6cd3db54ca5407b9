// system: what the server asks of node:os, node:v8, node:util and node:perf_hooks, as a browser can answer it.

const GB = 1024 ** 3;

/** Gigabytes of the device, roughly; 4 where the browser does not tell. */
function deviceMemory(): number {
  return (globalThis as { readonly navigator?: { readonly deviceMemory?: number } }).navigator?.deviceMemory ?? 4;
}

export const totalmem = (): number => deviceMemory() * GB;
export const hostname = (): string => 'browser';
export const type = (): string => 'browser';
export const release = (): string => '';
export const machine = (): string => '';

/** A page's heap is not shown; scripts are bound by time and by the lengths of their strings. */
export const getHeapStatistics = (): { readonly used_heap_size: number; readonly heap_size_limit: number } => ({
  used_heap_size: 0,
  heap_size_limit: 2 * GB,
});
export const setFlagsFromString = (): void => undefined;

export const getSystemErrorName = (code: number): string => `error ${code}`;

const { performance: browserPerformance } = globalThis;

export const performance = {
  timeOrigin: browserPerformance.timeOrigin,
  now: (): number => browserPerformance.now(),
  eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }),
};
