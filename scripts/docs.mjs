// docs: writes the documents that are made from tables in the code: the README's command table, docs/config.md, kvasir.conf,
// the types of the directives that an embedding program may write, and the figures on the recipes' pages.
//   npm run docs              writes
//   npm run docs -- --check   only says what is out of date (exit status 1)
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { allDeclarations } from '../dist/src/server/declarations.js';
import { directiveTypes } from '../dist/src/service/config/directive-types.js';
import { ownDeclarations } from '../dist/src/proxy/commands/declaration.js';
import { planTable } from '../dist/src/proxy/routing/reference.js';
import { countersReference } from '../dist/src/proxy/stats/counters.js';
import { configReference, sampleConfig } from '../dist/src/service/config/reference.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

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
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, names]) => `| ${group.replace('_', ' ')} | ${names.sort().join(' ')} |`);
  return [`${count} commands and subcommands:`, '', '| group | commands |', '|---|---|', ...rows].join('\n');
}

function readme() {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  return text.replace(
    /(<!-- commands: begin[^\n]*-->\n)[\s\S]*?(\n<!-- commands: end -->)/,
    (_, begin, end) => `${begin}${commandTable()}${end}`,
  );
}

function proxyPage() {
  const text = readFileSync(join(root, 'docs/proxy.md'), 'utf8');
  return text
    .replace(
      /(<!-- commands: begin[^\n]*-->\n)[\s\S]*?(<!-- commands: end -->)/,
      (_, begin, end) => `${begin}\n${planTable([...allDeclarations, ...ownDeclarations])}\n\n${end}`,
    )
    .replace(
      /(<!-- counters: begin[^\n]*-->\n)[\s\S]*?(<!-- counters: end -->)/,
      (_, begin, end) => `${begin}\n${countersReference()}\n\n${end}`,
    );
}

/** The pages of recipes, whose tables of costs have what docs/benchmarks.md measured. */
function recipePages() {
  const figures = new Map();
  const benchmarks = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8');
  const section = benchmarks.slice(benchmarks.indexOf('\n## Recipes\n') + 1).split('\n## ')[0];
  for (const [, call, redis, kvasir] of section.matchAll(/^\| `([^`]+)` \| (\S+) \| (\S+) \|$/gm))
    figures.set(call, `${redis} | ${kvasir}`);
  return readdirSync(join(root, 'docs/recipes')).map((name) => {
    const path = `docs/recipes/${name}`;
    const text = readFileSync(join(root, path), 'utf8');
    const made = text.replace(
      /^\| `([^`|]+)` \| (\d+) \|.*$/gm,
      (_, call, count) => `| \`${call}\` | ${count} | ${figures.get(call) ?? ' | '} |`,
    );
    return [path, made];
  });
}

/** Laid out as `npm run format` would do it. */
async function directivesModule() {
  const filepath = join(root, 'src/embed/directives.ts');
  return prettier.format(directiveTypes(), { ...(await prettier.resolveConfig(filepath)), filepath });
}

const stale = [];
for (const [path, made] of [
  ['README.md', readme()],
  ['docs/config.md', configReference()],
  ['docs/proxy.md', proxyPage()],
  ['kvasir.conf', sampleConfig()],
  ['src/embed/directives.ts', await directivesModule()],
  ...recipePages(),
]) {
  if (readFileSync(join(root, path), 'utf8') === made) continue;
  stale.push(path);
  if (!process.argv.includes('--check')) writeFileSync(join(root, path), made);
}
if (process.argv.includes('--check')) {
  process.stdout.write(
    stale.length === 0
      ? 'docs: all are up to date\n'
      : `docs: out of date, run \`npm run docs\`: ${stale.join(', ')}\n`,
  );
  process.exit(stale.length === 0 ? 0 : 1);
}
