// release: makes a version: numbers, changelog, package, list of materials, commit and tag. Publishing is the release workflow's.
//   node scripts/release.mjs major|minor|patch|X.Y.Z              on a clean tree; ends with a commit and a tag
//   node scripts/release.mjs minor --out FOLDER --no-commit       leaves the changed files for a look
//   node scripts/release.mjs --materials FILE                     only writes the list of materials (CycloneDX)
//   node scripts/release.mjs --notes X.Y.Z                        only prints what the changelog says of a version
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(process.env.KVASIR_RELEASE_ROOT ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (path) => readFileSync(join(root, path), 'utf8');
const write = (path, text) => writeFileSync(join(root, path), text);
const run = (program, ...words) =>
  execFileSync(program, words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
    shell: process.platform === 'win32' && program === 'npm',
  });

function fail(reason) {
  process.stderr.write(`release: ${reason}\n`);
  process.exit(1);
}

/** The version after `current` that the word asks for. */
function nextVersion(current, word) {
  const [major, minor, patch] = current.split('.').map(Number);
  if (word === 'major') return `${major + 1}.0.0`;
  if (word === 'minor') return `${major}.${minor + 1}.0`;
  if (word === 'patch') return `${major}.${minor}.${patch + 1}`;
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(word ?? ''))
    fail('name the step: major, minor, patch, or a version such as 1.2.3');
  return word;
}

/** Replaces exactly one place, or ends: a file that looks otherwise needs a look. */
function replaceOnce(path, pattern, by) {
  const text = read(path);
  if (text.match(new RegExp(pattern, 'g'))?.length !== 1) fail(`${path} has no single place for ${pattern}`);
  write(path, text.replace(new RegExp(pattern), by));
}

function setVersion(from, to) {
  const old = from.replaceAll('.', '\\.');
  replaceOnce('package.json', `"name": "kvasir",\\s*"version": "${old}"`, `"name": "kvasir",\n  "version": "${to}"`);
  replaceOnce('src/base/version.ts', `KVASIR_VERSION = '${old}'`, `KVASIR_VERSION = '${to}'`);
  const lock = JSON.parse(read('package-lock.json'));
  lock.version = to;
  lock.packages[''].version = to;
  write('package-lock.json', `${JSON.stringify(lock, undefined, 2)}\n`);
}

/** Gives the section of unreleased changes its number and date; returns its text. */
function turnChangelog(version, date) {
  const text = read('CHANGELOG.md');
  const start = text.indexOf('\n## Unreleased\n');
  if (start < 0) fail('CHANGELOG.md has no section "## Unreleased"');
  const bodyStart = start + '\n## Unreleased\n'.length;
  const end = text.indexOf('\n## ', bodyStart);
  const body = text.slice(bodyStart, end < 0 ? text.length : end).trim();
  if (body === '' || body === 'Nothing yet.') fail('CHANGELOG.md says of no change: there is nothing to release');
  const rest = end < 0 ? '' : text.slice(end);
  write(
    'CHANGELOG.md',
    `${text.slice(0, start)}\n## Unreleased\n\nNothing yet.\n\n## ${version} (${date})\n\n${body}\n${rest}`,
  );
  return body;
}

/**
 * The list of materials, as npm makes it, of what the package contains: itself and the bundled libraries. npm's list has all that
 * is needed to build; in the package nothing of that is left.
 */
async function materials() {
  const { bundledPackages } = await import('./bundled.mjs');
  const full = JSON.parse(run('npm', 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'));
  const components = bundledPackages().map(({ name, version }) => {
    const component = full.components.find((one) => one.name === name && one.version === version);
    if (component === undefined) fail(`npm's list has no ${name} ${version}`);
    return { ...component, scope: 'required', properties: [{ name: 'kvasir:bundled', value: 'true' }] };
  });
  const references = new Set(components.map((component) => component['bom-ref']));
  const itself = full.metadata.component;
  const dependencies = full.dependencies
    .filter(({ ref }) => references.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => references.has(one)) }));
  return {
    ...full,
    metadata: { ...full.metadata, lifecycles: [{ phase: 'build' }], component: { ...itself, name: 'kvasir' } },
    components,
    dependencies: [{ ref: itself['bom-ref'], dependsOn: [...references] }, ...dependencies],
  };
}

/** The changelog's section on a version that has been made. */
function notesOf(version) {
  const text = read('CHANGELOG.md');
  const [title] = text.match(new RegExp(`^## ${version.replaceAll('.', '\\.')} .*$`, 'm')) ?? [];
  if (title === undefined) fail(`CHANGELOG.md has no section of ${version}`);
  const start = text.indexOf(title) + title.length;
  const end = text.indexOf('\n## ', start);
  return text.slice(start, end < 0 ? text.length : end).trim();
}

async function writeMaterials(path) {
  writeFileSync(path, `${JSON.stringify(await materials(), undefined, 2)}\n`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'release' },
    materials: { type: 'string' },
    notes: { type: 'string' },
    'no-commit': { type: 'boolean' },
    'no-pack': { type: 'boolean' },
  },
});
if (values.materials !== undefined) {
  await writeMaterials(values.materials);
  process.exit(0);
}
if (values.notes !== undefined) {
  process.stdout.write(`${notesOf(values.notes)}\n`);
  process.exit(0);
}
if (!values['no-commit'] && run('git', 'status', '--porcelain') !== '') fail('the tree has changes: commit them first');
const { version: current } = JSON.parse(read('package.json'));
const version = nextVersion(current, positionals[0]);
if (version === current) fail(`the version is ${version} already`);
const notes = turnChangelog(version, new Date().toISOString().slice(0, 10));
setVersion(current, version);
const out = resolve(root, values.out);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'notes.md'), `${notes}\n`);
if (!values['no-pack']) {
  run(process.execPath, 'scripts/licenses.mjs', '--check');
  run('npm', 'pack', '--pack-destination', out);
  await writeMaterials(join(out, `kvasir-${version}.cdx.json`));
}
if (!values['no-commit']) {
  run('git', 'commit', '--quiet', '--all', '--message', `release: ${version}`);
  run('git', 'tag', '--annotate', `v${version}`, '--message', `Kvasir ${version}`);
}
process.stdout.write(`${version} is made, with package, notes and list of materials in ${out}.
Look at them, then: git push --follow-tags, upon which the release workflow publishes.\n`);
