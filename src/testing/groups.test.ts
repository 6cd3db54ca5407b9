import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import { createCluster as createRedisCluster } from 'redis';
import { virtualClock } from '../io/virtual-clock.js';
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

  it('needs no handshake, and its ids follow from the seed', async () => {
    const ids: PlainReply[][] = [];
    for (const seed of [7, 7, 8]) {
      await using cluster = await createCluster({ masters: 3, replicas: 1, sockets: false, seed });
      for (const node of cluster.nodes)
        assert.doesNotMatch(String(node.run('CLUSTER', 'INFO')), /stats_messages_meet|stats_messages_auth/);
      ids.push(cluster.nodes.map((node) => node.run('CLUSTER', 'MYID')));
    }
    assert.deepEqual(ids[0], ids[1]);
    assert.notDeepEqual(ids[0], ids[2]);
    assert.equal(new Set(ids[0]).size, 6);
  });

  it('writes its state where the configuration says', async () => {
    await using cluster = await createCluster({ masters: 1, directives: { 'cluster-config-file': 'own.conf' } });
    assert.match(Buffer.from(cluster.node('m1').readFile('/data/own.conf')).toString(), /myself,master .* 0-16383\n/);
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
    await cluster.synced();
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

  it('moves a slot with its keys', async () => {
    await using cluster = await createCluster({ masters: 2, sockets: false });
    for (const key of ['{s}a', '{s}b']) cluster.run('SET', key, key);
    cluster.run('PEXPIREAT', '{s}a', 4_000_000_000_000);
    const source = cluster.masterOf('{s}');
    const target = cluster.nodes.find((node) => node !== source)!;
    await cluster.moveSlot('{s}', cluster.nameOf(target));
    assert.equal(cluster.masterOf('{s}'), target);
    assert.equal(target.run('PEXPIRETIME', '{s}a'), 4_000_000_000_000);
    assert.equal(target.run('GET', '{s}b'), '{s}b');
    isError(() => source.run('GET', '{s}b'), /MOVED/);
    await assert.rejects(async () => cluster.moveSlot('{s}', 'm9'), /there is no node 'm9'/);
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
    await cluster.settle('m2 counts as failed', () => !isOk('m1'));
    cluster.resume('m2');
    await cluster.settle('all serve again', () => ['m1', 'm2', 'm3'].every(isOk));
  });

  it('leaves no handle, timer, port or file behind', async (t) => {
    // KVASIR_CLUSTERS=100 for the long way.
    const count = Number(process.env.KVASIR_CLUSTERS ?? 4);
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-clusters-'));
    const [ownFolder, temporary] = [process.cwd(), process.env.TMPDIR];
    process.chdir(folder);
    process.env.TMPDIR = folder;
    t.after(() => {
      process.chdir(ownFolder);
      if (temporary === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = temporary;
      rmSync(folder, { recursive: true });
    });
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
    assert.deepEqual(readdirSync(folder), []);
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

  it('passes a restored snapshot on to replicas and the AOF', async () => {
    await using group = await createReplicated({ sockets: false, directives: { appendonly: 'yes' } });
    const { master } = group;
    master.load({ s: 'text', l: ['a', 'b'], h: { name: 'Ann' }, set: { type: 'set', value: ['x'] } });
    master.run('ZADD', 'z', 1.5, 'one');
    master.run('XADD', 'st', '1-1', 'k', 'v');
    master.run('PEXPIREAT', 's', 4_000_000_000_000);
    master.run('FUNCTION', 'LOAD', "#!lua name=mylib\nredis.register_function('f', function() return 7 end)");
    master.run('SELECT', 3);
    master.run('SET', 'there', 'too');
    master.run('SELECT', 0);
    // The time that is left goes by.
    const dataOf = (name: string): string => JSON.stringify(group.node(name).dump()).replace(/"ttl":\d+/, '"ttl":1');
    const data = dataOf('master');
    const snapshot = master.snapshot();
    for (const change of ['changed', 'again']) {
      master.flush();
      master.run('FUNCTION', 'FLUSH');
      master.run('SET', 's', change);
      await group.synced();
      master.restore(snapshot);
      await group.synced();
      assert.equal(dataOf('replica-1'), data);
      assert.match(JSON.stringify(group.node('replica-1').run('FUNCTION', 'LIST')), /mylib/);
    }
    for (const name of ['master', 'replica-1']) {
      await group.kill(name);
      const back = await group.restart(name);
      assert.equal(dataOf(name), data);
      assert.equal(back.run('PEXPIRETIME', 's'), 4_000_000_000_000);
      if (name === 'master') assert.equal(back.run('FCALL', 'f', 0), 7);
    }
  });

  it('counts a restore as changes that are to be saved', async () => {
    await using group = await createReplicated({ replicas: 0, sockets: false, directives: { save: '1000 1' } });
    const { master } = group;
    master.load({ a: '1' });
    const snapshot = master.snapshot();
    master.flush();
    master.restore(snapshot);
    await group.kill('master');
    assert.equal((await group.restart('master')).run('GET', 'a'), '1');
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

  it('delays every message by the latency', async () => {
    const clock = virtualClock({ frozen: true });
    await using group = await createReplicated({ sockets: false, clock });
    const turns = async (): Promise<void> => {
      for (let count = 0; count < 20; count++) await new Promise((resolve) => void setImmediate(resolve));
    };
    group.addLatency(300);
    group.master.run('SET', 'a', '1');
    await turns();
    clock.advance(299);
    await turns();
    assert.equal(group.replicas[0]!.run('GET', 'a'), null);
    clock.advance(1);
    await turns();
    assert.equal(group.replicas[0]!.run('GET', 'a'), '1');
    group.addLatency(0);
  });

  for (const sockets of [true, false]) {
    it(`holds up clients ${sockets ? 'on ports' : 'without sockets'} too: paused, cut off, and by the latency`, async (t) => {
      const clock = virtualClock({ frozen: true });
      await using group = await createReplicated({ replicas: 0, sockets, clock });
      const { master } = group;
      const connect = (): Redis => {
        const made = sockets ? new Redis(master.url) : new Redis({ Connector: connector(master) as never });
        t.after(() => made.disconnect());
        return made;
      };
      const [client, listener, other] = [connect(), connect(), connect()];
      await client.set('a', '1');
      const messages: string[] = [];
      listener.on('message', (_channel, text: string) => messages.push(text));
      await listener.subscribe('news');
      const answers: unknown[] = [];
      const ask = (): void => void client.get('a').then((reply) => answers.push(reply));
      const turns = async (): Promise<void> => {
        for (let count = 0; count < 50; count++) await new Promise((resolve) => void setImmediate(resolve));
      };
      group.pause('master');
      ask();
      await turns();
      assert.deepEqual(answers, [], 'it stands still');
      group.resume('master');
      while (answers.length < 1) await turns();
      // A message is on its way to a client that is cut off, and a request from it.
      group.partition(['client'], ['master']);
      master.run('PUBLISH', 'news', 'first');
      ask();
      await turns();
      assert.deepEqual([messages, answers], [[], ['1']]);
      group.heal(['client'], ['master']);
      while (messages.length < 1 || answers.length < 2) await turns();
      assert.deepEqual([messages, answers], [['first'], ['1', '1']]);
      // Each way takes as long.
      group.addLatency(300);
      master.run('PUBLISH', 'news', 'second');
      ask();
      await turns();
      clock.advance(299);
      await turns();
      assert.deepEqual(messages, ['first']);
      clock.advance(1);
      while (messages.length < 2) await turns();
      await turns();
      assert.equal(answers.length, 2, 'the reply is on its way');
      clock.advance(300);
      while (answers.length < 3) await turns();
      group.addLatency(0);
      assert.equal(await other.get('a'), '1');
    });
  }

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
    // It reports the connection that breaks.
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
