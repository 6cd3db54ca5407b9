import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inTree, projectRoot, runCheck } from './plant.js';

const table = `
| folder | may import | Node modules | what is there |
|---|---|---|---|
| \`base\` | | \`crypto\` | |
| \`io\` | \`base\` | \`fs\` | |
| \`service\` | \`io\` | | |
| \`service/dispatch\` | \`io\` | | |
| \`server\` | \`service\` | | |
| \`apps\` | all above | | |
`;

/** A tree that keeps to the table. */
const sound: Readonly<Record<string, string>> = {
  'ARCHITECTURE.md': table,
  'src/base/bytes.ts': "import { createHash } from 'node:crypto';\nexport const bytes = createHash;\n",
  'src/io/files.ts': "import { bytes } from '../base/bytes.js';\nexport const files = bytes;\n",
  'src/service/acl.ts': "import { files } from '../io/files.js';\nexport const acl = files;\n",
  'src/service/dispatch/gates.ts': 'export const gates = 1;\n',
  'src/service/host.ts': "import { gates } from './dispatch/gates.js';\nexport const host = gates;\n",
  'src/server/server.ts': "import { bytes } from '../base/bytes.js';\nexport const server = bytes;\n",
  'src/server/server.test.ts': "import fs from 'node:net';\nimport x from 'ioredis';\nexport { fs, x };\n",
  'src/apps/main.ts': "import { server } from '../server/server.js';\nexport const main = server;\n",
  'test/peer.ts': "import { server } from '../src/server/server.js';\nexport const peer = server;\n",
};

/** The check itself, in this process: a start with the compiler takes a second of processor time. */
const { checkLayers } = (await import(pathToFileURL(join(projectRoot, 'scripts/layers/check.mjs')).href)) as {
  checkLayers(root: string): { readonly problems: readonly string[] };
};

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  return inTree({ ...sound, ...files }, (root) => checkLayers(root).problems);
}

test('a tree that keeps to the table passes', () => {
  assert.deepEqual(problemsOf({}), []);
  const { status, output } = runCheck('check-layers.mjs', sound);
  assert.equal(status, 0, output);
});

test('the command fails with what is wrong', () => {
  const { status, output } = runCheck('check-layers.mjs', { ...sound, 'src/base/x.ts': "import './gone.js';\n" });
  assert.equal(status, 1);
  assert.match(output, /src\/base\/x\.ts:1: imports \.\/gone\.js, which does not exist\n1 problems with imports/);
});

/** Kind of violation -> the files that plant it, and what the check must say. */
const violations: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
  [
    'an import against the table',
    { 'src/base/x.ts': "import { files } from '../io/files.js';\n" },
    /src\/base\/x\.ts:1: base must not import io\/files\.ts/,
  ],
  [
    'an import in double quotes',
    { 'src/base/x.ts': '\nimport { files } from "../io/files.js";\n' },
    /x\.ts:2: base must not import io/,
  ],
  [
    'an import over several lines with a comment',
    { 'src/base/x.ts': "import {\n  files,\n} /* from './y.js' */ from /* here */\n  '../io/files.js';\n" },
    /base must not import io/,
  ],
  ['an import of types', { 'src/base/x.ts': "import type { A } from '../io/files.js';\n" }, /base must not import io/],
  ['a type within an expression', { 'src/base/x.ts': "let a: import('../io/files.js').A;\n" }, /must not import io/],
  ['a re-export', { 'src/base/x.ts': "export * from '../io/files.js';\n" }, /base must not import io/],
  ['an import without names', { 'src/base/x.ts': "import '../io/files.js';\n" }, /base must not import io/],
  ['a dynamic import', { 'src/base/x.ts': "await import('../io/files.js');\n" }, /base must not import io/],
  ['a dynamic import in backquotes', { 'src/base/x.ts': 'import(`../io/files.js`);\n' }, /base must not import io/],
  ['a dynamic import by a computed name', { 'src/base/x.ts': 'import(process.argv[2]!);\n' }, /computed name/],
  ['require', { 'src/base/x.ts': "require('../io/files.js');\n" }, /base must not import io/],
  [
    'the program of a thread',
    { 'src/base/x.ts': "new Worker(new URL('../io/files.js', import.meta.url));\n" },
    /base must not import io/,
  ],
  [
    'an import into the parent of a subfolder with a row',
    { 'src/service/dispatch/x.ts': "import { acl } from '../acl.js';\n" },
    /service\/dispatch must not import service\/acl\.ts/,
  ],
  [
    'an import of a higher folder from a subfolder',
    { 'src/service/dispatch/x.ts': "import { server } from '../../server/server.js';\n" },
    /service\/dispatch must not import server\/server\.ts/,
  ],
  ['a module of Node', { 'src/base/x.ts': "import net from 'node:net';\n" }, /base must not import node:net/],
  [
    'a part of a module of Node',
    { 'src/io/x.ts': "import 'node:fs/promises';\n" },
    /must not import node:fs\/promises/,
  ],
  ['a module of Node without node:', { 'src/base/x.ts': "import 'crypto';\n" }, /imports crypto without node:/],
  [
    'a module of Node from process',
    { 'src/base/x.ts': "process.getBuiltinModule('node:net');\n" },
    /base must not import node:net/,
  ],
  ['a package', { 'src/base/x.ts': "import Redis from 'ioredis';\n" }, /imports the package ioredis/],
  [
    'a test imported by the product',
    { 'src/server/x.ts': "import './server.test.js';\n" },
    /imports the test \.\/server\.test\.js/,
  ],
  ['a helper of tests imported by the product', { 'src/server/x.ts': "import '../../test/peer.js';\n" }, /outside src/],
  [
    'a test imported by a test',
    { 'test/x.test.ts': "import '../src/server/server.test.js';\n" },
    /test\/x\.test\.ts:1: imports the test/,
  ],
  [
    'a file that does not exist',
    { 'src/base/x.ts': "import './gone.js';\n" },
    /imports \.\/gone\.js, which does not exist/,
  ],
  ['a folder without a row', { 'src/utils/x.ts': "import '../base/bytes.js';\n" }, /without a row/],
  [
    'a circle',
    { 'src/base/x.ts': "import './y.js';\n", 'src/base/y.ts': "import './x.js';\n" },
    /circle of 2 files: src\/base\/x\.ts -> src\/base\/y\.ts -> src\/base\/x\.ts/,
  ],
  [
    'a circle of types',
    {
      'src/base/x.ts': "import type { Y } from './y.js';\nexport interface X { y: Y }\n",
      'src/base/y.ts': 'import type { Z } from "./z.js";\nexport interface Y { z: Z }\n',
      'src/base/z.ts': "export type Z = import('./x.js').X;\n",
    },
    /circle of 3 files/,
  ],
  [
    'a circle of tests',
    { 'test/x.ts': "import './y.js';\n", 'test/y.ts': "import './x.js';\n" },
    /circle of 2 files: test\/x\.ts/,
  ],
  ['a file that imports itself', { 'src/base/x.ts': "import './x.js';\n" }, /circle of 1 files: src\/base\/x\.ts/],
  [
    'a row that names a row below it',
    { 'ARCHITECTURE.md': table.replace('| `base` | |', '| `base` | `io` |') },
    /base names io, which has no row above it/,
  ],
  [
    'a row for a folder that is not there',
    { 'ARCHITECTURE.md': `${table}| \`proxy\` | \`service\` | | |\n` },
    /the row of proxy stands for nothing in src/,
  ],
  ['no table', { 'ARCHITECTURE.md': '# Architecture\n' }, /ARCHITECTURE\.md has no table/],
];

for (const [kind, files, message] of violations) {
  test(`check-layers refuses ${kind}`, () => {
    assert.match(problemsOf(files).join('\n'), message);
  });
}

async function bundle(files: Readonly<Record<string, string>>): Promise<string[]> {
  const script = (await import(pathToFileURL(join(projectRoot, 'scripts', 'bundle.mjs')).href)) as {
    bundle(modules: string[], dist: string, entries: Record<string, string>): Promise<void>;
  };
  return inTree(files, async (root) => {
    const modules = Object.keys(files).map((path) => join(root, path));
    await script.bundle(modules, root, { index: 'src/index.js' });
    return readdirSync(join(root, 'bundle'));
  });
}

test('the bundler makes one file of modules without a circle', async () => {
  const made = await bundle({ 'src/index.js': "import './a.js';\n", 'src/a.js': 'console.log(1);\n' });
  assert.ok(made.includes('index.js'));
});

test('the bundler refuses modules that import each other', async () => {
  const files = {
    'src/index.js': "import { a } from './a.js';\nconsole.log(a);\n",
    'src/a.js': "import { b } from './b.js';\nexport const a = () => b;\n",
    'src/b.js': "import { a } from './a.js';\nexport const b = () => a;\n",
  };
  await assert.rejects(bundle(files), /Circular dependency/);
});
