import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld } from '../../../test/recipes/world.js';
import { BloomFilter, type MembershipFilter } from './bloom-filter.js';
import { CountingBloomFilter } from './counting-bloom-filter.js';
import { openBloomFilter } from './open-bloom-filter.js';
import { ScalableBloomFilter } from './scalable-bloom-filter.js';
import { bloomErrorRate, bloomPositions, bloomSize } from './sizing.js';

const world = await recipeWorld();
const { direct } = world;

beforeEach(() => world.server.flush());

const items = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

async function falsePositives(filter: MembershipFilter, count: number): Promise<number> {
  const found = await filter.hasAll(items('absent', count));
  return found.filter((is) => is).length / count;
}

describe('sizes', () => {
  it('are those of the formulas', () => {
    assert.deepEqual(bloomSize(1_000_000, 0.01), { bits: 9_585_059, hashes: 7 });
    assert.deepEqual(bloomSize(100, 0.001), { bits: 1438, hashes: 10 });
    assert.ok(Math.abs(bloomErrorRate(bloomSize(1000, 0.01), 1000) - 0.01) < 0.0002);
    assert.throws(() => bloomSize(1_000_000_000, 0.01), /needs? .* bits|need/);
    for (const [capacity, rate] of [
      [0, 0.1],
      [10, 0],
      [10, 1],
      [10, NaN],
    ] as const)
      assert.throws(() => bloomSize(capacity, rate), RangeError);
  });

  it('give places within the filter', () => {
    for (const item of items('x', 500))
      for (const place of bloomPositions(item, { bits: 97, hashes: 5 })) assert.ok(place >= 0 && place < 97);
  });
});

const filters: Readonly<Record<string, (capacity: number, rate: number) => MembershipFilter>> = {
  BloomFilter: (capacity, rate) => new BloomFilter(direct, 'f', capacity, rate),
  CountingBloomFilter: (capacity, rate) => new CountingBloomFilter(direct, 'f', capacity, rate),
  ScalableBloomFilter: (capacity, rate) => new ScalableBloomFilter(direct, 'f', capacity, rate),
};

for (const [name, make] of Object.entries(filters)) {
  describe(name, () => {
    it('knows all that was added, and about the promised share of what was not', async () => {
      const filter = make(1000, 0.02);
      const isNew = await filter.addAll(items('item', 1000));
      assert.ok(isNew.filter((is) => is).length > 970);
      assert.ok((await filter.hasAll(items('item', 1000))).every((is) => is));
      const rate = await falsePositives(filter, 2000);
      assert.ok(rate < 0.035, `${rate}`);
      assert.deepEqual(await filter.addAll(['item1']), [false]);
      assert.deepEqual(await filter.addAll([]), []);
    });
  });
}

describe('many items at once', () => {
  it('go in several requests, of which none is longer than a server takes', async () => {
    const lengths: number[] = [];
    const counting = {
      send: (command: string, args: readonly (string | number | Uint8Array)[]) => {
        lengths.push(args.length);
        return direct.send(command, args);
      },
    };
    const many = items('item', 9000);
    for (const filter of [
      new BloomFilter(counting, 'many', 10_000, 0.001),
      new CountingBloomFilter(counting, 'many', 10_000, 0.001),
      new ScalableBloomFilter(counting, 'many', 10_000, 0.001),
    ]) {
      lengths.length = 0;
      await filter.addAll(many);
      assert.ok(lengths.length > 1 && Math.max(...lengths) < 110_000, `${lengths.length} requests`);
      const found = await filter.hasAll([...many, ...items('absent', 1000)]);
      assert.equal(found.length, 10_000);
      assert.ok(found.slice(0, 9000).every((is) => is));
      assert.ok(found.slice(9000).filter((is) => is).length < 20);
    }
  });
});

describe('growth', () => {
  it('a plain filter gets worse over its capacity, a scalable one does not', async () => {
    const plain = new BloomFilter(direct, 'plain', 200, 0.02);
    const scalable = new ScalableBloomFilter(direct, 'scalable', 200, 0.02);
    for (const filter of [plain, scalable]) await filter.addAll(items('item', 2000));
    assert.ok((await falsePositives(plain, 1000)) > 0.5);
    assert.ok((await falsePositives(scalable, 2000)) < 0.03);
    assert.ok((await scalable.hasAll(items('item', 2000))).every((is) => is));
    assert.equal(world.server.run('HGET', 'scalable-bloom:{scalable}:count', 'layers'), '4');
  });
});

describe('CountingBloomFilter', () => {
  it('forgets what was removed and nothing else', async () => {
    const filter = new CountingBloomFilter(direct, 'c', 500, 0.01);
    await filter.addAll(items('item', 500));
    for (const item of items('item', 250)) assert.ok(await filter.remove(item));
    assert.ok((await filter.hasAll(items('item', 500).slice(250))).every((is) => is));
    const left = (await filter.hasAll(items('item', 250))).filter((is) => is).length;
    assert.ok(left < 10, `${left} of 250 seem to be there`);
    assert.equal(await filter.remove('never'), false);
  });

  it('keeps a counter that is full', async () => {
    const filter = new CountingBloomFilter(direct, 'full', 10, 0.01);
    await filter.addAll(new Array<string>(300).fill('same'));
    for (let index = 0; index < 300; index++) await filter.remove('same');
    assert.deepEqual(await filter.hasAll(['same']), [true]);
  });
});

describe('openBloomFilter', () => {
  it('uses BF.* of a server that has it, and a bitmap else', async () => {
    const sent: string[] = [];
    const own = await openBloomFilter(
      {
        send: async (command) => {
          sent.push(command);
          return command === 'BF.RESERVE' ? 'OK' : [1, 0];
        },
      },
      'own',
      100,
      0.01,
    );
    assert.deepEqual(await own.hasAll(['a', 'b']), [true, false]);
    assert.deepEqual(sent, ['BF.RESERVE', 'BF.MEXISTS']);

    const unknown = await openBloomFilter(
      {
        send: (command, args) =>
          command.startsWith('BF.')
            ? Promise.reject(new Error(`ERR unknown command '${command}'`))
            : direct.send(command, args),
      },
      'bitmap',
      100,
      0.01,
    );
    await unknown.addAll(['a']);
    assert.deepEqual(await unknown.hasAll(['a', 'b']), [true, false]);
    await assert.rejects(
      openBloomFilter({ send: () => Promise.reject(new Error('connection lost')) }, 'x', 100, 0.01),
      /connection lost/,
    );
  });
});
