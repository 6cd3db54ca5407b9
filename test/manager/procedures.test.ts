// The procedures of the source documents on mixed clusters, by either manager, under load: create 3 + 3, scale out by 600, 500 and 4096
// slots, add a replica, scale in, a failover and the swap back, and the cluster built anew.
//
// KVASIR_PROCEDURES=all runs all layouts with both managers; alone, one layout with the shortest of each procedure runs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { Prng } from '../../src/base/prng.js';
import { ClusterClient } from '../../src/client/cluster-client.js';
import { openNode } from '../../src/client/open-node.js';
import { isError, replyText } from '../../src/client/reply.js';
import { systemClock } from '../../src/io/clock.js';
import { runKvasir } from '../cli/programs.js';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { type Kind, MixedCluster, MixedNode } from '../cluster/mixed-cluster.js';
import { peerMissing } from '../peer.js';

const isAll = process.env.KVASIR_PROCEDURES === 'all';
const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const execute = promisify(execFile);
const args = ['--cluster-node-timeout', isAll ? '5000' : '3000', '--save', ''];

type Manager = 'kvasir-cli' | 'redis-cli';

const k = 'kvasir';
const r = 'redis';
/** Six nodes for the create, and the one that comes later with its replica. */
const layouts: readonly {
  readonly name: string;
  readonly kinds: readonly Kind[];
  readonly added: readonly [Kind, Kind];
}[] = [
  { name: 'in turn', kinds: [k, r, k, r, k, r], added: [k, r] },
  { name: 'masters Kvasir, replicas Redis', kinds: [k, k, k, r, r, r], added: [r, k] },
  { name: 'masters Redis, replicas Kvasir', kinds: [r, r, r, k, k, k], added: [k, k] },
  { name: 'all Kvasir', kinds: [k, k, k, k, k, k], added: [k, k] },
];

async function manage(manager: Manager, ...words: readonly string[]): Promise<string> {
  if (manager === 'kvasir-cli') {
    const { status, stdout, stderr } = await runKvasir(['--cluster', ...words], { env: { TERM: 'dumb' } });
    assert.equal(status, 0, `${words.join(' ')}\n${stdout.slice(-2000)}${stderr}`);
    return stdout;
  }
  const { stdout } = await execute('redis-cli', ['--cluster', ...words], { maxBuffer: 2 ** 26 });
  return stdout;
}

/** Counters that a client raises, and what it knows of them. */
class Load {
  readonly acknowledged = new Map<string, number>();
  private readonly random = new Prng(seed);
  private isOver = false;
  private running: Promise<void> = Promise.resolve();

  private constructor(private readonly client: ClusterClient) {}

  static async open(cluster: MixedCluster): Promise<Load> {
    const client = await ClusterClient.open({
      seeds: cluster.upNodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      clock: systemClock,
      connect: (address) => openNode(address),
      patienceMs: 120_000,
    });
    return new Load(client);
  }

  start(): void {
    this.isOver = false;
    this.running = this.run();
    this.running.catch(() => undefined);
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const key = `counter:${this.random.below(500)}`;
      const reply = await this.client.call('INCR', key);
      assert.ok(!isError(reply), replyText(reply));
      const count = (this.acknowledged.get(key) ?? 0) + 1;
      assert.equal(replyText(reply), String(count), key);
      this.acknowledged.set(key, count);
    }
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  async check(): Promise<void> {
    for (const [key, count] of this.acknowledged)
      assert.equal(replyText(await this.client.call('GET', key)), String(count), key);
  }

  close(): void {
    this.client.close();
  }
}

function slotCount(slots: readonly string[]): number {
  return slots.reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number);
    return range.startsWith('[') ? sum : sum + last! - first! + 1;
  }, 0);
}

async function slotsOf(cluster: MixedCluster, node: MixedNode): Promise<number> {
  const line = (await cluster.upNodes[0]!.nodes()).find(({ id }) => id === node.id);
  return slotCount(line?.slots ?? []);
}

/** Keys of the counters on all masters together. */
async function countKeys(cluster: MixedCluster): Promise<number> {
  let sum = 0;
  for (const node of cluster.upNodes)
    if ((await node.send('ROLE')).startsWith('master')) sum += Number(await node.send('DBSIZE'));
  return sum;
}

async function addNode(cluster: MixedCluster, kind: Kind): Promise<MixedNode> {
  const node = new MixedNode(kind, await findClusterPort(), args);
  cluster.nodes.push(node);
  await node.start();
  return node;
}

function at(node: MixedNode): string {
  return `127.0.0.1:${node.port}`;
}

async function runProcedures(t: TestContext, layout: (typeof layouts)[number], manager: Manager): Promise<void> {
  const cluster = await MixedCluster.start(layout.kinds, args);
  t.after(() => cluster.stop());
  const six = [...cluster.nodes];
  await manage(manager, 'create', ...six.map(at), '--cluster-replicas', '1', '--cluster-yes');
  await cluster.settle();
  const entry = at(six[0]!);
  const load = await Load.open(cluster);
  t.after(() => load.close());
  load.start();

  // Scale out.
  const added = await addNode(cluster, layout.added[0]);
  await manage(manager, 'add-node', at(added), entry);
  await cluster.settle();
  let expected = 0;
  for (const [asked, moved] of isAll
    ? ([
        [600, 599],
        [500, 499],
        [4096, undefined],
      ] as const)
    : ([[600, 599]] as const)) {
    const before = await slotsOf(cluster, added);
    await manage(
      manager,
      'reshard',
      entry,
      '--cluster-from',
      'all',
      '--cluster-to',
      added.id,
      '--cluster-slots',
      String(asked),
      '--cluster-yes',
    );
    await cluster.settle();
    expected = await slotsOf(cluster, added);
    if (moved !== undefined) assert.equal(expected - before, moved);
    else assert.ok(Math.abs(expected - before - asked) <= 2, `${expected - before} of ${asked} slots moved`);
  }
  const replica = await addNode(cluster, layout.added[1]);
  await manage(manager, 'add-node', at(replica), entry, '--cluster-slave', '--cluster-master-id', added.id);
  await cluster.settle();
  await untilTrue(
    async () => (await replica.send('INFO', 'replication')).includes('master_link_status:up'),
    'a replica in step',
  );

  // Failover drill: nothing is on its way when the master is killed, as Redis promises nothing of that.
  await load.stop();
  const master = six[0]!;
  const heir = (await cluster.replicaOf(master))!;
  await untilTrue(async () => {
    const offset = /master_repl_offset:(\d+)/.exec(await master.send('INFO', 'replication'))?.[1];
    return (await heir.send('INFO', 'replication')).includes(`slave_repl_offset:${offset}`);
  }, 'a replica that has everything');
  await master.kill();
  await untilTrue(async () => (await heir.send('ROLE')).startsWith('master'), 'the failover');
  load.start();
  await master.start();
  await untilTrue(async () => (await master.send('ROLE')).startsWith('slave'), 'the old master as a replica');
  await cluster.settle();
  await master.takeOver();
  await cluster.settle();

  // Scale in.
  await manage(manager, 'del-node', entry, replica.id);
  await replica.remove();
  const target = six.find((node) => node !== master && layout.kinds.indexOf(node.kind) >= 0 && node !== heir)!;
  const lines = await cluster.upNodes[0]!.nodes();
  const masterLine = lines.find(({ id, flags }) => id !== added.id && flags.includes('master'))!;
  assert.ok(target);
  await manage(
    manager,
    'reshard',
    entry,
    '--cluster-from',
    added.id,
    '--cluster-to',
    masterLine.id,
    '--cluster-slots',
    String(expected),
    '--cluster-yes',
  );
  await cluster.settle();
  assert.equal(await slotsOf(cluster, added), 0);
  await manage(manager, 'del-node', entry, added.id);
  await added.remove();
  await cluster.settle();
  await load.stop();
  await manage(manager, 'check', entry);
  await load.check();
  await untilTrue(async () => (await countKeys(cluster)) === load.acknowledged.size, 'every key on one master');
}

for (const layout of isAll ? layouts : layouts.slice(0, 1))
  for (const manager of isAll ? (['kvasir-cli', 'redis-cli'] as const) : (['kvasir-cli'] as const))
    test(
      `procedures on a cluster ${layout.name}, by ${manager} (seed ${seed})`,
      { skip: peerMissing('redis-server', 'redis-cli') },
      (t) => runProcedures(t, layout, manager),
    );
