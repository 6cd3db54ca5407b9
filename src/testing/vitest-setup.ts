// vitest-setup: for `setupFiles: ['kvasir/vitest-setup']`: a server for each test file, there before the file's imports run, whose
// data is restored before each test. REDIS_URL, REDIS_HOST and REDIS_PORT are set. Options come from the configuration:
//
//   test: { setupFiles: ['kvasir/vitest-setup'], provide: { kvasir: { fixtures: { stock: '10' } } } }

import * as vitest from 'vitest';
import { usePreset } from './preset.js';
import type { TestServer, TestServerOptions } from './test-kit.js';

// Before version 2.1 nothing can be provided.
const { inject } = vitest as unknown as { readonly inject?: (key: string) => unknown };
const options = (inject?.('kvasir') ?? {}) as TestServerOptions;
const preset = await usePreset(
  { beforeEach: (run) => vitest.beforeEach(run), afterAll: (run) => vitest.afterAll(run) },
  options,
);

/** The server of this test file. */
export const server: TestServer = preset.server;

/** Keeps the present data as what every later test begins with. */
export const keep = (): void => preset.keep();
