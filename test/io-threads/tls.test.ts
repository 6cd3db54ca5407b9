// tls.test: connections with TLS do the handshake and all that follows on I/O threads, as plain ones do.
//
// Certificates, their renewal and who may come in: test/service/tls.test.ts, which runs on threads too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { pipeBinding } from '../../src/io/threads/descriptor-pipe.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { findFreePort, peerMissing } from '../peer.js';
import { infoNumber, testConnections } from './cases.js';
import { Raw, request } from './raw.js';

const obstacle = pipeBinding === undefined ? 'no I/O threads here' : peerMissing('openssl');

describe('connections with TLS on I/O threads', { skip: obstacle }, () => {
  let kvasir: KvasirProcess;
  let port = 0;
  const open: Raw[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-tls-threads-'));
  const client = (): Raw => {
    const raw = new Raw(connect({ port, host: '127.0.0.1', rejectUnauthorized: false }));
    open.push(raw);
    return raw;
  };

  before(async () => {
    const request = 'req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost';
    execFileSync('openssl', request.split(' '), { cwd: folder, stdio: 'ignore' });
    port = await findFreePort();
    const tls = [
      '--tls-port',
      String(port),
      '--tls-cert-file',
      join(folder, 'cert'),
      '--tls-key-file',
      join(folder, 'key'),
    ];
    kvasir = await startKvasir({
      args: ['--enable-debug-command', 'yes', ...tls, '--tls-auth-clients', 'no', '--loglevel', 'verbose'],
      env: { KVASIR_IO_THREADS: 'force:2' },
    });
  });
  after(async () => {
    for (const raw of open) raw.socket.destroy();
    await kvasir.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the threads do the work, and CLIENT LIST tells of a client as without them', async () => {
    const raw = client();
    const id = (await raw.line('CLIENT', 'ID')).slice(1, -2);
    const reads = await infoNumber(kvasir, 'io_threaded_reads_processed');
    for (let index = 0; index < 100; index++) assert.equal(await raw.line('PING'), '+PONG\r\n');
    assert.ok((await infoNumber(kvasir, 'io_threaded_reads_processed')) >= reads + 100);
    const { localPort } = raw.socket;
    const line = await kvasir.send('CLIENT', 'LIST', 'ID', id);
    assert.match(line, new RegExp(` addr=127\\.0\\.0\\.1:${localPort} laddr=127\\.0\\.0\\.1:${port} `));
    raw.socket.destroy();
  });

  test('a connection cannot move, and works on when it is asked to', async () => {
    const raw = client();
    const id = (await raw.line('CLIENT', 'ID')).slice(1, -2);
    for (const to of ['0', '1', '2', '0']) {
      assert.equal(await kvasir.send('DEBUG', 'IO-THREADS', 'MOVE', id, to), 'OK');
      assert.equal(await raw.line('PING'), '+PONG\r\n');
    }
    raw.socket.destroy();
  });

  test('handshakes that fail are logged with the address, and leave no client and no slot', async () => {
    const clientsOf = async (): Promise<number> => {
      const lines = await kvasir.send('INFO', 'threads');
      return [...lines.matchAll(/^io_thread_[12]:clients=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    while ((await clientsOf()) > 1) continue;
    for (const bytes of ['PING\r\n', '\x16\x03\x01\xff\xff', '\x16\x03\x01\x00\x05hello', '']) {
      const raw = new Raw(connectPlain(port, '127.0.0.1'));
      raw.socket.end(Buffer.from(bytes, 'latin1'));
      await raw.until(() => raw.closed);
      assert.ok(!raw.received.includes('PONG'));
    }
    const half = new Raw(connectPlain(port, '127.0.0.1'));
    half.write('\x16\x03\x01\x01\x00');
    while ((await clientsOf()) < 2) continue;
    half.socket.resetAndDestroy();
    while ((await clientsOf()) > 1) continue;
    assert.match(kvasir.log(), /Error accepting a client connection: .*\(addr=127\.0\.0\.1:\d+\)/);
    assert.equal(await client().line('PING'), '+PONG\r\n');
  });

  test('more clients than maxclients are refused by an error', async () => {
    const admin = new Raw(connectPlain(kvasir.port, '127.0.0.1'));
    open.push(admin);
    assert.equal(await admin.line('CONFIG', 'SET', 'maxclients', '1'), '+OK\r\n');
    const raw = client();
    await raw.until(() => raw.closed);
    assert.match(raw.received.toString(), /^-ERR max number of clients reached/);
    assert.equal(await admin.line('CONFIG', 'SET', 'maxclients', '10000'), '+OK\r\n');
  });

  testConnections(() => kvasir, client, open);

  test('SHUTDOWN closes connections and ends handshakes', async () => {
    const raw = client();
    assert.equal(await raw.line('SET', 'last', 'word'), '+OK\r\n');
    const half = new Raw(connectPlain(port, '127.0.0.1'));
    half.write('\x16\x03\x01');
    raw.write(request('SHUTDOWN', 'NOSAVE'));
    await raw.until(() => raw.closed);
    await half.until(() => half.closed);
  });
});
