// site: makes a site of the documents, in site/dist.
//   npm run site             builds; a dead link fails it
//   npm run site -- dev      serves the pages while you write them
//
// The generator (VitePress) has a package.json of its own in site/: 125 packages and 20 seconds of the processor are too much for
// every `npm ci` and every change. CI checks the links by `npm run links`, and a release builds the site.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../site');
const run = (program, ...words) => {
  const { status } = spawnSync(program, words, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
};
if (!existsSync(join(folder, 'node_modules/vitepress')))
  run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error');
run('npx', '--no-install', 'vitepress', process.argv[2] ?? 'build', '.');
