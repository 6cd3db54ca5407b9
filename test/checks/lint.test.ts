import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
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

test('lint refuses a promise that nobody waits for', async (context) => {
  // A project of one file: the types of the whole one take half a minute.
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-lint-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { strict: true }, files: ['later.ts'] }),
  );
  const config = join(projectRoot, 'oxlint.typed.json');
  const oxlint = join(projectRoot, 'node_modules/oxlint/bin/oxlint');
  // oxlint looks for the program that knows types there.
  const env = { ...process.env, PATH: `${join(projectRoot, 'node_modules/.bin')}${delimiter}${process.env.PATH}` };
  const lint = (last: string): Promise<{ code: number; output: string }> => {
    writeFileSync(join(folder, 'later.ts'), `export const later = async (): Promise<void> => {};\n${last}\n`);
    return new Promise((resolve) => {
      const args = [oxlint, '--type-aware', '--config', config, '--format', 'unix', 'later.ts'];
      execFile(process.execPath, args, { cwd: folder, env }, (error, output) => {
        resolve({ code: error === null ? 0 : Number(error.code), output });
      });
    });
  };
  assert.equal((await lint('void later();')).code, 0);
  const { code, output } = await lint('later();');
  assert.equal(code, 1);
  assert.match(output, /later\.ts:2:1: .*no-floating-promises/s);
});
