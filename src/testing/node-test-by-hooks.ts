// node-test-by-hooks: the preset of node-test for CommonJS, whose modules cannot wait: the server starts in a hook before the tests.
//
//   node --require kvasir/node-test --test
//   const redis = require('kvasir/node-test');      // redis.server is there in tests and hooks

import { after, before, beforeEach } from 'node:test';
import { usePreset } from './preset.js';
import type { TestServer } from './test-kit.js';

/** The server of this test file; undefined until its tests begin. */
export let server: TestServer;

let keepNow = (): void => {
  throw new Error('the server starts in a hook before the tests and is not there yet');
};

/** Keeps the present data as what every later test begins with. */
export const keep = (): void => keepNow();

const eachTest: (() => void)[] = [];
before(async () => {
  const preset = await usePreset({
    beforeEach: (run) => eachTest.push(run),
    afterAll: (run) => void after(run),
  });
  server = preset.server;
  keepNow = () => preset.keep();
});
beforeEach(() => eachTest.forEach((run) => run()));
