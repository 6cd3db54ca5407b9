// jest: the preset for jest, and for other runners with global hooks:
//
//   import { setup } from 'kvasir/jest';
//   const redis = setup();                    // hooks beforeAll, beforeEach and afterAll
//   test('...', () => redis.server.run('SET', 'a', 'b'));
//
// As `globalSetup: 'kvasir/jest'`, with `globalTeardown: 'kvasir/jest-teardown'`, it starts one server for the run.

import { startRunServer } from './run-server.js';
import { setupByHooks } from './setup-by-hooks.js';
import type { Preset, TestServerOptions } from './test-kit.js';

/** Starts a server before the tests of this file, restores its data before each, and stops it after the last. */
export function setup(options: TestServerOptions = {}): Preset {
  return setupByHooks(undefined, options);
}

/** For `globalSetup`: starts a server for the whole run. */
// eslint-disable-next-line no-restricted-syntax -- jest calls the default export of a `globalSetup`
export default async function globalSetup(): Promise<void> {
  await startRunServer();
}
