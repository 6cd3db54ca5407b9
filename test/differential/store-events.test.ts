// The events of commands that store a value under a key, in order: where the key was missing, where it existed, and where
// it had a value of another type. Only the first makes the key new.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { listenLocally, RemoteEvents } from './keyspace-events.js';
import { Local, Remote } from './side-by-side.js';

const sources = [
  'RPUSH list 3 1 2',
  'SADD set 1 2 3',
  'SADD set2 3 4',
  'ZADD zset 1 a 2 b',
  'GEOADD geo 13 38 p 15 37 c',
  'SET text abc',
  'PFADD hll a b',
];

/** Each stores something under `target`. */
const stores = [
  'SET target x',
  'SETEX target 100 x',
  'GETSET target x',
  'MSET target x',
  'SET target x EX 100',
  'COPY text target REPLACE',
  'COPY list target REPLACE',
  'SORT list STORE target',
  'SORT none STORE target',
  'BITOP OR target text',
  'BITOP OR target none',
  'PFMERGE target hll',
  'SUNIONSTORE target set set2',
  'SINTERSTORE target set set2',
  'SDIFFSTORE target set set2',
  'SDIFFSTORE target none',
  'ZUNIONSTORE target 1 zset',
  'ZINTERSTORE target 2 zset zset',
  'ZDIFFSTORE target 1 zset',
  'ZDIFFSTORE target 1 none',
  'ZRANGESTORE target zset 0 -1',
  'ZRANGESTORE target zset 7 8',
  'GEOSEARCHSTORE target geo FROMLONLAT 15 37 BYRADIUS 200 km',
  'GEOSEARCHSTORE target geo FROMLONLAT 1 1 BYRADIUS 2 km STOREDIST',
  'GEORADIUS geo 15 37 200 km STORE target',
  'RENAME text target',
  'RENAMENX text target',
];

/** What `target` is before. */
const states = [
  'DEL target',
  'SET target before',
  'SET target before EX 1000',
  'RPUSH target before',
  'ZADD target 5 before',
];

describe('events of commands that store a value', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  test('are those of redis-server, in its order', async () => {
    const local = new Local(1);
    const remote = await Remote.connect(redis.port);
    const remoteEvents = await RemoteEvents.connect(redis.port, remote);
    const localEvents = listenLocally(local);
    const run = async (text: string): Promise<void> => {
      const words = text.split(' ');
      local.run(words);
      await remote.run([words]);
    };
    for (const state of states) {
      for (const store of stores) {
        await remote.run([['FLUSHALL']]);
        for (const database of local.keyspace.databases) database.clear();
        for (const source of [...sources, 'DEL target', state]) await run(source);
        localEvents.length = 0;
        await remoteEvents.take(remote);
        await run(store);
        assert.deepEqual(localEvents, await remoteEvents.take(remote), `${state}, then ${store}`);
      }
    }
    remoteEvents.close();
    remote.close();
  });
});
