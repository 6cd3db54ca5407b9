// site: makes a site of the documents, in site/dist.
//   npm run site      builds; a dead link fails it
//
// The generator (VitePress) has a package.json of its own in site/: 125 packages and 30 seconds of the processor are too much for
// every `npm ci` and every `.ci/run`, which checks the links by `npm run links`. The public CI builds the site beside its other jobs.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { others } from '../site/.vitepress/config.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../site');
const run = (program, ...words) => {
  const { status } = spawnSync(program, words, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync(join(folder, 'node_modules/vitepress')))
  run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error');
// The generator looks for its libraries from the pages upwards, so they are copied to where it is.
const pages = join(folder, 'pages');
rmSync(pages, { recursive: true, force: true });
for (const name of [...others, 'docs']) cpSync(join(folder, '..', name), join(pages, name), { recursive: true });
run('npx', '--no-install', 'vitepress', 'build', '.');
