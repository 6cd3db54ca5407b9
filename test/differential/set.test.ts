import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { listenLocally, RemoteEvents } from './keyspace-events.js';
import { Local, Remote, type Words } from './side-by-side.js';
import { elements, sortReply } from './unordered.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'd', 'missing', 'string'];
const edges = [
  '',
  '0',
  '-0',
  '01',
  '127',
  '128',
  '-32768',
  '32768',
  '-2147483649',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  'x',
  'a\r\nb',
];
const unordered = new Set(['SMEMBERS', 'SINTER', 'SUNION', 'SDIFF', 'SPOP', 'SRANDMEMBER']);

function member(prng: Prng): string {
  const kind = prng.below(20);
  if (kind === 0) return prng.pick(edges);
  if (kind === 1) return 'L'.repeat(prng.below(100));
  if (kind < 12) return String(prng.below(150) - 20);
  return `m${prng.below(60)}`;
}

/** Members of one kind, so that intsets stay intsets for a while. */
function many(prng: Prng): string[] {
  const count = 1 + prng.below(prng.chance(8) ? 300 : 6);
  const integers = prng.chance(50);
  return Array.from({ length: count }, () =>
    integers ? String(prng.below(2000) * (prng.chance(2) ? 1e8 : 1)) : member(prng),
  );
}

function some(prng: Prng, most = 4): string[] {
  return Array.from({ length: 1 + prng.below(most) }, () => prng.pick(keys.slice(0, prng.chance(3) ? 6 : 5)));
}

function randomCommand(prng: Prng): Words {
  const key = prng.chance(3) ? 'string' : prng.pick(keys.slice(0, 5));
  const number = (): string =>
    prng.chance(5)
      ? prng.pick(['x', '', '1.5', '-9223372036854775808', '9223372036854775808'])
      : String(prng.below(8) - 1);
  switch (prng.below(22)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return ['SADD', key, ...many(prng)];
    case 4:
      return ['SREM', key, ...many(prng)];
    case 5:
      return ['SMOVE', key, prng.pick(keys), member(prng)];
    case 6:
      return ['SISMEMBER', key, member(prng)];
    case 7:
      return ['SMISMEMBER', key, ...many(prng).slice(0, 10)];
    case 8:
      return ['SCARD', key];
    case 9:
      return ['SMEMBERS', key];
    case 10:
      return ['SINTER', ...some(prng)];
    case 11:
      return ['SUNION', ...some(prng)];
    case 12:
      return ['SDIFF', ...some(prng)];
    case 13:
      return ['SINTERSTORE', key, ...some(prng)];
    case 14:
      return ['SUNIONSTORE', key, ...some(prng)];
    case 15:
      return ['SDIFFSTORE', key, ...some(prng)];
    case 16:
      return [
        'SINTERCARD',
        prng.chance(80) ? '2' : number(),
        ...some(prng, 2),
        ...(prng.chance(50) ? [prng.pick(['LIMIT', 'limit', 'other']), number()] : []),
      ];
    case 17:
      return ['SPOP', key, prng.pick(['1000000', '0', '1000000', '-1', 'x', '9223372036854775808'])];
    case 18:
      return ['SRANDMEMBER', key, prng.pick(['1000000', '0', 'x', '-9223372036854775808', '9223372036854775807'])];
    case 19:
      return ['OBJECT', 'ENCODING', key];
    case 20:
      return prng.pick([
        ['DEL', key],
        ['SPOP', 'absent'],
        ['RENAME', key, prng.pick(keys.slice(0, 4))],
        ['COPY', key, prng.pick(keys.slice(0, 4)), 'REPLACE'],
      ]);
    default:
      return [
        'SSCAN',
        key,
        prng.pick(['0', 'x']),
        ...(prng.chance(20) ? ['MATCH', 'no?match'] : []),
        ...(prng.chance(20) ? ['COUNT', number()] : []),
        ...(prng.chance(5) ? ['NOVALUES'] : []),
      ];
  }
}

describe('set commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  let hasListpacks = false;
  before(async () => {
    redis = await startRedis();
    hasListpacks = (await redis.send('CONFIG', 'GET', 'set-max-listpack-entries')) !== '';
  });
  after(() => redis.stop());

  for (const [entries, protocol] of [
    [10, 2],
    [128, 3],
  ] as const) {
    test(`up to ${entries} members in a listpack, RESP${protocol}`, async () => {
      const prng = new Prng(seed * 100 + entries);
      const local = new Local(seed);
      local.protocol = protocol;
      local.limits.setMaxListpackEntries = entries;
      local.limits.setMaxIntsetEntries = entries * 3;
      const remote = await Remote.connect(redis.port);
      const first = [
        ['FLUSHALL'],
        ['CONFIG', 'SET', 'set-max-intset-entries', String(entries * 3)],
        ['HELLO', String(protocol)],
        ['SET', 'string', 'value'],
      ];
      if (hasListpacks) first.push(['CONFIG', 'SET', 'set-max-listpack-entries', String(entries)]);
      await remote.run(first);
      local.run(['SET', 'string', 'value']);
      const remoteEvents = await RemoteEvents.connect(redis.port, remote);
      const localEvents = listenLocally(local);
      for (let round = 0; round < 40; round++) {
        const commands = Array.from({ length: 150 }, () => randomCommand(prng));
        const expected = await remote.run(commands);
        for (let at = 0; at < commands.length; at++) {
          const words = commands[at]!;
          const where = `seed ${seed} round ${round}: ${words.join(' ').slice(0, 200)}`;
          let mine = local.run(words);
          let theirs = expected[at]!;
          if (unordered.has(words[0]!)) [mine, theirs] = [sortReply(mine, 1), sortReply(theirs, 1)];
          if (words[0] === 'OBJECT' && !hasListpacks && /listpack|hashtable/.test(mine)) continue;
          if (words[0] === 'SSCAN') {
            // Only the shape: cursors and the order are each server's own, and NOVALUES is newer than 7.0.
            if (words.includes('NOVALUES') || mine.startsWith('*2')) continue;
          }
          assert.equal(mine, theirs, where);
        }
        local.keyspace.verify();
        assert.deepEqual(localEvents.splice(0), await remoteEvents.take(remote), `seed ${seed} round ${round}: events`);
        for (const key of keys)
          assert.equal(walk(local, key), await walkRemote(remote, key), `seed ${seed} round ${round}: SSCAN ${key}`);
      }
      remoteEvents.close();
      remote.close();
    });
  }
});

function page(reply: string): { cursor: string; members: string[] } {
  const [cursor, list] = elements(reply)!;
  return { cursor: cursor!.split('\r\n')[1]!, members: elements(list!)! };
}

/** All members of a set, collected by SSCAN and sorted. */
function walk(local: Local, key: string): string {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const reply = local.run(['SSCAN', key, cursor, 'COUNT', '7']);
    if (reply.startsWith('-')) return reply;
    const { cursor: next, members } = page(reply);
    for (const each of members) assert.ok(!found.has(each), 'a set that stays as it is gives each member once');
    for (const each of members) found.add(each);
    cursor = next;
  } while (cursor !== '0');
  return [...found].sort().join('');
}

async function walkRemote(remote: Remote, key: string): Promise<string> {
  const [reply] = await remote.run([['SSCAN', key, '0', 'COUNT', '1000000']]);
  return reply!.startsWith('-') ? reply! : [...new Set(page(reply!).members)].sort().join('');
}

test('SPOP and SRANDMEMBER give members, different ones where they must', () => {
  const local = new Local(seed);
  const prng = new Prng(seed);
  for (const size of [5, 100, 2000]) {
    for (const integers of [true, false]) {
      const all = Array.from({ length: size }, (_, index) => (integers ? String(index) : `m${index}`));
      local.run(['SADD', 'set', ...all]);
      let left = size;
      while (left > 0) {
        const count = 1 + prng.below(Math.max(1, left >> 1));
        const drawn = elements(local.run(['SRANDMEMBER', 'set', String(count)]))!;
        assert.equal(new Set(drawn).size, Math.min(count, left));
        assert.equal(elements(local.run(['SRANDMEMBER', 'set', String(-3 * count)]))!.length, 3 * count);
        const popped = elements(local.run(['SPOP', 'set', String(count)]))!;
        assert.equal(new Set(popped).size, Math.min(count, left));
        for (const bulk of popped) assert.equal(local.run(['SISMEMBER', 'set', bulk.split('\r\n')[1]!]), ':0\r\n');
        left -= popped.length;
        assert.equal(local.run(['SCARD', 'set']), `:${left}\r\n`);
        if (left > 0) {
          local.run(['SPOP', 'set']);
          left--;
        }
      }
      assert.equal(local.run(['EXISTS', 'set']), ':0\r\n');
    }
  }
  local.keyspace.verify();
});

test('effects are propagated as what was done', () => {
  const local = new Local(seed);
  local.propagates = true;
  local.run(['SADD', 's', 'a']);
  local.run(['SADD', 't', 'a', 'b', 'c', 'd']);
  local.run(['SPOP', 's']);
  local.run(['SPOP', 't', '100']);
  assert.deepEqual(local.propagated, [
    ['SREM', 's', 'a'],
    ['DEL', 't'],
  ]);
});

test('counting a combination gives the size of its reply', () => {
  const local = new Local(seed);
  const prng = new Prng(seed);
  for (let round = 0; round < 300; round++) {
    local.run(['SADD', prng.pick(keys), ...many(prng)]);
    if (prng.chance(10)) local.run(['DEL', prng.pick(keys)]);
    const sources = Array.from({ length: 1 + prng.below(4) }, () => prng.pick(keys));
    const limit = prng.below(40);
    for (const operation of ['INTER', 'UNION', 'DIFF']) {
      const size = elements(local.run([`S${operation}`, ...sources]))!.length;
      const counted = [`S${operation}CARD`, String(sources.length), ...sources];
      assert.equal(local.run(counted), `:${size}\r\n`, `seed ${seed}: ${counted.join(' ')}`);
      assert.equal(
        local.run([...counted, 'LIMIT', String(limit)]),
        `:${limit === 0 ? size : Math.min(limit, size)}\r\n`,
      );
      if (operation === 'UNION') assert.equal(local.run([...counted, 'APPROX']), `:${size}\r\n`);
      else assert.match(local.run([...counted, 'APPROX']), /^-ERR syntax error/);
      assert.equal(local.run([`S${operation}STORE`, 'result', ...sources]), `:${size}\r\n`);
      assert.equal(local.run(['SCARD', 'result']), `:${size}\r\n`);
    }
    local.keyspace.verify();
  }
});
