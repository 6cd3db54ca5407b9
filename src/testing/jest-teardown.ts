// jest-teardown: `globalTeardown: 'kvasir/jest-teardown'` stops the server that `globalSetup: 'kvasir/jest'` has started.

import { stopRunServer } from './run-server.js';

// eslint-disable-next-line no-restricted-syntax -- jest calls the default export of a `globalTeardown`
export default async function globalTeardown(): Promise<void> {
  await stopRunServer();
}
