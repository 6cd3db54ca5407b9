// setup-by-hooks: a server for the tests of one file, by the hooks of a test runner: started before the first, its data restored
// before each, stopped after the last.

import { usePreset } from './preset.js';
import type { Preset, TestServerOptions } from './test-kit.js';

/** The hooks that the test runners have in common. */
export interface RunnerHooks {
  beforeAll(run: () => Promise<void>): void;
  beforeEach(run: () => void): void;
  afterAll(run: () => Promise<void>): void;
}

/**
 * Starts a server before the tests of this file, restores its data before each, and stops it after the last. The server of the
 * preset runs from `beforeAll` on.
 */
export function setupByHooks(given: RunnerHooks | undefined, options: TestServerOptions): Preset {
  const hooks = given ?? (globalThis as unknown as RunnerHooks);
  if (typeof hooks.beforeAll !== 'function')
    throw new Error('there are no global hooks (beforeAll, beforeEach, afterAll): pass those of the test runner');
  let preset: Preset | undefined;
  const running = (): Preset => {
    if (preset === undefined) throw new Error('the server starts in beforeAll and does not run yet');
    return preset;
  };
  const eachTest: (() => void)[] = [];
  const afterwards: (() => Promise<void>)[] = [];
  hooks.beforeAll(async () => {
    preset = await usePreset(
      { beforeEach: (run) => eachTest.push(run), afterAll: (run) => afterwards.push(run) },
      options,
    );
  });
  hooks.beforeEach(() => eachTest.forEach((run) => run()));
  hooks.afterAll(async () => {
    for (const run of afterwards) await run();
  });
  return {
    get server() {
      return running().server;
    },
    keep: () => running().keep(),
  };
}
