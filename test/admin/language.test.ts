// The Chinese texts of the page: one for each text in the code, and none for a text that is gone.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

it('has a Chinese text for each text of the page', () => {
  const sources = readdirSync('page/src', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'zh.ts')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
  const used = new Set(
    sources.flatMap((text) =>
      [...text.matchAll(/\bt\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g)].map(([, one, other]) => one ?? other!),
    ),
  );
  const chinese = new Set(
    [...readFileSync('page/src/base/zh.ts', 'utf8').matchAll(/^ {2}(?:'((?:[^'\\]|\\.)*)'|(\w+)):/gm)].map(
      ([, quoted, plain]) => quoted ?? plain!,
    ),
  );
  assert.ok(used.size > 300, `${used.size} texts`);
  assert.deepEqual(
    [...used].filter((text) => !chinese.has(text)),
    [],
  );
});
