// imports: lists the source files of the project and the modules that each of them refers to, in whatever way it does.
//
// The compiler's own parser reads them, so that quoting, line breaks and comments make no difference. An import of types
// counts as any other: two files that need each other's types cannot be understood apart.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

/** Folders whose files are checked. */
const checkedFolders = ['src', 'test', 'scripts'];
/** Functions whose first argument is the name of a module. */
const loaders = ['require', 'createRequire', 'getBuiltinModule', 'resolve'];

/** Paths of all source files, relative to the root and with '/'. */
export function listSources(root) {
  const found = [];
  for (const folder of checkedFolders) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(ts|mts|mjs|js)$/.test(entry.name)) continue;
      found.push(
        relative(root, join(entry.parentPath ?? entry.path, entry.name))
          .split(sep)
          .join('/'),
      );
    }
  }
  return found.sort();
}

function isModuleLoad(node) {
  const callee = node.expression;
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isIdentifier(callee)) return callee.text === 'require';
  if (!ts.isPropertyAccessExpression(callee)) return false;
  return (
    loaders.includes(callee.name.text) && /^(process|require|module|import\.meta)$/.test(callee.expression.getText())
  );
}

/** `new Worker(new URL('./x.js', import.meta.url))`: the program of a thread. */
function workerProgram(node) {
  if (!ts.isIdentifier(node.expression) || node.expression.text !== 'Worker') return undefined;
  const url = node.arguments?.[0];
  return url !== undefined && ts.isNewExpression(url) ? url.arguments?.[0] : url;
}

/**
 * The modules that a file names: `{ target, line, kind }`; target is undefined where the name is computed, and kind is 'import'
 * or 'worker'.
 */
export function readImports(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const imports = [];
  const add = (node, name, kind) => {
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    imports.push({ target: name !== undefined && ts.isStringLiteralLike(name) ? name.text : undefined, line, kind });
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, 'import');
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)
      add(node, node.moduleSpecifier, 'import');
    else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
      add(node, node.moduleReference.expression, 'import');
    else if (ts.isImportTypeNode(node)) add(node, node.argument.literal, 'import');
    else if (ts.isCallExpression(node) && isModuleLoad(node)) add(node, node.arguments[0], 'import');
    else if (ts.isNewExpression(node)) {
      const program = workerProgram(node);
      if (program !== undefined) add(node, program, 'worker');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

/** The source file that a relative import names, relative to the root; undefined where there is none. */
function resolveImport(root, from, target) {
  const path = posix.join(posix.dirname(from), target);
  const candidates = [path.replace(/\.js$/, '.ts'), path.replace(/\.mjs$/, '.mts'), path];
  return candidates.find((candidate) => existsSync(join(root, candidate)));
}

/**
 * Reads every source file: path -> its imports, each with `path` where it names a file of the project. Imports of built
 * files (dist) have neither path nor problem.
 */
export function readProject(root) {
  const files = new Map();
  for (const path of listSources(root)) {
    const imports = readImports(path, readFileSync(join(root, path), 'utf8'));
    for (const found of imports) {
      if (!found.target?.startsWith('.')) continue;
      found.path = resolveImport(root, path, found.target);
      found.isBuilt = posix.join(posix.dirname(path), found.target).startsWith('dist/');
    }
    files.set(path, imports);
  }
  return files;
}
