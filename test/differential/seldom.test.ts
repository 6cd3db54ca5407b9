// Rare findings of the random commands, pinned: the same commands here and on redis-server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, type Words } from './side-by-side.js';

const cases: Readonly<Record<string, readonly Words[]>> = {
  'ids of streams are read as strtoull reads': [
    ['XADD', 'x', '5', 'a', 'b'],
    ['XADD', 'x', ' 200', 'a', 'b'],
    ['XADD', 'x', '\t+201-1', 'a', 'b'],
    ['XRANGE', 'x', ' 1', '+'],
    ['XRANGE', 'x', '1', '5-\n7'],
    ...[
      '',
      ' ',
      '+',
      ' +',
      '+ 1',
      '-5',
      '1-',
      '1--1',
      '1 ',
      '18446744073709551616',
      ' 18446744073709551615',
      '1-x',
    ].map((id) => ['XRANGE', 'x', id, '+']),
    ['XTRIM', 'x', 'MINID', ' 1'],
    ['XDEL', 'x', ' 5'],
  ],
  'a LIMIT of -1 counts for nothing among ranks': [
    ['ZADD', 'z', '0', 'a', '1', 'b'],
    ['ZRANGE', 'z', '-4', '13', 'LIMIT', '128', '-1'],
    ['ZRANGE', 'z', '0', '-1', 'REV', 'LIMIT', '1', '-1', 'WITHSCORES'],
    ['ZRANGESTORE', 'to', 'z', '-4', '13', 'LIMIT', '128', '-1'],
    ['ZRANGE', 'z', '0', '1', 'LIMIT', '0', '2'],
    ['ZRANGE', 'z', '0', '1', 'BYSCORE', 'LIMIT', '1', '-1'],
  ],
  'integers stay within 64 bits': [
    // A group's entries-read is bounded by the entries added here, as in newer versions.
    ['XGROUP', 'CREATE', 'x', 'group', '$', 'MKSTREAM', 'ENTRIESREAD', '0'],
    ['XINFO', 'GROUPS', 'x'],
    ['XADD', 'y', '1-1', 'a', 'b'],
    ['XSETID', 'y', '2-1', 'ENTRIESADDED', '9223372036854775807', 'MAXDELETEDID', '0-0'],
  ],
  'LCS refuses a table that is larger than the longest string': [
    ['SETRANGE', 'a', '12000', 'x'],
    ['SETRANGE', 'b', '11000', 'x'],
    ['LCS', 'a', 'b', 'LEN'],
    ['SET', 'c', 'xyz'],
    ['LCS', 'a', 'c', 'LEN'],
  ],
};

describe('what is seldom met answers as on redis-server', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  for (const [name, commands] of Object.entries(cases)) {
    test(name, async () => {
      const remote = await Remote.connect(redis.port);
      try {
        const theirs = await remote.run([['FLUSHALL'], ...commands]);
        const local = new Local(1);
        for (const [index, words] of commands.entries())
          assert.equal(local.run(words), theirs[index + 1], words.join(' '));
      } finally {
        remote.close();
      }
    });
  }

  test('times to live stay within 64 bits', async () => {
    const local = new Local(1);
    local.run(['SET', 'k', 'v']);
    assert.equal(local.run(['EXPIREAT', 'k', '9223372036854775']), ':1\r\n');
    for (const name of ['PEXPIRETIME', 'PTTL'])
      assert.ok(BigInt(local.run([name, 'k']).slice(1).trim()) < 2n ** 63n, name);
  });
});
