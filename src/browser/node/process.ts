// process: the few things that the server asks Node's `process` for, as a browser can answer them.

const memory = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };

interface Usage {
  readonly user: number;
  readonly system: number;
}

/** Microseconds; a page does not know how much of them it had the processor. */
function cpuUsage(before: Usage = { user: 0, system: 0 }): Usage {
  return { user: Math.round(performance.now() * 1000) - before.user, system: 0 };
}

export const process = {
  platform: 'browser',
  pid: 1,
  title: 'kvasir',
  argv: [] as string[],
  execArgv: [] as string[],
  env: {} as Record<string, string | undefined>,
  version: 'browser',
  versions: { node: 'browser' },
  cwd: (): string => '/',
  cpuUsage,
  memoryUsage: Object.assign(() => memory, { rss: () => 0 }),
  emitWarning: (text: string): void => console.warn(text),
  getActiveResourcesInfo: (): string[] => [],
  on: (): void => undefined,
  once: (): void => undefined,
};
