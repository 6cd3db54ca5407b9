// The recipes' bundle stays tree-shakeable: a program that imports one recipe carries no other, as a bundler of users sees it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build } from 'esbuild';

/** Bundles a program that imports these names. */
async function bundle(names: string): Promise<{ text: string; bytes: number }> {
  const result = await build({
    stdin: { contents: `import { ${names} } from 'kvasir/recipes'; console.log(${names});`, resolveDir: '.' },
    bundle: true,
    minifySyntax: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  return { text: file!.text, bytes: file!.contents.length };
}

/** Texts that only the recipe of this name has. */
const marks: Readonly<Record<string, RegExp>> = {
  Lock: /lock \$\{this\.name\} was not free/,
  Semaphore: /had no place/,
  Redlock: /was not granted by/,
  takeAll: /checks\.gcra/,
  Cache: /cache-tag/,
  WriteBehind: /tagged\("behind"/,
  Seckill: /'sold-out'/,
  RedPacket: /red-packet/,
  SqliteOrders: /sale_orders/,
  Leaderboard: /ZREVRANK/,
  JobQueue: /XPENDING/,
  ketamaPlacement: /a ketama ring/,
  NearCache: /maxAgeMs/,
  SiblingStore: /siblings/,
  simulateCache: /penetration/,
  SpamFilter: /spam/,
  expressLimit: /RateLimit-Limit/,
};

describe('a bundle of one recipe', () => {
  it('has nothing of the others', async () => {
    const needs: Readonly<Record<string, readonly string[]>> = {
      simulateCache: ['Cache'],
      expressLimit: ['takeAll'],
    };
    for (const [name, mark] of Object.entries(marks)) {
      const { text } = await bundle(name);
      assert.match(text, mark, `${name} is there itself`);
      const others = Object.entries(marks).filter(([other]) => other !== name && needs[name]?.includes(other) !== true);
      assert.deepEqual(
        others.flatMap(([other, trace]) => (trace.test(text) ? [other] : [])),
        [],
        `besides ${name}`,
      );
    }
  });

  it('is small', async (t) => {
    const lock = await bundle('Lock');
    t.diagnostic(`Lock: ${lock.bytes} bytes`);
    assert.ok(lock.bytes < 25_000, `${lock.bytes} bytes`);
    assert.ok((await bundle('fromIoredis')).bytes < 6000);
    // Of Node's modules only what hashes the scripts.
    const imports = [...lock.text.matchAll(/from "(.*?)"|\brequire\("(.*?)"\)/g)].map(
      ([, from, required]) => from ?? required,
    );
    assert.deepEqual(imports, ['node:crypto']);
  });
});
