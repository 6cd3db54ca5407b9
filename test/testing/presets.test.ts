// The presets of test runners, each run as its users run it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setupByHooks } from '../../src/testing/setup-by-hooks.js';
import globalSetup from '../../src/testing/vitest.js';

const root = join(fileURLToPath(import.meta.url), '../../../..');
const run = promisify(execFile);

describe('presets', () => {
  it('node:test: a server for the file, with its data restored before each test', async () => {
    const folder = join(root, 'dist/test/examples');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `preset-${process.pid}.test.mjs`);
    writeFileSync(
      path,
      `import assert from 'node:assert/strict';
       import { test } from 'node:test';
       import { keep, server } from 'kvasir/node-test';
       assert.equal(process.env.REDIS_URL, server.url);
       server.run('SET', 'stock', 10);
       keep();
       for (const name of ['first', 'second']) test(name, () => assert.equal(server.run('DECR', 'stock'), 9));`,
    );
    const environment = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const { stdout } = await run(process.execPath, ['--import', 'kvasir/node-test', '--test', path], {
      cwd: root,
      env: environment,
      timeout: 120_000,
    });
    rmSync(path);
    assert.match(stdout, /pass 2/);
  });

  it('node:test in CommonJS: a server for the file, which hooks can wait for', async (t) => {
    const folder = join(root, 'dist/test/examples');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `preset-${process.pid}.test.cjs`);
    t.after(() => rmSync(path));
    writeFileSync(
      path,
      `const assert = require('node:assert/strict');
       const { after, before, test } = require('node:test');
       const kvasir = require('kvasir/node-test');
       const { Redis } = require('ioredis');
       let redis;
       before(async () => {
         await kvasir.ready;
         redis = new Redis(process.env.REDIS_URL);
         await redis.set('stock', 10);
         kvasir.keep();
       });
       after(() => redis.disconnect());
       for (const name of ['first', 'second'])
         test(name, async () => {
           assert.equal(await redis.decr('stock'), 9);
           assert.equal(kvasir.server.run('GET', 'stock'), '9');
         });`,
    );
    const { stdout } = await run(process.execPath, ['--require', 'kvasir/node-test', '--test', path], {
      cwd: root,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      timeout: 120_000,
    });
    assert.match(stdout, /pass 2/);
  });

  it('hooks of jest and vitest: starts before all, restores before each, stops after all', async () => {
    const hooks = {
      all: [] as (() => Promise<void>)[],
      each: [] as (() => void)[],
      after: [] as (() => Promise<void>)[],
    };
    const preset = setupByHooks(
      {
        beforeAll: (step) => hooks.all.push(step),
        beforeEach: (step) => hooks.each.push(step),
        afterAll: (step) => hooks.after.push(step),
      },
      { fixtures: { stock: '10' } },
    );
    assert.throws(() => preset.server, /beforeAll/);
    for (const step of hooks.all) await step();
    for (const step of hooks.each) step();
    assert.equal(preset.server.run('DECR', 'stock'), 9);
    for (const step of hooks.each) step();
    assert.equal(preset.server.run('GET', 'stock'), '10');
    preset.server.run('SET', 'stock', '7');
    preset.keep();
    for (const step of hooks.each) step();
    assert.equal(preset.server.run('GET', 'stock'), '7');
    const { server } = preset;
    for (const step of hooks.after) await step();
    assert.throws(() => server.connect(), /closed/);
    assert.throws(() => setupByHooks(undefined, {}), /no global hooks/);
  });

  it('globalSetup of vitest: one server for the run', async () => {
    const stop = await globalSetup();
    assert.match(process.env.REDIS_URL!, /^redis:\/\/127\.0\.0\.1:\d+$/);
    await stop();
  });
});
