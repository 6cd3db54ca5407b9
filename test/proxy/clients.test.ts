// Each client library and tool through each kind of pool: ioredis, node-redis, redis-cli, redis-benchmark, and dumps in the form of
// redis-dump both ways; over two servers as twemproxy and as codis, over a cluster, and over a master with a replica.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { createCluster, createSentinel } from '../../src/testing/create-groups.js';
import { findFreePort, peerMissing } from '../peer.js';
import { mustRun } from '../transfer/tools.js';
import { startPart } from './codis-parts.js';
import { startKvasirProxy } from './nutcracker.js';

/** What ends with a mode, last first. */
type Ends = (() => Promise<unknown> | void)[];

async function startServers(ends: Ends, isCodis: boolean): Promise<EmbeddedServer[]> {
  const servers: EmbeddedServer[] = [];
  for (let index = 0; index < 2; index++) {
    const server = await startServer(isCodis ? { 'codis-enabled': true } : {});
    ends.push(() => server.close());
    servers.push(server);
  }
  return servers;
}

async function startPool(ends: Ends, port: number, lines: string): Promise<void> {
  const proxy = await startKvasirProxy(`pool:\n  listen: 127.0.0.1:${port}\n${lines}`, port);
  ends.push(() => proxy.stop('SIGKILL'));
}

const listOf = (key: string, places: readonly { readonly port: number }[], more = ''): string =>
  `  ${key}:\n${places.map((place) => `   - 127.0.0.1:${place.port}${more}\n`).join('')}`;

interface Mode {
  readonly name: string;
  readonly databaseCount: number;
  start(ends: Ends, port: number): Promise<void>;
}

const modes: readonly Mode[] = [
  {
    name: 'twemproxy',
    databaseCount: 16,
    async start(ends, port) {
      const servers = await startServers(ends, false);
      await startPool(ends, port, `  redis: true\n  hash_tag: "{}"\n${listOf('servers', servers, ':1')}`);
    },
  },
  {
    name: 'codis',
    databaseCount: 16,
    async start(ends, port) {
      const servers = await startServers(ends, true);
      const folder = mkdtempSync(join(tmpdir(), 'kvasir-clients-'));
      const adminPort = await findFreePort();
      const [file, slotsFile] = [join(folder, 'proxy.toml'), join(folder, 'slots.json')];
      writeFileSync(
        file,
        `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
      );
      const slots = Array.from({ length: 1024 }, (_, id) => ({
        id,
        backend_addr: `127.0.0.1:${servers[id % 2]!.port}`,
      }));
      writeFileSync(slotsFile, JSON.stringify(slots));
      ends.push(() => rmSync(folder, { recursive: true, force: true }));
      const part = await startPart(
        ['proxy', `--config=${file}`, `--fillslots=${slotsFile}`],
        adminPort,
        '/proxy/model',
      );
      ends.push(() => part.kill());
    },
  },
  {
    name: 'a cluster',
    databaseCount: 1,
    async start(ends, port) {
      const cluster = await createCluster({ masters: 3 });
      ends.push(() => cluster.close());
      await startPool(ends, port, `  type: cluster\n${listOf('nodes', cluster.addresses)}`);
    },
  },
  {
    name: 'a master with a replica',
    databaseCount: 16,
    async start(ends, port) {
      const group = await createSentinel({ sentinels: 1, replicas: 1 });
      ends.push(() => group.close());
      const lines = `  type: sentinel\n  master_name: ${group.masterName}\n${listOf('nodes', group.sentinels)}`;
      await startPool(ends, port, lines);
    },
  },
];

async function useIoredis(port: number, { databaseCount }: Mode): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  const others: Redis[] = [];
  const duplicate = (options: { db?: number } = {}): Redis => {
    const other = client.duplicate(options);
    others.push(other);
    return other;
  };
  try {
    const pipeline = client.pipeline();
    for (let index = 0; index < 50; index++) pipeline.set(`io:${index}`, index).incr(`io:${index}`);
    assert.ok((await pipeline.exec())!.every(([error], index) => error === null && index < 100));
    const keys = Array.from({ length: 50 }, (_, index) => `io:${index}`);
    assert.deepEqual(
      await client.mget(...keys),
      keys.map((_, index) => String(index + 1)),
    );
    assert.equal(await client.del(...keys.slice(0, 10)), 10);
    assert.deepEqual(await client.multi().hset('{io}h', 'f', 'v').hgetall('{io}h').exec(), [
      [null, 1],
      [null, { f: 'v' }],
    ]);
    assert.equal(await client.eval("return redis.call('hget', KEYS[1], ARGV[1])", 1, '{io}h', 'f'), 'v');
    await assert.rejects(client.lpush('{io}h', 'x'), /WRONGTYPE/);
    const found = new Set<string>();
    for await (const some of client.scanStream({ match: 'io:*', count: 10 })) for (const key of some) found.add(key);
    assert.equal(found.size, 40);
    const subscriber = duplicate();
    await subscriber.subscribe('io-news');
    const message = once(subscriber, 'message');
    await client.publish('io-news', 'hello');
    assert.deepEqual(await message, ['io-news', 'hello']);
    const popped = duplicate().blpop('io-queue', 0);
    await client.rpush('io-queue', 'job');
    assert.deepEqual(await popped, ['io-queue', 'job']);
    if (databaseCount > 1) {
      const other = duplicate({ db: 3 });
      await other.set('io:there', 'x');
      assert.equal(await client.get('io:there'), null);
      assert.equal(await other.get('io:there'), 'x');
    }
  } finally {
    for (const each of [client, ...others]) each.disconnect();
  }
}

async function useNodeRedis(port: number, { databaseCount }: Mode): Promise<void> {
  const client = createClient({ socket: { port, host: '127.0.0.1' }, RESP: 3 });
  await client.connect();
  const subscriber = client.duplicate();
  const waiting = client.duplicate();
  await subscriber.connect();
  await waiting.connect();
  try {
    const keys = Array.from({ length: 30 }, (_, index) => `node:${index}`);
    await Promise.all(keys.map((key) => client.set(key, key)));
    assert.deepEqual(await client.mGet([...keys, 'none']), [...keys, null]);
    assert.deepEqual({ ...(await client.hGetAll('none')) }, {});
    await client.zAdd('node:z', { score: 1.5, value: 'm' });
    assert.equal(await client.zScore('node:z', 'm'), 1.5);
    assert.deepEqual(await client.multi().set('{n}1', '1').incr('{n}1').exec(), ['OK', 2]);
    const messages: string[] = [];
    await subscriber.subscribe('node-news', (text) => messages.push(text));
    await client.publish('node-news', 'hello');
    while (messages.length === 0) await client.ping();
    assert.deepEqual(messages, ['hello']);
    const popped = waiting.blPop('node-queue', 0);
    await client.rPush('node-queue', 'job');
    assert.deepEqual({ ...(await popped) }, { key: 'node-queue', element: 'job' });
    if (databaseCount > 1) {
      await client.select(2);
      assert.equal(await client.get('node:1'), null);
    }
  } finally {
    for (const each of [client, subscriber, waiting]) each.destroy();
  }
}

/** Runs a program of Redis's; resolves to what it printed. */
async function runPeer(
  name: string,
  port: number,
  words: readonly string[],
  input: string | Buffer = '',
): Promise<string> {
  const child = spawn(name, ['-p', String(port), ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 0, `${name} ${words.join(' ')}: ${out}${err}`);
  return out;
}

async function useRedisCli(port: number, { databaseCount }: Mode): Promise<void> {
  const lines = ['SET cli:1 one', 'GET cli:1', 'MSET cli:2 two cli:3 three', 'MGET cli:1 cli:2 cli:3', 'INCR cli:1'];
  assert.equal(
    await runPeer('redis-cli', port, [], `${lines.join('\n')}\n`),
    'OK\none\nOK\none\ntwo\nthree\nERR value is not an integer or out of range\n\n',
  );
  const load = Array.from({ length: 500 }, (_, index) => encodeCommand(['SET', `pipe:${index}`, 'x'.repeat(index)]));
  assert.match(await runPeer('redis-cli', port, ['--pipe'], Buffer.concat(load)), /errors: 0, replies: 500/);
  const scanned = (await runPeer('redis-cli', port, ['--scan', '--pattern', 'pipe:*'])).trim().split('\n');
  assert.equal(new Set(scanned).size, 500);
  await runPeer('redis-cli', port, ['HSET', 'cli:h', 'f', 'v']);
  assert.equal(await runPeer('redis-cli', port, ['-3', '--json', 'HGETALL', 'cli:h']), '{"f":"v"}\n');
  if (databaseCount > 1) {
    assert.equal(await runPeer('redis-cli', port, ['-n', '5', 'SET', 'cli:there', 'x']), 'OK\n');
    assert.equal(await runPeer('redis-cli', port, ['EXISTS', 'cli:there']), '0\n');
  }
}

async function useRedisBenchmark(port: number): Promise<void> {
  const tests = 'ping,set,get,incr,lpush,rpop,sadd,hset,spop,zadd,lrange_100,mset';
  const out = await runPeer('redis-benchmark', port, [
    '-t',
    tests,
    '-n',
    '100',
    '-c',
    '10',
    '-P',
    '4',
    '-r',
    '50',
    '--csv',
  ]);
  for (const name of ['SET', 'GET', 'INCR', 'LPUSH', 'RPOP', 'SADD', 'HSET', 'SPOP', 'ZADD', 'MSET (10 keys)'])
    assert.ok(out.includes(`"${name}",`), `${name}: ${out}`);
}

/** The data goes out as lines of redis-dump, away, and in again as redis-load does it. */
async function useDumps(port: number, { databaseCount }: Mode): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  const other = client.duplicate({ db: databaseCount > 1 ? 7 : 0 });
  try {
    await client.flushall();
    const pipeline = client.pipeline();
    for (let index = 0; index < 40; index++) {
      pipeline.set(`s:${index}`, `ü ${index}`).rpush(`l:${index}`, 'a', index).hset(`h:${index}`, 'f', index);
      pipeline.sadd(`set:${index}`, index).zadd(`z:${index}`, index / 4, 'm');
    }
    assert.ok((await pipeline.exec())!.every(([error]) => error === null));
    await other.set('there', 'too');
    const databases = databaseCount > 1 ? [0, 7] : [0];
    const dump = async (): Promise<string[]> => {
      const lines: string[] = [];
      for (const database of databases) {
        const words = ['-u', `127.0.0.1:${port}`, '-d', String(database)];
        lines.push(...(await mustRun('kvasir-dump', words)).stdout.toString().trim().split('\n'));
      }
      return lines.sort();
    };
    const lines = await dump();
    assert.equal(lines.length, 201);
    assert.match(lines[0]!, /^\{"db":0,"key":"h:0","ttl":-1,"type":"hash",/);
    await client.flushall();
    assert.equal(await client.dbsize(), 0);
    await mustRun('kvasir-load', ['-u', `127.0.0.1:${port}`], { input: `${lines.join('\n')}\n` });
    assert.equal(await client.dbsize(), databaseCount > 1 ? 200 : 201);
    assert.equal(await other.get('there'), 'too');
    assert.deepEqual(await dump(), lines);
  } finally {
    client.disconnect();
    other.disconnect();
  }
}

const clients: readonly (readonly [string, (port: number, mode: Mode) => Promise<void>, string | false])[] = [
  ['ioredis', useIoredis, false],
  ['node-redis', useNodeRedis, false],
  ['redis-cli', useRedisCli, peerMissing('redis-cli')],
  ['redis-benchmark', useRedisBenchmark, peerMissing('redis-benchmark')],
  ['dumps as of redis-dump', useDumps, false],
];

for (const mode of modes) {
  describe(`in front of servers as ${mode.name}`, () => {
    const ends: Ends = [];
    let port: number;
    before(async () => {
      port = await findFreePort();
      await mode.start(ends, port);
    });
    after(async () => {
      for (const end of ends.reverse()) await end();
    });
    for (const [name, use, skip] of clients) test(`${name} does its work`, { skip }, () => use(port, mode));
  });
}
