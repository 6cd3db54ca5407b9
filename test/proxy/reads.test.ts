// Where reads and writes go: by zone and lag among the replicas that Sentinel names, and to the new master of a slot when a node of a
// cluster fails. Servers of the test's own say who they are.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { findFreePort } from '../peer.js';
import { type FakeBackend, startFakeBackend } from './fake-backend.js';
import { startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const list = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`;

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(10);
}

async function startProxy(t: TestContext, text: string, port: number): Promise<RawClient> {
  const proxy = await startKvasirProxy(text, port);
  const client = await RawClient.open(port);
  t.after(async () => {
    client.close();
    await proxy.stop('SIGKILL');
  });
  return client;
}

/** A server that replies with its name. */
async function startNamed(
  t: TestContext,
  name: string,
  other: (words: readonly string[]) => string | undefined = () => undefined,
  port = 0,
): Promise<FakeBackend> {
  const backend = await startFakeBackend((call) => {
    const words = Array.from({ length: call.count }, (_, index) => call.text(index).toLowerCase());
    return other(words) ?? (['get', 'set'].includes(words[0]!) ? bulk(name) : '+OK\r\n');
  }, port);
  t.after(() => backend.close());
  return backend;
}

test('reads go to the nearest replica that is not too far behind, and to the master when there is none', async (t) => {
  const offsets = new Map<number, number>();
  const replicas = [await startNamed(t, 'near'), await startNamed(t, 'middle'), await startNamed(t, 'far')];
  for (const { port } of replicas) offsets.set(port, 1000);
  const master = await startNamed(t, 'master', (words) => {
    if (words[0] !== 'info') return undefined;
    const lines = [...offsets].map(
      ([port, offset], index) => `slave${index}:ip=127.0.0.1,port=${port},state=online,offset=${offset},lag=0`,
    );
    return bulk(`# Replication\r\nrole:master\r\nmaster_repl_offset:1000\r\n${lines.join('\r\n')}\r\n`);
  });
  const sentinel = await startNamed(t, 'sentinel', (words) => {
    if (words[1] === 'get-master-addr-by-name') return list(bulk('127.0.0.1'), bulk(String(master.port)));
    if (words[1] !== 'replicas') return undefined;
    return list(
      ...replicas.map(({ port }) =>
        list(
          ...['ip', '127.0.0.1', 'port', String(port), 'flags', 'slave', 'master-link-status', 'ok'].map((each) =>
            bulk(each),
          ),
        ),
      ),
    );
  });
  const port = await findFreePort();
  const near = replicas.slice(0, 2).map((replica) => `   - 127.0.0.1:${replica.port}\n`);
  const client = await startProxy(
    t,
    `pool:\n  type: sentinel\n  listen: 127.0.0.1:${port}\n  master_name: main\n  read_policy: prefer_replica\n  max_lag_bytes: 100\n` +
      `  read_near:\n${near.join('')}  nodes:\n   - 127.0.0.1:${sentinel.port}\n`,
    port,
  );
  const readsFrom = (name: string): Promise<void> => until(async () => (await client.call('GET', 'k')) === bulk(name));
  await readsFrom('near');
  for (let round = 0; round < 50; round++) assert.equal(await client.call('GET', 'k'), bulk('near'));
  assert.equal(await client.call('SET', 'k', 'v'), bulk('master'));
  offsets.set(replicas[0]!.port, 850);
  await readsFrom('middle');
  offsets.set(replicas[1]!.port, 850);
  await readsFrom('far');
  offsets.delete(replicas[2]!.port);
  await readsFrom('master');
  offsets.set(replicas[0]!.port, 950);
  await readsFrom('near');
  await replicas[0]!.close();
  offsets.set(replicas[1]!.port, 1000);
  await readsFrom('middle');
  assert.equal(await client.call('SET', 'k', 'v'), bulk('master'));
});

test('a node of a cluster fails, and what can be sent again waits for the new master without an error', async (t) => {
  let owner = 0;
  const ports: number[] = [await findFreePort(), await findFreePort()];
  const slots = (words: readonly string[]): string | undefined => {
    if (words[0] !== 'cluster') return undefined;
    return list(list(':0\r\n', ':16383\r\n', list(bulk('127.0.0.1'), `:${ports[owner]!}\r\n`, bulk(`id${owner}`))));
  };
  let holds = false;
  const held: string[] = [];
  const first = await startFakeBackend((call) => {
    const words = Array.from({ length: call.count }, (_, index) => call.text(index).toLowerCase());
    if (holds && words[0] !== 'cluster') {
      held.push(words.join(' '));
      return undefined;
    }
    return slots(words) ?? bulk('first');
  }, ports[0]);
  t.after(() => first.close());
  await startNamed(t, 'second', slots, ports[1]);
  const port = await findFreePort();
  const nodes = ports.map((each) => `   - 127.0.0.1:${each}\n`);
  const client = await startProxy(
    t,
    `pool:\n  type: cluster\n  listen: 127.0.0.1:${port}\n  nodes:\n${nodes.join('')}`,
    port,
  );
  const other = await RawClient.open(port);
  t.after(() => other.close());
  assert.equal(await client.call('GET', 'k'), bulk('first'));
  holds = true;
  const read = client.call('GET', 'k');
  const write = other.call('SET', 'k', 'v');
  while (held.length < 2) await sleep(5);
  await first.close();
  assert.match((await write)!, /^-ERR /, 'it may have run');
  // These come while nobody has the slots.
  const later = client.pipeline([
    ['SET', 'k', 'later'],
    ['GET', 'k'],
  ]);
  await sleep(0);
  owner = 1;
  assert.equal(await read, bulk('second'));
  assert.deepEqual(await later, [bulk('second'), bulk('second')]);
  assert.equal(await other.call('SET', 'k', 'v'), bulk('second'));
});
