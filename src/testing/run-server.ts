// run-server: one server for a whole run of a test runner, whose workers find its address in the environment.

import { createServer } from './create-server.js';
import { setAddress } from './preset.js';
import type { TestServer } from './test-kit.js';

/** The runner loads what starts and what stops it as two modules, perhaps of two copies of this file. */
const KEY = Symbol.for('kvasir.run-server');
type Kept = { [KEY]?: TestServer };

export async function startRunServer(): Promise<void> {
  const server = await createServer();
  (globalThis as Kept)[KEY] = server;
  setAddress(process.env, server);
}

export async function stopRunServer(): Promise<void> {
  const kept = globalThis as Kept;
  const server = kept[KEY];
  delete kept[KEY];
  await server?.close();
}
