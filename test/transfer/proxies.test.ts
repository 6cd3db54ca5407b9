// kvasir-load and kvasir-sync through our own proxies, as twemproxy's and as codis's, and through Debian's nutcracker: the data, and
// then the writes, transactions and lists of keys of a server that is followed.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { sendAll } from '../persistence/dataset.js';
import { findFreePort, peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { askHttp, startPart } from '../proxy/codis-parts.js';
import { startKvasirProxy, startNutcracker } from '../proxy/nutcracker.js';
import { Following } from './sync-load.js';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const url = (port: number): string => `127.0.0.1:${port}`;

/** Values of the types that twemproxy's commands make, in one database. */
const data: readonly string[][] = [
  ['SET', 'text', 'x'],
  ['SET', 'expires', 'x', 'EX', '5000'],
  ['RPUSH', 'list', 'a', 'b'],
  ['SADD', 'set', 'a', 'b'],
  ['ZADD', 'zset', '1.5', 'a', '2', 'b'],
  ['HSET', 'hash', 'f', 'v'],
];

const writes: readonly string[][] = [
  ['MULTI'],
  ['SET', 'one', '1'],
  ['INCR', 'two'],
  ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ['SET', `t${name}`, name]),
  ['EXEC'],
  ['MSET', 'm1', 'a', 'm2', 'b', 'm3', 'c'],
  ['UNLINK', 'text', 'list'],
  ['PUBLISH', 'channel', 'message'],
  ['SELECT', '1'],
  ['FLUSHDB'],
  ['SELECT', '0'],
  ['RPUSH', 'last', 'x', 'y'],
];

/** What `writes` leaves of `data`. */
const wanted = [
  'expires',
  'hash',
  'last',
  'm1',
  'm2',
  'm3',
  'one',
  'set',
  'ta',
  'tb',
  'tc',
  'td',
  'te',
  'tf',
  'two',
  'zset',
];

async function keysOf(servers: readonly RedisPeer[]): Promise<string[]> {
  const keys = await Promise.all(servers.map((server) => server.send('KEYS', '*')));
  return keys
    .flatMap((text) => text.split('\n'))
    .filter((key) => key !== '')
    .sort();
}

const poolOf = (port: number, servers: readonly RedisPeer[]): string =>
  `alpha:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n  servers:\n${servers.map((server) => `   - ${url(server.port)}:1\n`).join('')}`;

async function startCodis(t: TestContext, folder: string, servers: readonly RedisPeer[]): Promise<number> {
  const [port, adminPort] = [await findFreePort(), await findFreePort()];
  const config = join(folder, 'proxy.toml');
  writeFileSync(
    config,
    `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
  );
  const proxy = await startPart(['proxy', `--config=${config}`], adminPort, '/proxy/model');
  t.after(() => proxy.kill());
  const model = (await askHttp(adminPort, 'GET', '/api/proxy/model')).body as { token: string };
  const xauth = xauthOf('shop', '', model.token);
  const slots = Array.from({ length: 1024 }, (_, id) => ({ id, backend_addr: url(servers[id % 2]!.port) }));
  await askHttp(adminPort, 'PUT', `/api/proxy/fillslots/${xauth}`, slots);
  await askHttp(adminPort, 'PUT', `/api/proxy/start/${xauth}`);
  return port;
}

const proxies = {
  'kvasir-proxy': async (t: TestContext, _folder: string, servers: readonly RedisPeer[]): Promise<number> => {
    const port = await findFreePort();
    const proxy = await startKvasirProxy(poolOf(port, servers), port);
    t.after(() => proxy.stop());
    return port;
  },
  'kvasir-codis': startCodis,
  nutcracker: async (t: TestContext, _folder: string, servers: readonly RedisPeer[]): Promise<number> => {
    const port = await findFreePort();
    const proxy = await startNutcracker(poolOf(port, servers), port);
    t.after(() => proxy.stop());
    return port;
  },
} as const;

for (const [name, start] of Object.entries(proxies))
  it(
    `sync copies into ${name} and follows, load loads`,
    { skip: peerMissing('redis-server', 'redis-cli', ...(name === 'nutcracker' ? [name] : [])) },
    async (t) => {
      await withFolder(async (folder) => {
        const source = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
        t.after(() => source.stop());
        const servers = [await kvasirWithDebug(), await startRedis()];
        for (const server of servers) t.after(() => server.stop());
        const port = await start(t, folder, servers);
        await sendAll(source.port, data);

        const dump = await mustRun('kvasir-dump', ['-u', url(source.port), '--format', 'kvasir', '-d', '0']);
        await mustRun('kvasir-load', ['-u', url(port)], { input: dump.stdout });
        assert.deepEqual(await keysOf(servers), data.map(([, key]) => key!).sort());
        for (const server of servers) await server.send('FLUSHALL');

        const following = Following.start([
          '--from',
          url(source.port),
          '--to',
          url(port),
          '--spool',
          folder,
          '--quiet',
        ]);
        t.after(() => following.child.kill('SIGKILL'));
        await following.until('the data', async () => (await keysOf(servers)).length === data.length);
        await sendAll(source.port, writes);
        await following.until('the last write', async () => (await keysOf(servers)).includes('last'));
        assert.deepEqual(await keysOf(servers), wanted);
        const counts = await Promise.all(servers.map((server) => server.send('DBSIZE')));
        assert.ok(!counts.includes('0'), `both servers have keys: ${counts.join()}`);
        const ttls = await Promise.all(servers.map((server) => server.send('TTL', 'expires')));
        assert.ok(
          ttls.some((ttl) => Number(ttl) > 4000),
          ttls.join(),
        );
        const ended = await following.kill('SIGINT');
        if (name !== 'nutcracker') assert.equal(ended.status, 130, ended.stderr);
        else {
          assert.match(ended.stderr, /takes no commands without keys, and these were left out: 1 FLUSHDB/);
          assert.equal(ended.status, 130, ended.stderr);
        }
        // Where the proxy has SCAN, both sides can be compared.
        if (name !== 'kvasir-proxy') return;
        await mustRun('kvasir-sync', ['--from', url(source.port), '--to', url(port), '--verify']);
        for (const server of servers) await server.send('DEL', 'one');
        const found = await runTool('kvasir-sync', ['--from', url(source.port), '--to', url(port), '--verify']);
        assert.equal(found.status, 1, found.stderr);
      });
    },
  );
