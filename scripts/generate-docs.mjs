// generate-docs: writes what is known from declarations into the documents: the command table of the README.
//   npm run docs              writes
//   npm run docs -- --check   only says whether something is out of date (exit status 1)
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { allDeclarations } = await import(join(root, 'dist/src/server/declarations.js'));

function commandTable() {
  const groups = new Map();
  let count = 0;
  for (const declaration of allDeclarations) {
    const names = groups.get(declaration.group) ?? [];
    const subcommands = (declaration.subcommands ?? []).map((sub) => sub.name.toUpperCase());
    names.push(declaration.name.toUpperCase() + (subcommands.length > 0 ? ` (${subcommands.sort().join(', ')})` : ''));
    count += 1 + subcommands.length;
    groups.set(declaration.group, names);
  }
  const rows = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([group, names]) => `| ${group.replace('_', ' ')} | ${names.sort().join(' ')} |`);
  return [`${count} commands and subcommands:`, '', '| group | commands |', '|---|---|', ...rows].join('\n');
}

const path = join(root, 'README.md');
const old = readFileSync(path, 'utf8');
const made = old.replace(/(<!-- commands: begin[^\n]*-->\n)[\s\S]*?(\n<!-- commands: end -->)/, (_, begin, end) => `${begin}${commandTable()}${end}`);
if (process.argv.includes('--check')) {
  if (made !== old) {
    process.stderr.write('README.md is out of date: run `npm run docs`\n');
    process.exit(1);
  }
  process.stdout.write('docs: README.md is up to date\n');
} else if (made !== old) {
  writeFileSync(path, made);
}
