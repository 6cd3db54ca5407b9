// sizes: a report of the functions over 60 lines and the files over 400, longest first. A report and not a gate: a size is a
// sign to look for the second idea inside, and now and then there is none.
//
//   node scripts/sizes.mjs [ROOT]
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { listSources } from './layers/imports.mjs';

const functionLinesMax = 60;
const fileLinesMax = 400;

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const files = [];
const functions = [];

function nameOf(node) {
  const named = node.name ?? node.parent.name;
  if (named === undefined) return ts.isConstructorDeclaration(node) ? 'constructor' : 'a function';
  return named.getText();
}

for (const path of listSources(root)) {
  const text = readFileSync(join(root, path), 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line + 1;
  const lineCount = text.split('\n').length - 1;
  if (lineCount > fileLinesMax) files.push({ lines: lineCount, place: path });
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) {
      const first = lineOf(node.getStart());
      const lines = lineOf(node.end) - first + 1;
      if (lines > functionLinesMax) functions.push({ lines, place: `${path}:${first} ${nameOf(node)}` });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function print(title, found) {
  const rows = found
    .sort((a, b) => b.lines - a.lines)
    .map(({ lines, place }) => `${String(lines).padStart(6)}  ${place}`);
  process.stdout.write(`${title}: ${found.length}\n${rows.map((row) => `${row}\n`).join('')}`);
}

print(`functions over ${functionLinesMax} lines`, functions);
print(`files over ${fileLinesMax} lines`, files);
