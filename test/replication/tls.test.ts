// TLS between a replica and its master, in both directions with redis-server, and the address that a replica comes from.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, linked, until } from './mixed.js';

let folder = '';
const file = (name: string): string => join(folder, name);

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}

function issue(name: string): void {
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
  openssl('req', ...key, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`);
}

function tlsArgs(port: number): string[] {
  return [
    ...['--tls-port', String(port), '--tls-replication', 'yes', '--tls-ca-cert-file', file('ca.crt')],
    ...['--tls-cert-file', file('server.crt'), '--tls-key-file', file('server.key')],
    ...['--tls-client-cert-file', file('client.crt'), '--tls-client-key-file', file('client.key')],
    ...['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'],
  ];
}

const speaksTls = (): boolean => {
  try {
    return execFileSync('redis-cli', ['--help'], { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] }).includes(
      '--tls',
    );
  } catch {
    return false;
  }
};

describe(
  'replication over TLS',
  { skip: peerMissing('redis-server', 'redis-cli', 'openssl'), timeout: 120_000 },
  () => {
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'kvasir-tls-'));
      const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2'];
      openssl('req', '-x509', ...key, '-subj', '/CN=authority');
      issue('server');
      issue('client');
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const [masterKind, replicaKind] of [
      ['kvasir', 'kvasir'],
      ['kvasir', 'redis'],
      ['redis', 'kvasir'],
    ] as const) {
      it(`a ${replicaKind} follows a ${masterKind}`, async (test) => {
        if (masterKind !== replicaKind && !speaksTls()) {
          test.skip('this redis-server was built without TLS');
          return;
        }
        const start = (kind: string, port: number): Promise<RedisPeer> =>
          (kind === 'kvasir' ? startKvasir : startRedis)({ args: tlsArgs(port) });
        const ports = [await findFreePort(), await findFreePort()] as const;
        const master = await start(masterKind, ports[0]);
        const replica = await start(replicaKind, ports[1]);
        await master.send('DEBUG', 'POPULATE', '5000', 'key', '200');
        await replica.send('REPLICAOF', '127.0.0.1', String(ports[0]));
        await linked(replica);
        await master.send('SET', 'after', '1');
        await assertSame(master, replica);
        assert.match(await field(master, 'replication', 'slave0'), new RegExp(`port=${ports[1]},state=online`));
        await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
        await until(async () => (await field(master, 'stats', 'sync_partial_ok')) === '1');
        await linked(replica);
        await master.stop();
        await replica.stop();
      });
    }

    it('a master without TLS on its port is told in the log, and tried again', async () => {
      const master = await startKvasir();
      const replica = await startKvasir({ args: [...tlsArgs(await findFreePort()), '--repl-timeout', '1'] });
      await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
      await until(() => Promise.resolve(replica.log().split('The link to the master is lost').length > 2));
      assert.equal(await field(replica, 'replication', 'master_link_status'), 'down');
      await master.stop();
      await replica.stop();
    });
  },
);

describe('bind-source-addr', { timeout: 600_000 }, () => {
  it('is the address that a replica comes from, and may be wrong', async () => {
    const master = await startKvasir({ args: ['--repl-diskless-sync-delay', '0'] });
    const replica = await startKvasir({ args: ['--bind-source-addr', 'nonsense'] });
    await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
    await until(() => Promise.resolve(replica.log().includes('The link to the master is lost')));
    await replica.send('CONFIG', 'SET', 'bind-source-addr', '127.0.0.2');
    await linked(replica);
    assert.match(await master.send('CLIENT', 'LIST', 'TYPE', 'replica'), /addr=127\.0\.0\.2:/);
    await master.stop();
    await replica.stop();
  });
});
