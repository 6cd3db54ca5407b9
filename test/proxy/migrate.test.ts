// `kvasir-proxy migrate` into a Redis Cluster and into a codis, under load, with a proxy that is killed twice on the way: no key is
// lost or doubled, and every write that was answered is there in the end. KVASIR_SEED repeats the clients' choices, and
// KVASIR_MIGRATE_KEYS=100000 makes it long.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { startServer } from '../../src/embed/start-server.js';
import { programPath } from '../kvasir.js';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import { startCluster } from './cluster-nodes.js';
import { askHttp, startPart } from './codis-parts.js';
import { MigratingLoad } from './migrating-load.js';
import { startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);
const keyCount = Number(process.env.KVASIR_MIGRATE_KEYS ?? 1500);
const KEYS_A_SECOND = 1000;

interface Target {
  /** The lines of the pool `new`, without its listen address. */
  readonly text: string;
  /** All servers behind it. */
  readonly ports: readonly number[];
}

async function clusterTarget(t: TestContext): Promise<Target> {
  const nodes = await startCluster();
  t.after(async () => {
    for (const node of nodes) await node.stop();
  });
  const lines = nodes.map(({ port }) => `   - 127.0.0.1:${port}\n`);
  return { text: `  type: cluster\n  nodes:\n${lines.join('')}`, ports: nodes.map(({ port }) => port) };
}

/** Two servers, and a codis proxy that has half of the slots at each. */
async function codisTarget(t: TestContext): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-migrate-'));
  const servers = [await startServer({ 'codis-enabled': true }), await startServer({ 'codis-enabled': true })];
  const [port, adminPort] = [await findFreePort(), await findFreePort()];
  const file = join(folder, 'proxy.toml');
  writeFileSync(
    file,
    `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
  );
  const part = await startPart(['proxy', `--config=${file}`], adminPort, '/proxy/model');
  t.after(async () => {
    await part.kill();
    for (const server of servers) await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { token } = (await askHttp(adminPort, 'GET', '/api/proxy/model')).body as { token: string };
  const xauth = xauthOf('shop', '', token);
  const slots = Array.from({ length: 1024 }, (_, id) => ({
    id,
    backend_addr: `127.0.0.1:${servers[id % 2]!.port}`,
  }));
  await askHttp(adminPort, 'PUT', `/api/proxy/fillslots/${xauth}`, slots);
  await askHttp(adminPort, 'PUT', `/api/proxy/start/${xauth}`);
  return {
    text: `  redis: true\n  servers:\n   - 127.0.0.1:${port}:1 codis\n`,
    ports: servers.map((server) => server.port),
  };
}

/** One key of each kind in turn, some with a time, and the request that shows it. */
function given(index: number): { make: string[][]; look: string[] } {
  const key = `given:${index}`;
  switch (index % 6) {
    case 0:
      return { make: [['SET', key, `value ${index}`]], look: ['GET', key] };
    case 1:
      return { make: [['SET', key, 'x'.repeat(index % 5000), 'EX', '100000']], look: ['GET', key] };
    case 2:
      return { make: [['RPUSH', key, 'a', String(index), 'c']], look: ['LRANGE', key, '0', '-1'] };
    case 3:
      return { make: [['HSET', key, 'f', String(index), 'g', '2']], look: ['HMGET', key, 'g', 'f', 'none'] };
    case 4:
      return {
        make: [['ZADD', key, '1.5', 'a', String(index), 'b']],
        look: ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
      };
    default:
      return { make: [['SADD', key, 'a', String(index)]], look: ['SMISMEMBER', key, 'a', String(index), 'none'] };
  }
}

async function pipelined(client: RawClient, commands: readonly string[][]): Promise<string[]> {
  const replies: string[] = [];
  for (let index = 0; index < commands.length; index += 500)
    for (const reply of await client.pipeline(commands.slice(index, index + 500))) replies.push(reply ?? 'closed');
  return replies;
}

async function keysAt(ports: readonly number[]): Promise<number> {
  let sum = 0;
  for (const port of ports) {
    const direct = await RawClient.open(port);
    sum += Number((await direct.call('DBSIZE'))!.slice(1));
    direct.close();
  }
  return sum;
}

/** The number of keys that have moved, as the proxy says it; a proxy that has gone says nothing. */
async function movedOf(port: number): Promise<{ state: string; moved: number }> {
  try {
    const client = await RawClient.open(port);
    const status = (await client.call('PROXY', 'MIGRATE', 'STATUS')) ?? '';
    client.close();
    return {
      state: /state\r\n\$\d+\r\n(\w+)/.exec(status)?.[1] ?? '',
      moved: Number(/moved\r\n:(\d+)/.exec(status)?.[1] ?? 0),
    };
  } catch {
    return { state: '', moved: 0 };
  }
}

async function migrateUnderLoad(t: TestContext, target: Target): Promise<void> {
  const old = [await startRedis(), await startRedis()];
  t.after(async () => {
    for (const server of old) await server.stop();
  });
  const [port, newPort] = [await findFreePort(), await findFreePort()];
  const oldLines = old.map(({ port: each }, index) => `   - 127.0.0.1:${each}:1 s${index}\n`);
  const proxy = await startKvasirProxy(
    `old:\n  listen: 127.0.0.1:${port}\n  redis: true\n  distribution: ketama\n  hash: md5\n  auto_eject_hosts: true\n  servers:\n${oldLines.join('')}` +
      `new:\n  listen: 127.0.0.1:${newPort}\n${target.text}`,
    port,
  );
  t.after(() => proxy.stop('SIGKILL'));
  const client = await RawClient.open(port);
  const all = Array.from({ length: keyCount }, (_, index) => given(index));
  for (const reply of await pipelined(
    client,
    all.flatMap(({ make }) => make),
  ))
    assert.match(reply, /^[+:]/);
  const shown = await pipelined(
    client,
    all.map(({ look }) => look),
  );
  const load = new MigratingLoad(port, seed, /^-ERR (?:the keys cannot be fetched|closed by the proxy)/);
  load.start(4);
  while (load.answered < 300) await sleep(10);
  const tool = spawn(
    process.execPath,
    [
      ...[programPath('kvasir-proxy'), 'migrate', '-c', join(proxy.folder, 'nutcracker.yml')],
      ...['--from', 'old', '--to', 'new', '--speed', String(KEYS_A_SECOND)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  t.after(() => void tool.kill('SIGKILL'));
  let said = '';
  for (const stream of [tool.stdout, tool.stderr]) stream.on('data', (part: Buffer) => (said += part.toString('utf8')));
  const ended = new Promise<number | null>((resolve) => tool.once('close', resolve));
  const states: string[] = [];
  for (let kill = 0; kill < 2; kill++) {
    for (;;) {
      const { state, moved } = await movedOf(port);
      if (state === 'done' || moved > keyCount / 5) {
        states.push(state);
        break;
      }
      await sleep(10);
    }
    const { answered } = load;
    await proxy.restart();
    while (load.answered < answered + 200) await sleep(10);
  }
  assert.equal(states[0], 'running', 'the first kill was in the middle of it');
  assert.equal(await ended, 0, said);
  assert.match(said, /the proxy does not answer .*it goes on when it is started again/);
  assert.match(said, /No key of pool 'old' is at an old place/);
  const { answered } = load;
  while (load.answered < answered + 200) await sleep(10);
  await load.stop();
  const after = await RawClient.open(port);
  t.after(() => after.close());
  const loadKeys = await load.check(after);
  assert.deepEqual(load.failures, []);
  assert.deepEqual(
    await pipelined(
      after,
      all.map(({ look }) => look),
    ),
    shown,
    'all that was there before',
  );
  for (let index = 1; index < Math.min(keyCount, 100); index += 6)
    assert.match((await after.call('TTL', `given:${index}`))!, /^:(?:9\d{4}|100000)\r\n$/);
  assert.equal(await keysAt(old.map((server) => server.port)), 0, 'nothing is left');
  assert.equal(await keysAt(target.ports), keyCount + loadKeys, 'nothing is doubled');
  t.diagnostic(`${load.answered} requests were answered, ${load.lost} lost with the proxy, seed ${seed}`);
}

describe(
  'a migration under load, with a proxy that is killed',
  { skip: peerMissing('redis-server', 'redis-cli') },
  () => {
    test('from a ketama pool into a Redis Cluster', async (t) => migrateUnderLoad(t, await clusterTarget(t)));
    test('from a ketama pool into the slots of a codis', async (t) => migrateUnderLoad(t, await codisTarget(t)));
  },
);
