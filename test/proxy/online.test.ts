// Changes of a pool while clients use it: moving it to other servers or into a cluster, a mirror, the exchange of an
// instance; tenants, hot and big keys, the cache of hot keys; and the proxy as the one node of a cluster, or as a
// Sentinel. KVASIR_PROXY_CLIENTS=1000 sets the number of clients in the test of many.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { Prng } from '../../src/base/prng.js';
import { readNutcrackerConfig } from '../../src/proxy/config/nutcracker-config.js';
import { findFreePort } from '../peer.js';
import { startFakeBackend } from './fake-backend.js';
import { startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';
import { programPath } from '../kvasir.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);

async function startServers(t: TestContext, count: number): Promise<EmbeddedServer[]> {
  const servers: EmbeddedServer[] = [];
  for (let index = 0; index < count; index++) servers.push(await startServer({}));
  t.after(async () => {
    for (const server of servers) await server.close();
  });
  return servers;
}

function poolText(name: string, port: number, servers: readonly EmbeddedServer[], more = '', scheme = ''): string {
  const lines = servers.map(({ port: each }, index) => `   - 127.0.0.1:${each}:1 s${index}\n`).join('');
  return `${name}:\n  listen: 127.0.0.1:${port}\n  redis: true\n  hash_tag: "{}"\n${scheme}${more}  servers:\n${lines}`;
}

async function startWith(t: TestContext, text: string, port: number): Promise<RunningProxy> {
  const proxy = await startKvasirProxy(text, port);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

async function openClient(t: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  t.after(() => client.close());
  return client;
}

const script = programPath('kvasir-proxy');

async function runTool(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part: Buffer) => (out += part.toString('utf8')));
  child.stderr.on('data', (part: Buffer) => (err += part.toString('utf8')));
  const [status] = (await once(child, 'close')) as [number];
  return { status, out, err };
}

/** INCRs keys and knows what each must be. */
class Counting {
  private isOver = false;
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];
  total = 0;
  private loops: Promise<void>[] = [];

  start(ports: readonly number[], clientCount: number): void {
    this.loops = Array.from({ length: clientCount }, (_, index) => this.run(ports[index % ports.length]!, index));
  }

  private async run(port: number, index: number): Promise<void> {
    const client = await RawClient.open(port);
    const prng = new Prng(seed + index);
    while (!this.isOver) {
      const keys = Array.from({ length: 5 }, () => `c${index}:${prng.below(60)}`);
      const replies = await client.pipeline([...keys.map((key) => ['INCR', key]), ['MGET', ...keys]]);
      for (const [place, key] of keys.entries()) {
        const expected = (this.counts.get(key) ?? 0) + 1;
        this.counts.set(key, expected);
        if (replies[place] !== `:${expected}\r\n`)
          this.failures.push(`INCR ${key}: ${expected}, got ${replies[place]}`);
      }
      this.total += keys.length;
      if (this.failures.length > 3) break;
    }
    client.close();
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
    assert.deepEqual(this.failures, [], `KVASIR_SEED=${seed}`);
  }
}

async function checkCounts(client: RawClient, counting: Counting): Promise<void> {
  for (const [key, count] of counting.counts)
    assert.equal(await client.call('GET', key), `$${String(count).length}\r\n${count}\r\n`, key);
}

async function keysAt(servers: readonly EmbeddedServer[]): Promise<number> {
  let sum = 0;
  for (const { port } of servers) {
    const direct = await RawClient.open(port);
    sum += Number((await direct.call('DBSIZE'))!.slice(1));
    direct.close();
  }
  return sum;
}

test('a ketama pool moves to other servers by modula while clients count, and after a kill -9 goes on', async (t) => {
  const [first, second, third, fourth] = await startServers(t, 4);
  const [port, newPort] = [await findFreePort(), await findFreePort()];
  const old = poolText('old', port, [first!, second!], '', '  distribution: ketama\n  hash: md5\n');
  const to = poolText('new', newPort, [third!, fourth!], '', '  distribution: modula\n  hash: crc32a\n');
  let proxy = await startWith(t, old + to, port);
  let client = await openClient(t, port);
  for (let index = 0; index < 300; index++) await client.call('SET', `k${index}`, String(index), 'EX', '1000');
  await client.call('RPUSH', '{l}1', 'a', 'b');
  const counting = new Counting();
  counting.start([port], 3);
  while (counting.total < 300) await sleep(10);
  const file = join(proxy.folder, 'nutcracker.yml');
  proxy.rewrite((old + to).replace('  redis: true\n', '  redis: true\n  migrate_to: new\n'));
  assert.equal(await client.call('PROXY', 'RELOAD'), '+OK\r\n');
  assert.equal(await client.call('PROXY', 'MIGRATE', 'PAUSE'), '+OK\r\n');
  assert.equal(
    await client.call('GET', 'k7'),
    '$1\r\n7\r\n',
    'while the run is paused keys are fetched when they are asked for',
  );
  assert.deepEqual(await client.pipeline([['MULTI'], ['LPOP', '{l}1'], ['EXEC'], ['BLPOP', '{l}1', '1']]), [
    '+OK\r\n',
    '+QUEUED\r\n',
    '*1\r\n$1\r\na\r\n',
    '*2\r\n$4\r\n{l}1\r\n$1\r\nb\r\n',
  ]);
  await counting.stop();
  const text = readFileSync(file, 'utf8');
  await proxy.stop('SIGKILL');
  proxy = await startWith(t, text, port);
  client = await openClient(t, port);
  while (!(await client.call('PROXY', 'MIGRATE', 'STATUS'))!.includes('done')) await sleep(20);
  assert.equal(await keysAt([first!, second!]), 0);
  await checkCounts(client, counting);
  assert.equal(await client.call('DBSIZE'), `:${300 + counting.counts.size}\r\n`);
  assert.match((await client.call('TTL', 'k9'))!, /^:9\d\d\r\n$|^:1000\r\n$/);
  assert.match((await client.call('PROXY', 'MIGRATE', 'RUBBISH'))!, /^-ERR unknown word 'RUBBISH'/);
});

test('kvasir-proxy migrate edits the configuration, has it reloaded, and tells when it is done', async (t) => {
  const [first, second] = await startServers(t, 2);
  const [port, newPort] = [await findFreePort(), await findFreePort()];
  const proxy = await startWith(t, poolText('old', port, [first!]) + poolText('new', newPort, [second!]), port);
  const client = await openClient(t, port);
  for (let index = 0; index < 200; index++) await client.call('SET', `k${index}`, String(index));
  const file = join(proxy.folder, 'nutcracker.yml');
  const { status, out, err } = await runTool('migrate', '-c', file, '--from', 'old', '--to', 'new');
  assert.equal(status, 0, err);
  assert.match(out, /done: 200 keys moved/);
  assert.match(readFileSync(file, 'utf8'), /old:\n {2}migrate_to: new\n/);
  assert.equal(await keysAt([first!]), 0);
  assert.equal(await client.call('GET', 'k5'), '$1\r\n5\r\n');
  const wrong = await runTool('migrate', '-c', file, '--from', 'nowhere', '--to', 'new');
  assert.equal(wrong.status, 1);
  assert.match(wrong.err, /has no pool 'nowhere'/);
  assert.equal((await runTool('move', '--rubbish')).status, 1);
});

test('a mirror gets all writes, tells differences, is compared and repaired, and takes over', async (t) => {
  const [first, second] = await startServers(t, 2);
  const [port, newPort] = [await findFreePort(), await findFreePort()];
  const text = poolText('main', port, [first!], '  mirror_to: copy\n') + poolText('copy', newPort, [second!]);
  await startWith(t, text, port);
  const client = await openClient(t, port);
  const copy = await openClient(t, second!.port);
  assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
  assert.equal(await client.call('MSET', 'b', '2', 'c', '3'), '+OK\r\n');
  assert.equal(await client.call('SADD', 's', '1', '2', '3'), ':3\r\n');
  await client.call('SPOP', 's');
  await client.pipeline([['MULTI'], ['SET', 't', 'in transaction'], ['EXEC']]);
  const becomes = async (words: string[], reply: string): Promise<void> => {
    while ((await copy.call(...words)) !== reply) await sleep(20);
  };
  await becomes(['GET', 'a'], '$1\r\n1\r\n');
  await becomes(['MGET', 'b', 'c'], '*2\r\n$1\r\n2\r\n$1\r\n3\r\n');
  await becomes(['SCARD', 's'], ':2\r\n');
  await becomes(['GET', 't'], '$14\r\nin transaction\r\n');
  assert.equal(await copy.call('SMEMBERS', 's'), await client.call('SMEMBERS', 's'));
  // Somebody writes past the proxy.
  await copy.call('SET', 'a', 'other');
  await copy.call('SET', 'stray', '1');
  assert.match((await client.call('PROXY', 'MIRROR', 'COMPARE', '200'))!, /^:[1-9]/);
  await becomes(['GET', 'a'], '$1\r\n1\r\n');
  await copy.call('DEL', 'b');
  assert.equal(await client.call('PROXY', 'MIRROR', 'REPAIR'), ':2\r\n');
  assert.equal(await copy.call('EXISTS', 'stray', 'b'), ':1\r\n');
  assert.equal(await client.call('PROXY', 'MIRROR', 'SWITCH'), '+OK\r\n');
  await copy.call('SET', 'a', 'from the copy');
  assert.equal(await client.call('GET', 'a'), '$13\r\nfrom the copy\r\n');
  assert.equal(await client.call('FLUSHALL'), '+OK\r\n');
  while ((await keysAt([first!, second!])) > 0) await sleep(20);
});

test('kvasir-proxy mirror begins a mirror, compares, repairs, switches and ends it', async (t) => {
  const [first, second] = await startServers(t, 2);
  const [port, newPort] = [await findFreePort(), await findFreePort()];
  const proxy = await startWith(t, poolText('main', port, [first!]) + poolText('copy', newPort, [second!]), port);
  const client = await openClient(t, port);
  for (let index = 0; index < 50; index++) await client.call('SET', `k${index}`, String(index));
  const file = join(proxy.folder, 'nutcracker.yml');
  const mirror = async (...words: string[]): Promise<string> => {
    const { status, out, err } = await runTool('mirror', '-c', file, '--from', 'main', '--to', 'copy', ...words);
    assert.equal(status, 0, err);
    return out;
  };
  assert.match(await mirror(), /writes 0, differences 0/);
  assert.match(readFileSync(file, 'utf8'), /main:\n {2}mirror_to: copy\n/);
  assert.match(await mirror('--compare', '20'), /[1-9]\d* of 20 keys differ/);
  assert.match(await mirror('--repair'), /keys were not equal, and are now/);
  assert.match(await mirror('--compare', '20'), /0 of 20 keys differ/);
  assert.equal(await keysAt([second!]), 50);
  assert.match(await mirror('--switch'), /the servers of 'copy' answer/);
  assert.equal(await client.call('SET', 'only', 'x'), '+OK\r\n');
  assert.match(await mirror('--end'), /pool 'main' has no mirror any more/);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /mirror_to/);
  assert.equal(await client.call('GET', 'only'), '$1\r\nx\r\n', 'the first pool has what was written after the switch');
});

test('a move that is broken off leaves everything as it was', async (t) => {
  const [first] = await startServers(t, 1);
  const port = await findFreePort();
  await startWith(t, poolText('pool', port, [first!]), port);
  const client = await openClient(t, port);
  assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
  // A new instance whose link to its master never comes up.
  const told: string[] = [];
  const stuck = await startFakeBackend((call) => {
    told.push(Array.from({ length: call.count }, (_, index) => call.text(index)).join(' '));
    if (call.is(0, 'info')) return '$38\r\nrole:master\r\nmaster_link_status:down\r\n\r\n';
    return call.is(0, 'dbsize') ? ':0\r\n' : '+OK\r\n';
  });
  t.after(() => stuck.close());
  assert.equal(await client.call('PROXY', 'MOVE', 's0', `127.0.0.1:${stuck.port}`), '+OK\r\n');
  while (!told.includes(`REPLICAOF 127.0.0.1 ${first!.port}`)) await sleep(5);
  assert.match((await client.call('PROXY', 'MOVE', 's0', '127.0.0.1:1'))!, /^-ERR server 's0' is being moved/);
  assert.equal(await client.call('SET', 'a', '2'), '+OK\r\n', 'clients work meanwhile');
  assert.equal(await client.call('PROXY', 'MOVE', 'STOP'), '+OK\r\n');
  while (!(await client.call('PROXY', 'MOVE'))!.includes('failed')) await sleep(5);
  while (!told.includes('REPLICAOF NO ONE')) await sleep(5);
  assert.match((await client.call('PROXY', 'MOVE'))!, /it was broken off/);
  assert.equal(await client.call('GET', 'a'), '$1\r\n2\r\n');
});

test('a server of a pool moves to another instance under load, and its name keeps its keys', async (t) => {
  const [first, second, third] = await startServers(t, 3);
  const port = await findFreePort();
  const proxy = await startWith(t, poolText('pool', port, [first!, second!]), port);
  const client = await openClient(t, port);
  const counting = new Counting();
  counting.start([port], 3);
  while (counting.total < 300) await sleep(10);
  const file = join(proxy.folder, 'nutcracker.yml');
  const words = ['move', '-c', file, '--from', 'pool', '--server', 's0', '--to', `127.0.0.1:${third!.port}`];
  const { status, out, err } = await runTool(...words);
  assert.equal(status, 0, err);
  assert.match(out, /syncing[\s\S]*done/);
  const before = counting.total;
  while (counting.total < before + 200) await sleep(10);
  await counting.stop();
  assert.match(readFileSync(file, 'utf8'), new RegExp(`- 127.0.0.1:${third!.port}:1 s0`));
  await first!.close();
  await checkCounts(client, counting);
  assert.match((await client.call('PROXY', 'MOVE', 's9', '127.0.0.1:1'))!, /^-ERR the pool has no server 's9'/);
  assert.match((await client.call('PROXY', 'MOVE', 's1', '127.0.0.1:1'))!, /^\+OK/);
  while (!(await client.call('PROXY', 'MOVE'))!.includes('failed')) await sleep(20);
  await checkCounts(client, counting);
});

test('tenants have servers and keys of their own', async (t) => {
  const [first, second] = await startServers(t, 2);
  const [port, otherPort] = [await findFreePort(), await findFreePort()];
  const users =
    '  users:\n   - default off\n   - ann on >a ~ann:* +@all\n   - bob on >b ~bob:* +@all\n  tenants:\n   - bob other\n';
  await startWith(t, poolText('main', port, [first!], users) + poolText('other', otherPort, [second!]), port);
  const client = await openClient(t, port);
  assert.equal(await client.call('GET', 'x'), '-NOAUTH Authentication required\r\n');
  assert.equal(await client.call('AUTH', 'ann', 'a'), '+OK\r\n');
  assert.equal(await client.call('SET', 'ann:1', 'x'), '+OK\r\n');
  assert.match((await client.call('SET', 'bob:1', 'x'))!, /^-NOPERM/);
  assert.equal(await client.call('AUTH', 'bob', 'b'), '+OK\r\n');
  assert.match((await client.call('GET', 'ann:1'))!, /^-NOPERM/, 'rules hold on the other servers too');
  assert.equal(await client.call('SET', 'bob:1', 'y'), '+OK\r\n');
  assert.equal(await keysAt([first!]), 1);
  assert.equal(await keysAt([second!]), 1);
  assert.equal(await client.call('AUTH', 'ann', 'a'), '+OK\r\n');
  assert.equal(await client.call('GET', 'ann:1'), '$1\r\nx\r\n');
});

test('hot and big keys are told, and a hot one is kept and forgotten when it changes', async (t) => {
  const servers = await startServers(t, 2);
  const port = await findFreePort();
  await startWith(t, poolText('pool', port, servers, '  cache_keys: 10\n'), port);
  const client = await openClient(t, port);
  await client.call('SET', 'hot', '1');
  await client.call('SET', 'big', 'x'.repeat(100_000));
  for (let round = 0; round < 30; round++)
    await client.pipeline([...Array.from({ length: 20 }, () => ['GET', 'hot']), ['GET', 'big'], ['GET', `k${round}`]]);
  assert.match((await client.call('PROXY', 'HOTKEYS', '1'))!, /\$3\r\nhot\r\n/);
  assert.match((await client.call('PROXY', 'BIGKEYS'))!, /\$3\r\nbig\r\n/);
  const calls = async (): Promise<number> => {
    let sum = 0;
    for (const server of servers) {
      const direct = await RawClient.open(server.port);
      sum += Number(/cmdstat_get:calls=(\d+)/.exec((await direct.call('INFO', 'commandstats'))!)?.[1] ?? 0);
      direct.close();
    }
    return sum;
  };
  const before = await calls();
  for (const reply of await client.pipeline(Array.from({ length: 300 }, () => ['GET', 'hot'])))
    assert.equal(reply, '$1\r\n1\r\n');
  assert.ok((await calls()) - before < 200, 'most are answered by the proxy');
  // Its own writes are read at once; those of others when the server has told.
  for (let round = 0; round < 20; round++) {
    const [, read] = await client.pipeline([
      ['INCR', 'hot'],
      ['GET', 'hot'],
    ]);
    assert.equal(read, `$${String(round + 2).length}\r\n${round + 2}\r\n`);
  }
  for (let round = 0; round < 10; round++) await client.pipeline(Array.from({ length: 30 }, () => ['GET', 'hot']));
  for (const server of servers) {
    const direct = await RawClient.open(server.port);
    if ((await direct.call('EXISTS', 'hot')) === ':1\r\n') await direct.call('SET', 'hot', 'changed');
    direct.close();
  }
  while ((await client.call('GET', 'hot')) !== '$7\r\nchanged\r\n') await sleep(5);
  await client.call('DEL', 'hot');
  assert.equal(await client.call('GET', 'hot'), '$-1\r\n');
});

test('clients made for a cluster or for Sentinel work through it unchanged', async (t) => {
  const servers = await startServers(t, 2);
  const port = await findFreePort();
  await startWith(t, poolText('pool', port, servers), port);
  const cluster = new Cluster([{ host: '127.0.0.1', port }], { enableReadyCheck: true });
  t.after(() => cluster.disconnect());
  for (let index = 0; index < 20; index++) await cluster.set(`k${index}`, String(index));
  assert.equal(await cluster.get('k7'), '7');
  const byName = new Redis({ sentinels: [{ host: '127.0.0.1', port }], name: 'anything' });
  t.after(() => byName.disconnect());
  assert.equal(await byName.get('k7'), '7');
  const client = await openClient(t, port);
  assert.match((await client.call('CLUSTER', 'SHARDS'))!, /slots[\s\S]*16383[\s\S]*127\.0\.0\.1/);
  assert.match((await client.call('CLUSTER', 'INFO'))!, /cluster_state:ok/);
  assert.match((await client.call('CLUSTER', 'RUBBISH'))!, /^-ERR unknown subcommand/);
  assert.match((await client.call('CLUSTER', 'FAILOVER'))!, /^-ERR the proxy does not support/);
  assert.match((await client.call('SENTINEL', 'RUBBISH'))!, /^-ERR unknown subcommand 'RUBBISH'/);
  assert.match((await client.call('SENTINEL', 'MASTER'))!, /^-ERR wrong number of arguments/);
});

test('many clients use transactions, pub/sub and blocking pops at once', async (t) => {
  const clientCount = Number(process.env.KVASIR_PROXY_CLIENTS ?? 60);
  const servers = await startServers(t, 2);
  const port = await findFreePort();
  await startWith(t, poolText('pool', port, servers), port);
  const clients = await Promise.all(Array.from({ length: clientCount }, () => RawClient.open(port)));
  t.after(() => clients.forEach((client) => client.close()));
  const third = Math.floor(clientCount / 3);
  const poppers = clients.slice(0, third).map((client, index) => client.call('BLPOP', `q${index}`, '0'));
  const listeners = clients.slice(third, 2 * third);
  await Promise.all(listeners.map((client, index) => client.call('SUBSCRIBE', `ch${index % 10}`)));
  await Promise.all(
    clients.slice(2 * third).map(async (client, index) => {
      const replies = await client.pipeline([['MULTI'], ['INCR', `{t${index}}n`], ['INCR', `{t${index}}n`], ['EXEC']]);
      assert.equal(replies[3], '*2\r\n:1\r\n:2\r\n');
    }),
  );
  const sender = await openClient(t, port);
  for (let index = 0; index < third; index++)
    assert.equal(await sender.call('RPUSH', `q${index}`, `job${index}`), ':1\r\n');
  for (const [index, popped] of (await Promise.all(poppers)).entries())
    assert.match(popped!, new RegExp(`job${index}\r\n$`));
  const heard = listeners.map((client) => client.next());
  for (let index = 0; index < 10; index++) await sender.call('PUBLISH', `ch${index}`, `m${index}`);
  for (const [index, message] of (await Promise.all(heard)).entries())
    assert.match(message!, new RegExp(`m${index % 10}\r\n$`));
});

test('mistakes about other pools are told with their lines', () => {
  const { mistakes } = readNutcrackerConfig(
    `a:
  listen: 127.0.0.1:1
  redis: true
  migrate_to: nowhere
  max_lag_bytes: x
  servers:
   - 127.0.0.1:2:1
b:
  listen: 127.0.0.1:3
  redis: true
  mirror_to: b
  tenants:
   - ann
   - eve c
  servers:
   - 127.0.0.1:2:1
c:
  listen: 127.0.0.1:4
  redis: true
  mirror_to: d
  migrate_to: d
  tenants:
   - eve d
  servers:
   - 127.0.0.1:2:1
d:
  listen: 127.0.0.1:5
  redis: true
  rubbish: 1
  cache_keys: -1
  servers:
   - 127.0.0.1:2:1
`,
    'f',
  );
  const lines = mistakes.map(({ line, text }) => `${line} ${text}`).join('\n');
  for (const expected of [
    /^5 .*max_lag_bytes.* not a number/m,
    /^13 .*wants "user pool"/m,
    /^17 .*has "migrate_to" and "mirror_to": one at a time/m,
    /^17 .*tenant who is no user: 'eve'/m,
    /^29 .*"rubbish" is unknown/m,
    /^30 .*cache_keys.* not a number/m,
  ])
    assert.match(lines, expected);
});
