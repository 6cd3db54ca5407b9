import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld } from '../../../test/recipes/world.js';
import { attributeKey, AttributeStore } from './attributes.js';
import { SpamFilter } from './spam-filter.js';

const world = await recipeWorld();
const { direct } = world;

beforeEach(() => world.server.flush());

describe('AttributeStore', () => {
  it('sets, adds, picks and removes, and counts the changes', async () => {
    const users = new AttributeStore(direct, 'user');
    assert.deepEqual(await users.read('1'), { version: 0, values: {} });
    assert.equal(await users.set('1', { name: 'Ann', age: 30, city: 'Bern' }), 1);
    assert.equal(await users.set('1', { city: undefined, age: 31 }), 2);
    assert.equal(await users.add('1', 'visits', 2.5), 2.5);
    assert.deepEqual(await users.read('1'), { version: 3, values: { name: 'Ann', age: '31', visits: '2.5' } });
    assert.deepEqual(await users.pick('1', ['name', 'city']), { name: 'Ann', city: undefined });
    assert.deepEqual(await users.pick('1', []), {});
    assert.deepEqual(await users.names('1'), ['age', 'name', 'visits']);
    assert.ok(await users.remove('1'));
    assert.equal(await users.remove('1'), false);
    await assert.rejects(users.set('1', { '': 'x' }), RangeError);
    await users.set('2', { __proto__x: 'y', constructor: 'z' });
    assert.equal((await users.read('2')).values['constructor'], 'z');
  });

  it('refuses one of two changes of the same version', async () => {
    const change = async (): Promise<void> => {
      const users = new AttributeStore(world.client(), 'user');
      for (;;) {
        const { version, values } = await users.read('7');
        if (await users.setIf('7', version, { points: Number(values['points'] ?? 0) + 1 })) return;
      }
    };
    await world.during(Promise.all(Array.from({ length: 20 }, change)));
    assert.equal((await new AttributeStore(direct, 'user').read('7')).values['points'], '20');
  });

  it('names keys without two names meeting', () => {
    assert.equal(attributeKey('user', 1000, 'followers', 'count'), 'user:1000:followers:count');
    assert.notEqual(attributeKey('a:b', 'c'), attributeKey('a', 'b:c'));
  });
});

describe('SpamFilter', () => {
  it('learns which words are spam, and unlearns', async () => {
    const filter = new SpamFilter(direct, 'mail');
    assert.equal((await filter.judge('anything at all')).probability, 0.5);
    for (let day = 0; day < 20; day++) {
      await filter.learn(`Cheap pills! Win $1000 now, offer ${day}`, true, 'shop@example.com');
      await filter.learn(`The meeting on day ${day} is in room 7`, false, 'ann@example.com');
    }
    assert.ok((await filter.judge('win cheap pills')).probability > 0.95);
    assert.ok((await filter.judge('is the meeting in room 7?')).probability < 0.05);
    const mixed = await filter.judge('cheap meeting', 'shop@example.com');
    assert.ok(mixed.probability > 0.3 && mixed.probability < 0.7);
    assert.deepEqual(mixed.sender, { messages: 20, spam: 20 });
    assert.deepEqual(mixed.because.map(({ word }) => word).sort(), ['cheap', 'meeting']);
    await filter.learn('newsletter of the club', true);
    assert.ok(await filter.unlearn('newsletter of the club', true));
    assert.equal(world.server.run('HEXISTS', 'spam:{mail}:words:spam', 'newsletter'), 0);
    assert.equal(await new SpamFilter(direct, 'other').unlearn('x', true), false);
  });

  it('counts every message of concurrent teachers, and bears messages of any size', async () => {
    const teach = (index: number): Promise<void> =>
      new SpamFilter(world.client(), 'many').learn(`buy word${index}`, true, `s${index % 3}`);
    await world.during(Promise.all(Array.from({ length: 30 }, (_, index) => teach(index))));
    assert.equal(world.server.run('HGET', 'spam:{many}:words:spam', 'buy'), '30');
    assert.equal((await new SpamFilter(direct, 'many').judge('x', 's0')).sender.spam, 10);
    const huge = Array.from({ length: 50_000 }, (_, index) => `word${index}`).join(' ') + 'ü'.repeat(100_000);
    await new SpamFilter(direct, 'huge').learn(huge, false);
    assert.equal(world.server.run('HLEN', 'spam:{huge}:words:other'), 1000);
    assert.ok((await new SpamFilter(direct, 'huge').judge(huge)).probability < 0.5);
  });
});
