import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { listenLocally, RemoteEvents } from './keyspace-events.js';
import { Local, Remote, type Words } from './side-by-side.js';
import { elements, sortReply } from './unordered.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'absent', 'string'];
const edges = [
  '',
  '0',
  '-0',
  '01',
  '127',
  '4096',
  '-2147483649',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  'x',
  'a\r\nb',
  '1.5',
  '-3.25e3',
  'inf',
  '1e400',
  'nan',
  '0x10',
  '3.0',
];
/** Width of the groups that stay together when the reply is sorted. */
const unordered: Readonly<Record<string, number>> = { HGETALL: 2, HKEYS: 1, HVALS: 1 };
const FAR = 4_000_000_000;

function value(prng: Prng): string {
  if (prng.chance(25)) return prng.pick(edges);
  if (prng.chance(4)) return 'L'.repeat(prng.below(prng.chance(10) ? 3000 : 100));
  return prng.chance(50) ? String(prng.below(100000) - 5000) : `v${prng.below(1000)}`;
}

function field(prng: Prng): string {
  if (prng.chance(4)) return value(prng);
  return prng.chance(40) ? String(prng.below(20)) : `f${prng.below(40)}`;
}

function fields(prng: Prng, most = 5): string[] {
  return Array.from({ length: 1 + prng.below(most) }, () => field(prng));
}

function pairs(prng: Prng): string[] {
  const count = 1 + prng.below(prng.chance(5) ? 60 : 4);
  const list = Array.from({ length: count }, () => [field(prng), value(prng)]).flat();
  return prng.chance(2) ? list.slice(1) : list;
}

function randomCommand(prng: Prng): Words {
  const key = prng.chance(3) ? 'string' : prng.pick(keys.slice(0, 3));
  switch (prng.below(22)) {
    case 0:
    case 1:
    case 2:
      return ['HSET', key, ...pairs(prng)];
    case 3:
      return ['HMSET', key, ...pairs(prng)];
    case 4:
      return ['HSETNX', key, field(prng), value(prng)];
    case 5:
      return ['HGET', key, field(prng)];
    case 6:
      return ['HMGET', key, ...fields(prng)];
    case 7:
      return ['HDEL', key, ...fields(prng, prng.chance(10) ? 60 : 4)];
    case 8:
      return ['HLEN', key];
    case 9:
      return ['HSTRLEN', key, field(prng)];
    case 10:
      return ['HEXISTS', key, field(prng)];
    case 11:
      return ['HGETALL', key];
    case 12:
      return ['HKEYS', key];
    case 13:
      return ['HVALS', key];
    case 14:
    case 15:
      return ['HINCRBY', key, field(prng), prng.chance(70) ? String(prng.below(100) - 50) : prng.pick(edges)];
    case 16:
    case 17:
      return [
        'HINCRBYFLOAT',
        key,
        field(prng),
        prng.chance(70) ? String((prng.below(10000) - 5000) / 64) : prng.pick(edges),
      ];
    case 18:
      return ['OBJECT', 'ENCODING', key];
    case 19:
      return [
        'HRANDFIELD',
        prng.pick([key, 'absent']),
        prng.pick(['0', 'x', '1.5', '-9223372036854775808']),
        ...(prng.chance(30) ? ['WITHVALUES'] : prng.chance(10) ? ['what'] : []),
      ];
    case 20:
      return prng.pick([
        ['DEL', key],
        ['HLEN', 'absent'],
        ['RENAME', key, prng.pick(keys.slice(0, 3))],
        ['COPY', key, prng.pick(keys.slice(0, 3)), 'REPLACE'],
      ]);
    default:
      return ['HSCAN', key, prng.pick(['x', '-']), 'COUNT', '2'];
  }
}

function expiryCommand(prng: Prng): Words {
  const key = prng.chance(3) ? 'string' : prng.chance(5) ? 'absent' : prng.pick(keys.slice(0, 3));
  const list = fields(prng, 3);
  const count = prng.chance(5) ? prng.pick(['0', 'x', '-1', '7', '']) : String(list.length);
  const tail = [prng.chance(3) ? 'FIELD' : prng.pick(['FIELDS', 'fields']), count, ...list];
  const condition = prng.chance(40) ? [prng.pick(['NX', 'XX', 'GT', 'lt'])] : [];
  const strange = ['x', '-1', '', '99999999999999999', '70368744177664', '9223372036854775808', '0', '1'];
  switch (prng.below(12)) {
    case 0:
    case 1:
      return [
        'HPEXPIREAT',
        key,
        prng.chance(10) ? prng.pick(strange) : String((FAR + prng.below(1000)) * 1000),
        ...condition,
        ...tail,
      ];
    case 2:
    case 3:
      return [
        'HEXPIREAT',
        key,
        prng.chance(10) ? prng.pick(strange) : String(FAR + prng.below(1000)),
        ...condition,
        ...tail,
      ];
    case 4:
      return ['HEXPIRE', key, prng.pick(['x', '-1', '', '70368744178', '0']), ...condition, ...tail];
    case 5:
      return ['HPEXPIRE', key, prng.pick(['x', '-1', '70368744177664', '0']), ...condition, ...tail];
    case 6:
      return ['HEXPIRETIME', key, ...tail];
    case 7:
      return ['HPEXPIRETIME', key, ...tail];
    case 8:
      return ['HPERSIST', key, ...tail];
    case 9:
      return prng.chance(50) ? ['HTTL', 'absent', ...tail] : ['HPTTL', 'absent', ...tail];
    case 10:
      return ['HGETALL', key];
    default:
      return ['OBJECT', 'ENCODING', key];
  }
}

describe('hash commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  let hasExpiry = false;
  before(async () => {
    redis = await startRedis();
    hasExpiry = (await redis.send('COMMAND', 'INFO', 'hexpire')).includes('hexpire');
  });
  after(() => redis.stop());

  for (const [entries, longest, protocol] of [
    [8, 10, 2],
    [512, 64, 3],
  ] as const) {
    test(`up to ${entries} fields in a listpack, RESP${protocol}`, async () => {
      const prng = new Prng(seed * 100 + entries);
      const local = new Local(seed);
      local.protocol = protocol;
      local.limits.hashMaxListpackEntries = entries;
      local.limits.hashMaxListpackValue = longest;
      const remote = await Remote.connect(redis.port);
      const limits = ['hash-max-listpack-entries', String(entries), 'hash-max-listpack-value', String(longest)];
      await remote.run([
        ['FLUSHALL'],
        ['CONFIG', 'SET', ...limits],
        ['HELLO', String(protocol)],
        ['SET', 'string', 'value'],
      ]);
      local.run(['SET', 'string', 'value']);
      const remoteEvents = await RemoteEvents.connect(redis.port, remote);
      const localEvents = listenLocally(local);
      for (let round = 0; round < 40; round++) {
        local.keyspace.nowMs = Date.now();
        const commands = Array.from({ length: 150 }, () =>
          hasExpiry && prng.chance(40) ? expiryCommand(prng) : randomCommand(prng),
        );
        const expected = await remote.run(commands);
        for (let at = 0; at < commands.length; at++) {
          const words = commands[at]!;
          const width = unordered[words[0]!];
          let mine = local.run(words);
          let theirs = expected[at]!;
          if (width !== undefined) [mine, theirs] = [sortReply(mine, width), sortReply(theirs, width)];
          // A listpack gets its times in Redis when HEXPIRE is called, here when a field gets one.
          if (words[0] === 'OBJECT')
            [mine, theirs] = [mine, theirs].map((reply) => reply.replace('$10\r\nlistpackex', '$8\r\nlistpack')) as [
              string,
              string,
            ];
          assert.equal(mine, theirs, `seed ${seed} round ${round}: ${words.join(' ').slice(0, 200)}`);
        }
        local.keyspace.verify();
        assert.deepEqual(localEvents.splice(0), await remoteEvents.take(remote), `seed ${seed} round ${round}: events`);
        for (const key of keys)
          assert.equal(walk(local, key), await walkRemote(remote, key), `seed ${seed} round ${round}: HSCAN ${key}`);
      }
      remoteEvents.close();
      remote.close();
    });
  }
});

function page(reply: string): { cursor: string; pairs: string[] } {
  const [cursor, list] = elements(reply)!;
  const flat = elements(list!)!;
  const found: string[] = [];
  for (let at = 0; at < flat.length; at += 2) found.push(flat[at]! + flat[at + 1]!);
  return { cursor: cursor!.split('\r\n')[1]!, pairs: found };
}

/** All fields of a hash, collected by HSCAN and sorted. */
function walk(local: Local, key: string): string {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const reply = local.run(['HSCAN', key, cursor, 'COUNT', '7']);
    if (reply.startsWith('-')) return reply;
    const next = page(reply);
    for (const pair of next.pairs) {
      assert.ok(!found.has(pair), 'a hash that stays as it is gives each field once');
      found.add(pair);
    }
    cursor = next.cursor;
  } while (cursor !== '0');
  return [...found].sort().join('');
}

async function walkRemote(remote: Remote, key: string): Promise<string> {
  const [reply] = await remote.run([['HSCAN', key, '0', 'COUNT', '1000000']]);
  return reply!.startsWith('-') ? reply! : [...new Set(page(reply!).pairs)].sort().join('');
}
