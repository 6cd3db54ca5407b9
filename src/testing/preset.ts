// preset: what the presets of the test runners share: one server for the process, its URL in the environment, and data that is
// as it was before each test.

import { createServer } from './create-server.js';
import type { Preset, TestServer, TestServerOptions } from './test-kit.js';

/** Hooks of a test runner. */
export interface TestHooks {
  beforeEach(run: () => void): void;
  afterAll(run: () => Promise<void>): void;
}

/** Lets programs find the server. */
export function setAddress(environment: NodeJS.ProcessEnv, server: TestServer): void {
  environment.REDIS_URL = server.url;
  environment.REDIS_HOST = server.host;
  environment.REDIS_PORT = String(server.port);
}

/**
 * Starts a server, sets REDIS_URL, REDIS_HOST and REDIS_PORT, and restores the data before each test. Each worker process of a
 * runner that loads the preset has a server of its own, so tests run side by side.
 */
export async function usePreset(hooks: TestHooks, options: TestServerOptions = {}): Promise<Preset> {
  const server = await createServer(options);
  setAddress(process.env, server);
  let kept = server.snapshot();
  hooks.beforeEach(() => server.restore(kept));
  hooks.afterAll(() => server.close());
  return {
    server,
    keep() {
      kept = server.snapshot();
    },
  };
}
