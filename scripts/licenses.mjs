// licenses: writes LICENSES.md: the licences of the libraries that are bundled into the package.
//   node scripts/licenses.mjs            writes the file
//   node scripts/licenses.mjs --check    only says whether it is out of date (exit status 1)
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledPackages } from './bundled.mjs';

const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'LICENSES.md');
const parts = bundledPackages().map(
  ({ name, version, license, text }) =>
    `\n## ${name} ${version} (${license})\n\n\`\`\`text\n${text === '' ? license : text}\n\`\`\`\n`,
);
const made = `# Licences of bundled libraries

Made by \`node scripts/licenses.mjs\`. The package has no dependencies: these are part of the programs that use them.
${parts.join('')}`;
if (!process.argv.includes('--check')) writeFileSync(path, made);
else if (readFileSync(path, 'utf8') !== made) {
  process.stderr.write('LICENSES.md is out of date: run node scripts/licenses.mjs\n');
  process.exit(1);
}
