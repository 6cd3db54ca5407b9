// node-test: the preset for Node's own test runner: `node --import kvasir/node-test --test`.
//
// Each test file is a process of its own, and so has a server of its own.

import { after, beforeEach } from 'node:test';
import { usePreset } from './preset.js';
import type { TestServer } from './test-kit.js';

const preset = await usePreset({ beforeEach: (run) => void beforeEach(run), afterAll: (run) => void after(run) });

/** The server of this test file. */
export const server: TestServer = preset.server;

/** Keeps the present data as what every later test begins with. */
export const keep = (): void => preset.keep();
