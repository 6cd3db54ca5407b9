// vitest and jest themselves, on small projects that have the package as others get it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../../../..');

/** A project outside of ours, with the packages that we have installed. */
function project(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'runner-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const installed = join(folder, 'node_modules/kvasir');
  // A runner must not take it for source that it has to transform.
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  cpSync(join(root, 'dist/bundle'), join(installed, 'dist/bundle'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  });
  for (const name of ['ioredis', 'vitest', 'jest-environment-node'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Runs an executable of a package; resolves to what it said, rejects if it failed. */
function run(folder: string, name: string, words: readonly string[]): Promise<string> {
  const manifest = JSON.parse(readFileSync(join(root, `node_modules/${name}/package.json`), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const path = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[name]!;
  const environment = {
    ...process.env,
    CI: 'true',
    NO_COLOR: '1',
    NODE_TEST_CONTEXT: undefined,
    NODE_OPTIONS: undefined,
  };
  return new Promise((resolve, reject) => {
    const script = join(root, `node_modules/${name}`, path);
    const options = { cwd: folder, env: environment, timeout: 300_000 };
    execFile(process.execPath, [script, ...words], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

describe('vitest', () => {
  it('has a server a file, data as before each test, and fake timers', async (t) => {
    const folder = project(t, {
      'vitest.config.mjs':
        "export default { test: { setupFiles: ['kvasir/vitest-setup'], provide: { kvasir: { fixtures: { given: 'yes' } } } } };",
      'stock.test.mjs': `
        import { afterAll, beforeAll, expect, test, vi } from 'vitest';
        import { Redis } from 'ioredis';
        import { createServer, fakeTimersClock, virtualClock } from 'kvasir/testing';
        import { keep, server } from 'kvasir/vitest-setup';
        // A program connects when it is loaded: the address must be set by then.
        const client = new Redis(process.env.REDIS_URL);
        beforeAll(async () => {
          await client.set('stock', 10);
          keep();
        });
        afterAll(() => client.disconnect());
        for (const name of ['first', 'second'])
          test(name, async () => {
            expect(await client.decr('stock')).toBe(9);
            expect(server.run('GET', 'stock')).toBe('9');
          });
        test('a server goes on while timers are faked', async () => {
          vi.useFakeTimers();
          const server = await createServer({ port: false, clock: virtualClock({ frozen: true }) });
          const stream = server.connect();
          const reply = new Promise((resolve) => stream.on('data', (bytes) => resolve(String(bytes))));
          stream.write('PING\\r\\n');
          expect(await reply).toBe('+PONG\\r\\n');
          expect(await client.get('stock')).toBe('10');
          vi.useRealTimers();
          stream.destroy();
          await server.close();
        });
        test('fake timers move its time', async () => {
          vi.useFakeTimers();
          const server = await createServer({ port: false, clock: fakeTimersClock() });
          server.run('SET', 'session', 'x', 'EX', 60);
          vi.advanceTimersByTime(59_000);
          expect(server.run('GET', 'session')).toBe('x');
          vi.advanceTimersByTime(1_001);
          expect(server.run('GET', 'session')).toBe(null);
          vi.useRealTimers();
          await server.close();
        });`,
      'other.test.mjs': `
        import { expect, test } from 'vitest';
        import { server } from 'kvasir/vitest-setup';
        test('another file has another server, with the data of the configuration', () => {
          expect(server.dump()).toEqual({ 0: { given: { type: 'string', value: 'yes' } } });
          expect(server.url).toBe(process.env.REDIS_URL);
        });`,
    });
    assert.match(await run(folder, 'vitest', ['run']), /Tests\s+(\S*\s*)?5 passed/);
  });

  it('starts one server for the run by globalSetup, and one a file by hooks', async (t) => {
    const folder = project(t, {
      'vitest.config.mjs': "export default { test: { globalSetup: ['kvasir/vitest'] } };",
      'hooks.test.mjs': `
        import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
        import { Redis } from 'ioredis';
        import { setup } from 'kvasir/vitest';
        const shared = process.env.REDIS_URL;
        const redis = setup({ beforeAll, beforeEach, afterAll }, { fixtures: { stock: '10' } });
        for (const name of ['first', 'second'])
          test(name, async () => {
            expect(redis.server.run('DECR', 'stock')).toBe(9);
            const client = new Redis(shared);
            expect(await client.ping()).toBe('PONG');
            expect(redis.server.url).not.toBe(shared);
            client.disconnect();
          });`,
    });
    assert.match(await run(folder, 'vitest', ['run']), /Tests\s+(\S*\s*)?2 passed/);
  });
});

describe('jest', () => {
  it('has a server a file by its environment, data as before each test, and fake timers', async (t) => {
    const folder = project(t, {
      'jest.config.cjs': `module.exports = {
        testEnvironment: 'kvasir/jest-environment',
        testEnvironmentOptions: { kvasir: { fixtures: { stock: '10' } } },
      };`,
      'stock.test.js': `
        const { Redis } = require('ioredis');
        const { createServer, fakeTimersClock } = require('kvasir/testing');
        const client = new Redis(process.env.REDIS_URL);
        afterAll(() => client.disconnect());
        for (const name of ['first', 'second'])
          test(name, async () => {
            expect(await client.decr('stock')).toBe(9);
            expect(kvasir.server.run('GET', 'stock')).toBe('9');
          });
        test('a server goes on while timers are faked', async () => {
          jest.useFakeTimers({ doNotFake: ['nextTick'] });
          const server = await createServer({ port: false });
          const stream = server.connect();
          const reply = new Promise((resolve) => stream.on('data', (bytes) => resolve(String(bytes))));
          stream.write('PING\\r\\n');
          expect(await reply).toBe('+PONG\\r\\n');
          jest.useRealTimers();
          stream.destroy();
          await server.close();
        });
        test('fake timers move its time', async () => {
          jest.useFakeTimers({ doNotFake: ['nextTick'] });
          const server = await createServer({ port: false, clock: fakeTimersClock() });
          server.run('SET', 'session', 'x', 'EX', 60);
          jest.advanceTimersByTime(59_000);
          expect(server.run('GET', 'session')).toBe('x');
          jest.advanceTimersByTime(1_001);
          expect(server.run('GET', 'session')).toBe(null);
          jest.useRealTimers();
          await server.close();
        });`,
    });
    assert.match(await run(folder, 'jest', ['--ci']), /Tests:\s+4 passed/);
  });

  it('has a server a file by hooks, and one for the run by globalSetup', async (t) => {
    const folder = project(t, {
      'jest.config.cjs': "module.exports = { globalSetup: 'kvasir/jest', globalTeardown: 'kvasir/jest-teardown' };",
      'hooks.test.js': `
        const { setup } = require('kvasir/jest');
        const { Redis } = require('ioredis');
        const shared = process.env.REDIS_URL;
        const redis = setup({ fixtures: { stock: '10' } });
        for (const name of ['first', 'second'])
          test(name, async () => {
            expect(redis.server.run('DECR', 'stock')).toBe(9);
            const client = new Redis(shared);
            expect(await client.ping()).toBe('PONG');
            client.disconnect();
          });`,
    });
    assert.match(await run(folder, 'jest', ['--ci']), /Tests:\s+2 passed/);
  });
});
