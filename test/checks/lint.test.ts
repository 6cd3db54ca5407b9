import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ESLint } from 'eslint';
import { projectRoot } from './plant.js';

const eslint = new ESLint({ cwd: projectRoot });

/** The rules that a text breaks as if it stood in a file of the project. */
async function rulesBroken(path: string, text: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath: join(projectRoot, path) });
  return result!.messages.map((message) => message.ruleId);
}

const violations: readonly [string, string][] = [
  ['Date.now();', 'no-restricted-properties'],
  ['performance.now();', 'no-restricted-properties'],
  ['process.hrtime();', 'no-restricted-properties'],
  ['Math.random();', 'no-restricted-properties'],
  ['globalThis.setTimeout(() => {}, 1);', 'no-restricted-properties'],
  ['new Date();', 'no-restricted-syntax'],
  ['setTimeout(() => {}, 1);', 'no-restricted-globals'],
  ['setInterval(() => {}, 1);', 'no-restricted-globals'],
  ['setImmediate(() => {});', 'no-restricted-globals'],
  ["import 'node:net';", 'no-restricted-imports'],
  ["import 'node:tls';", 'no-restricted-imports'],
  ["import 'node:fs';", 'no-restricted-imports'],
  ["import 'node:fs/promises';", 'no-restricted-imports'],
  ["import 'node:timers/promises';", 'no-restricted-imports'],
  ["import 'node:worker_threads';", 'no-restricted-imports'],
];

for (const [text, rule] of violations) {
  test(`lint refuses ${text} in the server, and permits it in io`, async () => {
    assert.deepEqual(await rulesBroken('src/server/cron.ts', `${text}\n`), [rule]);
    assert.deepEqual(await rulesBroken('src/io/clock.ts', `${text}\n`), []);
  });
}
