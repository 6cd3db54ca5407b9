// page: builds the web page of kvasir-admin from page/ into dist/bundle/admin. Called by build.mjs.
//
// The sources are transpiled by TypeScript and joined by rollup, as the programs are; the libraries of the page come from
// node_modules and end up in its files, so that the package needs none of them. Views that are imported later stay apart.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'page');
const target = join(root, 'dist/bundle/admin');
const plainFiles = ['index.html', 'icon.svg'];
/** The parts of node_modules that the files of the page contain. */
const libraries = [
  'preact',
  'uplot',
  '@codemirror/commands',
  '@codemirror/lang-json',
  '@codemirror/language',
  '@codemirror/legacy-modes',
  '@codemirror/state',
  '@codemirror/view',
  '@lezer/common',
  '@lezer/highlight',
  '@lezer/json',
  '@lezer/lr',
  '@marijn/find-cluster-break',
  'crelt',
  'style-mod',
  'w3c-keyname',
];

function* sources(path) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* sources(below);
    else yield below;
  }
}

const typescript = {
  name: 'typescript',
  resolveId(name, importer) {
    if (importer === undefined) return undefined;
    // Node would take its CommonJS file.
    if (name === 'uplot') return fileURLToPath(import.meta.resolve('uplot/dist/uPlot.esm.js'));
    if (!name.startsWith('.')) return fileURLToPath(import.meta.resolve(name));
    const path = resolve(dirname(importer), name);
    const found = [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx'), path].find((one) => existsSync(one));
    return found;
  },
  load(id) {
    const text = readFileSync(id, 'utf8');
    // Rollup keeps comments, which are a third of what the editor's libraries are.
    if (/node_modules.(@codemirror|@lezer)/.test(id)) return withoutComments(text);
    if (!/\.tsx?$/.test(id)) return text;
    return ts.transpileModule(text, {
      fileName: id,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ES2022,
        jsx: ts.JsxEmit.ReactJSX,
        jsxImportSource: 'preact',
        verbatimModuleSyntax: true,
      },
    }).outputText;
  },
};

function withoutComments(text) {
  return ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, removeComments: true },
  }).outputText;
}

/** Without comments and needless white space; no rule of the sheet has a text with either. */
function smallerSheet(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .trim();
}

function licenseOf(name) {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8').trim()}\n`;
}

/** Builds the page unless it is younger than all of its sources. */
export async function buildPage() {
  const built = statSync(join(target, 'app.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const inputs = [...sources(folder), fileURLToPath(import.meta.url), join(root, 'package-lock.json')];
  if (inputs.every((path) => statSync(path).mtimeMs < built)) return;
  const made = await rollup({
    input: { app: join(folder, 'src/app.tsx') },
    plugins: [typescript],
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  const { output } = await made.generate({ format: 'es', chunkFileNames: '[name].js', compact: true });
  mkdirSync(target, { recursive: true });
  const names = new Set([...output.map(({ fileName }) => fileName), ...plainFiles, 'app.css', 'licenses.txt']);
  for (const name of readdirSync(target)) if (!names.has(name)) rmSync(join(target, name));
  for (const name of plainFiles) copyFileSync(join(folder, name), join(target, name));
  const charts = readFileSync(fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css')), 'utf8');
  writeFileSync(join(target, 'licenses.txt'), libraries.map(licenseOf).join('\n\n'));
  writeFileSync(join(target, 'app.css'), smallerSheet(readFileSync(join(folder, 'app.css'), 'utf8')) + charts);
  // The program that others wait for comes last.
  for (const file of output.sort((a, b) => Number(a.isEntry) - Number(b.isEntry)))
    if (file.type === 'chunk') writeFileSync(join(target, file.fileName), file.code);
}
