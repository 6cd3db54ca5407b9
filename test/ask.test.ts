import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, askRedisCli } from './ask.js';
import { findFreePort, peerMissing, startRedis } from './peer.js';

describe('ask', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('returns what redis-cli prints', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    for (const words of [
      ['SET', 'text', 'größer\nthan\n'],
      ['GET', 'text'],
      ['GET', 'missing'],
      ['EVAL', 'return "\\200\\255 and \\r\\n"', '0'],
      ['EVAL', 'return {1,{2,{"a",{}}},false,{err="ERR inside"},{ok="fine"},""}', '0'],
      ['EVAL', 'return {}', '0'],
      ['STRLEN', 'text'],
      ['INCR', 'text'],
      ['NONSENSE', 'a b'],
      ['GET'],
      ['CONFIG', 'GET', 'maxmemory*'],
      ['INFO', 'keyspace'],
      ['INFO', 'nonsense'],
      ['CLUSTER', 'NODES'],
      ['CLUSTER', 'INFO'],
      ['CLUSTER', 'KEYSLOT', 'a'],
      ['MEMORY', 'DOCTOR'],
      ['CLIENT', 'SETNAME', 'a b'],
      ['-n', '3', 'DBSIZE'],
      ['COMMAND', 'INFO', 'get', 'nonsense'],
      ['LATENCY', 'DOCTOR'],
      ['DEBUG', 'SLEEP', '0'],
    ])
      assert.equal(await ask(redis.port, words), await askRedisCli(redis.port, words), words.join(' '));
    const masked = (text: string): string => text.replace(/\b(id|addr|laddr|fd|age|idle|tot-mem|rbs|rbp)=\S+/g, '$1=N');
    assert.equal(
      masked(await ask(redis.port, ['CLIENT', 'LIST'])),
      masked(await askRedisCli(redis.port, ['CLIENT', 'LIST'])),
    );
    for (let count = 0; count < 20; count++)
      assert.match(await ask(redis.port, ['INFO', 'clients']), /connected_clients:1\r/);
  });

  it('returns nothing where redis-cli prints nothing', async () => {
    assert.equal(await ask(await findFreePort(), ['PING']), '');
    const redis = await startRedis();
    assert.equal(await ask(redis.port, ['SHUTDOWN', 'NOSAVE']), '');
    await redis.stop();
  });
});
