// check: what in a tree breaks the table of folders in ARCHITECTURE.md, and its import circles. Called by check-layers.mjs.
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { findCircles, wayAround } from './circles.mjs';
import { readProject } from './imports.mjs';
import { LayerTable } from './table.mjs';

const isTest = (path) => path.startsWith('test/') || /\.(test|fuzz|bench)\.[a-z]+$/.test(path);

/** The problem of one import of a file in src that is no test. */
function problemOf(table, row, { target, path }) {
  if (target === undefined) {
    if (table.rows.get(row).modules.includes('modules of users')) return undefined;
    return 'imports a module by a computed name, which no check can follow';
  }
  if (target.startsWith('.')) {
    if (path === undefined) return `imports ${target}, which does not exist`;
    if (!path.startsWith('src/')) return `imports ${target}, which is outside src`;
    if (isTest(path)) return `imports the test ${target}`;
    const within = path.slice('src/'.length);
    return table.permits(row, within) ? undefined : `${row} must not import ${within} (${target})`;
  }
  if (!isBuiltin(target)) {
    if (table.rows.get(row).modules.includes(`npm:${target}`)) return undefined;
    return `imports the package ${target}; the product has no dependencies`;
  }
  if (!target.startsWith('node:')) return `imports ${target} without node:`;
  const name = target.slice('node:'.length);
  return table.rows.get(row).modules.includes(name) ? undefined : `${row} must not import ${target}`;
}

function checkImports(files, table) {
  const problems = [];
  for (const [path, imports] of files) {
    for (const found of imports) {
      let problem;
      if (path.startsWith('src/') && !isTest(path)) {
        const row = table.rowFor(path.slice('src/'.length));
        problem = row === undefined ? 'is in a folder without a row in ARCHITECTURE.md' : problemOf(table, row, found);
      } else if (found.target?.startsWith('.') && found.path === undefined && !found.isBuilt) {
        problem = `imports ${found.target}, which does not exist`;
      } else if (found.path !== undefined && /\.test\.[a-z]+$/.test(found.path)) {
        problem = `imports the test ${found.target}`;
      }
      if (problem !== undefined) problems.push(`${path}:${found.line}: ${problem}`);
    }
  }
  return problems;
}

function checkCircles(files) {
  const edges = new Map();
  for (const [path, imports] of files) {
    const targets = imports.filter((found) => found.kind === 'import' && found.path !== undefined);
    edges.set(
      path,
      targets.map((found) => found.path),
    );
  }
  return findCircles(edges).map(
    (circle) => `circle of ${circle.length} files: ${wayAround(circle, edges).join(' -> ')}`,
  );
}

function checkRows(root, table) {
  return [...table.rows.keys()]
    .filter((folder) => !existsSync(join(root, 'src', folder)))
    .map((folder) => `ARCHITECTURE.md: the row of ${folder} stands for nothing in src`);
}

/** The lines about everything that is wrong below `root`, and the number of files looked at. */
export function checkLayers(root) {
  const table = new LayerTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'));
  const files = readProject(root);
  return {
    fileCount: files.size,
    problems: [...table.problems, ...checkRows(root, table), ...checkImports(files, table), ...checkCircles(files)],
  };
}
