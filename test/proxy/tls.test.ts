// TLS on both sides of the proxy: ioredis and redis-cli as clients, redis-server and ours as servers; certificates that are renewed
// while clients work; and everything that can be wrong with a certificate, of either side, told in the log and fatal to nobody.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { programPath } from '../kvasir.js';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Certificates } from './certificates.js';
import { startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const run = promisify(execFile);
let certificates: Certificates;

interface PoolParts {
  readonly servers: readonly number[];
  /** Keys of the pool. */
  readonly keys?: Readonly<Record<string, string | number | boolean>>;
}

function poolText(name: string, port: number, { servers, keys = {} }: PoolParts): string {
  const lines = Object.entries(keys).map(([key, value]) => `  ${key}: ${value}\n`);
  const places = servers.map((server, index) => `   - 127.0.0.1:${server}:1 s${index}\n`);
  return `${name}:\n  listen: 127.0.0.1:${port}\n  redis: true\n  hash_tag: "{}"\n${lines.join('')}  servers:\n${places.join('')}`;
}

/** Keys for a door with TLS; clients need a certificate unless told otherwise. */
function doorKeys(port: number, certificate: string, asksClients = true): Record<string, string> {
  return {
    listen_tls: `127.0.0.1:${port}`,
    listen_tls_cert_file: certificates.file(`${certificate}.crt`),
    listen_tls_key_file: certificates.file(`${certificate}.key`),
    ...(asksClients ? { listen_tls_ca_file: certificates.file('ca.crt') } : {}),
  };
}

/** Keys for TLS to the servers. */
function serverKeys(authority: string, certificate?: string): Record<string, string | boolean> {
  return {
    tls: true,
    tls_ca_file: certificates.file(`${authority}.crt`),
    ...(certificate === undefined
      ? {}
      : {
          tls_cert_file: certificates.file(`${certificate}.crt`),
          tls_key_file: certificates.file(`${certificate}.key`),
        }),
  };
}

/** `port` is the last that opens: its door with TLS, if it has one. */
async function startProxy(t: TestContext, text: string, port: number): Promise<RunningProxy> {
  const proxy = await startKvasirProxy(text, port);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

async function startPlainServer(t: TestContext): Promise<EmbeddedServer> {
  const server = await startServer({});
  t.after(() => server.close());
  return server;
}

/** A server of ours that speaks TLS, with this certificate. */
async function startTlsServer(t: TestContext, certificate: string, asksClients = true): Promise<number> {
  const port = await findFreePort();
  const server = await startServer({
    'tls-port': port,
    'tls-ca-cert-file': certificates.file('ca.crt'),
    'tls-cert-file': certificates.file(`${certificate}.crt`),
    'tls-key-file': certificates.file(`${certificate}.key`),
    'tls-auth-clients': asksClients ? 'yes' : 'no',
  });
  t.after(() => server.close());
  return port;
}

/** Debian's server, which has a word for whoever it does not let in. */
async function startTlsRedis(t: TestContext): Promise<{ redis: RedisPeer; tlsPort: number }> {
  const tlsPort = await findFreePort();
  const redis = await startRedis({
    args: [
      ...['--tls-port', String(tlsPort), '--tls-ca-cert-file', certificates.file('ca.crt')],
      ...['--tls-cert-file', certificates.file('server.crt'), '--tls-key-file', certificates.file('server.key')],
    ],
  });
  t.after(() => redis.stop());
  return { redis, tlsPort };
}

/** A server that knows no TLS, and has one answer to everything. */
async function startOther(t: TestContext, answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function openTls(t: TestContext, port: number, certificate?: string): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...certificates.options(certificate),
    checkServerIdentity: () => undefined,
  });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function logShows(proxy: RunningProxy, pattern: RegExp): Promise<void> {
  while (!pattern.test(proxy.log())) await sleep(20);
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** Connects, sends, and waits until the other side has ended it. */
async function isTurnedAway(port: number, bytes: string, certificate?: string): Promise<void> {
  const socket =
    certificate === 'plain'
      ? connectPlain(port, '127.0.0.1')
      : connect({
          host: '127.0.0.1',
          port,
          ...certificates.options(certificate),
          checkServerIdentity: () => undefined,
        });
  const answers: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answers.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  await closed(socket);
  assert.ok(!Buffer.concat(answers).includes('PONG'));
}

describe('the proxy with TLS', { skip: peerMissing('openssl', 'redis-server', 'redis-cli') }, () => {
  before(() => {
    certificates = new Certificates();
    for (const name of ['proxy', 'proxy2', 'client', 'server']) certificates.issue(name);
    certificates.issue('expired', { days: -1 });
    certificates.issue('stranger', { authority: 'other-ca' });
  });
  after(() => certificates.remove());

  test('ioredis and redis-cli come in by TLS and do what they do without', async (t) => {
    const server = await startPlainServer(t);
    const [port, tlsPort] = [await findFreePort(), await findFreePort()];
    await startProxy(t, poolText('pool', port, { servers: [server.port], keys: doorKeys(tlsPort, 'proxy') }), tlsPort);
    const tls = { ...certificates.options('client'), checkServerIdentity: () => undefined };
    const redis = new Redis({ host: '127.0.0.1', port: tlsPort, tls });
    t.after(() => redis.disconnect());
    assert.equal(await redis.set('{k}a', 'over TLS'), 'OK');
    const long = 'x'.repeat(3_000_000);
    await redis.set('long', long);
    const pipeline = redis.pipeline();
    for (let index = 0; index < 20; index++) pipeline.get('long').incr('n');
    for (const [index, [error, value]] of (await pipeline.exec())!.entries()) {
      assert.equal(error, null);
      assert.ok(value === (index % 2 === 0 ? long : (index + 1) / 2));
    }
    assert.deepEqual(await redis.multi().append('{k}a', '!').get('{k}a').exec(), [
      [null, 9],
      [null, 'over TLS!'],
    ]);
    const other = redis.duplicate();
    t.after(() => other.disconnect());
    await other.subscribe('news');
    const message = once(other, 'message');
    await redis.publish('news', 'heard');
    assert.deepEqual(await message, ['news', 'heard']);
    const waiter = redis.duplicate();
    t.after(() => waiter.disconnect());
    const popped = waiter.blpop('queue', 0);
    await redis.rpush('queue', 'job');
    assert.deepEqual(await popped, ['queue', 'job']);
    const files = [
      '--cacert',
      certificates.file('ca.crt'),
      '--cert',
      certificates.file('client.crt'),
      '--key',
      certificates.file('client.key'),
    ];
    const { stdout } = await run('redis-cli', ['--tls', ...files, '-p', String(tlsPort), 'GET', '{k}a']);
    assert.equal(stdout, 'over TLS!\n');
    const plain = await RawClient.open(port);
    t.after(() => plain.close());
    assert.equal(await plain.call('GET', 'n'), '$2\r\n20\r\n', 'the door without TLS is open too');
  });

  test('servers are asked by TLS: pipelines, transactions, blocking pops, messages, the cache', async (t) => {
    const { redis, tlsPort: redisTlsPort } = await startTlsRedis(t);
    const ours = await startTlsServer(t, 'server');
    const port = await findFreePort();
    const keys = { ...serverKeys('ca', 'client'), cache_keys: 10 };
    await startProxy(t, poolText('pool', port, { servers: [redisTlsPort, ours], keys }), port);
    const client = await RawClient.open(port);
    t.after(() => client.close());
    const sets = Array.from({ length: 300 }, (_, index) => ['SET', `k${index}`, `${index}`.repeat(100)]);
    for (const reply of await client.pipeline(sets)) assert.equal(reply, '+OK\r\n');
    assert.equal(await client.call('DBSIZE'), ':300\r\n');
    assert.ok(Number(await redis.send('DBSIZE')) > 30, 'both have keys');
    for (let index = 0; index < 10; index++) {
      // On either server, by its tag.
      const replies = await client.pipeline([
        ['MULTI'],
        ['RPUSH', `{t${index}}l`, 'a', 'b'],
        ['EXEC'],
        ['BLPOP', `{t${index}}l`, '0'],
      ]);
      assert.deepEqual(replies.slice(2), [
        '*1\r\n:2\r\n',
        `*2\r\n$${`{t${index}}l`.length}\r\n{t${index}}l\r\n$1\r\na\r\n`,
      ]);
      const subscriber = await RawClient.open(port);
      await subscriber.call('SUBSCRIBE', `c${index}`);
      await client.call('PUBLISH', `c${index}`, 'm');
      assert.match((await subscriber.next())!, /message[\s\S]*\r\nm\r\n$/);
      subscriber.close();
    }
    for (let round = 0; round < 400; round++)
      assert.equal(await client.call('GET', 'k5'), `$100\r\n${'5'.repeat(100)}\r\n`);
    await client.call('SET', 'k5', 'new');
    assert.equal(await client.call('GET', 'k5'), '$3\r\nnew\r\n');
  });

  test('a renewed certificate is shown to new clients, and old ones stay', async (t) => {
    certificates.issue('door');
    const server = await startPlainServer(t);
    const [port, tlsPort] = [await findFreePort(), await findFreePort()];
    const keys = doorKeys(tlsPort, 'door', false);
    const proxy = await startProxy(t, poolText('pool', port, { servers: [server.port], keys }), tlsPort);
    const old = await openTls(t, tlsPort);
    const client = RawClient.on(old);
    assert.equal(old.getPeerCertificate().serialNumber, certificates.serialOf('door'));
    assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
    certificates.replace('door', 'proxy2');
    assert.equal(
      (await openTls(t, tlsPort)).getPeerCertificate().serialNumber !== certificates.serialOf('proxy2'),
      true,
    );
    proxy.signal('SIGHUP');
    await logShows(proxy, /the configuration is reloaded/);
    assert.equal((await openTls(t, tlsPort)).getPeerCertificate().serialNumber, certificates.serialOf('proxy2'));
    assert.equal(await client.call('GET', 'a'), '$1\r\n1\r\n', 'who came before stays');
    // A file that is none leaves everything as it was.
    writeFileSync(certificates.file('door.crt'), 'rubbish');
    const plain = await RawClient.open(port);
    t.after(() => plain.close());
    assert.match(
      (await plain.call('PROXY', 'RELOAD'))!,
      /^-ERR .*pool 'pool': the certificates of "listen_tls" cannot be used/,
    );
    proxy.signal('SIGHUP');
    await logShows(proxy, /the configuration stays as it was: .*the certificates of "listen_tls" cannot be used/);
    assert.equal((await openTls(t, tlsPort)).getPeerCertificate().serialNumber, certificates.serialOf('proxy2'));
    // A key that does not fit its certificate is found before it is used.
    certificates.replace('door', 'proxy');
    writeFileSync(certificates.file('door.key'), 'rubbish');
    const tested = spawnSync(
      process.execPath,
      [programPath('kvasir-proxy'), '-t', '-c', `${proxy.folder}/nutcracker.yml`],
      { encoding: 'utf8' },
    );
    assert.equal(tested.status, 1);
    assert.match(
      tested.stderr,
      /nutcracker\.yml:1: conf: pool 'pool': the certificates of "listen_tls" cannot be used/,
    );
    // From now on clients need a certificate; the door opens anew, and again nobody has to go.
    certificates.replace('door', 'proxy');
    proxy.rewrite(poolText('pool', port, { servers: [server.port], keys: doorKeys(tlsPort, 'door') }));
    assert.equal(await plain.call('PROXY', 'RELOAD'), '+OK\r\n');
    await isTurnedAway(tlsPort, 'PING\r\n');
    const welcome = RawClient.on(await openTls(t, tlsPort, 'client'));
    assert.equal(await welcome.call('GET', 'a'), '$1\r\n1\r\n');
    assert.equal(await client.call('GET', 'a'), '$1\r\n1\r\n', 'who came before stays');
  });

  test('who may not come in is told of in the log, with the reason, and others are served', async (t) => {
    const server = await startPlainServer(t);
    const [port, tlsPort] = [await findFreePort(), await findFreePort()];
    const proxy = await startProxy(
      t,
      poolText('pool', port, { servers: [server.port], keys: doorKeys(tlsPort, 'proxy') }),
      tlsPort,
    );
    const client = RawClient.on(await openTls(t, tlsPort, 'client'));
    const refused: readonly (readonly [string | undefined, string, RegExp])[] = [
      [undefined, 'PING\r\n', /it shows no certificate \(ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE\)/],
      ['stranger', 'PING\r\n', /its certificate is not signed by a trusted authority/],
      ['expired', 'PING\r\n', /its certificate has expired \(CERT_HAS_EXPIRED\)/],
      ['plain', '*1\r\n$4\r\nPING\r\n', /it does not speak TLS/],
      ['plain', 'GET / HTTP/1.1\r\n\r\n', /it does not speak TLS \(ERR_SSL_HTTP_REQUEST\)/],
      ['plain', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', /ERR_SSL_/],
    ];
    for (const [certificate, bytes, reason] of refused) {
      await isTurnedAway(tlsPort, bytes, certificate);
      await logShows(
        proxy,
        new RegExp(
          `warning pool 'pool': client 127\\.0\\.0\\.1:\\d+ does not get in by TLS at 127\\.0\\.0\\.1:${tlsPort}: .*${reason.source}`,
        ),
      );
      assert.equal(await client.call('PING'), '+PONG\r\n');
    }
    // The same mistake again and again does not fill the log.
    for (let count = 0; count < 20; count++) await isTurnedAway(tlsPort, 'GET / HTTP/1.1\r\n\r\n', 'plain');
    assert.ok(proxy.log().split('ERR_SSL_HTTP_REQUEST').length <= 3);
    // Whoever only looks whether the port is open, or stops in the middle, is no reason for a warning.
    const looking = connectPlain(tlsPort, '127.0.0.1');
    await once(looking, 'connect');
    looking.destroy();
    const halfway = connectPlain(tlsPort, '127.0.0.1');
    halfway.on('error', () => undefined);
    halfway.end('\x16\x03\x01\x02\x00', 'latin1');
    await closed(halfway);
    assert.equal(await client.call('PING'), '+PONG\r\n');
    assert.doesNotMatch(proxy.log(), /went away in the handshake/);
    const badClient = new Redis({
      ...{ host: '127.0.0.1', port: tlsPort, retryStrategy: () => null, lazyConnect: true },
      tls: { ...certificates.options('stranger'), checkServerIdentity: () => undefined },
    });
    badClient.on('error', () => undefined);
    await assert.rejects(badClient.connect().then(() => badClient.ping()));
  });

  test('a server that TLS does not work with is told of to clients and in the log, and tried again', async (t) => {
    certificates.issue('proxy-side');
    const { tlsPort: redis } = await startTlsRedis(t);
    const wrong: readonly (readonly [string, number, NonNullable<PoolParts['keys']>, RegExp])[] = [
      [
        'untrusted',
        await startTlsServer(t, 'server'),
        serverKeys('other-ca', 'client'),
        /its certificate is not signed by a trusted authority/,
      ],
      [
        'expired',
        await startTlsServer(t, 'expired'),
        serverKeys('ca', 'client'),
        /its certificate has expired \(CERT_HAS_EXPIRED\)/,
      ],
      ['nameless', redis, serverKeys('ca'), /it wants a certificate/],
      ['old', redis, serverKeys('ca', 'expired'), /it says that the certificate of this side has expired/],
      ['stranger', redis, serverKeys('ca', 'stranger'), /it does not trust the certificate of this side/],
      ['plain', await startOther(t, '-ERR what is that\r\n'), serverKeys('ca', 'client'), /it does not speak TLS/],
      [
        'silent',
        await startOther(t, ''),
        { ...serverKeys('ca', 'client'), timeout: 200 },
        /its handshake does not end/,
      ],
    ];
    const [port, goodPort] = [await findFreePort(), await findFreePort()];
    const ports = await Promise.all(wrong.map(() => findFreePort()));
    const text = (more: string): string =>
      wrong.map(([name, server, keys], index) => poolText(name, ports[index]!, { servers: [server], keys })).join('') +
      more;
    const goodText = poolText('good', goodPort, { servers: [redis], keys: serverKeys('ca', 'proxy-side') });
    const insecure = poolText('insecure', port, {
      servers: [wrong[1]![1]],
      keys: { ...serverKeys('other-ca', 'client'), tls_insecure: true },
    });
    const proxy = await startProxy(t, text(goodText + insecure), port);
    const client = await RawClient.open(goodPort);
    t.after(() => client.close());
    for (const [index, [name, server, , reason]] of wrong.entries()) {
      const refused = await RawClient.open(ports[index]!);
      t.after(() => refused.close());
      // A server may close before its reason has come.
      for (;;) {
        const reply = (await refused.call('GET', 'a'))!;
        assert.match(reply, /^-ERR /, name);
        if (reason.test(reply) || (name === 'silent' && reply.includes('timed out'))) break;
      }
      if (name !== 'silent')
        await logShows(proxy, new RegExp(`no TLS with server 127\\.0\\.0\\.1:${server}: ${reason.source}`));
      assert.equal(await refused.call('PING'), '+PONG\r\n');
      assert.equal(await client.call('SET', name, '1'), '+OK\r\n');
    }
    const trusting = await RawClient.open(port);
    t.after(() => trusting.close());
    assert.equal(await trusting.call('SET', 'a', '1'), '+OK\r\n', 'tls_insecure takes any certificate');
    // The proxy's own certificate is read for each connection: another is used as soon as one is opened.
    certificates.replace('proxy-side', 'stranger');
    assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
    const listening = await RawClient.open(goodPort);
    t.after(() => listening.close());
    for (;;)
      if (/^-ERR .*it does not trust the certificate of this/.test((await listening.call('SUBSCRIBE', 'c'))!)) break;
    certificates.replace('proxy-side', 'client');
    for (;;) if (!(await listening.call('SUBSCRIBE', 'c'))!.startsWith('-')) break;
  });
});
