// jest-environment: a test environment of jest: a server for each test file, there before the file's imports run.
//
//   // jest.config.js
//   testEnvironment: 'kvasir/jest-environment',
//   testEnvironmentOptions: { kvasir: { fixtures: { stock: '10' } } },
//
// REDIS_URL, REDIS_HOST and REDIS_PORT are set, `globalThis.kvasir` is the preset, and the data is restored before each test.
// TypeScript learns of the global by a line in a test file or a declaration file of the project:
//
//   declare const kvasir: import('kvasir/testing').Preset;

import { TestEnvironment } from 'jest-environment-node';
import { createServer } from './create-server.js';
import type { Preset, TestServer, TestServerOptions } from './test-kit.js';

interface EnvironmentConfig {
  readonly projectConfig: { readonly testEnvironmentOptions: { readonly kvasir?: TestServerOptions } };
}

class KvasirEnvironment extends TestEnvironment {
  private server: TestServer | undefined;
  private restore: (() => void) | undefined;
  private readonly options: TestServerOptions;

  constructor(config: unknown, context: unknown) {
    super(config as never, context as never);
    this.options = (config as EnvironmentConfig).projectConfig.testEnvironmentOptions.kvasir ?? {};
  }

  override async setup(): Promise<void> {
    await super.setup();
    const server = await createServer(this.options);
    this.server = server;
    let kept = server.snapshot();
    this.restore = () => server.restore(kept);
    const preset: Preset = {
      server,
      keep() {
        kept = server.snapshot();
      },
    };
    const world = this.global as unknown as { process: NodeJS.Process; kvasir: Preset };
    world.kvasir = preset;
    Object.assign(world.process.env, {
      REDIS_URL: server.url,
      REDIS_HOST: server.host,
      REDIS_PORT: String(server.port),
    });
  }

  /** Called by jest-circus. Hooks that are named beforeEach run after this. */
  handleTestEvent(event: { readonly name: string }): void {
    if (event.name === 'test_start') this.restore?.();
  }

  override async teardown(): Promise<void> {
    await this.server?.close();
    await super.teardown();
  }
}

/** The class that jest asks for. */
const environment: new (config: unknown, context: unknown) => object = KvasirEnvironment;

// eslint-disable-next-line no-restricted-syntax -- jest takes the default export of a `testEnvironment`
export default environment;
