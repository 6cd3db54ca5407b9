// The examples of the documents that are marked to run do run, as a user would run them: from the package's own entries.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(fileURLToPath(import.meta.url), '../../../..');
const run = promisify(execFile);

/** Pages, and how many examples each has at least. */
const pages: Record<string, number> = { 'testing.md': 9 };
for (const name of readdirSync(join(root, 'docs/recipes'))) pages[`recipes/${name}`] = 1;

const examplesOf = (text: string): string[] =>
  [...text.matchAll(/^```js run\n([^]*?)^```$/gm)].map(([, code]) => code!);

describe('examples of recipes', () => {
  it('are TypeScript in its strictest mode as well', async () => {
    const folder = join(root, 'dist/test/examples', `typed-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      for (const name of readdirSync(join(root, 'docs/recipes')))
        examplesOf(readFileSync(join(root, 'docs/recipes', name), 'utf8')).forEach((code, index) =>
          writeFileSync(join(folder, `${name}-${index}.mts`), `${code}\nexport {};\n`),
        );
      const compilerOptions = {
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023', 'dom'],
        types: ['node'],
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }));
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const complaints = await run(process.execPath, [tsc, '-p', folder], { timeout: 300_000 }).then(
        () => '',
        (error: unknown) => (error as { stdout: string }).stdout,
      );
      assert.equal(complaints, '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

for (const [page, atLeast] of Object.entries(pages)) {
  describe(`docs/${page}`, () => {
    const text = readFileSync(join(root, 'docs', page), 'utf8');
    const examples = examplesOf(text);

    it('has examples', () => assert.ok(examples.length >= atLeast, `${examples.length} examples`));

    examples.forEach((code, index) => {
      it(`example ${index + 1} runs`, async () => {
        // Within the package, so that its name leads to it.
        const folder = join(root, 'dist/test/examples');
        mkdirSync(folder, { recursive: true });
        const path = join(folder, `${page.replace('/', '-')}-${index}-${process.pid}.mjs`);
        writeFileSync(path, code);
        try {
          await run(process.execPath, [path], { timeout: 120_000 });
        } finally {
          rmSync(path);
        }
      });
    });
  });
}
