// api: the public face of the library as files that a review sees change: etc/api/NAME.api.md, one for each entry of the package.
//   npm run api              writes them
//   npm run api -- --check   only says what is out of date (exit status 1)
//
// A file holds the names that the entry exports, and the declarations that they are made of, in the order of their names and
// without comments, from the declaration files that the package ships. A declaration that the report of another entry
// already has is only named. API Extractor would report the same, in 40 seconds of the processor instead of one.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { entries } from './declarations.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'etc/api');
const printer = ts.createPrinter({ removeComments: true });
const parse = (path) => ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.ES2022, true);

function namesOf(statement) {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.text);
  return [statement.name?.text ?? 'default'];
}

const isExported = (statement) =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** The names that a module exports; follows `export *`. */
function exportsOf(path) {
  const names = [];
  for (const statement of parse(path).statements) {
    if (ts.isExportAssignment(statement)) names.push('default');
    else if (!ts.isExportDeclaration(statement)) {
      if (isExported(statement)) names.push(...namesOf(statement));
    } else if (statement.exportClause !== undefined)
      names.push(...statement.exportClause.elements.map(({ name }) => name.text));
    else names.push(...exportsOf(join(dirname(path), statement.moduleSpecifier.text).replace(/\.js$/, '.ts')));
  }
  return [...new Set(names)].sort();
}

/** Declarations of a shipped file by their sorted names. */
function declarationsOf(path) {
  const source = parse(path);
  return source.statements
    .filter((statement) => !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement))
    .map((statement) => {
      // A private member has no type in a declaration, and is nobody's business.
      const text = printer
        .printNode(ts.EmitHint.Unspecified, statement, source)
        .replace(/^\s+private .*\n/gm, '')
        .replace(/^export /, '')
        .replace(/^declare /, '');
      return { name: namesOf(statement)[0], text };
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.text < b.text ? -1 : 1));
}

/** Declarations that a report has, with its name. */
const reported = new Map();
const reports = new Map();
for (const [name, source] of Object.entries(entries)) {
  const known = new Map();
  const own = [];
  for (const declaration of declarationsOf(`dist/bundle/${name}.d.ts`)) {
    const where = reported.get(declaration.text);
    if (where === undefined) own.push(declaration);
    else known.set(where, [...(known.get(where) ?? []), declaration.name]);
  }
  for (const { text } of own) reported.set(text, name);
  const names = exportsOf(source);
  const parts = [
    `# ${name === 'index' ? 'kvasir' : `kvasir/${name}`}`,
    'Made by `npm run api`. A change of this file is a change of the public interface: see docs/versioning.md.',
    `Exports: ${names.length === 0 ? 'nothing' : names.map((one) => `\`${one}\``).join(', ')}`,
    ...[...known].map(([where, list]) => `As in [${where}](${where}.api.md): ${[...new Set(list)].join(', ')}`),
    ...(own.length === 0 ? [] : [`\`\`\`ts\n${own.map(({ text }) => text).join('\n\n')}\n\`\`\``]),
  ];
  reports.set(`${name}.api.md`, `${parts.join('\n\n')}\n`);
}

const stale = [...reports].filter(
  ([name, text]) => !existsSync(join(folder, name)) || readFileSync(join(folder, name), 'utf8') !== text,
);
const gone = existsSync(folder) ? readdirSync(folder).filter((name) => !reports.has(name)) : [];
if (process.argv.includes('--check')) {
  for (const name of [...stale.map(([one]) => one), ...gone])
    process.stderr.write(`etc/api/${name} is out of date: if the change of the interface is meant, run npm run api\n`);
  if (stale.length + gone.length > 0) process.exit(1);
  process.stdout.write(`api: ${reports.size} reports of the public interface are up to date\n`);
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of stale) writeFileSync(join(folder, name), text);
  for (const name of gone) rmSync(join(folder, name));
}
