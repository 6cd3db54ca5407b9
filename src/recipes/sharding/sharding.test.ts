import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import { makeDistribution } from '../../proxy/placement/distribution.js';
import { hashFunctions } from '../../base/hash-functions.js';
import { murmur64A } from './murmur-64a.js';
import {
  ketamaPlacement,
  moduloPlacement,
  movedShare,
  prefixPlacement,
  shardedJedisPlacement,
  skewReport,
  slotPlacement,
} from './sharding.js';

const keys = Array.from({ length: 5000 }, (_, index) => `user:${index}`);
const named = (count: number): { name: string }[] =>
  Array.from({ length: count }, (_, index) => ({ name: `10.0.0.${index + 1}:6379` }));

const recordedOfJedis: readonly (readonly [string, 'murmur' | 'md5', boolean, string])[] = [
  ['unnamed', 'murmur', false, '112222200221022001221020202122000200222000112021212020011211122100102'],
  ['unnamed', 'murmur', true, '112222200221022001221020202122000200222000112021212020011211122100102'],
  ['unnamed', 'md5', false, '200021011201202200212102220001122211122010210100210001011100222211002'],
  ['unnamed', 'md5', true, '200021011201202200212102220001122211122010210100210001011100222011002'],
  ['unnamed weights', 'murmur', false, '323222233222023202223020232322200220213003131021213320311222221220322'],
  ['unnamed weights', 'murmur', true, '323222233222023202223020232322200220213003131021213320311222221220102'],
  ['unnamed weights', 'md5', false, '230022231201102220222122220231122231221030212300230101012300223213332'],
  ['unnamed weights', 'md5', true, '230022231201102220222122220231122231221030212300230101012300223313022'],
  ['named', 'murmur', false, '001221121221011121112022202000110120211100200211002222121110100112112'],
  ['named', 'murmur', true, '001221121221011121112022202000110120211100200211002222121110100012222'],
  ['named', 'md5', false, '212210022200210112101002000021121002011100210012001011101212101001222'],
  ['named', 'md5', true, '212210022200210112101002000021121002011100210012001011101212101101122'],
  ['named weights', 'murmur', false, '012120200221121202122100222100010120210211220021022000020010001000002'],
  ['named weights', 'murmur', true, '012120200221121202122100222100010120210211220021022000020010001100202'],
  ['named weights', 'md5', false, '022000020200122102021000021010012200210220002000010000200210000200100'],
  ['named weights', 'md5', true, '022000020200122102021000021010012200210220002000010000200210000200000'],
  ['mixed', 'murmur', false, '022121111220222111221021111111110220121100002121100101110210120111111'],
  ['mixed', 'murmur', true, '022121111220222111221021111111110220121100002121100101110210120211011'],
  ['mixed', 'md5', false, '212120012210122211212102021112112202020110121011111112222211201002111'],
  ['mixed', 'md5', true, '212120012210122211212102021112112202020110121011111112222211201102011'],
];

describe('placements', () => {
  it('ketama and modulo are those of the proxy, which is tested against nutcracker', () => {
    const servers = [1, 2, 1].map((weight, index) => ({ name: `server${index + 1}`, weight }));
    for (const [name, placement] of [
      ['ketama', ketamaPlacement(servers)],
      ['modula', moduloPlacement(servers)],
    ] as const) {
      const distribution = makeDistribution(name, servers, [0, 1, 2], new Prng(1))!;
      for (const key of keys) {
        const bytes = Buffer.from(key);
        assert.equal(placement(key), distribution.indexOf(hashFunctions.get('fnv1a_64')!(bytes, 0, bytes.length)), key);
      }
    }
    assert.throws(() => ketamaPlacement([{}]), RangeError);
    assert.throws(() => moduloPlacement(named(2), 'nosuch')('a'), RangeError);
  });

  it('MurmurHash64A gives its author’s values', () => {
    assert.equal(murmur64A(new Uint8Array(0), 0), 0n);
    // The verification value of SMHasher: hashes of 0, 01, 0102 ... with seeds 256 - n, hashed again.
    const hashes = Buffer.alloc(256 * 8);
    const input = new Uint8Array(256);
    for (let index = 0; index < 256; index++) {
      input[index] = index;
      hashes.writeBigUInt64LE(murmur64A(input.subarray(0, index), 256 - index), index * 8);
    }
    assert.equal(Number(murmur64A(hashes, 0) & 0xffffffffn), 0x1f0d3804);
  });

  it('ShardedJedis: as its ring by a plain search', () => {
    const shards = [{ name: 'a', weight: 1 }, { name: 'b', weight: 2 }, {}];
    for (const hash of ['murmur', 'md5'] as const) {
      const of = (text: string): bigint =>
        hash === 'md5'
          ? BigInt(createHash('md5').update(text).digest().readUInt32LE())
          : BigInt.asIntN(64, murmur64A(Buffer.from(text), 0x1234abcd));
      const ring: [bigint, number][] = [];
      for (let node = 0; node < 160; node++) ring.push([of(`a*1${node}`), 0], [of(`SHARD-2-NODE-${node}`), 2]);
      for (let node = 0; node < 320; node++) ring.push([of(`b*2${node}`), 1]);
      ring.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      const placement = shardedJedisPlacement(shards, { hash });
      for (const key of keys.slice(0, 500)) {
        const value = of(key);
        assert.equal(placement(key), (ring.find(([point]) => point >= value) ?? ring[0]!)[1], key);
      }
    }
    const tags = shardedJedisPlacement(shards, { tags: true });
    assert.equal(tags('x{user:1}y'), shardedJedisPlacement(shards)('user:1'));
  });

  it('ShardedJedis: as Jedis 2.9.0 places the same keys', () => {
    // Recorded from redis.clients.util.Sharded of Jedis 2.9.0 on Java 17: the shard of each key, in turn.
    const asked = [
      ...Array.from({ length: 60 }, (_, index) => `user:${index}`),
      ...['', 'grüße', '鍵', 'x{user:1}y', '{}', '😀', '{a}{b}', 'a\u0085{b\u0085c}d{e}', 'k'.repeat(1000)],
    ];
    const shards: Readonly<Record<string, { name?: string; weight?: number }[]>> = {
      unnamed: [{}, {}, {}],
      'unnamed weights': [{}, { weight: 2 }, { weight: 3 }, {}],
      named: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
      'named weights': [{ name: '10.0.0.1:6379', weight: 3 }, { name: '10.0.0.2:6379' }, { name: 's3', weight: 2 }],
      mixed: [{ name: 'a' }, { name: 'b', weight: 2 }, {}],
    };
    for (const [list, hash, tags, places] of recordedOfJedis) {
      const placement = shardedJedisPlacement(shards[list]!, { hash, tags });
      assert.equal(asked.map(placement).join(''), places, `${list}, ${hash}, tags ${tags}`);
    }
  });

  it('slots are those of Redis Cluster', () => {
    const slots = slotPlacement(3);
    assert.deepEqual(['k1', 'k4', 'k2', 'k3'].map(slots), [2, 1, 0, 0]); // slots 12706, 8455, 449, 4576
    assert.equal(slotPlacement(1, (slot) => slot)('k1{customer}'), 6651);
  });

  it('a prefix splits vertically', () => {
    const split = prefixPlacement([
      ['customer:', 0],
      ['order:', 1],
    ]);
    assert.deepEqual([split('order:1'), split('customer:1')], [1, 0]);
    assert.throws(() => split('product:1'), /no prefix fits/);
  });
});

describe('resizing', () => {
  it('moves nearly all keys by modulo and about a share of them on a ring', () => {
    const modulo = movedShare(moduloPlacement(named(4)), moduloPlacement(named(5)), keys);
    assert.ok(modulo > 0.7, `${modulo}`);
    for (const place of [ketamaPlacement, shardedJedisPlacement]) {
      const ring = movedShare(place(named(4)), place(named(5)), keys);
      assert.ok(ring > 0.1 && ring < 0.3, `${ring}`);
    }
    const slots = movedShare(
      slotPlacement(4),
      slotPlacement(4, (slot) => (slot < 819 ? 3 : Math.floor((slot * 4) / 16384))),
      keys,
    );
    assert.ok(slots > 0.03 && slots < 0.07, `${slots}`);
  });

  it('the report of skew shows what virtual nodes are for', () => {
    const report = skewReport(ketamaPlacement(named(4), 'md5'), 4, keys);
    assert.equal(
      report.counts.reduce((a, b) => a + b),
      5000,
    );
    assert.ok(report.most < 1.35 && report.least > 0.65, JSON.stringify(report));
    // One point for each server: what the documents call skew.
    const points = named(4).map(({ name }) => hashFunctions.get('md5')!(Buffer.from(name), 0, name.length));
    const bare = (key: string): number => {
      const hash = hashFunctions.get('md5')!(Buffer.from(key), 0, key.length);
      const above = points.filter((point) => point >= hash);
      return points.indexOf(above.length > 0 ? Math.min(...above) : Math.min(...points));
    };
    assert.ok(skewReport(bare, 4, keys).deviation > report.deviation);
  });
});
