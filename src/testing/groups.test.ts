import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import { createCluster as createRedisCluster } from 'redis';
import { connector } from './ioredis.js';
import { createCluster, createReplicated, createSentinel } from './create-groups.js';
import type { PlainReply } from './plain-reply.js';

const keys = Array.from({ length: 40 }, (_, index) => `key:${index}`);

function isError(reply: () => PlainReply, text: RegExp): void {
  assert.throws(reply, text);
}

describe('createCluster', () => {
  it('serves with true redirections, on ports', async () => {
    await using cluster = await createCluster({ masters: 3, replicas: 1 });
    assert.equal(cluster.names.length, 6);
    const client = new Cluster([...cluster.addresses]);
    for (const key of keys) assert.equal(await client.set(key, key), 'OK');
    for (const key of keys) assert.equal(cluster.run('GET', key), key);
    const other = cluster.nodes.find((node) => node !== cluster.masterOf('key:1'))!;
    isError(() => other.run('GET', 'key:1'), /^Error: MOVED \d+ 127\.0\.0\.1:\d+/);
    client.disconnect();
    const redis = createRedisCluster({ rootNodes: cluster.addresses.map((address) => ({ socket: { ...address } })) });
    await redis.connect();
    assert.equal(await redis.get('key:3'), 'key:3');
    redis.destroy();
  });

  it('serves without sockets', async () => {
    await using cluster = await createCluster({ masters: 3, sockets: false });
    const client = new Cluster([...cluster.addresses], {
      redisOptions: { Connector: connector(...cluster.nodes) as never },
    });
    for (const key of keys) assert.equal(await client.set(key, key), 'OK');
    client.disconnect();
  });

  it('lets a replica take over from a master that was killed, and takes the old one back', async () => {
    await using cluster = await createCluster({ masters: 3, replicas: 1, sockets: false });
    for (const key of keys) cluster.run('SET', key, key);
    const old = cluster.masterOf('key:1');
    const name = cluster.nameOf(old);
    await cluster.settle('the replica has the keys', () =>
      cluster.replicasOf('key:1').every((replica) => replica.run('DBSIZE') === old.run('DBSIZE')),
    );
    await cluster.killMaster('key:1');
    assert.notEqual(cluster.masterOf('key:1'), old);
    for (const key of keys) assert.equal(cluster.run('GET', key), key);
    const back = await cluster.restart(name);
    await cluster.settle('the old master follows the new one', () => cluster.replicasOf('key:1').includes(back));
  });

  it('fails over by hand, and moves a slot', async () => {
    await using cluster = await createCluster({ masters: 2, replicas: 1, sockets: false });
    for (const key of keys) cluster.run('SET', key, key);
    const old = cluster.masterOf('key:1');
    await cluster.failover('key:1');
    assert.notEqual(cluster.masterOf('key:1'), old);
    assert.equal(cluster.run('GET', 'key:1'), 'key:1');
    const source = cluster.masterOf('key:2');
    const target = cluster.nodes.find(
      (node) =>
        node !== source &&
        !cluster.replicasOf('key:2').includes(node) &&
        node.run('ROLE') instanceof Array &&
        (node.run('ROLE') as PlainReply[])[0] === 'master',
    )!;
    const end = await cluster.openSlot('key:2', cluster.nameOf(target));
    isError(() => source.run('GET', 'key:2'), /ASK \d+ /);
    await end();
    assert.equal(cluster.masterOf('key:2'), target);
    assert.equal(cluster.run('GET', 'key:2'), 'key:2');
  });

  it('knows when a master without a replica is gone', async () => {
    await using cluster = await createCluster({ masters: 3, sockets: false });
    await cluster.killMaster('key:1');
    for (const node of cluster.nodes) assert.match(String(node.run('CLUSTER', 'INFO')), /cluster_state:fail/);
  });

  it('is cut in two and heals', async () => {
    await using cluster = await createCluster({ masters: 3, sockets: false });
    cluster.partition(['m1'], ['m2', 'm3']);
    const isOk = (name: string): boolean =>
      String(cluster.node(name).run('CLUSTER', 'INFO')).includes('cluster_state:ok');
    await cluster.settle('the minority stops serving', () => !isOk('m1'));
    cluster.heal();
    await cluster.settle('all serve again', () => ['m1', 'm2', 'm3'].every(isOk));
    cluster.pause('m2');
    await cluster.settle(
      'm2 counts as failed',
      () =>
        /m|fail/.test(String(cluster.node('m1').run('CLUSTER', 'NODES'))) &&
        String(cluster.node('m1').run('CLUSTER', 'INFO')).includes('cluster_state:fail'),
    );
    cluster.resume('m2');
    await cluster.settle('all serve again', () => ['m1', 'm2', 'm3'].every(isOk));
  });

  it('leaves no handle, timer or port behind', async () => {
    // KVASIR_CLUSTERS=100 for the long way.
    const count = Number(process.env.KVASIR_CLUSTERS ?? 4);
    const before = process.getActiveResourcesInfo().length;
    const ports: number[] = [];
    for (let round = 0; round < count; round++) {
      const cluster = await createCluster({ masters: 3, replicas: round % 2, sockets: round % 4 < 2 });
      if (round % 4 < 2) ports.push(...cluster.addresses.map(({ port }) => port));
      await cluster.close();
    }
    const remaining = (): number => process.getActiveResourcesInfo().length - before;
    // Handles that are being closed go in later turns of the loop.
    for (let turn = 0; turn < 1000 && remaining() > 2; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(remaining() <= 2, process.getActiveResourcesInfo().join(' '));
    for (const port of ports) {
      const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
      redis.on('error', () => undefined);
      await assert.rejects(redis.connect(), `port ${port} is still served`);
    }
  });

  it('refuses options that mean nothing', async () => {
    await assert.rejects(createCluster({ masters: 0 }), /masters/);
    await assert.rejects(createCluster({ replicas: -1 }), /replicas/);
    await using cluster = await createCluster({ masters: 1, sockets: false });
    assert.throws(() => cluster.node('m9'), /there are m1/);
    await assert.rejects(cluster.failover('a'), /no replica/);
  });
});

describe('createReplicated', () => {
  it('keeps replicas in sync, and exchanges roles', async () => {
    await using group = await createReplicated({ replicas: 2 });
    group.master.run('SET', 'a', '1');
    await group.synced();
    for (const replica of group.replicas) assert.equal(replica.run('GET', 'a'), '1');
    isError(() => group.replicas[0]!.run('SET', 'a', '2'), /READONLY/);
    const old = group.master;
    await group.failover();
    assert.notEqual(group.master, old);
    group.master.run('SET', 'b', '2');
    await group.synced();
    assert.equal(old.run('GET', 'b'), '2');
  });

  it('holds what a partition holds back', async () => {
    await using group = await createReplicated({ sockets: false });
    group.partition(['master'], ['replica-1']);
    group.master.run('SET', 'a', '1');
    assert.equal(group.replicas[0]!.run('GET', 'a'), null);
    group.heal();
    await group.synced();
    assert.equal(group.replicas[0]!.run('GET', 'a'), '1');
  });

  it('heals one partition and keeps the other', async () => {
    await using group = await createReplicated({ replicas: 2, sockets: false });
    const { master } = group;
    const [first, second] = group.replicas;
    group.partition([master], [first!]);
    group.partition([master], [second!]);
    master.run('SET', 'a', '1');
    group.heal([master], [first!]);
    await group.settle('the first replica has it', () => first!.run('GET', 'a') === '1');
    assert.equal(second!.run('GET', 'a'), null);
    assert.throws(() => group.heal(['nobody'], [master]), /there is no node 'nobody'/);
    group.heal();
    await group.synced();
    assert.equal(second!.run('GET', 'a'), '1');
  });
});

describe('createSentinel', () => {
  it('makes a replica the master when the master dies, and clients follow', async () => {
    await using group = await createSentinel({ sentinels: 3, replicas: 2 });
    const client = new Redis({ sentinels: group.sentinels.map((address) => ({ ...address })), name: group.masterName });
    // It tells of the connection that breaks.
    client.on('error', () => undefined);
    await client.set('a', '1');
    const old = group.master;
    await group.killMaster();
    assert.notEqual(group.master, old);
    assert.equal(await client.get('a'), '1');
    await client.set('b', '2');
    assert.equal(group.master.run('GET', 'b'), '2');
    client.disconnect();
  });

  it('fails over when asked to', async () => {
    await using group = await createSentinel({ sockets: false });
    const old = group.master;
    await group.failover();
    assert.notEqual(group.master, old);
    await group.settle('the old master follows', () => (old.run('ROLE') as PlainReply[])[0] === 'slave');
  });
});
