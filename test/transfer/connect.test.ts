// How the data tools reach a server: by TLS with certificates that openssl made, and by a unix socket.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { findFreePort, peerMissing } from '../peer.js';
import { startKvasir } from '../kvasir.js';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const skip = peerMissing('openssl');

it('every tool connects by TLS, and not to a server that it cannot trust', { skip }, async (t) => {
  await withFolder(async (folder) => {
    const openssl = (...words: string[]): void =>
      void execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    const request = ['req', '-newkey', 'rsa:2048', '-nodes'];
    openssl(...request, '-x509', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=authority');
    openssl(...request, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
    const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.crt');
    const file = (name: string): string => join(folder, name);
    const port = await findFreePort();
    const server = await startKvasir({
      args: [
        ...['--tls-port', String(port), '--tls-cert-file', file('server.crt'), '--tls-key-file', file('server.key')],
        ...['--tls-ca-cert-file', file('ca.crt'), '--repl-diskless-sync-delay', '0'],
      ],
    });
    t.after(() => server.stop());
    await server.send('SET', 'k', 'v');
    const place = `rediss://localhost:${port}`;
    const who = ['--cacert', file('ca.crt'), '--cert', file('server.crt'), '--key', file('server.key')];
    const line = '{"db":0,"key":"k","ttl":-1,"type":"string","value":"v","size":1}\n';
    for (const words of [
      ['-u', place, ...who],
      ['-u', `localhost:${port}`, '--tls', ...who],
    ]) {
      assert.equal((await mustRun('kvasir-dump', words)).stdout.toString(), line, words.join(' '));
      await mustRun('kvasir-load', words, { input: line });
    }
    const synced = join(folder, 'synced.json');
    await mustRun('kvasir-sync', ['--from', place, '--to', `json:${synced}`, '--once', '--quiet', ...who]);
    await mustRun('kvasir-backup', ['run', '--from', place, '--to', join(folder, 'backups'), ...who]);
    await mustRun('kvasir-plan', ['size', '--server', place, ...who]);
    const stranger = await runTool('kvasir-dump', [
      '-u',
      place,
      '--cert',
      file('server.crt'),
      '--key',
      file('server.key'),
    ]);
    assert.equal(stranger.status, 1);
    assert.match(stranger.stderr, /^kvasir-dump: .*(certificate|self-signed|unable to verify)/i);
    const trusting = ['-u', place, '--insecure', '--cert', file('server.crt'), '--key', file('server.key')];
    assert.equal((await mustRun('kvasir-dump', trusting)).stdout.toString(), line);
    const plain = await runTool('kvasir-dump', ['-u', `127.0.0.1:${port}`]);
    assert.equal(plain.status, 1);
    assert.equal(plain.stderr.trimEnd().split('\n').length, 1, plain.stderr);
  });
});

it('dump, load and sync take a unix socket', { skip: process.platform === 'win32' }, async (t) => {
  await withFolder(async (folder) => {
    const socket = join(folder, 'socket');
    const server = await kvasirWithDebug(['--unixsocket', socket]);
    t.after(() => server.stop());
    await server.send('SET', 'k', 'v');
    const dump = await mustRun('kvasir-dump', ['-u', socket]);
    assert.match(dump.stdout.toString(), /"key":"k"/);
    await server.send('FLUSHALL');
    await mustRun('kvasir-load', ['-u', socket], { input: dump.stdout });
    assert.equal(await server.send('GET', 'k'), 'v');
    const file = join(folder, 'x.json');
    await mustRun('kvasir-sync', ['--from', socket, '--to', `json:${file}`, '--once', '--quiet']);
  });
});
