// The commands that the appendix of Spring Data Redis lists as supported by RedisTemplate: the server or the sentinel has each, and
// calls as its connections send them get the right replies.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer } from '../../src/index.js';
import { sentinelCommands } from '../../src/sentinel/commands/index.js';

/** Misspelt names of the table have their right spelling here. */
const supported = `
APPEND AUTH BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITOP BLPOP BRPOP BRPOPLPUSH CLIENT|KILL CLIENT|GETNAME CLIENT|LIST
CLIENT|SETNAME CONFIG|GET CONFIG|RESETSTAT CONFIG|SET DBSIZE DECR DECRBY DEL DISCARD DUMP ECHO EVAL EVALSHA EXEC EXISTS
EXPIRE EXPIREAT FLUSHALL FLUSHDB GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEOSEARCH GEOSEARCHSTORE GET
GETBIT GETRANGE GETSET HDEL HEXISTS HEXPIRE HEXPIREAT HPEXPIRE HPEXPIREAT HPERSIST HTTL HPTTL HGET HGETALL HINCRBY
HINCRBYFLOAT HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX HVALS INCR INCRBY INCRBYFLOAT INFO KEYS LASTSAVE LINDEX LINSERT LLEN
LPOP LPUSH LPUSHX LRANGE LREM LSET LTRIM MGET MOVE MSET MSETNX MULTI PERSIST PEXPIRE PEXPIREAT PFADD PFCOUNT PFMERGE PING
PSETEX PSUBSCRIBE PTTL PUBLISH QUIT RANDOMKEY RENAME RENAMENX REPLICAOF RESTORE RPOP RPOPLPUSH RPUSH RPUSHX SADD SAVE SCAN
SCARD SCRIPT|EXISTS SCRIPT|FLUSH SCRIPT|KILL SCRIPT|LOAD SDIFF SDIFFSTORE SELECT SET SETBIT SETEX SETNX SETRANGE SHUTDOWN
SINTER SINTERSTORE SISMEMBER SLAVEOF SMEMBERS SMOVE SORT SPOP SRANDMEMBER SREM SSCAN STRLEN SUBSCRIBE SUNION SUNIONSTORE TIME
TTL TYPE UNSUBSCRIBE UNWATCH WATCH XACK XACKDEL XADD XAUTOCLAIM XCLAIM XDEL XDELEX XGROUP XINFO XLEN XPENDING XRANGE XREAD
XREADGROUP XREVRANGE XTRIM ZADD ZCARD ZCOUNT ZINCRBY ZINTERSTORE ZRANGE ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM
ZREMRANGEBYRANK ZREVRANGE ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNIONSTORE
`
  .trim()
  .split(/\s+/);
const supportedOfSentinel = ['failover', 'masters', 'monitor', 'remove', 'slaves'];

/** Calls as the template's connection sends them, and their replies on an empty server. */
const calls: readonly (readonly [string, unknown])[] = [
  ['SET greeting hello PX 100000 NX', 'OK'],
  ['HMSET user:1 name Ada logins 2', 'OK'],
  ['HGETALL user:1', ['name', 'Ada', 'logins', '2']],
  ['HPEXPIRE user:1 100000 FIELDS 1 name', [1]],
  ['BRPOPLPUSH none other 0.01', null],
  ['ZADD board 1 ann 2 bob', 2],
  ['ZREVRANGEBYSCORE board +inf -inf WITHSCORES LIMIT 0 1', ['bob', '2']],
  ['ZRANGESTORE best board 0 0 REV', 1],
  ['GEOADD places 13.361389 38.115556 palermo', 1],
  ['GEOSEARCH places FROMMEMBER palermo BYRADIUS 1 km ASC', ['palermo']],
  ['XADD log 1-1 field value', '1-1'],
  ['XGROUP CREATE log workers 0 MKSTREAM', 'OK'],
  ['XREADGROUP GROUP workers one COUNT 1 STREAMS log >', [['log', [['1-1', ['field', 'value']]]]]],
  ['XACKDEL log workers KEEPREF IDS 1 1-1', [1]],
  ['BITFIELD bits INCRBY u8 0 5 OVERFLOW SAT SET u8 8 300', [5, 0]],
  ['SCAN 0 MATCH greet* COUNT 1000', ['0', ['greeting']]],
  ['SORT board BY nosort DESC', ['bob', 'ann']],
];

describe('Spring Data Redis', () => {
  it('finds each command of its table in the server', async () => {
    const server = await startServer();
    const client = new Redis(server.port, server.host);
    try {
      assert.equal(new Set(supported).size, supported.length);
      const found = (await client.call('COMMAND', 'INFO', ...supported)) as (readonly unknown[] | null)[];
      assert.deepEqual(
        supported.filter((_, index) => found[index] === null),
        [],
      );
      for (const [line, reply] of calls) {
        const [name, ...args] = line.split(' ');
        assert.deepEqual(await client.call(name!, ...args), reply, line);
      }
    } finally {
      client.disconnect();
      await server.close();
    }
  });

  it('and those of sentinels in the sentinel', () => {
    const sentinel = sentinelCommands.find(({ name }) => name === 'sentinel');
    const names = sentinel?.subcommands?.map(({ name }) => name) ?? [];
    for (const name of supportedOfSentinel) assert.ok(names.includes(name), name);
  });
});
