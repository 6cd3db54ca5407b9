// create-server: starts a server for a test.

import type { TestServer, TestServerOptions } from './test-kit.js';
import { startTestServer } from './test-server.js';

/**
 * Starts a server for a test, on a free port of 127.0.0.1, or without one by `port: false`. Any directive of a config file may be
 * given. Rejects as `startServer` does.
 */
export function createServer(options: TestServerOptions = {}): Promise<TestServer> {
  return startTestServer(options);
}
