// What the pages say breaks a recipe, shown to break: one test for each line that the simulated worlds (test/simulation/recipes.test.ts)
// do not search for. A page that promises less than a recipe does would mislead as well.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import * as recipes from '../../src/recipes/index.js';
import { furtherServer, recipeWorld } from './world.js';

const world = await recipeWorld();
const { direct, surroundings } = world;
const others = [await furtherServer(world), await furtherServer(world)];
const nodes = [world.server, ...others].map((server) => recipes.fromServer(server));

beforeEach(() => {
  for (const server of [world.server, ...others]) server.flush();
});

/** The reply to the next command is lost: it runs, and its caller gets an error. */
function losingOneReply(): recipes.Commands {
  let isLost = false;
  return {
    send: async (command, args) => {
      const reply = await direct.send(command, args);
      if (isLost) return reply;
      isLost = true;
      throw new Error('the connection broke');
    },
  };
}

describe('rate-limits.md', () => {
  it('a call whose reply is lost was counted', async () => {
    const limit = recipes.fixedWindow('calls', 2, 60_000);
    await recipes.take(direct, limit, 'warm up'); // the server knows the script
    await assert.rejects(recipes.take(losingOneReply(), limit, 'ann'), /connection broke/);
    assert.equal((await recipes.take(direct, limit, 'ann')).remaining, 0);
  });

  it('a fixed window lets twice the count through around its end', async () => {
    const limit = recipes.fixedWindow('calls', 3, 10_000);
    const allowed = async (): Promise<number> => {
      const verdicts = await Promise.all([1, 2, 3, 4].map(() => recipes.take(direct, limit, 'ann')));
      return verdicts.filter((verdict) => verdict.allowed).length;
    };
    assert.ok((await recipes.take(direct, limit, 'ann')).allowed);
    world.clock.advance(9_999);
    assert.equal(await allowed(), 2);
    world.clock.advance(2);
    assert.equal(await allowed(), 3);
  });

  it('several subjects without a common tag are in several slots', () => {
    const limit = recipes.fixedWindow('calls', 3, 10_000);
    const slot = recipes.slotPlacement(16_384, (number) => number);
    assert.notEqual(slot(recipes.limitKey(limit, 'ann')), slot(recipes.limitKey(limit, '10.0.0.1')));
    assert.equal(slot(recipes.limitKey(limit, '{order:9}:ann')), slot(recipes.limitKey(limit, '{order:9}:10.0.0.1')));
  });
});

describe('cache.md', () => {
  const makeCache = (commands: recipes.Commands = direct): recipes.Cache =>
    new recipes.Cache(commands, 'c', { ttlMs: 60_000, jitter: 0, early: 0, surroundings });

  it('cache, then source: a reader in between caches the old value for its whole time', async () => {
    let row = 'old';
    const cache = makeCache();
    const read = (): Promise<string | undefined> => makeCache().get('k', async () => row);
    await read();
    await cache.invalidateThenUpdate('k', async () => {
      assert.equal(await read(), 'old');
      row = 'new';
    });
    assert.equal(await read(), 'old');
    world.clock.advance(59_999);
    assert.equal(await read(), 'old');
    world.clock.advance(2);
    assert.equal(await read(), 'new');
    // The other order forgets what the reader in between has cached.
    await cache.updateThenInvalidate('k', async () => {
      assert.equal(await read(), 'new');
      row = 'newer';
    });
    assert.equal(await read(), 'newer');
  });

  it('a process that dies between source and cache leaves the old value until its time ends', async () => {
    let row = 'old';
    await makeCache().get('k', async () => row);
    let isDead = false;
    const dying = makeCache({
      send: (command, args) => (isDead ? new Promise(() => undefined) : direct.send(command, args)),
    });
    void dying.updateThenInvalidate('k', async () => {
      row = 'new';
      isDead = true;
    });
    assert.equal(await makeCache().get('k', async () => row), 'old');
    world.clock.advance(60_001);
    assert.equal(await makeCache().get('k', async () => row), 'new');
  });

  it('a load that takes longer than loadMs gets company', async () => {
    let loads = 0;
    const slow = async (): Promise<number> => {
      loads++;
      await world.sleep(15_000);
      return loads;
    };
    const one = makeCache().get('k', slow);
    const two = makeCache().get('k', slow);
    await world.during(Promise.all([one, two]));
    assert.equal(loads, 2);
  });

  it('a Bloom filter whose key is lost denies everything, and a counting one after a wrong removal something', async () => {
    const filter = new recipes.BloomFilter(direct, 'f', 1000, 0.01);
    await filter.addAll(['a', 'b']);
    world.server.flush();
    assert.deepEqual(await filter.hasAll(['a', 'b']), [false, false]);
    // So few counters that items share all of theirs.
    const counting = new recipes.CountingBloomFilter(direct, 'f', 1, 0.5);
    const items = Array.from({ length: 40 }, (_, index) => `item${index}`);
    await counting.addAll(['added']);
    const wrong: string[] = [];
    for (const item of items)
      if ((await counting.hasAll(['added']))[0] && (await counting.remove(item))) wrong.push(item);
    assert.ok(wrong.length > 0);
    assert.deepEqual(await counting.hasAll(['added']), [false]);
  });

  it('an entry of WriteBehind comes again when its worker stood still, with a version that tells', async () => {
    const queue = new recipes.WriteBehind(direct, 'w', { claimMs: 1000 });
    await queue.write('k', 'v');
    const versions: number[] = [];
    const heir = async (): Promise<void> =>
      void (await queue.flush(async (batch) => void versions.push(batch[0]!.version)));
    await queue.flush(async (batch) => {
      world.clock.advance(1001);
      await heir();
      versions.push(batch[0]!.version);
    });
    assert.deepEqual(versions, [1, 1]);
  });
});

describe('seckill.md', () => {
  it('a check and a purchase in two commands sell more than there is', async () => {
    const stock = 5;
    const buy = async (client: recipes.Commands, user: string): Promise<boolean> => {
      if (Number(await client.send('ZCARD', ['buyers'])) >= stock) return false;
      return (await client.send('ZADD', ['buyers', Date.now(), user])) === 1;
    };
    const crowd = Array.from({ length: 50 }, (_, index) => buy(world.client(), `user${index}`));
    const sold = (await world.during(Promise.all(crowd))).filter((is) => is).length;
    assert.ok(sold > stock, `${sold} of ${stock} were sold`);
  });

  it('a restart from a snapshot forgets orders that were confirmed, and its books fit', async () => {
    const sale = new recipes.Seckill(direct, 's');
    const nowMs = world.clock.wallMs();
    await sale.load({ stock: 3, limit: 9, opensAtMs: nowMs - 1, closesAtMs: nowMs + 60_000 });
    const snapshot = world.server.snapshot();
    assert.equal((await sale.buy('ann', 'r')).status, 'sold');
    world.server.restore(snapshot);
    const settlement = await sale.settle(async () => assert.fail('nobody remembers it'));
    assert.deepEqual(settlement, { total: 3, left: 3, sold: 0, orders: 0, isBalanced: true });
  });

  it('an evicted key of a sale: the settlement sees that the books do not fit', async () => {
    const sale = new recipes.Seckill(direct, 's');
    const nowMs = world.clock.wallMs();
    await sale.load({ stock: 3, limit: 9, opensAtMs: nowMs - 1, closesAtMs: nowMs + 60_000 });
    await sale.buy('ann', 'r');
    world.server.run('DEL', 'seckill:{s}:queue');
    assert.equal((await sale.settle(async () => undefined)).isBalanced, false);
  });
});

describe('data.md', () => {
  it('scores above 2^53 run together', async () => {
    const board = new recipes.Leaderboard(direct, 'b');
    await board.set('a', 2 ** 53);
    await board.add('a', 1);
    assert.equal((await board.placeOf('a'))?.score, 2 ** 53);
  });

  it('a streak ends at the year’s start', async () => {
    const calendar = new recipes.SignInCalendar(direct);
    await calendar.signIn('ann', 2025, 364);
    await calendar.signIn('ann', 2026, 0);
    assert.equal(await calendar.streak('ann', 2026, 0), 1);
  });

  it('a bitmap of users without order takes memory for all numbers below', async () => {
    await new recipes.Visitors(direct, 'v', 'bitmap').visit(8_000_000, 'd');
    assert.ok((world.server.run('STRLEN', 'visitors:{v}:bitmap:d') as number) > 1_000_000);
  });

  it('firstTime before the work loses it in a crash, after the work repeats it', async () => {
    const crash = new Error('crash');
    const done: string[] = [];
    const before = async (crashes: boolean): Promise<void> => {
      if (!(await recipes.firstTime(direct, 'before', 'id', 60_000))) return;
      if (crashes) throw crash;
      done.push('before');
    };
    const after = async (crashes: boolean): Promise<void> => {
      done.push('after');
      if (crashes) throw crash;
      await recipes.firstTime(direct, 'after', 'id', 60_000);
    };
    for (const run of [before, after]) {
      await assert.rejects(run(true), crash);
      await run(false);
    }
    assert.deepEqual(done, ['after', 'after']);
  });

  it('Autocomplete looks at the first words by bytes only', async () => {
    const words = new recipes.Autocomplete(direct, 'w');
    for (const word of ['aa', 'ab', 'az']) await words.add(word, word === 'az' ? 100 : 1);
    assert.deepEqual(await words.complete('a', 3, 2), ['aa', 'ab']);
  });

  it('what a taker of an ExpiringSet loses is lost', async () => {
    const set = new recipes.ExpiringSet(direct, 'e');
    await set.put('x', 1);
    await set.takeEnded(0, 1); // the server knows the script
    const taker = losingOneReply();
    await assert.rejects(new recipes.ExpiringSet(taker, 'e').takeEnded(5, 1), /connection broke/);
    assert.deepEqual(await set.takeEnded(5, 1), []);
  });

  it('a writer that does not count the version goes unnoticed', async () => {
    const store = new recipes.AttributeStore(direct, 'user');
    const version = await store.set('ann', { name: 'Ann' });
    world.server.run('HSET', 'attributes:{user:ann}', 'name', 'Bob');
    assert.ok(await store.setIf('ann', version, { name: 'Ann B.' }));
  });

  it('two workers do one job when the first stands still, and one of them ends it', async () => {
    const queue = new recipes.JobQueue(direct, 'j', { visibleMs: 1000 });
    await queue.add('body');
    const [first] = await queue.take('one');
    world.clock.advance(1001);
    const [second] = await queue.take('two');
    assert.equal(second!.body, first!.body);
    assert.deepEqual([await first!.done(), await second!.done(), await second!.done()], [false, true, false]);
  });
});

describe('replicas.md', () => {
  const options = { surroundings, timeoutMs: 100 };
  const gone: recipes.Commands = { send: () => Promise.reject(new Error('gone')) };

  it('a write that fails with a QuorumError may be seen', async () => {
    const readsOnly = nodes.map((node): recipes.Commands => ({
      send: (command, args) => (command.startsWith('EVAL') ? gone.send(command, args) : node.send(command, args)),
    }));
    const write = new recipes.NewestStore([nodes[0]!, readsOnly[1]!, readsOnly[2]!], 's', options).set('k', 'v');
    await assert.rejects(write, recipes.QuorumError);
    assert.equal(await new recipes.NewestStore(nodes, 's', options).get('k'), 'v');
  });

  it('two of three servers that lose their data lose what only they had', async () => {
    await new recipes.NewestStore([nodes[0]!, nodes[1]!, gone], 's', options).set('k', 'v');
    await new recipes.SiblingStore([nodes[0]!, nodes[1]!, gone], 's', options).set('k', 'v');
    world.server.flush();
    others[0]!.flush();
    assert.equal(await new recipes.NewestStore(nodes, 's', options).get('k'), undefined);
    assert.deepEqual((await new recipes.SiblingStore(nodes, 's', options).get('k')).values, []);
  });

  it('a server that was away for longer than tombstoneMs brings a deleted value back', async () => {
    const short = { ...options, tombstoneMs: 1000 };
    const store = new recipes.NewestStore(nodes, 's', short);
    await store.set('k', 'v');
    await store.settled();
    await new recipes.NewestStore([nodes[0]!, nodes[1]!, gone], 's', short).remove('k');
    assert.equal(await store.get('k'), undefined);
    await store.settled();
    // The third has been repaired by the read, unless it was away until the tombstones had ended.
    await store.set('k', 'v');
    await store.settled();
    await new recipes.NewestStore([nodes[0]!, nodes[1]!, gone], 's', short).remove('k');
    world.clock.advance(1001);
    assert.equal(await new recipes.NewestStore([gone, nodes[1]!, nodes[2]!], 's', short).get('k'), 'v');
  });

  it('siblings that nobody merges stay', async () => {
    for (let writer = 0; writer < 5; writer++)
      await new recipes.SiblingStore(nodes, 's', options).set('k', `of ${writer}`);
    assert.equal((await new recipes.SiblingStore(nodes, 's', options).get('k')).values.length, 5);
  });
});

describe('sharding.md', () => {
  const keys = Array.from({ length: 2000 }, (_, index) => `user:${index}`);
  const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));

  it('clients with different lists write the same key to two servers', async () => {
    const servers: Readonly<Record<string, recipes.Commands>> = { a: nodes[0]!, b: nodes[1]!, c: nodes[2]! };
    const client = (names: string[]) => (key: string) =>
      servers[names[recipes.ketamaPlacement(named(...names))(key)]!]!;
    const early = client(['a', 'b']);
    const late = client(['a', 'b', 'c']);
    const moved = keys.find((key) => early(key) !== late(key))!;
    await early(moved).send('SET', [moved, 'of the early']);
    await late(moved).send('SET', [moved, 'of the late']);
    assert.equal(await early(moved).send('GET', [moved]), 'of the early');
  });

  it('a ring that ejects a dead server shows old values when it comes back', async () => {
    const servers: Readonly<Record<string, recipes.Commands>> = { a: nodes[0]!, b: nodes[1]! };
    const on = (names: string[]) => (key: string) => servers[names[recipes.ketamaPlacement(named(...names))(key)]!]!;
    const key = keys.find((one) => on(['a', 'b'])(one) === servers['b'])!;
    await on(['a', 'b'])(key).send('SET', [key, 'old']);
    await on(['a'])(key).send('SET', [key, 'new']); // b is ejected
    assert.equal(await on(['a', 'b'])(key).send('GET', [key]), 'old'); // and is back
  });

  it('without names the order of ShardedJedis’s list counts', () => {
    const unnamed = recipes.shardedJedisPlacement([{ weight: 1 }, { weight: 2 }]);
    const turned = recipes.shardedJedisPlacement([{ weight: 2 }, { weight: 1 }]);
    assert.ok(keys.some((key) => unnamed(key) === turned(key)));
    const byName = recipes.shardedJedisPlacement(named('a', 'b'));
    const namesTurned = recipes.shardedJedisPlacement(named('b', 'a'));
    assert.ok(keys.every((key) => byName(key) === 1 - namesTurned(key)));
  });

  it('two keys of one command are on two servers unless they share a tag', () => {
    const plain = recipes.shardedJedisPlacement(named('a', 'b', 'c'));
    const tagged = recipes.shardedJedisPlacement(named('a', 'b', 'c'), { tags: true });
    const pairs = keys.map((key) => [`cart:{${key}}`, `orders:{${key}}`] as const);
    assert.ok(pairs.some(([cart, orders]) => plain(cart) !== plain(orders)));
    assert.ok(pairs.every(([cart, orders]) => tagged(cart) === tagged(orders)));
  });
});
