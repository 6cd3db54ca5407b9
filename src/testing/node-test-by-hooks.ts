// node-test-by-hooks: the preset of node-test for CommonJS, whose modules cannot wait: the server starts in a hook before the tests.
//
//   node --require kvasir/node-test --test
//   const kvasir = require('kvasir/node-test');      // kvasir.server is set in tests
//   before(async () => { await kvasir.ready; ... }); // Node 20 runs such a hook beside this file's

import { after, before, beforeEach } from 'node:test';
import { usePreset } from './preset.js';
import type { TestServer } from './test-kit.js';

/** The server of this test file; undefined until its tests begin. */
export let server: TestServer;

let keepNow = (): void => {
  throw new Error('the server does not run yet: a hook that runs before the tests has to `await ready` first');
};

/** Keeps the present data as what every later test begins with. */
export const keep = (): void => keepNow();

const eachTest: (() => void)[] = [];
let stop = async (): Promise<void> => undefined;

let isReady: () => void;

/** Resolves when the server runs and REDIS_URL is set. */
export const ready: Promise<void> = new Promise((resolve) => (isReady = resolve));

// The process that starts those of the test files loads this too, and would not end for a server that no hook stops.
before(async () => {
  const preset = await usePreset({
    beforeEach: (run) => eachTest.push(run),
    afterAll: (run) => (stop = run),
  });
  server = preset.server;
  keepNow = () => preset.keep();
  isReady();
});
beforeEach(() => eachTest.forEach((run) => run()));
// Node runs an `after` that a hook registers at the end of that hook.
after(() => stop());
