// TLS with real clients and with certificates that openssl made: who may come in, what is agreed on, and renewal while serving.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { findFreePort, peerMissing } from '../peer.js';

let folder = '';
const file = (name: string): string => join(folder, name);

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}

function makeAuthority(name: string): void {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  );
}

/** A key and a certificate for `localhost`, signed by an authority. */
function issue(authority: string, name: string): void {
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    '/CN=localhost',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${authority}.crt`,
    '-CAkey',
    `${authority}.key`,
    '-CAcreateserial',
    '-days',
    '2',
    '-out',
    `${name}.crt`,
  );
}

function serialOf(name: string): string {
  return execFileSync('openssl', ['x509', '-noout', '-serial', '-in', file(`${name}.crt`)], { encoding: 'latin1' })
    .trim()
    .replace('serial=', '');
}

function clientOptions(port: number, name: string | undefined, more: ConnectionOptions = {}): ConnectionOptions {
  const own =
    name === undefined ? {} : { cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) };
  return { host: '127.0.0.1', port, servername: 'localhost', ca: readFileSync(file('ca.crt')), ...own, ...more };
}

interface Meeting {
  readonly answer: string;
  readonly cipher: string;
  /** Serial number of the server's certificate. */
  readonly serial: string;
}

/** Connects, sends PING, and tells what came of it; undefined when the server hung up or there was no agreement. */
async function meet(
  port: number,
  name: string | undefined,
  more: ConnectionOptions = {},
): Promise<Meeting | undefined> {
  const socket = connect(clientOptions(port, name, more));
  try {
    return await new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
      socket.on('data', (bytes: Buffer) => {
        resolve({
          answer: bytes.toString(),
          cipher: socket.getCipher().name,
          serial: socket.getPeerCertificate().serialNumber,
        });
      });
      socket.write('PING\r\n');
    });
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

async function answers(port: number, name: string | undefined, more: ConnectionOptions = {}): Promise<boolean> {
  return (await meet(port, name, more))?.answer === '+PONG\r\n';
}

/** The serial number of the certificate that new connections see. */
async function servedSerial(port: number): Promise<string | undefined> {
  return (await meet(port, 'client'))?.serial;
}

async function start(
  directives: Readonly<Record<string, string | number>> = {},
): Promise<{ server: EmbeddedServer; port: number; log: string[] }> {
  const port = await findFreePort();
  const log: string[] = [];
  const server = await startServer({
    port: false,
    dir: folder,
    'tls-port': port,
    'tls-cert-file': 'server.crt',
    'tls-key-file': 'server.key',
    'tls-ca-cert-file': 'ca.crt',
    log: (_level: string, text: string) => void log.push(text),
    ...directives,
  });
  return { server, port, log };
}

function configClient(port: number): Redis {
  const { host, ...tls } = clientOptions(port, 'client');
  return new Redis({ host: host!, port, tls, maxRetriesPerRequest: 1, retryStrategy: () => null });
}

/** By the main thread, and by I/O threads. */
for (const threads of [undefined, 'force:2'])
  describe(threads === undefined ? 'TLS' : 'TLS on I/O threads', { skip: peerMissing('openssl') }, () => {
    const was = process.env.KVASIR_IO_THREADS;
    before(() => {
      if (threads !== undefined) process.env.KVASIR_IO_THREADS = threads;
      folder = mkdtempSync(join(tmpdir(), 'kvasir-tls-'));
      makeAuthority('ca');
      makeAuthority('other-ca');
      for (const name of ['server', 'client', 'renewed']) issue('ca', name);
      issue('other-ca', 'stranger');
      openssl('rsa', '-in', 'server.key', '-aes256', '-passout', 'pass:secret word', '-out', 'locked.key');
      writeFileSync(file('bad.pem'), 'no certificate\n');
    });
    after(() => {
      if (was === undefined) delete process.env.KVASIR_IO_THREADS;
      else process.env.KVASIR_IO_THREADS = was;
      rmSync(folder, { recursive: true, force: true });
    });

    it('serves ioredis and node-redis, small and large', { timeout: 600_000 }, async () => {
      const { server, port } = await start();
      const one = configClient(port);
      const { cert, key, ca } = clientOptions(port, 'client');
      const two = createClient({
        socket: {
          host: '127.0.0.1',
          port,
          servername: 'localhost',
          tls: true,
          ca: ca as Buffer,
          cert: cert as Buffer,
          key: key as Buffer,
        },
      });
      try {
        await two.connect();
        const value = Buffer.alloc(20 * 1024 * 1024, 'abcdefg');
        await one.set('large', value);
        assert.equal(await two.strLen('large'), value.length);
        assert.ok(value.equals((await one.getBuffer('large'))!));
        const replies = await Promise.all(Array.from({ length: 5000 }, (_, index) => one.incrby('n', index)));
        assert.equal(replies.at(-1), (4999 * 5000) / 2);
        assert.match(await two.info('server'), new RegExp(`name=tls,bind=127.0.0.1,port=${port}`));
        assert.match(await two.info('stats'), threads === undefined ? /./ : /io_threaded_reads_processed:[1-9]/);
      } finally {
        one.disconnect();
        two.destroy();
        await server.close();
      }
    });

    it('lets clients in as tls-auth-clients says, from the next connection on', { timeout: 600_000 }, async () => {
      const { server, port } = await start();
      const config = configClient(port);
      try {
        for (const [mode, none, stranger] of [
          ['yes', false, false],
          ['optional', true, false],
          ['no', true, true],
          ['yes', false, false],
        ] as const) {
          await config.config('SET', 'tls-auth-clients', mode);
          assert.equal(await answers(port, undefined), none, `${mode}: without a certificate`);
          assert.equal(await answers(port, 'stranger'), stranger, `${mode}: with one of another authority`);
          assert.equal(await answers(port, 'client'), true, `${mode}: with the right one`);
        }
      } finally {
        config.disconnect();
        await server.close();
      }
    });

    it('agrees on protocols and ciphers', { timeout: 600_000 }, async () => {
      const { server, port } = await start({ 'tls-protocols': 'TLSv1.2' });
      const config = configClient(port);
      const older = { maxVersion: 'TLSv1.2' } as const;
      const cipherOf = async (ciphers: string): Promise<string | undefined> =>
        (await meet(port, 'client', { ...older, ciphers }))?.cipher;
      try {
        assert.equal(await answers(port, 'client', { minVersion: 'TLSv1.3' }), false);
        assert.equal(await answers(port, 'client', older), true);
        await config.config('SET', 'tls-ciphers', 'DEFAULT:-AES128-SHA256');
        assert.equal(await cipherOf('AES128-SHA256'), undefined);
        assert.equal(await cipherOf('AES256-SHA256'), 'AES256-SHA256');
        await config.config('SET', 'tls-ciphers', 'AES128-SHA256:AES256-SHA256');
        assert.equal(await cipherOf('AES256-SHA256:AES128-SHA256'), 'AES256-SHA256');
        await config.config('SET', 'tls-prefer-server-ciphers', 'yes');
        assert.equal(await cipherOf('AES256-SHA256:AES128-SHA256'), 'AES128-SHA256');
        await config.call('CONFIG', 'SET', 'tls-protocols', '', 'tls-ciphersuites', 'TLS_AES_128_GCM_SHA256');
        assert.equal((await meet(port, 'client', { minVersion: 'TLSv1.3' }))?.cipher, 'TLS_AES_128_GCM_SHA256');
        for (const [name, value] of [
          ['tls-protocols', 'TLSv9'],
          ['tls-ciphers', 'NONE-SUCH'],
          ['tls-ciphersuites', 'NONE-SUCH'],
        ] as const) {
          await assert.rejects(
            config.config('SET', name, value),
            /Unable to update TLS configuration\. Check server logs\./,
          );
        }
        assert.equal(await answers(port, 'client'), true);
      } finally {
        config.disconnect();
        await server.close();
      }
    });

    it('takes new certificates by CONFIG SET or leaves all as it was', { timeout: 600_000 }, async () => {
      const { server, port, log } = await start();
      const config = configClient(port);
      try {
        assert.equal(await servedSerial(port), serialOf('server'));
        await assert.rejects(
          config.config('SET', 'tls-cert-file', 'bad.pem'),
          /possibly related to argument 'tls-cert-file'\) - Unable to update TLS/,
        );
        assert.ok(log.some((text) => text.startsWith('Failed to load certificate: bad.pem: ')));
        // A certificate without its key fits no more than one that is none.
        await assert.rejects(config.config('SET', 'tls-cert-file', 'renewed.crt'), /Unable to update TLS/);
        assert.deepEqual(await config.config('GET', 'tls-cert-file'), ['tls-cert-file', 'server.crt']);
        assert.equal(await servedSerial(port), serialOf('server'));
        await config.call('CONFIG', 'SET', 'tls-cert-file', 'renewed.crt', 'tls-key-file', 'renewed.key');
        assert.equal(await servedSerial(port), serialOf('renewed'));
        assert.equal(await config.ping(), 'PONG', 'who was connected stays');
        await config.call('CONFIG', 'SET', 'tls-cert-file', 'server.crt', 'tls-key-file', 'server.key');
        await assert.rejects(config.config('SET', 'tls-key-file', 'locked.key'), /Unable to update TLS/);
        await config.call('CONFIG', 'SET', 'tls-key-file-pass', 'secret word', 'tls-key-file', 'locked.key');
        assert.equal(await servedSerial(port), serialOf('server'));
      } finally {
        config.disconnect();
        await server.close();
      }
    });

    it('takes new certificates when the files change', { timeout: 600_000 }, async () => {
      for (const kind of ['crt', 'key']) copyFileSync(file(`server.${kind}`), file(`live.${kind}`));
      const { server, port, log } = await start({ 'tls-cert-file': 'live.crt', 'tls-key-file': 'live.key' });
      try {
        assert.equal(await servedSerial(port), serialOf('server'));
        copyFileSync(file('bad.pem'), file('live.crt'));
        while (!log.some((text) => text.includes('cannot be used'))) await sleep(50);
        assert.equal(await servedSerial(port), serialOf('server'), 'what cannot be used is not');
        for (const kind of ['crt', 'key']) copyFileSync(file(`renewed.${kind}`), file(`live.${kind}`));
        while (!log.some((text) => text.includes('were read again'))) await sleep(50);
        assert.equal(await servedSerial(port), serialOf('renewed'));
      } finally {
        await server.close();
      }
    });

    it('moves between ports with and without TLS', { timeout: 600_000 }, async () => {
      const { server, port } = await start();
      const secure = configClient(port);
      const plain = new Redis({
        host: '127.0.0.1',
        port,
        lazyConnect: true,
        maxRetriesPerRequest: 1,
        retryStrategy: () => null,
      });
      try {
        await secure.config('SET', 'tls-port', '0');
        await secure.config('SET', 'port', port);
        await plain.connect();
        assert.equal(await plain.ping(), 'PONG');
        await plain.config('SET', 'port', '0');
        await plain.config('SET', 'tls-port', port);
        assert.equal(await answers(port, 'client'), true);
      } finally {
        secure.disconnect();
        plain.disconnect();
        await server.close();
      }
    });

    it('is not to be had without TLS on its port, or with nonsense', { timeout: 600_000 }, async () => {
      const { server, port } = await start({ 'tls-auth-clients': 'no' });
      try {
        for (const bytes of ['PING\r\n', '\x16\x03\x01\xff\xff', '\x16\x03\x01\x00\x05hello', '']) {
          const socket = connectPlain(port, '127.0.0.1');
          socket.on('error', () => undefined);
          socket.end(Buffer.from(bytes, 'latin1'));
          let got = '';
          socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
          await once(socket, 'close');
          assert.ok(!got.includes('PONG'));
        }
        assert.equal(await answers(port, undefined), true);
      } finally {
        await server.close();
      }
    });

    it('does not start with what it cannot use', { timeout: 600_000 }, async () => {
      for (const directives of [
        { 'tls-cert-file': 'bad.pem' },
        { 'tls-key-file': 'client.key' },
        { 'tls-ca-cert-file': '' },
        { 'tls-dh-params-file': 'bad.pem' },
      ]) {
        await assert.rejects(
          start(directives),
          /Failed to configure TLS\. Check logs for more info\./,
          JSON.stringify(directives),
        );
      }
    });
  });
