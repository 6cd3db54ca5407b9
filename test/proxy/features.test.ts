// Features that twemproxy refuses, through the proxy over real servers: transactions, pub/sub, blocking commands, SCAN,
// SELECT, users; with ioredis and node-redis as clients; and servers and clients that misbehave.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { startFakeBackend } from './fake-backend.js';
import { startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

function poolText(name: string, port: number, servers: readonly number[], more = ''): string {
  return `${name}:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  hash_tag: "{}"\n  redis: true\n${more}  servers:\n${servers
    .map((server, index) => `   - 127.0.0.1:${server}:1 s${index}\n`)
    .join('')}`;
}

async function statisticsOf(proxy: RunningProxy): Promise<Record<string, Record<string, Record<string, number>>>> {
  const socket = connect(proxy.statsPort, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return JSON.parse(text) as Record<string, Record<string, Record<string, number>>>;
}

describe('the proxy over three servers', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  const servers: RedisPeer[] = [];
  let proxy: RunningProxy;
  let port: number;
  let usersPort: number;
  let client: RawClient;
  let text: string;

  before(async () => {
    for (let index = 0; index < 3; index++) servers.push(await startRedis());
    port = await findFreePort();
    usersPort = await findFreePort();
    const ports = servers.map((server) => server.port);
    text =
      poolText('plain', port, ports) +
      poolText('guarded', usersPort, ports, '  users:\n   - default off\n   - ann on >secret ~ann:* +@all -flushall\n');
    proxy = await startKvasirProxy(text, port);
    client = await RawClient.open(port);
  });

  after(async () => {
    client?.close();
    await proxy?.stop('SIGKILL');
    for (const server of servers) await server.stop();
  });

  async function fill(count: number): Promise<void> {
    await client.call('FLUSHALL');
    await client.pipeline(Array.from({ length: count }, (_, index) => ['SET', `key:${index}`, String(index)]));
  }

  test('commands over all servers are merged', async () => {
    await fill(300);
    assert.equal(await client.call('DBSIZE'), ':300\r\n');
    assert.match((await client.call('KEYS', '*'))!, /^\*300\r\n/);
    assert.equal(await client.call('EXISTS', 'key:1', 'key:2', 'key:3', 'nokey'), ':3\r\n');
    assert.match((await client.call('RANDOMKEY'))!, /^\$\d+\r\nkey:/);
    assert.equal(await client.call('SCRIPT', 'EXISTS', 'x'), '*1\r\n:0\r\n');
    assert.equal(await client.call('FLUSHALL'), '+OK\r\n');
    assert.equal(await client.call('DBSIZE'), ':0\r\n');
    assert.equal(await client.call('RANDOMKEY'), '$-1\r\n');
  });

  test('SCAN names every key once, with a cursor alone', async () => {
    await fill(500);
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const other = await RawClient.open(port);
      const reply = (await other.call('SCAN', cursor, 'COUNT', '20'))!.split('\r\n');
      other.close();
      cursor = reply[2]!;
      for (let index = 5; index < reply.length; index += 2) seen.add(reply[index]!);
    } while (cursor !== '0');
    seen.delete('');
    assert.equal(seen.size, 500);
    assert.equal(await client.call('SCAN', 'x'), '-ERR invalid cursor\r\n');
  });

  test('a transaction runs on the server of its keys, and refuses others', async () => {
    const replies = await client.pipeline([
      ['MULTI'],
      ['PING'],
      ['SET', '{t}a', '1'],
      ['INCR', '{t}a'],
      ['EXEC'],
      ['GET', '{t}a'],
    ]);
    assert.deepEqual(replies, [
      '+OK\r\n',
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      '*3\r\n+PONG\r\n+OK\r\n:2\r\n',
      '$1\r\n2\r\n',
    ]);
    await client.call('MULTI');
    const queued: string[] = [];
    for (let index = 0; index < 20; index++) queued.push((await client.call('SET', `other${index}`, '1'))!);
    assert.ok(queued.some((reply) => reply.startsWith('-CROSSSLOT')));
    assert.match((await client.call('EXEC'))!, /^-EXECABORT/);
    assert.equal(await client.call('EXEC'), '-ERR EXEC without MULTI\r\n');
  });

  test('a watched key that changed ends the transaction', async () => {
    await client.call('SET', 'w', '1');
    assert.equal(await client.call('WATCH', 'w'), '+OK\r\n');
    const other = await RawClient.open(port);
    await other.call('SET', 'w', '2');
    other.close();
    assert.deepEqual(await client.pipeline([['MULTI'], ['SET', 'w', '3'], ['EXEC']]), [
      '+OK\r\n',
      '+QUEUED\r\n',
      '*-1\r\n',
    ]);
    assert.equal(await client.call('GET', 'w'), '$1\r\n2\r\n');
  });

  test('a client that waits for a list holds nobody up, and is answered', async () => {
    const waiter = await RawClient.open(port);
    const popped = waiter.call('BLPOP', 'queue', '0');
    const after = waiter.call('PING');
    assert.equal(await client.call('SET', 'queue2', 'x'), '+OK\r\n');
    while (!(await client.call('CLIENT', 'LIST'))!.includes('flags=b'));
    assert.equal(await client.call('RPUSH', 'queue', 'job'), ':1\r\n');
    assert.equal(await popped, '*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n');
    assert.equal(await after, '+PONG\r\n');
    waiter.close();
  });

  test('a client that goes away while it waits takes nothing with it', async () => {
    const waiter = await RawClient.open(port);
    void waiter.call('BLPOP', 'orphan', '0');
    const blocked = async (): Promise<number> => {
      let count = 0;
      for (const server of servers)
        count += Number(/blocked_clients:(\d+)/.exec(await server.send('INFO', 'clients'))![1]);
      return count;
    };
    while ((await blocked()) === 0);
    waiter.close();
    while ((await blocked()) > 0);
    assert.equal(await client.call('RPUSH', 'orphan', 'kept'), ':1\r\n');
    assert.equal(await client.call('LLEN', 'orphan'), ':1\r\n');
  });

  test('messages reach subscribers of channels and patterns, in both protocols', async () => {
    const two = await RawClient.open(port);
    const three = await RawClient.open(port);
    await three.call('HELLO', '3');
    assert.equal(await two.call('SUBSCRIBE', 'news'), '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n');
    assert.equal(await three.call('PSUBSCRIBE', 'n*'), '>3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n');
    assert.match((await two.call('GET', 'a'))!, /^-ERR Can't execute 'get'/);
    await client.call('PUBLISH', 'news', 'hello');
    assert.equal(await two.next(), '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
    assert.equal(await three.next(), '>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
    assert.equal(await client.call('PUBSUB', 'CHANNELS'), '*1\r\n$4\r\nnews\r\n');
    assert.equal(await two.call('UNSUBSCRIBE'), '*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n');
    assert.equal(await two.call('PING'), '+PONG\r\n');
    two.close();
    three.close();
  });

  test("a selected database is the server's, and RESP3 comes through", async () => {
    const other = await RawClient.open(port);
    assert.equal(await other.call('SELECT', '3'), '+OK\r\n');
    await other.call('HSET', 'h', 'f', 'v');
    assert.equal(await client.call('EXISTS', 'h'), ':0\r\n');
    assert.match((await other.call('HELLO', '3'))!, /^%7\r\n/);
    assert.equal(await other.call('HGETALL', 'h'), '%1\r\n$1\r\nf\r\n$1\r\nv\r\n');
    assert.equal(await other.call('GET', 'none'), '_\r\n');
    assert.equal(await other.call('SELECT', '16'), '-ERR DB index is out of range\r\n');
    other.close();
  });

  test('what is not supported says why and keeps the connection', async () => {
    for (const words of [
      ['MONITOR'],
      ['SHUTDOWN'],
      ['DEBUG', 'SLEEP', '1'],
      ['MIGRATE', 'a', '1', 'k', '0', '1'],
      ['NOSUCH'],
      ['MOVE', 'a', '1'],
      ['RENAME', 'a', 'b', 'c'],
    ])
      assert.match((await client.call(...words))!, /^-ERR /, words.join(' '));
    assert.match((await client.call('RENAME', 'key:1', 'elsewhere:7:x'))!, /^(-CROSSSLOT|\+OK|-ERR no such key)/);
    assert.equal(await client.call('PING'), '+PONG\r\n');
  });

  test('users of the proxy have rules', async () => {
    const ann = await RawClient.open(usersPort);
    assert.match((await ann.call('GET', 'ann:1'))!, /^-NOAUTH/);
    assert.match((await ann.call('AUTH', 'ann', 'wrong'))!, /^-WRONGPASS/);
    assert.equal(await ann.call('AUTH', 'ann', 'secret'), '+OK\r\n');
    assert.equal(await ann.call('SET', 'ann:1', 'x'), '+OK\r\n');
    assert.match((await ann.call('GET', 'bob:1'))!, /^-NOPERM/);
    assert.match((await ann.call('MGET', 'ann:1', 'bob:1'))!, /^-NOPERM/);
    assert.match((await ann.call('FLUSHALL'))!, /^-NOPERM/);
    assert.equal(await ann.call('ACL', 'WHOAMI'), '$3\r\nann\r\n');
    ann.close();
  });

  test('requests in any pieces, inline and long ones, are understood; what is none is refused', async () => {
    const other = await RawClient.open(port);
    const long = 'x'.repeat(3_000_000);
    for (const byte of 'SET piece "a b"\r\n') other.write(byte);
    assert.equal(await other.next(), '+OK\r\n');
    for (const byte of '*2\r\n$3\r\nGET\r\n$5\r\npiece\r\n') {
      other.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await other.next(), '$3\r\na b\r\n');
    assert.equal(await other.call('SET', 'long', long), '+OK\r\n');
    assert.deepEqual(
      await other.pipeline([
        ['GET', 'long'],
        ['STRLEN', 'long'],
        ['GET', 'long'],
      ]),
      [`$${long.length}\r\n${long}\r\n`, `:${long.length}\r\n`, `$${long.length}\r\n${long}\r\n`],
    );
    other.write('*1\r\n!bad\r\n');
    assert.match((await other.next())!, /^-ERR Protocol error: expected '\$'/);
    assert.equal(await other.next(), undefined);
  });

  test('a client that sends and never reads is held, others are served', async () => {
    const value = 'y'.repeat(100_000);
    await client.call('SET', 'big', value);
    const greedy = connect(port, '127.0.0.1');
    await once(greedy, 'connect');
    greedy.pause();
    const request = Buffer.from('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n'.repeat(2000));
    greedy.write(request);
    for (let index = 0; index < 200; index++) assert.equal(await client.call('SET', 'small', String(index)), '+OK\r\n');
    const list = (await client.call('CLIENT', 'LIST'))!;
    assert.ok(list.includes('tot-cmds='));
    let received = 0;
    greedy.on('data', (chunk: Buffer) => (received += chunk.length));
    greedy.resume();
    while (received < 2000 * (value.length + 11)) await once(greedy, 'data');
    assert.equal(received, 2000 * (value.length + 11));
    greedy.destroy();
  });

  test('ioredis works', async () => {
    const redis = new Redis(port, '127.0.0.1');
    assert.equal(await redis.set('io', 'x'), 'OK');
    assert.deepEqual(await redis.mget('io', 'none'), ['x', null]);
    assert.deepEqual(await redis.multi().set('{io}1', '1').incr('{io}1').exec(), [
      [null, 'OK'],
      [null, 2],
    ]);
    const subscriber = redis.duplicate();
    await subscriber.subscribe('io-news');
    const message = once(subscriber, 'message');
    await redis.publish('io-news', 'hi');
    assert.deepEqual(await message, ['io-news', 'hi']);
    redis.disconnect();
    subscriber.disconnect();
  });

  test('node-redis works, with RESP3', async () => {
    const redis = createClient({ socket: { port, host: '127.0.0.1' }, RESP: 3 });
    await redis.connect();
    await redis.hSet('node', { a: '1', b: '2' });
    assert.deepEqual({ ...(await redis.hGetAll('node')) }, { a: '1', b: '2' });
    assert.deepEqual(await redis.multi().set('{n}1', '1').get('{n}1').exec(), ['OK', '1']);
    redis.destroy();
  });

  test('a reload adds a pool, moves servers, and disconnects nobody; a mistake changes nothing', async () => {
    const added = await findFreePort();
    proxy.rewrite(`${text}broken:\n  listen: nowhere\n`);
    assert.match((await client.call('PROXY', 'RELOAD'))!, /^-ERR .*:\d+: conf: directive "listen" has an invalid/);
    proxy.rewrite(poolText('plain', port, [servers[0]!.port]) + poolText('added', added, [servers[1]!.port]));
    const replies = await client.pipeline([['SET', 'before', '1'], ['PROXY', 'RELOAD'], ['PING']]);
    assert.deepEqual(replies, ['+OK\r\n', '+OK\r\n', '+PONG\r\n']);
    await client.call('FLUSHALL');
    await client.pipeline(Array.from({ length: 20 }, (_, index) => ['SET', `k${index}`, '1']));
    assert.equal(await servers[0]!.send('DBSIZE'), '20');
    const other = await RawClient.open(added);
    assert.equal(await other.call('SET', 'x', '1'), '+OK\r\n');
    other.close();
    proxy.rewrite(text);
    proxy.signal('SIGHUP');
    while (
      !proxy
        .log()
        .split('\n')
        .some((line) => line.includes("pool 'added' is gone"))
    );
    assert.equal(await client.call('PING'), '+PONG\r\n');
  });

  test('the statistics port tells what was done', async () => {
    const statistics = await statisticsOf(proxy);
    assert.equal(statistics.service as unknown as string, 'nutcracker');
    assert.equal(statistics.plain!.s0!.server_connections! >= 0, true);
    assert.ok((statistics.plain!.client_connections as unknown as number) >= 1);
  });
});

describe('the proxy and servers that misbehave', () => {
  test('garbage from a server is an error, and the next request has a new connection', async () => {
    const backend = await startFakeBackend((call) => (call.is(1, 'bad') ? 'garbage\r\n' : '+fine\r\n'));
    const port = await findFreePort();
    const proxy = await startKvasirProxy(poolText('pool', port, [backend.port]), port);
    const client = await RawClient.open(port);
    assert.match((await client.call('GET', 'bad'))!, /^-ERR /);
    assert.equal(await client.call('GET', 'good'), '+fine\r\n');
    client.close();
    await proxy.stop('SIGKILL');
    await backend.close();
  });

  test("a server that is slow does not hold up the other, and one client's replies keep their order", async () => {
    const held: (() => void)[] = [];
    let holds = false;
    const slow = await startFakeBackend((_call, socket) => {
      if (!holds) return '+slow\r\n';
      held.push(() => socket.write('+slow\r\n'));
      return undefined;
    });
    const quick = await startFakeBackend(() => '+quick\r\n');
    const port = await findFreePort();
    const proxy = await startKvasirProxy(poolText('pool', port, [slow.port, quick.port]), port);
    const client = await RawClient.open(port);
    const other = await RawClient.open(port);
    const requests = Array.from({ length: 40 }, (_, index) => ['GET', `${index * 7919}:key:${index}`]);
    const expected = await client.pipeline(requests);
    assert.ok(expected.includes('+slow\r\n') && expected.includes('+quick\r\n'));
    holds = true;
    const replies = client.pipeline(requests);
    const slowCount = expected.filter((reply) => reply === '+slow\r\n').length;
    while (held.length < slowCount) await new Promise((resolve) => setImmediate(resolve));
    for (const [index, request] of requests.entries())
      if (expected[index] === '+quick\r\n') assert.equal(await other.call(...request), '+quick\r\n');
    for (const release of held) release();
    assert.deepEqual(await replies, expected);
    client.close();
    other.close();
    await proxy.stop('SIGKILL');
    await slow.close();
    await quick.close();
  });

  test('SIGTERM answers what is asked first', async () => {
    const held: (() => void)[] = [];
    const backend = await startFakeBackend((_call, socket) => {
      held.push(() => socket.write('+late\r\n'));
      return undefined;
    });
    const port = await findFreePort();
    const proxy = await startKvasirProxy(poolText('pool', port, [backend.port]), port);
    const client = await RawClient.open(port);
    const reply = client.call('GET', 'a');
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    proxy.signal('SIGTERM');
    while (!proxy.log().includes('shutting down')) await new Promise((resolve) => setImmediate(resolve));
    held[0]!();
    assert.equal(await reply, '+late\r\n');
    await proxy.exited;
    await proxy.stop('SIGKILL');
    await backend.close();
  });
});
