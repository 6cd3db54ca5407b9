import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Local } from './side-by-side.js';

/** Options that no redis-server of a distribution has yet, checked against their documentation. */
describe('options of later versions', () => {
  test('ZRANK and ZREVRANK tell the score too', () => {
    const local = new Local(1);
    local.run(['ZADD', 'z', '1.5', 'a', '2', 'b']);
    assert.equal(local.run(['ZRANK', 'z', 'a', 'WITHSCORE']), '*2\r\n:0\r\n$3\r\n1.5\r\n');
    assert.equal(local.run(['ZREVRANK', 'z', 'a', 'withscore']), '*2\r\n:1\r\n$3\r\n1.5\r\n');
    assert.equal(local.run(['ZRANK', 'z', 'x', 'WITHSCORE']), '*-1\r\n');
    assert.equal(local.run(['ZRANK', 'none', 'x', 'WITHSCORE']), '*-1\r\n');
    assert.equal(local.run(['ZRANK', 'z', 'a', 'nonsense']), '-ERR syntax error\r\n');
    assert.equal(
      local.run(['ZRANK', 'z', 'a', 'WITHSCORE', 'x']),
      "-ERR wrong number of arguments for 'zrank' command\r\n",
    );
    local.protocol = 3;
    assert.equal(local.run(['ZRANK', 'z', 'b', 'WITHSCORE']), '*2\r\n:1\r\n,2\r\n');
    assert.equal(local.run(['ZRANK', 'z', 'x', 'WITHSCORE']), '_\r\n');
  });

  test('AGGREGATE COUNT adds up the weights of the sets that hold a member', () => {
    const local = new Local(1);
    local.run(['ZADD', 'a', '10', 'x', '20', 'y']);
    local.run(['ZADD', 'b', '-7', 'x', 'inf', 'z']);
    local.run(['SADD', 'plain', 'x', 'z']);
    const scores = (words: string[]): string =>
      local
        .run(words)
        .replaceAll('\r\n', ' ')
        .replace(/[*$]\d+ /g, '')
        .trim();
    const three = ['3', 'a', 'b', 'plain'];
    const weights = ['WEIGHTS', '2', '0.5', '10'];
    assert.equal(scores(['ZUNION', ...three, 'AGGREGATE', 'COUNT', 'WITHSCORES']), 'y 1 z 2 x 3');
    assert.equal(scores(['ZUNION', ...three, 'aggregate', 'count', ...weights, 'WITHSCORES']), 'y 2 z 10.5 x 12.5');
    assert.equal(scores(['ZINTER', ...three, 'AGGREGATE', 'COUNT', 'WITHSCORES']), 'x 3');
    assert.equal(scores(['ZINTER', ...three, ...weights, 'AGGREGATE', 'COUNT', 'WITHSCORES']), 'x 12.5');
    assert.equal(local.run(['ZUNIONSTORE', 'to', ...three, 'AGGREGATE', 'COUNT']), ':3\r\n');
    assert.equal(scores(['ZRANGE', 'to', '0', '-1', 'WITHSCORES']), 'y 1 z 2 x 3');
    assert.equal(local.run(['ZINTERSTORE', 'to', ...three, ...weights, 'AGGREGATE', 'COUNT']), ':1\r\n');
    assert.equal(scores(['ZRANGE', 'to', '0', '-1', 'WITHSCORES']), 'x 12.5');
    // Infinite weights that cancel each other are 0, as in a sum.
    const cancel = ['WEIGHTS', 'inf', '-inf', 'AGGREGATE', 'COUNT', 'WITHSCORES'];
    assert.equal(scores(['ZINTER', '2', 'a', 'b', ...cancel]), 'x 0');
    assert.equal(scores(['ZUNION', '2', 'a', 'b', ...cancel]), 'z -inf x 0 y inf');
    for (const words of [
      ['ZDIFF', '2', 'a', 'b', 'AGGREGATE', 'COUNT'],
      ['ZUNION', '2', 'a', 'b', 'AGGREGATE', 'COUNTS'],
    ])
      assert.equal(local.run(words), '-ERR syntax error\r\n');
  });

  test('ZSCAN leaves the scores out', () => {
    const local = new Local(1);
    local.run(['ZADD', 'z', '1', 'a', '2', 'b']);
    assert.equal(local.run(['ZSCAN', 'z', '0', 'NOSCORES']), '*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n');
    local.limits.zsetMaxListpackEntries = 0;
    local.run(['ZADD', 'big', '1', 'a']);
    assert.equal(local.run(['ZSCAN', 'big', '0', 'COUNT', '100', 'NOSCORES']), '*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n');
    assert.equal(local.run(['ZSCAN', 'big', '0', 'NOVALUES']), '-ERR NOVALUES option can only be used in HSCAN\r\n');
  });

  test('a walk with ZSCAN meets every member while the set grows and shrinks', () => {
    const local = new Local(7);
    const pairs = Array.from({ length: 3000 }, (_, index) => [String(index), `member${index}`]).flat();
    local.run(['ZADD', 'z', ...pairs]);
    const seen = new Set<string>();
    let cursor = '0';
    let turn = 0;
    do {
      const [next, ...rest] = local
        .run(['ZSCAN', 'z', cursor, 'MATCH', 'member*', 'COUNT', '30', 'NOSCORES'])
        .split('\r\n')
        .filter((line) => /^(\d|member)/.test(line));
      cursor = next!;
      for (const name of rest) seen.add(name);
      local.run(['ZADD', 'z', '1', `other${turn++}`]);
      local.run(['ZREM', 'z', `other${turn - 5}`]);
    } while (cursor !== '0');
    assert.equal(seen.size, 3000);
  });

  test('BITOP knows DIFF, DIFF1, ANDOR and ONE', () => {
    const local = new Local(1);
    local.run(['SET', 'x', '\xf0\xff']);
    local.run(['SET', 'y', '\x3c']);
    local.run(['SET', 'z', '\x0f\x01\x80']);
    const result = (operation: string): string => {
      local.run(['BITOP', operation, 'r', 'x', 'y', 'z']);
      return Buffer.from(local.run(['GET', 'r']).split('\r\n')[1]!, 'latin1').toString('hex');
    };
    assert.equal(result('DIFF'), 'c0fe00');
    assert.equal(result('DIFF1'), '0f0080');
    assert.equal(result('ANDOR'), '300100');
    assert.equal(result('ONE'), 'c3fe80');
    assert.equal(
      local.run(['BITOP', 'DIFF', 'r', 'x']),
      '-ERR BITOP DIFF must be called with at least two source keys.\r\n',
    );
    assert.equal(local.run(['BITOP', 'ONE', 'r', 'y']), ':1\r\n');
  });

  test('a reply with millions of repeats is refused, not tried', () => {
    const local = new Local(1);
    local.run(['ZADD', 'z', '1', 'a']);
    assert.equal(local.run(['ZRANDMEMBER', 'z', '-9223372036854775807']), '-ERR value is out of range\r\n');
    assert.equal(local.run(['ZRANDMEMBER', 'z', '-3']), '*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n');
  });

  test('what is propagated is what Redis propagates', () => {
    const local = new Local(1);
    local.propagates = true;
    const propagated = (words: string[]): string => {
      local.propagated.length = 0;
      local.run(words);
      return local.propagated.map((parts) => parts.join(' ')).join(', ');
    };
    local.run(['ZADD', 'z', '1', 'a', '2', 'b', '3', 'c', '4', 'd', '5', 'e']);
    assert.equal(propagated(['BZPOPMIN', 'none', 'z', '0']), 'ZPOPMIN z');
    assert.equal(propagated(['BZPOPMAX', 'z', '0']), 'ZPOPMAX z');
    assert.equal(propagated(['ZMPOP', '2', 'none', 'z', 'MAX', 'COUNT', '2']), 'ZPOPMAX z 2');
    assert.equal(propagated(['BZMPOP', '0', '1', 'z', 'MIN', 'COUNT', '9']), 'ZPOPMIN z 1');
    assert.equal(
      propagated(['GEOADD', 'g', 'NX', '13.361389', '38.115556', 'Palermo']),
      'ZADD g NX 3479099956230698 Palermo',
    );
    assert.equal(propagated(['GEOADD', 'g', 'NX', '13', '38', 'Palermo']), '');
    local.run(['SET', 'n', '10', 'EX', '500']);
    const soon = local.keyspace.nowMs + 100_000;
    assert.equal(propagated(['INCREX', 'n', 'BYINT', '5', 'EX', '100', 'ENX']), 'SET n 15 KEEPTTL');
    assert.equal(propagated(['INCREX', 'n', 'BYINT', '5', 'UBOUND', '15']), '');
    assert.equal(propagated(['INCREX', 'n', 'BYINT', '5', 'UBOUND', '17', 'SATURATE', 'PERSIST']), 'SET n 17');
    assert.equal(propagated(['INCREX', 'n', 'BYFLOAT', '0.5', 'EX', '100']), `SET n 17.5 PXAT ${soon}`);
    assert.equal(propagated(['INCREX', 'n', 'BYFLOAT', '0.5', 'EXAT', '1']), 'DEL n');
    local.run(['SET', 'lock', 'text']);
    const digest = local.run(['DIGEST', 'lock']).split('\r\n')[1]!;
    assert.equal(propagated(['SET', 'lock', 'next', 'IFDEQ', digest, 'EX', '100']), `SET lock next PXAT ${soon}`);
    assert.equal(propagated(['DELEX', 'lock', 'IFDNE', digest]), 'DEL lock');
    assert.equal(
      propagated(['XADD', 's', 'IDMP', 'p', 'm', '*', 'f', 'v']),
      `XADD s IDMP p m ${local.keyspace.nowMs}-0 f v`,
    );
    assert.equal(propagated(['XADD', 's', 'IDMP', 'p', 'm', '*', 'f', 'v']), '');
    local.run(['XGROUP', 'CREATE', 's', 'g', '0']);
    local.run(['XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 's', '>']);
    local.keyspace.nowMs += 60_000;
    const claim = `XCLAIM s g b 0 ${local.keyspace.nowMs - 60_000}-0 TIME ${local.keyspace.nowMs} RETRYCOUNT 2 FORCE JUSTID LASTID ${local.keyspace.nowMs - 60_000}-0`;
    assert.equal(propagated(['XREADGROUP', 'GROUP', 'g', 'b', 'CLAIM', '60000', 'STREAMS', 's', '>']), claim);
    local.run(['XNACK', 's', 'g', 'FAIL', 'IDS', '1', `${local.keyspace.nowMs - 60_000}-0`]);
    local.run(['XDEL', 's', `${local.keyspace.nowMs - 60_000}-0`]);
    assert.equal(
      propagated(['XREADGROUP', 'GROUP', 'g', 'b', 'CLAIM', '0', 'STREAMS', 's', '>']),
      `XACK s g ${local.keyspace.nowMs - 60_000}-0`,
    );
    local.run(['HIMPORT', 'PREPARE', 'fs', 'a', 'b']);
    assert.equal(propagated(['HIMPORT', 'SET', 'h', 'fs', '1', '2']), 'HSET h a 1 b 2');
    assert.equal(propagated(['HIMPORT', 'SET', 'h', 'fs', '3', '4']), 'DEL h, HSET h a 3 b 4');
  });
});
