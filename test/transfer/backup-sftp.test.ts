// kvasir-backup over OpenSSH's own sftp and scp, against a real sshd on the loopback.

import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKvasir } from '../kvasir.js';
import { findProgram } from '../peer.js';
import { mustRun, runTool, withFolder } from './tools.js';

const sshd = findProgram('sshd') ?? (existsSync('/usr/sbin/sshd') ? '/usr/sbin/sshd' : undefined);
const skip = sshd === undefined || findProgram('sftp') === undefined ? 'sshd or sftp is missing' : false;

interface Host {
  readonly port: number;
  readonly options: readonly string[];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startSshd(t: TestContext, folder: string): Promise<Host> {
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const config = join(folder, 'sshd_config');
  writeFileSync(
    config,
    [
      ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(folder, 'host')}`, 'StrictModes no', 'UsePAM no'],
      ...[`AuthorizedKeysFile ${join(folder, 'user.pub')}`, `PidFile ${join(folder, 'pid')}`, 'PermitRootLogin yes'],
      'Subsystem sftp internal-sftp',
    ].join('\n'),
  );
  const child = spawn(sshd!, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'close');
  });
  await untilOpen(child, port, () => said);
  const options = ['StrictHostKeyChecking=no', `UserKnownHostsFile=${join(folder, 'known')}`, 'IdentitiesOnly=yes'];
  return { port, options };
}

async function untilOpen(child: ChildProcess, port: number, said: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`sshd ends: ${said()}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
}

it('stores, lists, goes on, restores and removes over sftp, and by scp as a command', { skip }, async (t) => {
  await withFolder(async (folder) => {
    const host = await startSshd(t, folder);
    const server = await startKvasir({ args: ['--repl-diskless-sync-delay', '0'] });
    t.after(() => server.stop());
    await server.send('MSET', 'a', '1', 'b', '2');
    const far = join(folder, 'far away', 'it "is"');
    const work = join(folder, 'work');
    const ssh = ['--ssh-identity', join(folder, 'user'), ...host.options.flatMap((option) => ['--ssh-option', option])];
    const to = ['--to', `sftp://${userInfo().username}@127.0.0.1:${host.port}${far}`, '--work', work, ...ssh];
    const run = ['run', '--from', `127.0.0.1:${server.port}`, ...to];
    assert.match((await mustRun('kvasir-backup', run)).stdout.toString(), /2 keys, verified/);
    const [first, ...more] = readdirSync(far).sort();
    assert.deepEqual(more, [`${first!}.sha256`]);
    assert.match((await mustRun('kvasir-backup', ['list', ...to])).stdout.toString(), / B {2}whole /);
    // Remains of an interrupted run: a whole file here, and a part of it there.
    const file = 'redis-20260101T000000Z.rdb.gz';
    const content = readFileSync(join(far, first!));
    const hash = readFileSync(join(far, `${first!}.sha256`), 'latin1').slice(0, 64);
    const made = { file, hash, bytes: content.length, rdbBytes: content.length };
    const record = { pid: 999_999_999, about: [], files: [made] };
    writeFileSync(join(work, `.${file}.999999999.part`), content);
    writeFileSync(join(work, `.${file}.made.part`), JSON.stringify(record));
    writeFileSync(join(far, `.${file}.part`), content.subarray(0, 20));
    assert.match((await mustRun('kvasir-backup', run)).stdout.toString(), /which an interrupted run had made/);
    assert.ok(readFileSync(join(far, file)).equals(content));
    assert.deepEqual(readdirSync(work), []);
    const out = join(folder, 'out.rdb');
    await mustRun('kvasir-backup', ['restore', ...to, '--at', '2026-06-01', '-o', out]);
    assert.equal(readFileSync(out).toString('latin1', 0, 5), 'REDIS');
    writeFileSync(join(far, `.${file}.part`), 'left');
    await mustRun('kvasir-backup', ['prune', ...to, '--keep-last', '1']);
    assert.equal(readdirSync(far).length, 2);
    const refused = await runTool('kvasir-backup', [...run, '--ssh-identity', join(folder, 'host')]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /Permission denied/);
    const place = `${userInfo().username}@127.0.0.1`;
    const words = `-qB -i '${join(folder, 'user')}' ${host.options.map((option) => `-o '${option}'`).join(' ')}`;
    const shell = `scp ${words} -P ${host.port}`;
    const near = join(folder, 'scp');
    mkdirSync(near);
    const scp = await mustRun('kvasir-backup', [
      ...['run', '--from', `127.0.0.1:${server.port}`, '--to', 'command', '--work', work],
      ...['--put-command', `${shell} {file} ${place}:'${near}'/{name}`],
      ...['--get-command', `${shell} ${place}:'${near}'/{name} {file}`],
    ]);
    assert.match(scp.stdout.toString(), /2 keys, verified/);
    assert.equal(readdirSync(near).length, 2);
  });
});

it('refuses addresses that are no place for sftp', async () => {
  for (const text of ['sftp://-oProxyCommand=x/y', 'sftp://u:p@h/x', 'sftp://h:0/x', 'sftp://h:99999/x', 'sftp://']) {
    const ran = await runTool('kvasir-backup', ['list', '--to', text]);
    assert.equal(ran.status, 2, text);
    assert.match(ran.stderr, /is no target: write sftp/);
  }
});
