// licenses: writes LICENSES.md: the licences of the libraries that are bundled into programs.
//
//   node scripts/licenses.mjs            writes the file
//
// The libraries are those that the rows of ARCHITECTURE.md name as `npm:name`, with all that they depend on.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folderOf = (name) => join(root, 'node_modules', name);
const names = new Set(
  [...readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(/`npm:([^`]+)`/g)].map(([, name]) => name),
);
const require = createRequire(import.meta.url);
let text =
  '# Licences of bundled libraries\n\nMade by `node scripts/licenses.mjs`. The package has no dependencies: these are part of the programs that use them.\n';
for (const name of names) {
  const manifest = require(join(folderOf(name), 'package.json'));
  for (const dependency of Object.keys(manifest.dependencies ?? {})) names.add(dependency);
}
for (const name of [...names].sort()) {
  const manifest = require(join(folderOf(name), 'package.json'));
  const file = readdirSync(folderOf(name)).find((one) => /^licen[cs]e/i.test(one));
  const body = file === undefined ? '' : readFileSync(join(folderOf(name), file), 'utf8').trim();
  text += `\n## ${name} ${manifest.version} (${manifest.license})\n\n\`\`\`text\n${body === '' ? manifest.license : body}\n\`\`\`\n`;
}
writeFileSync(join(root, 'LICENSES.md'), text);
