import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, type Words } from './side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'd'];

function place(prng: Prng): string {
  if (prng.chance(3))
    return prng.pick(['x', '', '4294967296', '4294967295', '-1', '99999999999999999999', '1.5', '9223372036854775807']);
  return String(prng.below(prng.chance(20) ? 40_000 : 200));
}

function index(prng: Prng): string {
  return prng.chance(3)
    ? prng.pick(['x', '9223372036854775807', '-9223372036854775808'])
    : String(prng.below(prng.chance(30) ? 300 : 20) - (prng.chance(50) ? 15 : 0));
}

function fieldType(prng: Prng): string {
  if (prng.chance(3)) return prng.pick(['i0', 'u64', 'i65', 'x8', 'u', 'I8', 'i08']);
  return prng.chance(50) ? `u${1 + prng.below(63)}` : `i${1 + prng.below(64)}`;
}

function fieldOperation(prng: Prng): string[] {
  const at = prng.chance(30) ? `#${prng.below(20)}` : place(prng);
  const value = prng.pick([
    '0',
    '1',
    '-1',
    '100',
    '127',
    '-128',
    '255',
    '256',
    '9223372036854775807',
    '-9223372036854775808',
    '4294967295',
    prng.chance(5) ? 'x' : '7',
  ]);
  switch (prng.below(8)) {
    case 0:
      return ['OVERFLOW', prng.pick(['WRAP', 'sat', 'FAIL', 'SAT', prng.chance(10) ? 'none' : 'wrap'])];
    case 1:
    case 2:
      return ['GET', fieldType(prng), at];
    case 3:
    case 4:
      return ['SET', fieldType(prng), at, value];
    default:
      return ['INCRBY', fieldType(prng), at, value];
  }
}

function randomCommand(prng: Prng): Words {
  const key = prng.chance(2) ? 'list' : prng.pick(keys);
  const unit = (): string[] =>
    prng.chance(60) ? [prng.pick(['BYTE', 'bit', 'BIT', prng.chance(5) ? 'word' : 'byte'])] : [];
  switch (prng.below(12)) {
    case 0:
    case 1:
      return ['SETBIT', key, place(prng), prng.chance(3) ? '2' : prng.pick(['0', '1'])];
    case 2:
      return ['GETBIT', key, place(prng)];
    case 3:
      return ['BITCOUNT', key, ...(prng.chance(70) ? [index(prng), index(prng), ...unit()] : [])];
    case 4:
    case 5:
      return [
        'BITPOS',
        key,
        prng.chance(2) ? '2' : prng.pick(['0', '1']),
        ...(prng.chance(70) ? [index(prng), ...(prng.chance(70) ? [index(prng), ...unit()] : [])] : []),
      ];
    case 6: {
      const operation = prng.pick(['AND', 'or', 'XOR', 'NOT', prng.chance(3) ? 'nand' : 'and']);
      return [
        'BITOP',
        operation,
        prng.pick(keys),
        key,
        ...(operation === 'NOT' && prng.chance(95) ? [] : Array.from({ length: prng.below(3) }, () => prng.pick(keys))),
      ];
    }
    case 7:
    case 8:
      return ['BITFIELD', key, ...Array.from({ length: prng.below(6) }, () => fieldOperation(prng)).flat()];
    case 9:
      return ['BITFIELD_RO', key, 'GET', fieldType(prng), place(prng), ...(prng.chance(5) ? fieldOperation(prng) : [])];
    case 10:
      return prng.chance(10)
        ? ['DEL', key]
        : [
            'SET',
            prng.pick(keys),
            prng.pick([
              '\xff\xff\xff',
              '\0\0',
              'foobar',
              '\xff'.repeat(30),
              '\0'.repeat(40) + 'x',
              '',
              '12345',
              'y'.repeat(1100),
            ]),
          ];
    default:
      return prng.chance(20) ? ['BITFIELD', key, 'GET'] : ['GET', key];
  }
}

describe('bitmap commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  test('a random history', async () => {
    const prng = new Prng(seed);
    const local = new Local(seed);
    local.limits.protoMaxBulkLen = 1024 * 1024;
    const remote = await Remote.connect(redis.port);
    await remote.run([
      ['CONFIG', 'SET', 'proto-max-bulk-len', String(1024 * 1024)],
      ['RPUSH', 'list', 'x'],
    ]);
    local.run(['RPUSH', 'list', 'x']);
    for (let round = 0; round < 60; round++) {
      const commands = Array.from({ length: 200 }, () => randomCommand(prng));
      const expected = await remote.run(commands);
      for (let at = 0; at < commands.length; at++) {
        const where = `seed ${seed} round ${round} command ${at}: ${JSON.stringify(commands[at]!.join(' ').slice(0, 300))}`;
        const reply = local.run(commands[at]!);
        // As redis-server does since 7.2, arguments are read before the key is looked up.
        const isEarly =
          reply.startsWith('-ERR') && /^BIT(COUNT|POS)$/.test(commands[at]![0]!) && !expected[at]!.startsWith('-ERR');
        if (!isEarly) assert.equal(reply, expected[at], where);
      }
      local.keyspace.verify();
    }
    remote.close();
  });
});
