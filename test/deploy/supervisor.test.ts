// Messages of server and sentinel to systemd, compared with those of redis-server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Supervisor } from '../../src/server/supervisor.js';
import { startKvasir } from '../kvasir.js';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import { openNotifySocket } from './notify-socket.js';

const sentinel = fileURLToPath(new URL('../../src/apps/kvasir-sentinel.js', import.meta.url));

async function makeSocket(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-notify-'));
  const path = join(folder, 'notify');
  const socket = await openNotifySocket(path);
  t.after(async () => {
    await socket.close();
    rmSync(folder, { recursive: true });
  });
  return { folder, path, socket };
}

/** The assignments of all messages, without our name for the program. */
function assignments(messages: readonly string[]): string[] {
  return messages
    .flatMap((message) => message.split(' | '))
    .filter((word) => word !== '' && !word.startsWith('MAINPID='))
    .map((word) => word.replace(/Redis|Kvasir/, 'X'));
}

describe('supervised', { skip: peerMissing('perl', 'systemd-notify', 'redis-server'), timeout: 600_000 }, () => {
  it('tells systemd of loading, readiness and the end as redis-server does, and stays in the foreground', async (t) => {
    const heard: string[][] = [];
    for (const start of [startRedis, startKvasir]) {
      const { path, socket } = await makeSocket(t);
      const args = ['--supervised', 'auto', '--daemonize', 'yes'];
      const server = await start({ args, env: { NOTIFY_SOCKET: path } });
      t.after(() => server.stop());
      await socket.has('READY=1');
      assert.match(await server.send('INFO', 'server'), /process_supervised:systemd/);
      const first = server.send('SHUTDOWN', 'NOSAVE');
      await socket.has('STOPPING=1');
      await first.catch(() => undefined);
      const pids = socket.messages.flatMap((message) => /MAINPID=(\d+)/.exec(message)?.[1] ?? []);
      assert.ok(pids.every((pid) => Number(pid) === server.pid));
      heard.push(assignments(socket.messages));
    }
    assert.deepEqual(heard[1], heard[0]);
  });

  it('tells systemd that a replica is ready before it has its data, as redis-server does', async (t) => {
    const port = await findFreePort();
    const heard: string[][] = [];
    for (const start of [startRedis, startKvasir]) {
      const { path, socket } = await makeSocket(t);
      const args = ['--supervised', 'systemd', '--replicaof', `127.0.0.1 ${port}`];
      const server = await start({ args, env: { NOTIFY_SOCKET: path } });
      t.after(() => server.stop());
      await socket.has('READY=1');
      heard.push(assignments(socket.messages));
    }
    assert.deepEqual(heard[1], heard[0]);
  });

  it('says why systemd hears nothing, once, and serves', async (t) => {
    const args = ['--supervised', 'systemd'];
    const deaf = await startKvasir({ args, env: { NOTIFY_SOCKET: '/nonexistent/socket' } });
    t.after(() => deaf.stop());
    const without = await startKvasir({ args, env: { NOTIFY_SOCKET: '/nonexistent/socket', PATH: '/nonexistent' } });
    t.after(() => without.stop());
    for (const server of [deaf, without]) while (!server.log().includes('cannot tell systemd')) await sleep(20);
    assert.equal(deaf.log().split('cannot tell systemd').length, 2);
  });

  it('is absent where nobody supervises', () => {
    const said: string[] = [];
    for (const kind of ['no', 'auto', 'upstart', 'systemd'])
      assert.equal(
        Supervisor.of(kind, {}, (_level, text) => said.push(text)),
        undefined,
      );
    assert.equal(Supervisor.of('no', { NOTIFY_SOCKET: '/x' }, assert.fail), undefined);
    assert.equal(said.length, 2);
    assert.match(said[1]!, /systemd supervision requested, but NOTIFY_SOCKET not found/);
  });

  it('works for a sentinel', async (t) => {
    const { folder, path, socket } = await makeSocket(t);
    const file = join(folder, 'sentinel.conf');
    writeFileSync(file, `port ${await findFreePort()}\nsupervised systemd\ndaemonize yes\nlogfile ${folder}/log\n`);
    const child = spawn(process.execPath, [sentinel, file], {
      env: { ...process.env, NOTIFY_SOCKET: path },
      stdio: 'ignore',
    });
    t.after(() => child.kill('SIGKILL'));
    await socket.has('READY=1');
    child.kill('SIGTERM');
    await socket.has('STOPPING=1');
    if (child.exitCode === null) await once(child, 'exit');
    assert.deepEqual(assignments(socket.messages), ['STATUS=Ready to accept connections', 'READY=1', 'STOPPING=1']);
    assert.match(readFileSync(join(folder, 'log'), 'utf8'), /Supervised by systemd/);
  });
});
