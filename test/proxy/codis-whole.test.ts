// A whole codis of our parts: servers, proxies, dashboard, admin; slots that move under load, by both methods; parts that are killed in
// the middle of a move and of a change of configuration. KVASIR_CODIS_SECONDS=60 keeps the load up for longer.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { codisSlot } from '../../src/base/codis-slot.js';
import { planRebalance } from '../../src/proxy/codis/dashboard/rebalance.js';
import { emptySlot } from '../../src/proxy/codis/dashboard/models.js';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { Prng } from '../../src/base/prng.js';
import { findFreePort } from '../peer.js';
import { askHttp, type CodisPart, runCodis, startPart } from './codis-parts.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);
const xauth = xauthOf('shop');

test('a rebalance leaves groups that differ by one slot at most, with as few moves as that takes', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 30; round++) {
    const groupCount = 1 + prng.below(9);
    const groups = Array.from({ length: groupCount }, (_, index) => index + 1);
    const slots = Array.from({ length: 1024 }, (_, id) => ({
      ...emptySlot(id),
      group_id: prng.chance(10) ? 0 : 1 + prng.below(prng.chance(50) ? groupCount : 1),
    }));
    const plan = planRebalance(slots, groups);
    const sizes = new Map(groups.map((id) => [id, 0]));
    for (const { id, group_id: group } of slots) {
      const owner = plan.get(id) ?? group;
      sizes.set(owner, (sizes.get(owner) ?? 0) + 1);
    }
    const counts = [...sizes.values()];
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `KVASIR_SEED=${seed}: ${counts.join(' ')}`);
    const lower = Math.floor(1024 / groupCount);
    let needed = 0;
    for (const id of groups) needed += Math.max(0, lower - slots.filter(({ group_id: group }) => group === id).length);
    assert.ok(plan.size >= needed, `KVASIR_SEED=${seed}`);
  }
});

interface Codis {
  readonly folder: string;
  readonly servers: EmbeddedServer[];
  readonly proxyPorts: number[];
  readonly proxies: CodisPart[];
  dashboard: CodisPart;
  readonly dashboardWords: string[];
  admin(...words: string[]): Promise<string>;
}

async function startCodis(t: TestContext, method: string, serverCount: number, proxyCount: number): Promise<Codis> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-codis-'));
  const servers: EmbeddedServer[] = [];
  const proxies: CodisPart[] = [];
  const adminPort = await findFreePort();
  const file = join(folder, 'dashboard.toml');
  writeFileSync(
    file,
    `coordinator_name = "filesystem"\ncoordinator_addr = "${folder}/state"\nproduct_name = "shop"\nproduct_auth = "secret"\n` +
      `admin_addr = "127.0.0.1:${adminPort}"\nmigration_method = "${method}"\nmigration_async_numkeys = 50\n`,
  );
  const dashboardWords = ['dashboard', `--config=${file}`];
  const codis: Codis = {
    folder,
    servers,
    proxies,
    proxyPorts: [],
    dashboardWords,
    dashboard: await startPart(dashboardWords, adminPort, '/topom'),
    async admin(...words) {
      const { status, out, err } = await runCodis('admin', `--dashboard=127.0.0.1:${adminPort}`, ...words);
      assert.equal(status, 0, `${words.join(' ')}: ${err}`);
      return out;
    },
  };
  t.after(async () => {
    for (const part of [codis.dashboard, ...proxies]) await part.kill();
    for (const server of servers) await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  for (let index = 0; index < serverCount; index++)
    servers.push(await startServer({ 'codis-enabled': true, requirepass: 'secret', masterauth: 'secret' }));
  for (let index = 0; index < proxyCount; index++) {
    const [port, proxyAdminPort] = [await findFreePort(), await findFreePort()];
    const proxyFile = join(folder, `proxy${index}.toml`);
    writeFileSync(
      proxyFile,
      `product_name = "shop"\nproduct_auth = "secret"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${proxyAdminPort}"\n`,
    );
    codis.proxyPorts.push(port);
    proxies.push(await startPart(['proxy', `--config=${proxyFile}`], proxyAdminPort, '/proxy/model'));
  }
  return codis;
}

const address = (server: EmbeddedServer): string => `127.0.0.1:${server.port}`;

async function setUp(codis: Codis): Promise<void> {
  const put = async (path: string, body?: unknown): Promise<void> => {
    const answer = await askHttp(codis.dashboard.adminPort, 'PUT', `/api/topom/${path}`, body);
    assert.deepEqual(answer, { status: 200, body: 'OK' }, path);
  };
  for (const [index, server] of codis.servers.entries()) {
    await put(`group/create/${xauth}/${index + 1}`);
    await put(`group/add/${xauth}/${index + 1}/${address(server)}`);
  }
  const slots = Array.from({ length: 1024 }, (_, id) => ({ id, group_id: 1 }));
  await put(`slots/assign/${xauth}`, slots);
  for (const proxy of codis.proxies) await put(`proxy/create/${xauth}/127.0.0.1:${proxy.adminPort}`);
}

interface SlotEntry {
  readonly id: number;
  readonly group_id: number;
  readonly action: { readonly state?: string };
}

async function slotsOf(codis: Codis): Promise<SlotEntry[]> {
  return ((await askHttp(codis.dashboard.adminPort, 'GET', '/topom/stats')).body as { slots: SlotEntry[] }).slots;
}

async function waitForMoves(codis: Codis): Promise<void> {
  for (;;) {
    const open = (await slotsOf(codis)).filter(({ action }) => (action.state ?? '') !== '');
    if (open.length === 0) return;
    await sleep(50);
  }
}

/** Slots that move in these tests, and tags whose keys lie in them. */
const MOVING_SLOTS = 12;
const movingTags = Array.from({ length: 8000 }, (_, index) => `t${index}`)
  .filter((tag) => codisSlot(new Uint8Array(Buffer.from(tag))) < MOVING_SLOTS)
  .slice(0, 20);

/** Clients that count up keys of their own, and know what each must be. Lost or doubled writes show as another number. */
class Load {
  private isOver = false;
  private readonly counts = new Map<string, number>();
  private readonly loops: Promise<void>[] = [];
  readonly failures: string[] = [];
  total = 0;

  constructor(private readonly ports: readonly number[]) {}

  start(clientCount: number): void {
    for (let index = 0; index < clientCount; index++) this.loops.push(this.run(index));
  }

  private async run(index: number): Promise<void> {
    const client = await RawClient.open(this.ports[index % this.ports.length]!);
    const prng = new Prng(seed + index);
    while (!this.isOver) {
      const keys = Array.from({ length: 4 }, () => `{${movingTags[index * 5 + prng.below(5)]}}:${prng.below(5)}`);
      const commands: string[][] = keys.map((key) => ['INCR', key]);
      commands.push(['MGET', ...keys], ['LPUSH', `list:${index}`, 'x'], ['LLEN', `list:${index}`]);
      const replies = await client.pipeline(commands);
      this.total += commands.length;
      for (const [place, key] of keys.entries()) {
        const expected = (this.counts.get(key) ?? 0) + 1;
        this.counts.set(key, expected);
        if (replies[place] !== `:${expected}\r\n`)
          this.failures.push(`INCR ${key}: ${expected}, got ${replies[place]}`);
      }
      const last = new Map(keys.map((key) => [key, this.counts.get(key)!]));
      const values = [...keys].map((key) => {
        const text = String(last.get(key));
        return `$${text.length}\r\n${text}\r\n`;
      });
      if (replies[4] !== `*4\r\n${values.join('')}`) this.failures.push(`MGET ${keys.join(' ')}: got ${replies[4]}`);
      if (replies[5] !== replies[6]) this.failures.push(`LPUSH ${replies[5]} LLEN ${replies[6]}`);
      if (this.failures.length > 5) break;
    }
    client.close();
  }

  async stop(): Promise<ReadonlyMap<string, number>> {
    this.isOver = true;
    await Promise.all(this.loops);
    return this.counts;
  }
}

async function checkKeys(codis: Codis, counts: ReadonlyMap<string, number>): Promise<void> {
  const client = await RawClient.open(codis.proxyPorts[0]!);
  const owners = new Map((await slotsOf(codis)).map(({ id, group_id: group }) => [id, group]));
  const servers = await Promise.all(
    codis.servers.map(async (server) => {
      const direct = await RawClient.open(server.port);
      await direct.call('AUTH', 'secret');
      return direct;
    }),
  );
  for (const [key, count] of counts) {
    assert.equal(await client.call('GET', key), `$${String(count).length}\r\n${count}\r\n`, key);
    const owner = owners.get(codisSlot(new Uint8Array(Buffer.from(key))));
    for (const [index, direct] of servers.entries())
      assert.equal(
        await direct.call('EXISTS', key),
        `:${owner === index + 1 ? 1 : 0}\r\n`,
        `${key} on server ${index + 1}`,
      );
  }
  for (const direct of [client, ...servers]) direct.close();
}

describe('a codis of our parts', () => {
  for (const method of ['semi-async', 'sync']) {
    test(`slots move under load by the ${method} method, and no write is lost or doubled`, async (t) => {
      const codis = await startCodis(t, method, 2, 2);
      await setUp(codis);
      const load = new Load(codis.proxyPorts);
      load.start(4);
      while (load.total < 500) await sleep(10);
      await codis.admin('--slot-action', '--create-range', '--beg=0', `--end=${MOVING_SLOTS - 1}`, '--gid=2');
      if (method === 'semi-async') assert.match(await codis.admin('--rebalance'), /=> 2\ndone/);
      await waitForMoves(codis);
      const seconds = Number(process.env.KVASIR_CODIS_SECONDS ?? 0);
      if (seconds > 0) {
        await codis.admin('--rebalance', '--confirm');
        const endMs = Date.now() + seconds * 1000;
        while (Date.now() < endMs) await sleep(200);
        await waitForMoves(codis);
      }
      const counts = await load.stop();
      assert.deepEqual(load.failures, [], `KVASIR_SEED=${seed}`);
      const moved = (await slotsOf(codis)).filter(({ group_id: group }) => group === 2);
      assert.ok(moved.length >= MOVING_SLOTS);
      await checkKeys(codis, counts);
    });
  }

  test('a dashboard that is killed in a move goes on with it, and one of a proxy that is killed comes back by itself', async (t) => {
    const codis = await startCodis(t, 'semi-async', 2, 1);
    await setUp(codis);
    const load = new Load(codis.proxyPorts);
    load.start(2);
    while (load.total < 200) await sleep(10);
    await codis.admin('--slot-action', '--create-range', '--beg=0', `--end=${MOVING_SLOTS - 1}`, '--gid=2');
    for (;;) {
      const states = (await slotsOf(codis)).map(({ action }) => action.state ?? '');
      if (states.some((state) => state !== '' && state !== 'pending')) break;
    }
    await codis.dashboard.kill();
    // The lock stays, as codis's does, so a second dashboard can never write beside the first.
    const refused = await runCodis(...codis.dashboardWords);
    assert.equal(refused.status, 1);
    assert.match(refused.err, /acquire lock of shop failed.*--remove-lock/);
    codis.dashboard = await startPart([...codis.dashboardWords, '--remove-lock'], codis.dashboard.adminPort, '/topom');
    await waitForMoves(codis);
    const counts = await load.stop();
    assert.deepEqual(load.failures, [], `KVASIR_SEED=${seed}`);
    assert.equal((await slotsOf(codis)).filter(({ group_id: group }) => group === 2).length, MOVING_SLOTS);
    await checkKeys(codis, counts);
    // The proxy is killed while its slots change; the dashboard brings the new one online.
    const proxyFile = join(codis.folder, 'proxy0.toml');
    await codis.proxies[0]!.kill();
    const failed = await askHttp(codis.dashboard.adminPort, 'PUT', `/api/topom/slots/assign/${xauth}`, [
      { id: 1000, group_id: 2 },
    ]);
    assert.equal(failed.status, 800, 'a dead proxy is told of');
    assert.match((failed.body as { Cause: string }).Cause, /resync slots failed/);
    codis.proxies[0] = await startPart(['proxy', `--config=${proxyFile}`], codis.proxies[0]!.adminPort, '/proxy/model');
    for (;;) {
      const client = await RawClient.open(codis.proxyPorts[0]!);
      const reply = await client.call('SLOTSMAPPING', '1000');
      client.close();
      if (reply!.includes(address(codis.servers[1]!))) break;
      await sleep(50);
    }
  });

  test('a server that is dead holds up no move of others, nor anything else', async (t) => {
    const codis = await startCodis(t, 'sync', 3, 1);
    await setUp(codis);
    const { adminPort } = codis.dashboard;
    const dead = codis.servers[1]!;
    const client = await RawClient.open(codis.proxyPorts[0]!);
    t.after(() => client.close());
    await askHttp(adminPort, 'PUT', `/api/topom/slots/assign/${xauth}`, [{ id: 500, group_id: 2 }]);
    for (const tag of movingTags) assert.equal(await client.call('SET', `{${tag}}`, tag), '+OK\r\n');
    await dead.close();
    // The move that cannot be made is asked for first, and shares a group with the others.
    await codis.admin('--slot-action', '--create', '--sid=500', '--gid=1');
    const entry = async (id: number): Promise<SlotEntry> => (await slotsOf(codis)).find((slot) => slot.id === id)!;
    while ((await entry(500)).action.state !== 'migrating') await sleep(20);
    await codis.admin('--slot-action', '--create-range', '--beg=0', `--end=${MOVING_SLOTS - 1}`, '--gid=3');
    const giveUpMs = Date.now() + 120_000;
    for (;;) {
      const slots = await slotsOf(codis);
      if (slots.filter(({ group_id: group }) => group === 3).length === MOVING_SLOTS) break;
      assert.ok(Date.now() < giveUpMs, 'the moves of others go on');
      await sleep(50);
    }
    assert.equal((await entry(500)).action.state, 'migrating');
    for (const tag of movingTags)
      assert.equal(await client.call('GET', `{${tag}}`), `$${tag.length}\r\n${tag}\r\n`, 'in the new place');
    await codis.admin('--create-group', '--gid=9');
    await codis.admin('--remove-group', '--gid=9');
    const { body } = await askHttp(adminPort, 'GET', '/topom/stats');
    const { group } = body as { group: { stats: Record<string, { error?: unknown }> } };
    assert.notEqual(group.stats[address(dead)]?.error, undefined, 'and is told of');
    assert.match(codis.dashboard.log(), new RegExp(`slot-\\[500\\]: ${address(dead)}`));
  });

  test('groups, promotion, SLAVEOF and the admin tool work as codis-admin says', async (t) => {
    const codis = await startCodis(t, 'sync', 2, 1);
    await codis.admin('--create-group', '--gid=1');
    for (const server of codis.servers) await codis.admin('--group-add', '--gid=1', `--addr=${address(server)}`);
    const failure = await runCodis(
      'admin',
      `--dashboard=127.0.0.1:${codis.dashboard.adminPort}`,
      '--create-group',
      '--gid=1',
    );
    assert.equal(failure.status, 1);
    assert.match(failure.err, /group-\[1\] already exists/);
    await codis.admin('--slots-assign', '--beg=0', '--end=1023', '--gid=1', '--confirm');
    await codis.admin('--create-proxy', `--addr=127.0.0.1:${codis.proxies[0]!.adminPort}`);
    await codis.admin('--sync-action', '--create', `--addr=${address(codis.servers[1]!)}`);
    const client = await RawClient.open(codis.proxyPorts[0]!);
    t.after(() => client.close());
    assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
    const statusShows = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(await codis.admin('--group-status'))) await sleep(100);
    };
    await statusShows(/\[ \] group-1 \[1\].*==> .*:up/);
    await codis.admin('--replica-groups', '--gid=1', `--addr=${address(codis.servers[1]!)}`, '--enable');
    await codis.admin('--resync-group', '--gid=1');
    assert.match(
      (await client.call('SLOTSMAPPING', '1'))!,
      new RegExp(`:${codis.servers[1]!.port}`),
      'a replica to read from',
    );
    while ((await client.call('GET', 'a')) !== '$1\r\n1\r\n') await sleep(20);
    await codis.admin('--promote-server', '--gid=1', `--addr=${address(codis.servers[1]!)}`);
    assert.equal(await client.call('SET', 'a', '2'), '+OK\r\n');
    assert.match(
      (await client.call('SLOTSMAPPING', '1'))!,
      new RegExp(`^\\*4\\r\\n:1\\r\\n\\$\\d+\\r\\n127.0.0.1:${codis.servers[1]!.port}`),
    );
    assert.equal(
      JSON.parse(readFileSync(join(codis.folder, 'state/codis3/shop/group/group-0001'), 'utf8')).servers[0].server,
      address(codis.servers[1]!),
    );
    await codis.admin('--slots-assign', '--beg=1023', '--end=1023', '--offline', '--confirm');
    const dump = await runCodis('admin', '--config-dump', '--product=shop', `--filesystem=${codis.folder}/state`);
    assert.deepEqual(Object.keys(JSON.parse(dump.out)), ['slots', 'group', 'proxy']);
    const list = await runCodis('admin', '--dashboard-list', `--filesystem=${codis.folder}/state`);
    assert.deepEqual(JSON.parse(list.out), [{ name: 'shop', dashboard: `127.0.0.1:${codis.dashboard.adminPort}` }]);
    assert.match(await codis.admin('--proxy-status'), /^\[ \] proxy-1 \[T\] [0-9a-f]{32} \[A\] 127/m);
    const wrong = await askHttp(codis.dashboard.adminPort, 'PUT', '/api/topom/reload/wrong');
    assert.deepEqual(wrong, {
      status: 800,
      body: { Cause: 'invalid xauth, please check product name & auth', Stack: null },
    });
    for (const [method, path] of [
      ['PUT', `/api/topom/group/create/${xauth}/x`],
      ['GET', '/api/topom/group/info/nowhere'],
      ['GET', '/%'],
    ] as const)
      assert.equal((await askHttp(codis.dashboard.adminPort, method, path)).status, 800, path);
    assert.equal((await askHttp(codis.dashboard.adminPort, 'GET', '/nothing')).status, 404);
    await codis.admin('--shutdown');
  });

  test('the state may live in a Redis of the user', async (t) => {
    const keeper = await startServer({});
    t.after(() => keeper.close());
    const adminPort = await findFreePort();
    const file = join(mkdtempSync(join(tmpdir(), 'kvasir-codis-')), 'dashboard.toml');
    writeFileSync(file, `product_name = "shop"\nadmin_addr = "127.0.0.1:${adminPort}"\n`);
    const words = ['dashboard', `--config=${file}`, `--redis=127.0.0.1:${keeper.port}/2`];
    let dashboard = await startPart(words, adminPort, '/topom');
    t.after(() => dashboard.kill());
    assert.equal((await askHttp(adminPort, 'PUT', `/api/topom/group/create/${xauth}/7`)).status, 200);
    assert.equal((await runCodis(...words)).status, 1, 'one dashboard alone has the lock');
    await dashboard.kill();
    dashboard = await startPart([...words, '--remove-lock'], adminPort, '/topom');
    const { groups } = {
      groups: (await askHttp(adminPort, 'GET', '/topom/stats')).body as { group: { models: { id: number }[] } },
    };
    assert.deepEqual(
      groups.group.models.map(({ id }) => id),
      [7],
    );
    const list = await runCodis('admin', '--dashboard-list', `--redis=127.0.0.1:${keeper.port}/2`);
    assert.equal(JSON.parse(list.out)[0].name, 'shop');
    const refused = await runCodis('dashboard', '--zookeeper=127.0.0.1:2181');
    assert.equal(refused.status, 1);
    assert.match(refused.err, /zookeeper is not spoken: use "filesystem".*or "redis"/);
  });
});
