// build: transpiles every changed TypeScript file of src/ and test/ into dist/, and bundles the programs into dist/bundle,
// where the package's declarations go as well.
//   node scripts/build.mjs               everything
//   node scripts/build.mjs --programs    without the tests
//   node scripts/build.mjs --no-bundle   without the programs' bundles, for unit tests
//
// Types are not looked at here (`npm run typecheck` does that), so a build takes a moment and a broken type does not
// stop a test run. A file is written beside its place and renamed, so a server that starts meanwhile reads a whole file.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { bundle } from './bundle.mjs';
import { buildPage } from './page.mjs';
import { writeDeclarations } from './declarations.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);

function* filesBelow(folder, ending) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, ending);
    else if (entry.name.endsWith(ending)) yield path;
  }
}

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const withTests = !process.argv.includes('--programs');
const wanted = new Set();
const modules = [];
let written = 0;
const isQuiet = process.env.KVASIR_BUILD_QUIET !== undefined;

/** The first build takes long enough for somebody to wonder. */
function announce() {
  if (!isQuiet && !existsSync(join(root, 'dist/bundle/kvasir-server.js')))
    process.stderr.write('building Kvasir from its sources, which takes about a minute the first time ...\n');
}

for (const folder of withTests ? ['src', 'test'] : ['src']) {
  for (const source of filesBelow(join(root, folder), '.ts')) {
    if (source.endsWith('.d.ts')) continue;
    const isModule = folder === 'src' && !/\.(test|fuzz|bench)\.ts$/.test(source);
    if (!isModule && !withTests) continue;
    const target = join(root, 'dist', relative(root, source)).replace(/\.ts$/, '.js');
    wanted.add(target);
    if (isModule) modules.push(target);
    if (modifiedMs(target) > modifiedMs(source)) continue;
    if (written === 0) announce();
    const text = readFileSync(source, 'utf8');
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: {
        ...options,
        module: ts.ModuleKind.ES2022,
        sourceMap: false,
        inlineSourceMap: true,
        inlineSources: false,
        // They are a third of the text that the bundles would hold and every start would read. Marks for bundlers stay.
        removeComments: !text.includes('@__PURE__'),
      },
      fileName: source,
    });
    mkdirSync(dirname(target), { recursive: true });
    const temporary = `${target}.${process.pid}.tmp`;
    writeFileSync(temporary, outputText);
    renameSync(temporary, target);
    written++;
  }
}
// A source that is gone must not live on as its old output.
if (withTests) {
  for (const folder of ['src', 'test'])
    for (const target of filesBelow(join(root, 'dist', folder), '.js')) if (!wanted.has(target)) rmSync(target);
}
if (!process.argv.includes('--no-bundle')) {
  await bundle(modules);
  await buildPage();
  writeDeclarations();
}
if (written > 0 && !isQuiet) process.stderr.write(`built ${written} files\n`);
