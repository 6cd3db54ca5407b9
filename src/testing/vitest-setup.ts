// vitest-setup: for `setupFiles: ['kvasir/vitest-setup']`: a server for each test file, there before the file's imports run, whose
// data is restored before each test. REDIS_URL, REDIS_HOST and REDIS_PORT are set.

import { afterAll, beforeEach } from 'vitest';
import { usePreset } from './preset.js';
import type { TestServer } from './test-kit.js';

const preset = await usePreset({ beforeEach: (run) => beforeEach(run), afterAll: (run) => afterAll(run) });

/** The server of this test file. */
export const server: TestServer = preset.server;

/** Keeps the present data as what every later test begins with. */
export const keep = (): void => preset.keep();
