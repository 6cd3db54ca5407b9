import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ESLint } from 'eslint';
import { projectRoot } from './plant.js';

const eslint = new ESLint({ cwd: projectRoot });

/** The rules that a text breaks as if it stood in a file of the project. */
async function rulesBroken(path: string, text: string, linter = eslint): Promise<(string | null)[]> {
  const [result] = await linter.lintText(text, { filePath: join(projectRoot, path) });
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

test('lint refuses a promise that nobody waits for', async (context) => {
  // A project of one file: the types of the whole one take most of a minute.
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-lint-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'tsconfig.json');
  const files = [join(projectRoot, 'src/base/assert.ts')];
  writeFileSync(project, JSON.stringify({ extends: join(projectRoot, 'tsconfig.json'), include: [], files }));
  const typed = new ESLint({
    cwd: projectRoot,
    overrideConfigFile: join(projectRoot, 'eslint.typed.config.mjs'),
    overrideConfig: {
      languageOptions: {
        // With CI=true the parser would take the file on the disk for the text.
        parserOptions: { projectService: false, project, disallowAutomaticSingleRunInference: true },
      },
    },
  });
  const text = 'export const later = async (): Promise<void> => {};\n';
  assert.deepEqual(await rulesBroken('src/base/assert.ts', `${text}void later();\n`, typed), []);
  assert.deepEqual(await rulesBroken('src/base/assert.ts', `${text}later();\n`, typed), [
    '@typescript-eslint/no-floating-promises',
  ]);
});
