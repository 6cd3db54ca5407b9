// Sentinels that speak TLS to servers and to each other, of both kinds, and certificates that are replaced while a sentinel runs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { programPath, startKvasir } from '../kvasir.js';
import { findFreePort, findProgram, peerMissing, startRedis } from '../peer.js';
import { ask, Fleet, type Kind, plain, until } from './fleet.js';
import { TlsFiles } from './tls-files.js';

let files: TlsFiles;

/** Debian's redis has TLS, other builds may not. */
function redisLacksTls(): string | false {
  if (findProgram('redis-server') === undefined) return false;
  const said = execFileSync('redis-cli', ['--help'], { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
  return said.includes('--tls') ? false : 'this build of redis has no TLS';
}

function flags(directives: readonly (readonly [string, string])[]): string[] {
  return directives.filter(([name]) => name !== 'port').flatMap(([name, value]) => [`--${name}`, value]);
}

/** The serial number of the certificate that a port shows. */
function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ...clientFiles(), checkServerIdentity: () => undefined }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

function clientFiles() {
  const [ca, cert, key] = ['ca.crt', 'client.crt', 'client.key'].map((name) => readFileSync(files.file(name)));
  return { ca, cert, key };
}

function replace(name: string, by: string): void {
  for (const kind of ['key', 'crt']) copyFileSync(files.file(`${by}.${kind}`), files.file(`${name}.${kind}`));
}

/** The ports of the servers are those for TLS; the others are for the test. */
async function addServers(fleet: Fleet, kinds: readonly Kind[]): Promise<number[]> {
  const ports: number[] = [];
  for (const kind of kinds) {
    const port = await findFreePort();
    const args = [...flags(files.directives(port, 'server')), '--repl-diskless-sync-delay', '0'];
    if (ports.length > 0) args.push('--replicaof', '127.0.0.1', String(ports[0]));
    fleet.servers.push(await (kind === 'redis' ? startRedis({ args }) : startKvasir({ args })));
    ports.push(port);
  }
  return ports;
}

describe(
  'sentinels over TLS',
  { skip: peerMissing('redis-server', 'redis-sentinel', 'openssl') || redisLacksTls() },
  () => {
    before(() => {
      files = new TlsFiles(mkdtempSync(join(tmpdir(), 'kvasir-sentinel-tls-')));
      for (const name of ['server', 'sentinel', 'client', 'newer']) files.issue(name);
    });
    after(() => rmSync(files.folder, { recursive: true, force: true }));

    test('a mixed quorum fails over with TLS on every connection', async () => {
      const fleet = new Fleet();
      try {
        const ports = await addServers(fleet, ['redis', 'kvasir', 'redis']);
        await fleet.linked();
        for (const kind of ['kvasir', 'kvasir', 'redis'] as const) {
          const tlsPort = await findFreePort();
          await fleet.addSentinel(kind, [
            ...files
              .directives(tlsPort, 'sentinel')
              .filter(([name]) => name !== 'port')
              .map((words) => words.join(' ')),
            `sentinel monitor mymaster 127.0.0.1 ${ports[0]} 2`,
            'sentinel down-after-milliseconds mymaster 1500',
            'sentinel failover-timeout mymaster 20000',
          ]);
        }
        await fleet.ready();
        process.kill(fleet.servers[0]!.pid, 'SIGKILL');
        const next = await fleet.agreedOther(ports[0]!);
        const server = fleet.servers[ports.indexOf(next)]!;
        await until('it is a master', async () => (plain(await ask(server.port, 'ROLE')) as unknown[])[0] === 'master');
      } finally {
        await fleet.stop();
      }
    });

    test('certificates that are replaced are shown to clients and to servers without a restart', async () => {
      const fleet = new Fleet();
      const serials = new Set<string>();
      // A server that cuts every connection off, so that the sentinel comes again and again.
      const server = createServer({ ...serverFiles(), requestCert: true, rejectUnauthorized: true }, (socket) => {
        serials.add(socket.getPeerCertificate().serialNumber);
        socket.on('error', () => undefined);
        socket.destroy();
      });
      try {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const tlsPort = await findFreePort();
        await fleet.addSentinel('kvasir', [
          ...files
            .directives(tlsPort, 'sentinel')
            .filter(([name]) => name !== 'port')
            .map((words) => words.join(' ')),
          `sentinel monitor mymaster 127.0.0.1 ${(server.address() as AddressInfo).port} 1`,
        ]);
        const before = await serialAt(tlsPort);
        await until('the server has seen the first certificate', () => Promise.resolve(serials.has(before)));
        replace('sentinel', 'newer');
        await until('clients see the other one', async () => (await serialAt(tlsPort)) !== before);
        const next = await serialAt(tlsPort);
        await until('and so do servers', () => Promise.resolve(serials.has(next)));
        // Half a file is no certificate: the last good one stays.
        copyFileSync(files.file('newer.csr'), files.file('sentinel.crt'));
        await until('the fault is in the log', () =>
          Promise.resolve(fleet.sentinels[0]!.log.includes('TLS certificates have changed but cannot be used')),
        );
        assert.equal(await serialAt(tlsPort), next);
      } finally {
        server.close();
        await fleet.stop();
      }
    });

    test('a sentinel that cannot use its certificates says so and does not start', () => {
      const script = programPath('kvasir-sentinel');
      const file = join(files.folder, 'wrong.conf');
      writeFileSync(file, `port 0\ntls-port 1\ntls-cert-file ${files.file('ca.srl')}\n`);
      try {
        execFileSync(process.execPath, [script, file], { encoding: 'latin1', stdio: 'pipe', timeout: 60_000 });
        assert.fail('it has started');
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string };
        assert.equal(status, 1);
        assert.match(stdout, /tls-key-file|Failed to load|Failed to configure TLS/);
      }
    });
  },
);

function serverFiles() {
  const [ca, cert, key] = ['ca.crt', 'server.crt', 'server.key'].map((name) => readFileSync(files.file(name)));
  return { ca, cert, key };
}
