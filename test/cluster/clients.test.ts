// ioredis and node-redis in cluster mode on nodes of Kvasir: discovery, redirections, and a slot that moves meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Cluster as IoCluster } from 'ioredis';
import { createCluster } from 'redis';
import { Connection } from '../../src/client/connection.js';
import { keySlot } from '../../src/base/key-slot.js';
import { ask, type ClusterTestNode, joinNodes, shown, startNode, until } from './layout.js';

const KEYS = 300;
const keys = Array.from({ length: KEYS }, (_, index) => `key:${index}`);

/** Moves a slot as redis-cli does: opens it on both sides, moves its keys, tells both whose it is. */
async function moveSlot(slot: number, from: ClusterTestNode, to: ClusterTestNode): Promise<void> {
  assert.equal(await ask(to.link, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id), 'OK');
  assert.equal(await ask(from.link, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id), 'OK');
  for (;;) {
    from.link.send(['CLUSTER', 'GETKEYSINSLOT', String(slot), '10'].map((word) => Buffer.from(word)));
    const found = shown(await from.link.readReply())
      .slice(1, -1)
      .split(' ')
      .filter((key) => key !== '');
    if (found.length === 0) break;
    const words = ['MIGRATE', '127.0.0.1', to.port, '', 0, 60_000, 'KEYS', ...found];
    assert.equal(await ask(from.link, ...words), 'OK');
  }
  assert.equal(await ask(to.link, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id), 'OK');
  assert.equal(await ask(from.link, 'CLUSTER', 'SETSLOT', slot, 'NODE', to.id), 'OK');
}

describe('clients of a cluster', { timeout: 600_000 }, () => {
  let nodes: ClusterTestNode[];

  before(async () => {
    nodes = await Promise.all([0, 1, 2].map(() => startNode('kvasir', { 'enable-debug-command': 'local' })));
    await joinNodes(nodes);
  });

  after(async () => {
    for (const node of nodes ?? []) await node.stop();
  });

  const ownerOf = (slot: number): number => Math.floor(slot / (16384 / 3));

  it('ioredis finds the nodes, writes, reads and runs transactions while a slot moves', async () => {
    const client = new IoCluster([{ host: '127.0.0.1', port: nodes[0]!.port }]);
    try {
      await Promise.all(keys.map((key) => client.set(key, `v ${key}`)));
      const sizes = await Promise.all(nodes.map(({ link }) => ask(link, 'DBSIZE')));
      assert.equal(
        sizes.reduce((sum, size) => sum + Number(size), 0),
        KEYS,
      );
      assert.ok(
        sizes.every((size) => Number(size) > 0),
        sizes.join(),
      );
      const slot = keySlot(Buffer.from(keys[0]!));
      const [from, to] = [nodes[ownerOf(slot)]!, nodes[(ownerOf(slot) + 1) % 3]!];
      let isMoving = true;
      const writes = (async () => {
        let count = 0;
        for (; isMoving; count++) await client.set(keys[0]!, `w ${count}`);
        return count;
      })();
      await moveSlot(slot, from, to);
      isMoving = false;
      const count = await writes;
      if (count > 0) assert.equal(await client.get(keys[0]!), `w ${count - 1}`);
      assert.equal(await ask(to.link, 'CLUSTER', 'COUNTKEYSINSLOT', slot), '1');
      const found = await Promise.all(keys.slice(1).map((key) => client.get(key)));
      assert.deepEqual(
        found,
        keys.slice(1).map((key) => `v ${key}`),
      );
      const result = await client.multi().set('{t}a', '1').incr('{t}a').get('{t}a').exec();
      assert.deepEqual(result?.at(-1), [null, '2']);
      await moveSlot(slot, to, from);
    } finally {
      client.disconnect();
    }
  });

  it('node-redis does so too, and hears shard channels', async () => {
    const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${nodes[1]!.port}` }] });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await Promise.all(keys.map((key) => client.set(key, `n ${key}`)));
      const found = await Promise.all(keys.map((key) => client.get(key)));
      assert.deepEqual(
        found,
        keys.map((key) => `n ${key}`),
      );
      assert.deepEqual(await client.multi().set('{t}b', '1').incr('{t}b').exec(), ['OK', 2]);
      const heard = new Promise<string>((resolve) => void client.sSubscribe('news', (message) => resolve(message)));
      await until(async () => (await client.sPublish('news', 'hello')) > 0);
      assert.equal(await heard, 'hello');
    } finally {
      await client.close();
    }
  });

  it('a client that waits for a key is redirected when the slot moves', async () => {
    const slot = keySlot(Buffer.from('waited'));
    const [from, to] = [nodes[ownerOf(slot)]!, nodes[(ownerOf(slot) + 1) % 3]!];
    const waiting = await Connection.open({ host: '127.0.0.1', port: from.port });
    const listening = await Connection.open({ host: '127.0.0.1', port: from.port });
    try {
      assert.equal(await ask(listening, 'SSUBSCRIBE', '{waited}news'), '[ssubscribe {waited}news 1]');
      const popped = ask(waiting, 'BLPOP', 'waited', 0);
      await until(async () => (await ask(from.link, 'INFO', 'clients')).includes('blocked_clients:1'));
      await moveSlot(slot, from, to);
      assert.equal(await popped, `MOVED ${slot} 127.0.0.1:${to.port}`);
      assert.equal(shown(await listening.readReply()), '[sunsubscribe {waited}news 0]');
      await moveSlot(slot, to, from);
    } finally {
      waiting.close();
      listening.close();
    }
  });

  it('counts what the commands of each slot cost', async () => {
    const slot = keySlot(Buffer.from('counted'));
    const node = nodes[ownerOf(slot)]!;
    const range = ['CLUSTER', 'SLOT-STATS', 'SLOTSRANGE', slot, slot] as const;
    await ask(node.link, 'SET', 'counted', 'v');
    assert.equal(await ask(node.link, ...range), `[[${slot} [key-count 1]]]`);
    await ask(node.link, 'CONFIG', 'SET', 'cluster-slot-stats-enabled', 'yes');
    try {
      await ask(node.link, 'GET', 'counted');
      const seen = await ask(node.link, ...range);
      assert.match(seen, /key-count 1 cpu-usec \d+ network-bytes-in 26 network-bytes-out 7\]/);
      const first = await ask(node.link, 'CLUSTER', 'SLOT-STATS', 'ORDERBY', 'network-bytes-in', 'LIMIT', 1);
      assert.ok(first.startsWith(`[[${slot} `), first);
      assert.match(await ask(node.link, 'CLUSTER', 'SLOT-STATS', 'ORDERBY', 'x'), /^ERR Unrecognized sort metric/);
    } finally {
      await ask(node.link, 'CONFIG', 'SET', 'cluster-slot-stats-enabled', 'no');
    }
  });

  it('keeps the keys of its slots through SCAN, DEBUG RELOAD and FLUSHALL', async () => {
    const node = nodes[0]!;
    const size = await ask(node.link, 'DBSIZE');
    assert.equal(await ask(node.link, 'DEBUG', 'RELOAD'), 'OK');
    assert.equal(await ask(node.link, 'DBSIZE'), size);
    const scanned = new Set<string>();
    let cursor = '0';
    do {
      const reply = await ask(node.link, 'SCAN', cursor, 'COUNT', 20);
      const [next, ...found] = reply.replace(/[[\]]/g, '').split(' ');
      for (const key of found) if (key !== '') scanned.add(key);
      cursor = next!;
    } while (cursor !== '0');
    assert.equal(String(scanned.size), size);
    const slot = keySlot(Buffer.from([...scanned][0]!));
    assert.notEqual(await ask(node.link, 'CLUSTER', 'COUNTKEYSINSLOT', slot), '0');
    assert.equal(await ask(node.link, 'FLUSHALL'), 'OK');
    assert.equal(await ask(node.link, 'CLUSTER', 'COUNTKEYSINSLOT', slot), '0');
  });
});
