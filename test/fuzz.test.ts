// Every `*.fuzz.ts` once, for a short time. KVASIR_SEED chooses another seed; `npm run fuzz` goes on with many.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { findFuzzers } from './fuzz/find-fuzzers.js';
import { projectRoot } from './checks/plant.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const fuzzers = await findFuzzers();

for (const { file, fuzzer } of fuzzers) test(`${file}: ${fuzzer.name}`, () => fuzzer.run(seed, fuzzer.steps));

test('npm run fuzz tells the seed of a failure and runs only what is named', () => {
  const main = join(projectRoot, 'dist/test/fuzz/main.js');
  const run = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  const good = run('intset', '--seeds', '2', '--seed', '5');
  assert.equal(good.status, 0, String(good.stderr));
  assert.match(String(good.stdout), /intset.*seed 5/);
  assert.match(String(good.stdout), /intset.*seed 6/);
  assert.doesNotMatch(String(good.stdout), /dict/);
  const none = run('nothing-of-this-name');
  assert.equal(none.status, 1);
  assert.match(String(none.stderr), /no fuzzer matches: nothing-of-this-name/);
});
