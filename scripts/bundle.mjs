// bundle: makes one file of the hundreds of modules that a program needs, because loading them one by one takes most of
// the time that a start takes. Called by build.mjs; writes into dist/bundle what package.json names.
//
// The entries of the library are made as CommonJS too (`.cjs`), and the server as one file for pages (`browser.js`).
//
// Rollup and not another bundler, because it leaves constants constant: V8 then treats them as such in hot code.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuiltin } from 'node:module';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
import nodeResolve from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import ts from 'typescript';
import { browserBundle, isBrowserPart } from './browser-bundle.mjs';
import { commonJs, neededBy } from './common-js.mjs';

const ownDist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');

/** Name of the file -> module. Files that a thread starts from have the name that `new Worker` looks for. */
const ownEntries = {
  index: 'src/index.js',
  testing: 'src/testing/index.js',
  recipes: 'src/recipes/index.js',
  ioredis: 'src/testing/ioredis.js',
  'node-redis': 'src/testing/node-redis.js',
  'node-test': 'src/testing/node-test.js',
  'node-test-by-hooks': 'src/testing/node-test-by-hooks.js',
  jest: 'src/testing/jest.js',
  vitest: 'src/testing/vitest.js',
  'vitest-setup': 'src/testing/vitest-setup.js',
  'jest-environment': 'src/testing/jest-environment.js',
  browser: 'src/browser/index.js',
  'browser-node': 'src/browser/node/index.js',
  'jest-teardown': 'src/testing/jest-teardown.js',
  'redis-memory-server': 'src/testing/memory-server-package.js',
  kvasir: 'src/apps/kvasir.js',
  'kvasir-server': 'src/apps/kvasir-server.js',
  'kvasir-sentinel': 'src/apps/kvasir-sentinel.js',
  'kvasir-cli': 'src/apps/kvasir-cli.js',
  'kvasir-benchmark': 'src/apps/kvasir-benchmark.js',
  'kvasir-cluster': 'src/apps/kvasir-cluster.js',
  'kvasir-trib': 'src/apps/kvasir-trib.js',
  'kvasir-check-aof': 'src/apps/kvasir-check-aof.js',
  'kvasir-check-rdb': 'src/apps/kvasir-check-rdb.js',
  'kvasir-codis': 'src/apps/kvasir-codis.js',
  'kvasir-proxy': 'src/apps/kvasir-proxy.js',
  'kvasir-dump': 'src/apps/kvasir-dump.js',
  'kvasir-plan': 'src/apps/kvasir-plan.js',
  'kvasir-recipes': 'src/apps/kvasir-recipes.js',
  'kvasir-rdb': 'src/apps/kvasir-rdb.js',
  'kvasir-aof': 'src/apps/kvasir-aof.js',
  'kvasir-sync': 'src/apps/kvasir-sync.js',
  'kvasir-backup': 'src/apps/kvasir-backup.js',
  'kvasir-admin': 'src/apps/kvasir-admin.js',
  'kvasir-load': 'src/apps/kvasir-load.js',
  'kvasir-mysql': 'src/apps/kvasir-mysql.js',
  'snapshot-worker': 'src/persistence/snapshot/snapshot-worker.js',
  'io-worker': 'src/io/threads/io-worker.js',
  'load-worker': 'src/bench/load-worker.js',
};

/** Entries that programs can `require` as well; a module that waits at its top level has a stand-in. */
const commonEntries = [
  'index',
  'testing',
  'recipes',
  'ioredis',
  'node-redis',
  'node-test-by-hooks',
  'jest',
  'jest-teardown',
  'jest-environment',
  'vitest',
  'redis-memory-server',
];

const inlineMap = /\n\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/;

/** The modules as build.mjs wrote them, with the maps that lead on to the TypeScript sources. */
const transpiled = {
  name: 'transpiled',
  load(id) {
    if (!id.startsWith('/') || isLibrary(id)) return null;
    const text = readFileSync(id, 'utf8');
    const map = inlineMap.exec(text);
    return map === null ? text : { code: text.slice(0, map.index), map: Buffer.from(map[1], 'base64').toString() };
  },
};

const isLibrary = (id) => id.includes('node_modules');
const resolver = nodeResolve({ preferBuiltins: true });

function stripComments(text, fileName) {
  const compilerOptions = {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    removeComments: true,
    verbatimModuleSyntax: true,
  };
  return { code: ts.transpileModule(text, { compilerOptions, fileName }).outputText, map: null };
}

/**
 * Comments of libraries would be a fiftieth of the package. Those of a file that tell the bundler what is pure go once it has written
 * the part.
 */
const withoutComments = {
  name: 'without-comments',
  transform(text, id) {
    if (!isLibrary(id) || !/\.[cm]?js$/.test(id) || text.includes('__PURE__')) return null;
    return stripComments(text, id);
  },
  renderChunk(text, { moduleIds, fileName }) {
    if (!moduleIds.some(isLibrary) || !text.includes('__PURE__')) return null;
    const stripped = stripComments(text, fileName);
    // TypeScript indents by more than libraries do.
    return stripped.code.length < text.length ? stripped : null;
  },
};

/** Only for what comes from packages: our own modules need none of it, and there are hundreds of them. */
const libraries = [
  {
    ...resolver,
    resolveId: {
      order: 'post',
      handler(source, importer, options) {
        if (source.startsWith('.') && !isLibrary(importer ?? '')) return null;
        return resolver.resolveId.handler.call(this, source, importer, options);
      },
    },
  },
  json({ include: '**/node_modules/**' }),
  withoutComments,
  commonjs({ include: /node_modules/ }),
];

/** True if all bundles are younger than every module. */
function isUpToDate(modules, folder, names) {
  const writtenMs = names.map((name) => statSync(join(folder, `${name}.js`), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const oldestMs = Math.min(...writtenMs);
  return modules.every((path) => statSync(path).mtimeMs < oldestMs);
}

/**
 * Refuses a bundle in which a file that is loaded later needs the program itself: a program that waits for it before its own
 * end is reached would wait for ever.
 */
function refuseCircles(output) {
  const programs = new Set(output.filter((file) => file.isEntry).map((file) => file.fileName));
  for (const file of output) {
    const needed = file.isEntry ? undefined : file.imports?.find((name) => programs.has(name));
    if (needed !== undefined)
      throw new Error(`${file.fileName} imports ${needed}: the program must load what it shares with \`import()\``);
  }
}

/** The files of the programs and of the library as modules, and those of the library as CommonJS, by their names. */
async function bundles(dist, entries, common) {
  const made = await rollup({
    input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(dist, path)])),
    // A preset for a test runner is loaded by that runner.
    external: (id) => isBuiltin(id) || id === 'vitest' || id === 'jest-environment-node',
    // Libraries are bundled into the programs that use them, so that the package itself has no dependencies.
    plugins: [transpiled, ...libraries],
    // A circular dependency too: whether such modules work depends on which of them is loaded first. Libraries made for CommonJS
    // are written for that.
    onwarn(warning) {
      const places = [...(warning.ids ?? []), ...(warning.id === undefined ? [] : [warning.id])];
      if (places.length > 0 && places.every(isLibrary)) return;
      throw new Error(warning.message);
    },
  });
  const { output } = await made.generate({
    dir: join(dist, 'bundle'),
    format: 'es',
    // The package has no maps, and vitest tells its users of one that a file names and that is missing.
    sourcemap: 'hidden',
    sourcemapExcludeSources: true,
    chunkFileNames: 'part-[name].js',
  });
  refuseCircles(output);
  const modules = output
    .filter((file) => !isBrowserPart(file))
    .map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]);
  const commons = neededBy(common, output).map((file) => [file.fileName.replace(/js$/, 'cjs'), commonJs(file)]);
  const pages = common.length === 0 ? [] : [['browser.js', browserBundle(output)]];
  return [...modules, ...commons, ...pages];
}

/** Writes the bundles of a folder `dist` unless the present ones are younger than `modules`. */
export async function bundle(modules, dist = ownDist, entries = ownEntries) {
  const folder = join(dist, 'bundle');
  if (
    isUpToDate(
      modules,
      folder,
      Object.keys(entries).filter((name) => name !== 'browser-node'),
    )
  )
    return;
  const files = await bundles(dist, entries, entries === ownEntries ? commonEntries : []);
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) {
    const temporary = join(folder, `${name}.${process.pid}.tmp`);
    writeFileSync(temporary, content, { mode: 0o755 });
    renameSync(temporary, join(folder, name));
  }
  const names = new Set(files.map(([name]) => name));
  for (const name of readdirSync(folder))
    if (/\.(js|cjs|map)$/.test(name) && !names.has(name)) rmSync(join(folder, name));
}
