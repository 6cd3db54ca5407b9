import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCheck } from './plant.js';

const sound = {
  'README.md':
    '# Name\n\n## What it *is*, in short\n\n[design](docs/design.md#the-idea) [above](#what-it-is-in-short)\n',
  'docs/design.md': '# The idea\n\n[back](../README.md), [web](https://example.org/x.md), `[no](link.md)`\n',
};

test('links to files and headings pass', () => {
  const { status, output } = runCheck('check-links.mjs', sound);
  assert.equal(status, 0, output);
});

const violations: readonly [string, string, RegExp][] = [
  ['a link to a missing file', '[x](gone.md)', /docs\/x\.md: links to gone\.md, which does not exist/],
  ['a link by reference', 'See [x].\n\n[x]: gone.md', /links to gone\.md/],
  ['a link to a missing heading', '[x](design.md#gone)', /links to design\.md#gone, which has no such heading/],
  ['a link that leaves the project', '[x](../../etc/passwd)', /outside the project/],
];

for (const [kind, text, message] of violations) {
  test(`check-links refuses ${kind}`, () => {
    const { status, output } = runCheck('check-links.mjs', { ...sound, 'docs/x.md': text });
    assert.match(output, message);
    assert.equal(status, 1);
  });
}

test('the size report lists long functions and files, and fails nobody', () => {
  const body = 'count += 1;\n'.repeat(61);
  const { status, output } = runCheck('sizes.mjs', {
    'src/a.ts': `export function long() {\n${body}}\n`,
    'src/b.ts': '// line\n'.repeat(401),
    'src/c.ts': 'export function short() {}\n',
  });
  assert.equal(status, 0);
  assert.match(output, /functions over 60 lines: 1\n +63 {2}src\/a\.ts:1 long\n/);
  assert.match(output, /files over 400 lines: 1\n +401 {2}src\/b\.ts\n/);
});
