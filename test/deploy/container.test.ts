// The steps of the Dockerfile and what its container runs, without a container engine: the package is packed and installed into a
// prefix as the image does, the old names are linked, and entrypoint and health check run there.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { parse, parseAllDocuments } from 'yaml';
import { findFreePort, peerMissing } from '../peer.js';

interface Compose {
  readonly services: Readonly<Record<string, { readonly command?: string }>>;
}

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly template: { readonly spec: { readonly containers: readonly { args: string[] }[] } } };
}

const isRoot = process.getuid?.() === 0;

describe('the image', { skip: peerMissing('sh', 'setpriv'), timeout: 600_000 }, () => {
  let root: string;
  let env: NodeJS.ProcessEnv;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'kvasir-image-'));
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', root], { stdio: 'ignore' });
    const tarball = readdirSync(root).find((name) => name.endsWith('.tgz'))!;
    const prefix = join(root, 'opt');
    const words = [
      'install',
      '--global',
      '--prefix',
      prefix,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--offline',
    ];
    execFileSync('npm', [...words, join(root, tarball)], { stdio: 'ignore' });
    mkdirSync(join(root, 'bin'));
    for (const name of ['docker-entrypoint.sh', 'kvasir-healthcheck.sh'])
      cpSync(join('deploy/docker', name), join(root, 'bin', name));
    env = { PATH: `${prefix}/bin:${root}/bin:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: root };
    execFileSync('kvasir', ['link', join(root, 'bin')], { env, stdio: 'ignore' });
    execFileSync('chmod', ['-R', 'a+rX', root]);
  });
  after(() => rmSync(root, { recursive: true }));

  /** Runs the entrypoint as `docker run IMAGE words` does, in an empty /data of its own. */
  function run(
    t: TestContext,
    words: readonly string[],
    more: NodeJS.ProcessEnv = {},
    prepare = (_data: string) => {},
  ) {
    const data = mkdtempSync(join(root, 'data-'));
    prepare(data);
    const child = spawn('docker-entrypoint.sh', words, {
      cwd: data,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    });
    return { child, data };
  }

  /** Resolves with all that was printed when it holds the text, or the process has ended. */
  async function output(child: ChildProcess, until?: string): Promise<string> {
    let text = '';
    return new Promise((resolve) => {
      for (const stream of [child.stdout!, child.stderr!])
        createInterface({ input: stream }).on('line', (line) => {
          text += `${line}\n`;
          if (until !== undefined && text.includes(until)) resolve(text);
        });
      child.on('close', () => resolve(text));
    });
  }

  const owner = (path: string): string => execFileSync('stat', ['-c', '%U', path], { encoding: 'utf8' }).trim();
  const listening = 'Ready to accept connections';

  it('runs redis-server with options, as redis, in a /data that is its own, with files for the owner alone', async (t) => {
    const port = await findFreePort();
    const words = ['redis-server', '--port', String(port), '--appendonly', 'yes'];
    const { child, data } = run(t, words, {}, (folder) => {
      execFileSync('sh', ['-c', 'umask 022; mkdir appendonlydir; echo -n >old.rdb'], { cwd: folder });
    });
    assert.match(await output(child, listening), /Ready/);
    // exec all the way: the container's first process is the server.
    assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), /^redis-server/);
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    assert.match(status, /^Umask:\t0077$/m);
    if (isRoot) {
      for (const name of ['.', 'appendonlydir', 'old.rdb']) assert.equal(owner(join(data, name)), 'redis');
      assert.equal(owner(`/proc/${child.pid}/status`), 'redis');
      assert.match(status, /^CapBnd:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
    }
    const manifest = join(data, 'appendonlydir/appendonly.aof.manifest');
    assert.equal(statSync(manifest).mode & 0o077, 0);
    child.kill('SIGTERM');
    assert.equal((await once(child, 'exit'))[0], 0);
  });

  it('takes options, or a config file, for the server', async (t) => {
    const port = await findFreePort();
    const { child } = run(t, ['--port', String(port)]);
    assert.match(await output(child, listening), new RegExp(`Port: ${port}`));
    const other = await findFreePort();
    const file = run(t, ['own.conf'], { SKIP_FIX_PERMS: '1' }, (data) => {
      execFileSync('chmod', ['0777', data]);
      writeFileSync(join(data, 'own.conf'), `port ${other}\n`, { mode: 0o644 });
    });
    assert.match(await output(file.child, listening), new RegExp(`Port: ${other}`));
  });

  /** What CONFIG GET says of a server, once it serves. */
  async function settings(t: TestContext, port: number, names: readonly string[], password?: string) {
    const redis = new Redis(port, '127.0.0.1', {
      ...(password === undefined ? {} : { password }),
      maxRetriesPerRequest: null,
    });
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    const values: string[] = [];
    for (const name of names) values.push(((await redis.config('GET', name)) as string[])[1]!);
    return values;
  }

  it('runs the examples of the official image: without snapshots, with one a minute, with a quiet log', async (t) => {
    const quiet = await findFreePort();
    run(t, ['redis-server', '--save', '', '--port', String(quiet)]);
    assert.deepEqual(await settings(t, quiet, ['save', 'appendonly']), ['', 'no']);
    const saving = await findFreePort();
    run(t, ['redis-server', '--save', '60', '1', '--loglevel', 'warning', '--port', String(saving)]);
    assert.deepEqual(await settings(t, saving, ['save', 'loglevel']), ['60 1', 'warning']);
  });

  it('runs the servers of the compose files and of the Kubernetes manifests as they are written', async (t) => {
    const compose = parse(readFileSync('deploy/compose/cluster/compose.yaml', 'utf8'), { merge: true }) as Compose;
    const port = await findFreePort();
    const node = compose.services['node-1']!.command!.replace('6381', `${port} --cluster-port ${await findFreePort()}`);
    run(t, node.split(' '));
    assert.deepEqual(await settings(t, port, ['cluster-enabled', 'appendonly']), ['yes', 'yes']);

    for (const name of ['server', 'cluster']) {
      const text = readFileSync(`deploy/kubernetes/${name}.yaml`, 'utf8');
      const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
      const conf = manifests.find(({ kind }) => kind === 'ConfigMap')!.data!['kvasir.conf']!;
      const pods = manifests.find(({ kind }) => kind === 'StatefulSet')!.spec!.template.spec;
      const own = await findFreePort();
      const words = pods.containers[0]!.args.map((word) =>
        word.replace('$(REDISCLI_AUTH)', 'secret').replace('$(POD_IP)', '127.0.0.1'),
      );
      const file = join(root, `${name}.conf`);
      writeFileSync(file, conf, { mode: 0o644 });
      const ports = [
        '--port',
        String(own),
        ...(name === 'cluster' ? ['--cluster-port', `${await findFreePort()}`] : []),
      ];
      run(t, [...words.map((word) => (word === '/etc/kvasir/kvasir.conf' ? file : word)), ...ports]);
      const [appendonly] = await settings(t, own, ['appendonly'], name === 'server' ? 'secret' : undefined);
      assert.equal(appendonly, 'yes', name);
    }
  });

  it('leaves a folder alone that holds what no server wrote', { skip: !isRoot && 'needs root' }, async (t) => {
    const { child, data } = run(t, ['redis-server', '--version'], {}, (folder) =>
      writeFileSync(join(folder, 'photo.jpg'), ''),
    );
    assert.match(await output(child), /photo.jpg is no file of a server[\s\S]*Redis server v=/);
    assert.equal(owner(join(data, 'photo.jpg')), 'root');
  });

  it('stays root when told to, and runs any other program as it is', { skip: !isRoot && 'needs root' }, async (t) => {
    const port = await findFreePort();
    const { child } = run(t, ['redis-server', '--port', String(port)], { SKIP_DROP_PRIVS: '1' });
    await output(child, listening);
    assert.equal(owner(`/proc/${child.pid}/status`), 'root');
    assert.equal(await output(run(t, ['id', '-un']).child), 'root\n');
    assert.match(await output(run(t, ['redis-cli', '--version']).child), /^kvasir-cli \d/);
  });

  it('runs a sentinel whose file becomes its own', async (t) => {
    const port = await findFreePort();
    const file = (data: string): string => join(data, 'sentinel.conf');
    const { child, data } = run(
      t,
      ['sh', '-c', 'exec docker-entrypoint.sh redis-sentinel "$PWD/sentinel.conf"'],
      {},
      (folder) => writeFileSync(file(folder), `port ${port}\n`),
    );
    await output(child, listening);
    assert.match(readFileSync(file(data), 'utf8'), /sentinel myid/);
    if (isRoot) assert.equal(owner(file(data)), 'redis');
  });

  it('knows by its health check whether the server serves', async (t) => {
    const port = await findFreePort();
    const check = (more: NodeJS.ProcessEnv) => {
      const { status, stdout } = spawnSync('kvasir-healthcheck.sh', [], {
        encoding: 'utf8',
        env: { ...env, KVASIR_HEALTHCHECK_TIMEOUT: '180', ...more },
      });
      return { status, said: stdout.trim() };
    };
    const { child } = run(t, [
      'redis-server',
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--requirepass',
      'secret',
    ]);
    await output(child, listening);
    const title = `/proc/${child.pid}/cmdline`;
    assert.deepEqual(check({ KVASIR_TITLE: title }), { status: 0, said: '' });
    assert.deepEqual(check({ KVASIR_TITLE: title, REDISCLI_AUTH: 'secret' }), { status: 0, said: '' });
    assert.equal(check({ KVASIR_HEALTHCHECK: `-p ${port}`, KVASIR_TITLE: title }).status, 0);
    for (const name of ['redis-server', 'kvasir-server']) {
      writeFileSync(join(root, 'title'), `${name} *:${port} [cluster]\0`);
      assert.equal(check({ KVASIR_TITLE: join(root, 'title') }).status, 0);
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const dead = check({ KVASIR_TITLE: join(root, 'title') });
    assert.equal(dead.status, 1);
    assert.match(dead.said, /refused/i);
  });
});
