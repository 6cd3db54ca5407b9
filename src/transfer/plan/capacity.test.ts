import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import { type Demand, engines, makePlan, serverBytes } from './capacity.js';
import { nodeConfig } from './node-config.js';

const GB = 2 ** 30;
const seed = Number(process.env.KVASIR_SEED ?? 1);

/** The documents' question: 100 GB of data, hosts of 48 GB. */
const documents: Demand = {
  dataBytes: 100 * GB,
  growth: 1,
  replicas: 0,
  hostBytes: 48 * GB,
  reservedShare: 0.1,
  nodeBytesMax: 16 * GB,
  engine: engines.redis,
  isCluster: true,
  hosts: undefined,
  firstPort: 6379,
};

describe('a plan', () => {
  it("answers the documents' question with four hosts, and seven with a replica of each", () => {
    const alone = makePlan(documents);
    assert.equal(alone.hosts.length, 4);
    assert.equal(alone.masters, 8);
    assert.equal(alone.maxmemoryBytes, 12.5 * GB);
    const copied = makePlan({ ...documents, replicas: 1 });
    assert.equal(copied.hosts.length, 7);
  });

  it('fits, keeps copies apart, gives each port and slot once, and needs every host', () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 300; round++) {
      const demand: Demand = {
        ...documents,
        dataBytes: (1 + prng.below(2000)) * GB * 0.25,
        growth: 1 + prng.below(5) / 4,
        replicas: prng.below(4),
        hostBytes: (8 + prng.below(120)) * GB,
        nodeBytesMax: (1 + prng.below(30)) * GB,
        engine: prng.chance(50) ? engines.redis : engines.kvasir,
        isCluster: prng.chance(70),
      };
      const message = `seed ${seed} round ${round}: ${JSON.stringify(demand)}`;
      const plan = makePlan(demand);
      assert.ok(plan.usedHostBytes <= plan.usableHostBytes, message);
      assert.ok(plan.maxmemoryBytes * plan.masters >= plan.dataBytes, message);
      assert.ok(plan.maxmemoryBytes <= demand.nodeBytesMax + 2 ** 20, message);
      assert.equal(plan.servers.length, plan.masters * (1 + plan.replicas), message);
      for (const host of plan.hosts) {
        const here = plan.servers.filter((server) => server.host === host);
        assert.equal(here.length, plan.serversPerHost, message);
        assert.equal(new Set(here.map(({ master }) => master)).size, here.length, `${message}: copies on one host`);
        assert.deepEqual(
          here.map(({ port }) => port).sort(),
          here.map((_, index) => 6379 + index),
          message,
        );
      }
      if (demand.isCluster) {
        const ranges = plan.servers.flatMap(({ slots }) => (slots === undefined ? [] : [slots]));
        assert.equal(ranges[0]![0], 0, message);
        assert.equal(ranges.at(-1)![1], 16383, message);
        for (let index = 1; index < ranges.length; index++)
          assert.equal(ranges[index]![0], ranges[index - 1]![1] + 1, message);
      }
      const fewer = plan.hosts.slice(1);
      const least = Math.max(demand.replicas + 1, demand.isCluster ? 3 : 1);
      if (fewer.length >= least) assert.throws(() => makePlan({ ...demand, hosts: fewer }), /of a host take/, message);
    }
  });

  it('names what is missing where it cannot be', () => {
    assert.throws(
      () => makePlan({ ...documents, hosts: ['a'], replicas: 1 }),
      /1 hosts cannot keep .* apart: 2 are needed/,
    );
    assert.throws(() => makePlan({ ...documents, hosts: ['a', 'b', 'c'] }), /take hosts of \d+\.\d GB, more hosts/);
    assert.throws(() => makePlan({ ...documents, hostBytes: 2 ** 20 }), /no room for its servers' fixed/);
    assert.throws(() => makePlan({ ...documents, reservedShare: 1 }), /a share from 0 to below 1/);
  });

  it('takes less for Kvasir, whose snapshots copy no pages', () => {
    assert.ok(serverBytes(engines.kvasir, 8 * GB) < serverBytes(engines.redis, 8 * GB));
    assert.ok(makePlan({ ...documents, engine: engines.kvasir }).hosts.length < 4);
  });
});

describe('a config file of a plan', () => {
  it('quotes what must be, and refuses what cannot be written', () => {
    const text = nodeConfig({
      port: 6386,
      folder: '/data/my files',
      isCluster: true,
      appendOnly: true,
      password: 'a"b#',
    });
    assert.match(text, /^port 6386$/m);
    assert.match(text, /^dir "\/data\/my files"$/m);
    assert.match(text, /^requirepass "a\\"b#"$/m);
    assert.match(text, /^cluster-config-file nodes-6386\.conf$/m);
    assert.throws(() => nodeConfig({ port: 60_000, isCluster: true, appendOnly: false }), /from 1 to 55535/);
    assert.throws(
      () => nodeConfig({ port: 1, isCluster: false, appendOnly: false, password: 'a\nsave ""' }),
      /no line ends/,
    );
  });
});
