import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Client, furtherServer, recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { fromServer } from '../adapters/server.js';
import type { Surroundings } from '../surroundings.js';
import { QuorumError } from './ask-nodes.js';
import { NewestStore } from './newest-store.js';
import { SiblingStore } from './sibling-store.js';

const world = await recipeWorld();
const { surroundings } = world;
const servers = [world.server, await furtherServer(world), await furtherServer(world)];
const direct = servers.map((server) => fromServer(server));
const options = { surroundings, timeoutMs: 50 };

beforeEach(() => servers.forEach((server) => server.flush()));

function clients(lossRate = 0): Client[] {
  return servers.map((server) => world.client({ server, lossRate }));
}

describe(`NewestStore (RECIPE_SEED=${worldSeed})`, () => {
  it('is atomic: no read gives less than what a call before it wrote or gave, while servers come and go', async () => {
    let floor = 0; // the greatest value of a call that has ended
    let isOver = false;
    let reads = 0;
    const all = Array.from({ length: 6 }, () => clients(0.02));
    const written = new Set<number>([0]);
    const fault = async (): Promise<void> => {
      while (!isOver) {
        const at = world.prng.below(servers.length);
        for (const own of all) own[at]!.cut();
        await world.sleep(world.prng.below(120));
        for (const own of all) own[at]!.heal();
        await world.sleep(world.prng.below(60));
      }
    };
    const writer = async (): Promise<void> => {
      const store = new NewestStore(all[0]!, 'x', options);
      for (let value = 1; value <= 40; value++) {
        written.add(value);
        await store.set('k', String(value)).then(
          () => (floor = Math.max(floor, value)),
          (error: unknown) => assert.ok(error instanceof QuorumError),
        );
      }
    };
    const reader = async (own: Client[]): Promise<void> => {
      const store = new NewestStore(own, 'x', options);
      while (!isOver) {
        const least = floor;
        try {
          const value = Number((await store.get('k')) ?? 0);
          assert.ok(value >= least, `read ${value} after ${least}`);
          assert.ok(written.has(value));
          floor = Math.max(floor, value);
          reads++;
        } catch (error) {
          if (!(error instanceof QuorumError)) throw error;
        }
      }
    };
    const work = Promise.all([fault(), ...all.slice(1).map(reader), writer().finally(() => (isOver = true))]);
    await world.during(work);
    assert.ok(reads > 50, `${reads} reads`);
  });

  it('repairs a server that was away, or came back without data', async () => {
    const own = clients();
    const store = new NewestStore(own, 'x', options);
    own[2]!.cut();
    await world.during(store.set('k', 'new'));
    own[2]!.heal();
    assert.equal(await world.during(store.get('k')), 'new');
    await world.during(store.settled());
    servers[0]!.flush();
    assert.equal(await world.during(store.get('k')), 'new');
    await world.during(store.settled());
    for (const node of direct) assert.equal(await node.send('HGET', ['newest:{x:k}', 'd']), 'new');
  });

  it('remembers a deletion, so that an old value does not come back', async () => {
    const own = clients();
    const store = new NewestStore(own, 'x', options);
    await world.during(store.set('k', 'old'));
    await world.during(store.settled());
    own[1]!.cut();
    await world.during(store.remove('k'));
    own[1]!.heal();
    own[0]!.cut();
    assert.equal(await world.during(store.get('k')), undefined);
  });

  it('fails when a majority is gone, and does not hang on servers that do not answer', async () => {
    const own = clients();
    own[0]!.cut();
    own[1]!.cut();
    const store = new NewestStore(own, 'x', options);
    await assert.rejects(world.during(store.set('k', 'v')), QuorumError);
    await assert.rejects(world.during(store.get('k')), /1 of 2 servers answered/);
    assert.throws(() => new NewestStore(own, 'x', { readQuorum: 4 }), RangeError);
    assert.throws(() => new NewestStore([], 'x'), RangeError);
  });

  it('by clocks loses the write of a clock that is behind; asked versions do not', async () => {
    const late: Surroundings = { ...surroundings, wallMs: () => surroundings.wallMs() - 5000 };
    for (const versions of ['clock', 'asked'] as const) {
      await new NewestStore(direct, versions, { ...options, versions }).set('k', 'first');
      await new NewestStore(direct, versions, { ...options, versions, surroundings: late }).set('k', 'second');
      const value = await new NewestStore(direct, versions, { ...options, versions }).get('k');
      assert.equal(value, versions === 'clock' ? 'first' : 'second');
    }
  });
});

describe(`SiblingStore (RECIPE_SEED=${worldSeed})`, () => {
  it('keeps both of two writes that did not know of each other, until a reader resolves them', async () => {
    const [a, b] = [new SiblingStore(direct, 'cart', options), new SiblingStore(direct, 'cart', options)];
    await a.set('ann', 'milk');
    const { context } = await b.get('ann');
    await a.set('ann', 'milk,bread', context);
    await b.set('ann', 'milk,eggs', context);
    const seen = await a.get('ann');
    assert.deepEqual(seen.values, ['milk,bread', 'milk,eggs']);
    await a.set('ann', 'milk,bread,eggs', seen.context);
    assert.deepEqual((await b.get('ann')).values, ['milk,bread,eggs']);
    await b.remove('ann', (await b.get('ann')).context);
    assert.deepEqual((await a.get('ann')).values, []);
    assert.ok(((await direct[0]!.send('PTTL', ['siblings:{cart:ann}'])) as number) > 0);
    await a.set('ann', 'tea');
    assert.equal(await direct[0]!.send('PTTL', ['siblings:{cart:ann}']), -1);
    assert.deepEqual((await a.get('ann')).values, ['tea']);
    await assert.rejects(direct[0]!.send('BLPOP', ['siblings:{cart:ann}', 0]), /WRONGTYPE/);
  });

  it('loses no addition of concurrent writers, while servers come and go and requests get lost', async () => {
    const all = Array.from({ length: 5 }, () => clients(0.05));
    const added: string[] = [];
    let isOver = false;
    const merge = (values: readonly string[], item?: string): string =>
      [...new Set([...values.flatMap((value) => value.split(' ')), ...(item === undefined ? [] : [item])])]
        .sort()
        .join(' ');
    const writer = async (own: Client[], name: string): Promise<void> => {
      const store = new SiblingStore(own, 'set', options);
      for (let count = 0; count < 12; count++) {
        const item = `${name}${count}`;
        try {
          await store.update('k', (values) => merge(values, item));
          added.push(item);
        } catch (error) {
          if (!(error instanceof QuorumError)) throw error;
        }
      }
    };
    const fault = async (): Promise<void> => {
      while (!isOver) {
        const at = world.prng.below(servers.length);
        for (const own of all) own[at]!.cut();
        await world.sleep(world.prng.below(100));
        for (const own of all) own[at]!.heal();
        await world.sleep(world.prng.below(100));
      }
    };
    const writers = Promise.all(all.map((own, index) => writer(own, 'abcde'[index]!))).finally(() => (isOver = true));
    await world.during(Promise.all([fault(), writers]));
    const store = new SiblingStore(clients(), 'set', options);
    const { values } = await world.during(store.get('k'));
    const present = new Set(merge(values).split(' '));
    assert.ok(added.length > 30, `${added.length} additions`);
    assert.deepEqual(
      added.filter((item) => !present.has(item)),
      [],
    );
    await world.during(store.settled());
    for (const node of direct) {
      const stored = new Set(merge((await new SiblingStore([node], 'set', options).get('k')).values).split(' '));
      assert.deepEqual(
        [...present].filter((item) => !stored.has(item)),
        [],
      );
    }
  });
});
