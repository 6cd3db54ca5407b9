// Transactions and scripts whose server changes under them: they are refused in redis-server's words, or not at all.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sha1Hex } from '../../src/base/sha1.js';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import type { Words } from '../differential/side-by-side.js';
import { Terminal } from './terminal.js';

/** Each line is a client's number and its command. */
type Play = readonly (readonly [client: number, ...words: Words])[];

const plays: readonly (readonly [name: string, play: Play])[] = [
  [
    'too few replicas',
    [
      [0, 'MULTI'],
      [0, 'SET', 'x', '1'],
      [1, 'CONFIG', 'SET', 'min-replicas-to-write', '2'],
      [0, 'EXEC'],
      [0, 'MULTI'],
      [0, 'GET', 'x'],
      [0, 'EXEC'],
      [0, 'MULTI'],
      [0, 'SET', 'x', '1'],
      [0, 'EXEC'],
      [1, 'SET', 'x', '1'],
      [1, 'GET', 'x'],
      [1, 'PUBLISH', 'c', 'm'],
      [1, 'PFCOUNT', 'p'],
      [1, 'EVAL', "return redis.call('set','x','1')", '0'],
      [1, 'EVAL', "return redis.pcall('set','x','1')", '0'],
      [1, 'EVAL', "return redis.call('get','x')", '0'],
      [1, 'EVAL', '#!lua\nreturn 1', '0'],
      [1, 'EVAL', '#!lua flags=no-writes\nreturn 1', '0'],
      [1, 'FUNCTION', 'LOAD', '#!lua name=l\nredis.register_function("f", function() end)'],
      [1, 'CONFIG', 'SET', 'min-replicas-max-lag', '0'],
      [1, 'SET', 'x', '1'],
      [1, 'CONFIG', 'SET', 'min-replicas-max-lag', '10'],
      [1, 'SET', 'x', '2'],
      [1, 'CONFIG', 'SET', 'min-replicas-to-write', '0'],
      [1, 'SET', 'x', '3'],
    ],
  ],
  [
    'too much memory',
    [
      [0, 'MULTI'],
      [0, 'SET', 'x', '1'],
      [1, 'CONFIG', 'SET', 'maxmemory', '1'],
      [0, 'EXEC'],
      [0, 'MULTI'],
      [0, 'SET', 'x', '1'],
      [0, 'EXEC'],
      [1, 'SET', 'x', '1'],
      [1, 'EVAL', "return redis.call('set','x','1')", '0'],
      [1, 'EVAL', "return redis.pcall('set','x','1')", '0'],
      [1, 'EVAL', "redis.call('del','x') return redis.call('set','x','1')", '0'],
      [1, 'EVAL', '#!lua\nreturn 1', '0'],
      [1, 'EVAL', '#!lua flags=no-writes\nreturn 1', '0'],
      [1, 'EVAL', "#!lua flags=allow-oom\nreturn redis.call('set','x','1')", '0'],
      [1, 'EVAL', "#!lua flags=no-writes,allow-oom\nreturn redis.call('set','x','1')", '0'],
      [0, 'MULTI'],
      [0, 'EVAL', '#!lua\nreturn 1', '0'],
      [0, 'EXEC'],
      [1, 'CONFIG', 'SET', 'maxmemory', '0'],
    ],
  ],
  [
    'watched keys',
    [
      [0, 'WATCH', 'w'],
      [1, 'EVAL', "return redis.call('get','w')", '0'],
      [0, 'MULTI'],
      [0, 'PING'],
      [0, 'EXEC'],
      [0, 'WATCH', 'w'],
      [1, 'EVAL', "return redis.call('set','w','1')", '0'],
      [0, 'MULTI'],
      [0, 'PING'],
      [0, 'EXEC'],
      [0, 'WATCH', 'w'],
      [0, 'EVAL', "return redis.call('set','w','2')", '0'],
      [0, 'MULTI'],
      [0, 'PING'],
      [0, 'EXEC'],
      [0, 'WATCH', 'w'],
      [0, 'MULTI'],
      [0, 'EVAL', "return redis.call('set','w','2')", '0'],
      [0, 'INCR', 'w'],
      [0, 'EXEC'],
    ],
  ],
  [
    'a pause of writes lets scripts through that only read',
    [
      [1, 'SET', 'x', '1'],
      [
        1,
        'FUNCTION',
        'LOAD',
        "#!lua name=r\nredis.register_function{function_name='r', callback=function() return 7 end, flags={'no-writes'}}",
      ],
      [1, 'CLIENT', 'PAUSE', '100000', 'WRITE'],
      [0, 'EVAL', '#!lua flags=no-writes\nreturn 1', '0'],
      [0, 'EVAL_RO', "return redis.call('get', KEYS[1])", '1', 'x'],
      [0, 'FCALL', 'r', '0'],
      [0, 'FCALL_RO', 'r', '0'],
      [0, 'SCRIPT', 'LOAD', '#!lua flags=no-writes\nreturn 2'],
      [0, 'EVALSHA', sha1Hex('#!lua flags=no-writes\nreturn 2'), '0'],
      [0, 'MULTI'],
      [0, 'EVAL', '#!lua flags=no-writes\nreturn 3', '0'],
      [0, 'EVAL_RO', 'return 4', '0'],
      [0, 'FCALL', 'r', '0'],
      [0, 'EXEC'],
      [1, 'CLIENT', 'UNPAUSE'],
      [0, 'SET', 'x', '2'],
    ],
  ],
];

describe('transactions and scripts beside redis-server', { skip: peerMissing('redis-server') }, () => {
  let kvasir: RedisPeer;
  let redis: RedisPeer;

  before(async () => {
    [kvasir, redis] = await Promise.all([startKvasir(), startRedis()]);
  });
  after(() => Promise.all([kvasir?.stop(), redis?.stop()]));

  async function perform(server: RedisPeer, play: Play): Promise<string[]> {
    const clients = [await Terminal.open(server.port), await Terminal.open(server.port)];
    const told: string[] = [];
    for (const [client, ...words] of play)
      told.push(`${client}> ${words.join(' ')} -> ${await clients[client]!.type(...words)}`);
    for (const client of clients) client.close();
    return told;
  }

  for (const [name, play] of plays) {
    test(name, async () => {
      const [ours, theirs] = [await perform(kvasir, play), await perform(redis, play)];
      const differing = ours
        .filter((text, index) => text !== theirs[index])
        .map((text) => `ours   ${text}\ntheirs ${theirs[ours.indexOf(text)]}`);
      assert.equal(differing.length, 0, differing.join('\n'));
    });
  }
});
