// Scripts and transactions in the append-only file: the same commands as redis-server writes, in the same order.
import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import type { Words } from '../differential/side-by-side.js';
import { Terminal } from './terminal.js';

function script(source: string, keys: readonly string[] = [], args: readonly string[] = []): Words {
  return ['EVAL', source, String(keys.length), ...keys, ...args];
}

/** Data for the commands of a test. */
const data: readonly Words[] = [
  ['SET', 'text', 'hello'],
  ['SET', 'number', '41'],
  ['RPUSH', 'list', 'a', 'b', 'c'],
  ['HSET', 'hash', 'f', '1'],
  ['SADD', 'one', 'only'],
  ['SADD', 'set', '1', '2', '3'],
  ['ZADD', 'scores', '1', 'a', '2', 'b'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XGROUP', 'CREATE', 'stream', 'g', '0'],
  ['SETEX', 'short', '1000', 'x'],
];

/** Commands whose effect is not what was called. */
const rewritten: readonly string[] = [
  "'spop','one'",
  "'spop','one',5",
  "'expire','text',100",
  "'pexpire','text',100000",
  "'expire','text',-1",
  "'expireat','text',99999999999",
  "'set','text','x','ex',100",
  "'set','text','x','keepttl'",
  "'set','text','x','get'",
  "'setex','text',100,'x'",
  "'psetex','text',100000,'x'",
  "'getex','short','persist'",
  "'getex','short','ex',50",
  "'getex','short','px',0",
  "'getdel','text'",
  "'incrbyfloat','number','0.5'",
  "'hincrbyfloat','hash','f','0.25'",
  "'xadd','stream','5-*','a','b'",
  "'sort','list','alpha','store','sorted'",
  "'lmpop',1,'list','left','count',2",
  "'zmpop',1,'scores','min'",
  "'lmove','list','other','left','right'",
  "'rpoplpush','list','list'",
  "'smove','set','other','1'",
  "'rename','text','renamed'",
  "'copy','text','copied'",
  "'move','text',1",
  "'zadd','scores','incr','1','a'",
  "'zadd','scores','gt','0','a'",
  "'hsetnx','hash','f','2'",
  "'setnx','text','y'",
  "'persist','short'",
  "'del','none'",
  "'del','text','none'",
  "'unlink','text'",
  "'pfadd','p','a'",
  "'pfcount','p'",
  "'bitfield','bits','set','u8',0,255",
  "'bitop','not','bits','text'",
  "'setbit','bits',3,1",
  "'append','text','!'",
  "'setrange','text',0,''",
  "'ltrim','list',0,-1",
  "'lrem','list',0,'nope'",
  "'zremrangebyscore','scores',50,60",
  "'xreadgroup','group','g','c','streams','stream','>'",
  "'xack','stream','g','9-9'",
  "'xgroup','createconsumer','stream','g','c2'",
  "'xtrim','stream','maxlen','0'",
  "'xsetid','stream','7-7'",
  "'flushdb'",
  "'flushall'",
  "'swapdb',0,1",
  "'publish','c','m'",
  "'zunionstore','u',1,'scores'",
  "'sinterstore','i','set','none'",
  "'geoadd','geo',13,38,'p'",
];

const groups: readonly (readonly [name: string, commands: readonly Words[]])[] = [
  [
    'commands called from scripts',
    rewritten.flatMap((args) => [['FLUSHALL'], ...data, script(`return redis.call(${args})`)]),
  ],
  [
    'two commands of one script',
    rewritten.flatMap((args) => [
      ['FLUSHALL'],
      ...data,
      script(`redis.call('set','first','1') return redis.call(${args})`),
    ]),
  ],
  [
    'commands of transactions',
    rewritten.flatMap((args) => [
      ['FLUSHALL'],
      ...data,
      ['MULTI'],
      ['SET', 'first', '1'],
      args.replaceAll("'", '').split(','),
      ['EXEC'],
    ]),
  ],
  [
    'scripts that end badly',
    [
      script("redis.call('set','a','1') redis.call('set','b','2') error('no')"),
      script("redis.call('set','a','1') redis.call('incr','text') redis.call('set','b','2')"),
      script("redis.call('set','a','1') redis.pcall('lpush','a','2') redis.call('set','b','2')"),
      script("pcall(function() redis.call('set','a','1') error('x') end) redis.call('set','b','2')"),
      script("redis.call('get','a')"),
      script('return 1'),
      script("redis.call('del','nothing')"),
      ['EVAL_RO', "redis.call('set','a','1')", '0'],
      script("#!lua flags=no-writes\nredis.call('set','a','1')"),
    ],
  ],
  [
    'who hears of it',
    [
      script("redis.set_repl(redis.REPL_NONE) redis.call('set','a','1')"),
      script("redis.set_repl(redis.REPL_AOF) redis.call('set','a','1')"),
      script("redis.set_repl(redis.REPL_REPLICA) redis.call('set','a','1')"),
      script(
        "redis.call('set','a','1') redis.set_repl(redis.REPL_NONE) redis.call('set','b','2') redis.set_repl(redis.REPL_ALL) redis.call('set','c','3') redis.call('set','d','4')",
      ),
      script("redis.set_repl(redis.REPL_NONE) redis.call('set','a','1') redis.set_repl(redis.REPL_ALL)"),
      ['SET', 'after', '1'],
    ],
  ],
  [
    'databases',
    [
      script("redis.call('select',3) redis.call('set','a','1') redis.call('select',0) redis.call('set','b','2')"),
      ['SET', 'c', '3'],
      ['SELECT', '5'],
      script("redis.call('set','a','1') redis.call('set','b','1')"),
      script("redis.call('select',7) return redis.call('set','a','1')"),
      ['SET', 'd', '4'],
      ['MULTI'],
      ['SET', 'x', '1'],
      ['SELECT', '2'],
      ['SET', 'y', '2'],
      ['EXEC'],
      ['MULTI'],
      ['SELECT', '4'],
      ['EXEC'],
      ['SET', 'z', '1'],
      ['SELECT', '0'],
    ],
  ],
  [
    'scripts in transactions',
    [
      ['MULTI'],
      script("redis.call('set','a','1')"),
      ['EXEC'],
      ['MULTI'],
      script("redis.call('set','a','1') redis.call('set','b','1')"),
      ['INCR', 'n'],
      script('return 1'),
      ['EXEC'],
      ['MULTI'],
      script('return 1'),
      ['EXEC'],
      ['MULTI'],
      ['GET', 'a'],
      ['EXEC'],
      ['MULTI'],
      ['EXEC'],
      ['MULTI'],
      script("redis.call('set','a','1') error('x')"),
      ['INCR', 'n'],
      ['EXEC'],
      ['MULTI'],
      ['SET', 'a', '1'],
      ['FLUSHALL'],
      ['EXEC'],
      ['MULTI'],
      ['DEL', 'none'],
      ['EXEC'],
      ['MULTI'],
      ['PUBLISH', 'c', 'm'],
      ['EXEC'],
      ['MULTI'],
      ['SCRIPT', 'LOAD', 'return 5'],
      ['SET', 'a', 'b'],
      ['EXEC'],
      ['MULTI'],
      ['SET', 'foo', 'bar'],
      ['SCRIPT', 'FLUSH'],
      ['EXEC'],
    ],
  ],
  [
    'scripts and libraries themselves',
    [
      ['SCRIPT', 'LOAD', 'return 1'],
      ['SCRIPT', 'FLUSH'],
      [
        'FUNCTION',
        'LOAD',
        "#!lua name=lib\nredis.register_function('f', function(k) redis.call('set', k[1], '1') return redis.call('incr', k[1]) end)",
      ],
      ['FCALL', 'f', '1', 'k'],
      ['FCALL', 'f', '1', 'k'],
      ['FUNCTION', 'LOAD', 'bad'],
      ['FUNCTION', 'DELETE', 'lib'],
      ['FUNCTION', 'DELETE', 'lib'],
      ['FUNCTION', 'FLUSH'],
      ['MULTI'],
      ['FUNCTION', 'FLUSH'],
      ['SET', 'a', '1'],
      ['EXEC'],
    ],
  ],
];

/** Where we differ on purpose, as [a command or part of it, why]. */
const meant: readonly (readonly [part: RegExp, why: string])[] = [
  [/SET text x get/i, 'GET may stay: it changes nothing'],
  [/XCLAIM/, 'since 7.2 the count of read entries follows'],
];

/** The commands in a piece of an append-only file; points of time are all the same, which lets them be compared. */
function commandsIn(text: string): string {
  const commands: string[] = [];
  for (let at = 0; at < text.length;) {
    const words: string[] = [];
    let lineEnd = text.indexOf('\r\n', at);
    let count = Number(text.slice(at + 1, lineEnd));
    for (at = lineEnd + 2; count > 0; count--) {
      lineEnd = text.indexOf('\r\n', at);
      const length = Number(text.slice(at + 1, lineEnd));
      words.push(text.slice(lineEnd + 2, lineEnd + 2 + length));
      at = lineEnd + length + 4;
    }
    commands.push(
      words
        .map((word, index) =>
          index === 0 ? word.toUpperCase() : /^1[6-9]\d{11}$/.test(word) ? '<time>' : word.slice(0, 60),
        )
        .join(' '),
    );
  }
  // Since 7.4 the database is chosen inside the transaction.
  return commands.join('; ').replace(/^(SELECT \d+); MULTI/, 'MULTI; $1');
}

describe('effects of scripts and transactions beside redis-server', { skip: peerMissing('redis-server') }, () => {
  const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--enable-debug-command', 'yes'];
  let kvasir: RedisPeer;
  let redis: RedisPeer;

  before(async () => {
    [kvasir, redis] = await Promise.all([startKvasir({ args }), startRedis({ args })]);
  });
  after(() => Promise.all([kvasir?.stop(), redis?.stop()]));

  /** The entries that each command adds to the server's file. */
  async function record(server: RedisPeer, commands: readonly Words[]): Promise<string[]> {
    const file = openSync(join(server.folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'r');
    const end = await Terminal.open(server.port);
    let known = fstatSync(file).size;
    const added: string[] = [];
    for (const words of commands) {
      await end.type(...words);
      const bytes = Buffer.alloc(fstatSync(file).size - known);
      readSync(file, bytes, 0, bytes.length, known);
      known += bytes.length;
      added.push(commandsIn(bytes.toString('latin1')));
    }
    end.close();
    closeSync(file);
    return added;
  }

  for (const [name, commands] of groups) {
    test(name, async () => {
      const [ours, theirs] = [await record(kvasir, commands), await record(redis, commands)];
      const different: string[] = [];
      commands.forEach((words, index) => {
        if (ours[index] === theirs[index] || meant.some(([part]) => part.test(ours[index]!))) return;
        different.push(`${words.join(' ')}\n  ours   ${ours[index]}\n  theirs ${theirs[index]}`);
      });
      assert.equal(different.length, 0, different.join('\n'));
    });
  }

  test('a rewrite or snapshot asked for in a transaction begins behind it: no file holds half of one', async () => {
    const terminal = await Terminal.open(kvasir.port);
    const replies = await terminal.typeAll(
      ['SET', 'half', '0'],
      ['MULTI'],
      ['INCR', 'half'],
      ['BGREWRITEAOF'],
      ['BGSAVE', 'SCHEDULE'],
      ['INCR', 'half'],
      ['EXEC'],
    );
    assert.equal(replies.at(-1), '[1 Background append only file rewriting scheduled Background saving scheduled 2]');
    while (
      !/aof_rewrite_scheduled:0\r?\naof_last_rewrite_time_sec:\d|aof_rewrites:[1-9]/.test(
        await kvasir.send('INFO', 'persistence'),
      )
    )
      await terminal.type('PING');
    terminal.close();
  });

  test('the file gives the data back', async () => {
    const before = await kvasir.send('DEBUG', 'DIGEST');
    assert.equal(await kvasir.send('DEBUG', 'LOADAOF'), 'OK');
    assert.equal(await kvasir.send('DEBUG', 'DIGEST'), before);
  });
});
