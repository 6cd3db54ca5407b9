// Every recipe once against redis-server: its Lua, its replies and its commands are what users have.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import * as recipes from '../../src/recipes/index.js';
import { peerMissing, startRedis } from '../peer.js';

describe('recipes on redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let commands: recipes.Commands;
  let redis: Redis;
  let stop: () => Promise<void>;

  before(async () => {
    const peer = await startRedis();
    redis = new Redis(peer.port);
    commands = recipes.fromIoredis(redis);
    stop = async () => {
      redis.disconnect();
      await peer.stop();
    };
  });
  after(() => stop());

  it('locks', async () => {
    for (const lock of [new recipes.Lock(commands, 'a'), new recipes.Semaphore(commands, 'a', 2)]) {
      const held = await lock.acquire();
      assert.ok(await held.extend());
      assert.ok(await held.release());
    }
    const shared = new recipes.ReadWriteLock(commands, 'a');
    assert.equal(await shared.runReading(() => 1), 1);
    assert.equal(await shared.runWriting(({ fence }) => fence), 1);
    const redlock = await new recipes.Redlock([commands]).acquire('redlock');
    assert.ok(await redlock.extend());
    assert.ok(await redlock.release());
    assert.ok(await recipes.fencedWrite(commands, 'fenced', 2, 'x'));
    assert.equal(await recipes.fencedWrite(commands, 'fenced', 1, 'y'), false);
  });

  it('limits', async () => {
    for (const make of [
      recipes.fixedWindow,
      recipes.slidingLog,
      recipes.slidingWindow,
      recipes.tokenBucket,
      recipes.gcra,
    ]) {
      const limit = make('l', 2, 3_600_000);
      const answers = [1, 2, 3].map(() => recipes.take(commands, limit, make.name));
      assert.deepEqual(
        (await Promise.all(answers)).map(({ allowed }) => allowed),
        [true, true, false],
        make.name,
      );
    }
    const phones = [1, 2, 3, 4].map(() => recipes.phoneLimit(commands, '13700000000', 1000, 3));
    assert.deepEqual(await Promise.all(phones), [true, true, true, false]);
    assert.ok((await recipes.smsLimit(commands, '138', 60)).allowed);
  });

  it('caches and filters', async () => {
    const cache = new recipes.Cache(commands, 'c', { ttlMs: 60_000 });
    assert.equal(await cache.get('a', async () => 1, { tags: ['t'] }), 1);
    assert.equal(await cache.get('a', async () => 2, { tags: ['t'] }), 1);
    await cache.invalidateTag('t');
    assert.equal(await cache.get('a', async () => 3, { tags: ['t'] }), 3);
    await recipes.writeThrough(commands, cache, 'a', 4, async () => undefined);
    assert.equal(await cache.get('a', async () => 5), 4);
    const queue = new recipes.WriteBehind(commands, 'w');
    await queue.write('k', 'v');
    assert.equal(await queue.flush(async () => undefined), 1);
    for (const filter of [
      new recipes.BloomFilter(commands, 'b', 100, 0.01),
      new recipes.CountingBloomFilter(commands, 'b', 100, 0.01),
      new recipes.ScalableBloomFilter(commands, 'b', 100, 0.01),
      await recipes.openBloomFilter(commands, 'b2', 100, 0.01),
    ]) {
      await filter.addAll(['a', 'b']);
      assert.deepEqual(await filter.hasAll(['a', 'b', 'c']), [true, true, false]);
    }
  });

  it('sells', async () => {
    const sale = new recipes.Seckill(commands, 's');
    await sale.load({ stock: 1, limit: 1, opensAtMs: Date.now() - 60_000, closesAtMs: Date.now() + 3_600_000 });
    const { order } = await sale.buy('ann', 'r1');
    assert.equal((await sale.buy('bob', 'r2')).status, 'sold-out');
    assert.ok(await sale.cancel(order!));
    assert.deepEqual(await sale.settle(async () => undefined), {
      total: 1,
      left: 1,
      sold: 0,
      orders: 1,
      isBalanced: true,
    });
    const packet = new recipes.RedPacket(commands, 'p');
    await packet.make(100, 3, 60_000);
    const { amount } = await packet.take('ann');
    assert.equal(await packet.refund(), 100 - amount!);
  });

  it('keeps data', async () => {
    const board = new recipes.Leaderboard(commands, 'b');
    await board.add('ann', 3, ['w1']);
    assert.deepEqual(await board.around('ann', 1), [{ member: 'ann', score: 3, place: 1 }]);
    const timeline = new recipes.Timeline(commands);
    await timeline.post('p', 1, ['ann']);
    assert.deepEqual(await timeline.page('ann', 1), [{ id: 'p', timeMs: 1 }]);
    const graph = new recipes.FriendGraph(commands, 'g');
    await graph.befriend('a', 'b');
    await graph.befriend('b', 'c');
    assert.deepEqual(await graph.secondDegree('a', 1), [{ id: 'c', common: 1 }]);
    const tags = new recipes.Tags(commands, 't');
    await tags.add('x', ['1', '2']);
    await tags.add('y', ['1', '2']);
    assert.deepEqual(await tags.similar('x', 2, 1), [{ id: 'y', common: 2 }]);
    const visitors = new recipes.Visitors(commands, 'v', 'bitmap');
    await visitors.visit(7, 'a');
    await visitors.visit(8, 'b');
    assert.equal(await visitors.count(['a', 'b']), 2);
    const queue = new recipes.JobQueue(commands, 'j', { visibleMs: 1 });
    await queue.add('body');
    const [job] = await queue.take('w');
    assert.ok(await job!.extend());
    assert.ok(await job!.done());
    const sessions = new recipes.Sessions(commands, { ttlMs: 60_000 });
    const id = await sessions.start('ann', { a: 'b' });
    assert.deepEqual(await sessions.use(id), { user: 'ann', data: { a: 'b' } });
    assert.equal(await sessions.redeem(await sessions.ticket(id, 's'), 's'), id);
    const words = new recipes.Autocomplete(commands, 'w');
    await words.add('Bern');
    assert.deepEqual(await words.complete('b', 1), ['bern']);
    const places = new recipes.Nearby(commands, 'n');
    await places.put('here', 15, 37);
    assert.equal((await places.find(15, 37, 10, 1))[0]!.member, 'here');
  });
});
