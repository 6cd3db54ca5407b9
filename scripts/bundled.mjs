// bundled: the libraries of others that are part of the package, for their licences and for the list of materials (SBOM).
//
// They are those that the rows of ARCHITECTURE.md name as `npm:name` and that are no peer dependencies, and those of the admin page,
// with all that they depend on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** The page's own, which scripts/page.mjs bundles. */
const ofPage = ['preact', 'uplot'];

/** Name, version, licence and text of the licence of each, by name. */
export function bundledPackages() {
  const { peerDependencies = {} } = readJson(join(root, 'package.json'));
  const rows = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(/`npm:([^`]+)`/g);
  const names = new Set([...rows].map(([, name]) => name).filter((name) => !(name in peerDependencies)));
  for (const name of ofPage) names.add(name);
  for (const name of names)
    for (const dependency of Object.keys(readJson(manifestOf(name)).dependencies ?? {})) names.add(dependency);
  return [...names].sort().map((name) => {
    const { version, license } = readJson(manifestOf(name));
    const folder = dirname(manifestOf(name));
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
    return { name, version, license, text };
  });
}

function manifestOf(name) {
  const path = join(root, 'node_modules', name, 'package.json');
  if (!existsSync(path))
    throw new Error(`${name} is not installed at the top of node_modules, where bundles take it from`);
  return path;
}
