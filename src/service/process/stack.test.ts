import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { stackOf } from './stack.js';

/** The stack of the error that a script in a file of its own throws, with `map` beside it. */
async function stackFrom(map: string | undefined): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-stack-'));
  try {
    const script = join(folder, 'made.js');
    writeFileSync(script, "export function fail() { return new Error('broken'); }\n");
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    if (map !== undefined) writeFileSync(`${script}.map`, map);
    const { fail } = (await import(pathToFileURL(script).href)) as { fail: () => Error };
    return stackOf(fail());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a stack names places in the sources where a map tells them', async () => {
  // 'AAUE' maps the first byte of the script to line 11, column 3 of the source.
  const stack = await stackFrom(
    JSON.stringify({ version: 3, sources: ['sources/thing.ts'], names: [], mappings: 'AAUE' }),
  );
  assert.match(stack, /^Error: broken\n {4}at fail \(file:.*\/sources\/thing\.ts:11:3\)/);
});

test('without a map, or with a broken one, a stack stays as it is', async () => {
  for (const map of [undefined, '', '{}', 'not JSON', '{"version":3}']) {
    assert.match(await stackFrom(map), /^Error: broken\n {4}at fail \(file:.*\/made\.js:1:\d+\)/, String(map));
  }
});

test('what is thrown and is no error is told as text', () => {
  assert.equal(stackOf('just text'), 'just text');
  assert.equal(stackOf(undefined), 'undefined');
});
