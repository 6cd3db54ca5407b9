// declarations: makes the package's declaration files, one for each entry (dist/bundle/index.d.ts, testing.d.ts, ...), of the few
// files that declare its public face. Called by build.mjs.
//
// The declarations of an entry and of what they refer to are put one after the other, without their imports. Nothing but
// those files is looked at, so this takes a moment. It refuses what would not work that way: a name that is imported under another
// one, and a public type that needs a package.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Name of the declaration file -> source. */
export const entries = {
  index: 'src/index.ts',
  testing: 'src/testing/index.ts',
  recipes: 'src/recipes/index.ts',
  ioredis: 'src/testing/ioredis.ts',
  'node-redis': 'src/testing/node-redis.ts',
  'node-test': 'src/testing/node-test.ts',
  'node-test-by-hooks': 'src/testing/node-test-by-hooks.ts',
  jest: 'src/testing/jest.ts',
  vitest: 'src/testing/vitest.ts',
  'vitest-setup': 'src/testing/vitest-setup.ts',
  'jest-environment': 'src/testing/jest-environment.ts',
  browser: 'src/browser/index.ts',
  'jest-teardown': 'src/testing/jest-teardown.ts',
  'redis-memory-server': 'src/testing/memory-server-package.ts',
};

/** Names of a statement's import or export clause; undefined where it has none. */
function namesOf(statement) {
  const clause = statement.importClause?.namedBindings ?? statement.exportClause;
  if (clause === undefined) return undefined;
  for (const element of clause.elements ?? [])
    if (element.propertyName !== undefined)
      throw new Error(`declarations: ${element.getText()} gives a name another one, which the roll-up does not follow`);
  return (clause.elements ?? []).map((element) => element.name.text);
}

/** Path -> the parsed declarations of a source: several entries show the same files. */
const parsed = new Map();

function declarationsOf(path) {
  let source = parsed.get(path);
  if (source === undefined) {
    const { outputText } = ts.transpileDeclaration(readFileSync(path, 'utf8'), {
      fileName: path,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, strict: true },
    });
    source = ts.createSourceFile(path, outputText, ts.ScriptTarget.ES2022, true);
    parsed.set(path, source);
  }
  return source;
}

class RollUp {
  texts = [];
  /** Lines that import from Node's modules. */
  imports = new Set();
  seen = new Set();

  add(path) {
    if (this.seen.has(path)) return;
    this.seen.add(path);
    const source = declarationsOf(path);
    const kept = [];
    for (const statement of source.statements) {
      const from = statement.moduleSpecifier?.text;
      if (from === undefined) {
        // `export { name }` without a source: all names are declared here already.
        if (!ts.isExportDeclaration(statement)) kept.push(withoutHeader(statement, source));
      } else if (from.startsWith('.')) {
        if (namesOf(statement)?.length !== 0) this.add(join(dirname(path), from).replace(/\.js$/, '.ts'));
      } else if (from.startsWith('node:')) {
        namesOf(statement);
        this.imports.add(statement.getText());
      } else {
        throw new Error(`declarations: ${relative(root, path)} shows a type of the package ${from}`);
      }
    }
    if (kept.length > 0) this.texts.push(kept.join('\n'));
  }

  get text() {
    // A program without @types/node has no such module: the types are `any` there instead of an error.
    const imports = [...this.imports].map((line) => `// @ts-ignore: any without @types/node\n${line}`);
    return `${[...imports, ...this.texts].join('\n')}\n`;
  }
}

/** A statement with the comment that belongs to it, but without the header of its file. */
function withoutHeader(statement, source) {
  const comments = ts.getLeadingCommentRanges(source.text, statement.getFullStart()) ?? [];
  const last = comments.at(-1);
  const start =
    last !== undefined && source.text.startsWith('/**', last.pos) ? last.pos : statement.getStart(source, false);
  return source.text.slice(start, statement.end);
}

/** The sources that the declaration files were made of, one a line. */
const listPath = join(root, 'dist/declarations.txt');

function isUpToDate() {
  const writtenMs = statSync(listPath, { throwIfNoEntry: false })?.mtimeMs;
  if (writtenMs === undefined) return false;
  const targets = Object.keys(entries).map((name) => join(root, `dist/bundle/${name}.d.ts`));
  if (!targets.every((path) => existsSync(path))) return false;
  const sources = readFileSync(listPath, 'utf8').split('\n');
  return [...sources, fileURLToPath(import.meta.url)].every(
    (path) => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < writtenMs,
  );
}

/** Writes the declaration files, unless no source of theirs is younger. */
export function writeDeclarations() {
  if (isUpToDate()) return;
  for (const [name, entry] of Object.entries(entries)) {
    const rollUp = new RollUp();
    rollUp.add(join(root, entry));
    // A compiler takes the kind of a module from the ending of its declarations.
    for (const ending of ['d.ts', 'd.cts']) replace(join(root, `dist/bundle/${name}.${ending}`), rollUp.text);
  }
  replace(listPath, [...parsed.keys()].join('\n'));
}

function replace(target, text) {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, target);
}
