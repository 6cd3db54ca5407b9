// vitest: the preset for vitest. As `globalSetup: ['kvasir/vitest']` it starts one server for the run and sets REDIS_URL; with
// `setup` at the head of a test file each file has a server of its own, whose data is restored before each test:
//
//   import { afterAll, beforeAll, beforeEach, test } from 'vitest';
//   import { setup } from 'kvasir/vitest';
//   const redis = setup({ beforeAll, beforeEach, afterAll });

import { type RunnerHooks, setupByHooks } from './setup-by-hooks.js';
import { startRunServer, stopRunServer } from './run-server.js';
import type { Preset, TestServerOptions } from './test-kit.js';

/** As `setup` of kvasir/jest; the hooks are vitest's, or the global ones where `globals` is on. */
export function setup(hooks?: RunnerHooks, options: TestServerOptions = {}): Preset {
  return setupByHooks(hooks, options);
}

/** For `globalSetup`: starts a server for the whole run; vitest calls what it returns at the end. */
// eslint-disable-next-line no-restricted-syntax -- vitest calls the default export of a `globalSetup`
export default async function globalSetup(): Promise<() => Promise<void>> {
  await startRunServer();
  return stopRunServer;
}
