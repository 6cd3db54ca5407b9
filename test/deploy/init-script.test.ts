// The SysV scripts, run as `service` would run them, with other folders.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findFreePort, peerMissing } from '../peer.js';

/** A folder with the programs of the package by name, a config file, and what /etc/default would say. */
async function install(t: TestContext, name: 'redis-server' | 'redis-sentinel') {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-init-'));
  const program = name === 'redis-server' ? 'kvasir-server' : 'kvasir-sentinel';
  mkdirSync(join(folder, 'bin'));
  writeFileSync(
    join(folder, 'bin', program),
    `#!/bin/sh\nexec '${process.execPath}' '${resolve('dist/bundle', `${program}.js`)}' "$@"\n`,
    { mode: 0o755 },
  );
  symlinkSync(process.execPath, join(folder, 'bin/node'));
  const port = await findFreePort();
  writeFileSync(join(folder, 'conf'), `port ${port}\ndir ${folder}\nlogfile ${folder}/log\n`);
  writeFileSync(
    join(folder, 'default'),
    `DAEMON=${folder}/bin/${program}\nCONFIG=${folder}/conf\nRUNAS=${userInfo().username}\nRUNDIR=${folder}/run\n`,
  );
  const run = (word: string) => {
    const { status, stdout, stderr } = spawnSync('sh', [`deploy/sysv/${name}`, word], {
      encoding: 'utf8',
      env: { KVASIR_DEFAULTS: join(folder, 'default') },
    });
    return { status, said: `${stdout}${stderr}`.trim() };
  };
  t.after(() => {
    run('stop');
    rmSync(folder, { recursive: true });
  });
  return { folder, run };
}

describe('the SysV scripts', { skip: peerMissing('ps', 'su'), timeout: 600_000 }, () => {
  for (const name of ['redis-server', 'redis-sentinel'] as const)
    it(`service ${name}: start, status, restart, stop, with the exit statuses of the LSB`, async (t) => {
      const { folder, run } = await install(t, name);
      const pid = () => readFileSync(join(folder, 'run', `${name}.pid`), 'utf8').trim();
      assert.deepEqual(run('status'), { status: 3, said: `${name} is not running` });
      assert.deepEqual(run('start'), { status: 0, said: `Starting ${name}: done` });
      const first = pid();
      assert.deepEqual(run('status'), { status: 0, said: `${name} is running (process ${first})` });
      assert.deepEqual(run('start'), { status: 0, said: `${name} is running (process ${first})` });
      assert.equal(run('restart').said, `Stopping ${name}: done\nStarting ${name}: done`);
      assert.notEqual(pid(), first);
      process.kill(Number(pid()), 'SIGKILL');
      while (run('status').status === 0);
      assert.equal(run('status').status, 1);
      assert.equal(run('condrestart').status, 0);
      assert.equal(run('start').status, 0);
      assert.deepEqual(run('stop'), { status: 0, said: `Stopping ${name}: done` });
      assert.ok(!existsSync(join(folder, 'run', `${name}.pid`)));
      assert.equal(run('stop').status, 0);
      assert.equal(run('reload').status, 2);
    });

  it('say why a server does not start', async (t) => {
    const { folder, run } = await install(t, 'redis-server');
    writeFileSync(join(folder, 'conf'), 'nonsense yes\n');
    const wrong = run('start');
    assert.equal(wrong.status, 1);
    assert.match(wrong.said, /nonsense[\s\S]*Starting redis-server: failed/);
    rmSync(join(folder, 'conf'));
    assert.equal(run('start').status, 6);
    // A pid file that names a stranger is not obeyed.
    mkdirSync(join(folder, 'run'), { recursive: true });
    writeFileSync(join(folder, 'run/redis-server.pid'), '1\n');
    assert.equal(run('status').status, 1);
  });
});
