// SCRIPT DEBUG through `redis-cli --ldb`, line by line the same as on redis-server, and the rollback of its changes.
//
// Meant to differ: lines inside an expression where nothing can fail are no stops here, and fields of tables come in our order.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type KvasirProcess, programPath, startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Terminal } from './terminal.js';

const kvasirCli = programPath('kvasir-cli');

const walk = `local x = 1
local t = {1, 'two', {3, a = 'b'}, n = nil}
local function add(a, b)
  local sum = a + b
  redis.debug('adding', a, b)
  return sum
end
x = add(x, 41)
redis.call('set', KEYS[1], x)
if x == 42 then redis.breakpoint() end
local r = redis.call('get', KEYS[1])
local s = redis.pcall('incr', 'notnum')
for i = 1, 3 do
  x = x + i
end
while x > 47 do
  x = x - 1
end
repeat
  x = x - 1
until x < 46
local u = redis.call('lrange', 'list', 0, -1)
return {x, r, t[2]}
`;

const calls = `local n, big, s = 1 / 3, 2 ^ 40, "a\\n\\"q\\"\\1\\255"
local deep = {{{{{{{{{{{{{1}}}}}}}}}}}}}
local long = string.rep('x', 300)
redis.call('mget', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l')
redis.pcall('nosuch', 'x')
redis.pcall('incr', 'notnum')
redis.pcall('set')
redis.setresp(3)
redis.call('hgetall', 'hash')
redis.call('smembers', 'set')
redis.call('zscore', 'scores', 'a')
redis.call('get', 'none')
redis.setresp(2)
local function outer(a) local function inner(b) return b .. a end local r = inner('z') return r end
local q = outer('y')
local o = {m = function(self, v)
  return v end}
local z = o:m(5)
for k, v in pairs({5}) do
  z = z + v
end
pcall(function()
  error('x')
end)
redis.call('incr', 'notnum')
`;

const steps = (count: number): string[] => Array.from({ length: count }, () => 's');

const plays: readonly (readonly [name: string, source: string, commands: readonly string[]])[] = [
  ['every line', walk, steps(37)],
  [
    'looking around',
    walk,
    [
      's',
      's',
      'p',
      'p x',
      'p nosuch',
      's',
      's',
      'p a',
      'p a b',
      't',
      'w',
      'l',
      'l 3',
      'l 8 2',
      'l x',
      'print KEYS',
      'print ARGV',
      'c',
    ],
  ],
  [
    'breakpoints',
    walk,
    [
      'b',
      'b 5',
      'b 11',
      'b 5',
      'b',
      'b -5',
      'b -7',
      'b 99',
      'b x',
      'c',
      't',
      'p r',
      'b 13 16',
      'c',
      'p',
      'c',
      'p',
      'b 0',
      'c',
    ],
  ],
  ['help and nonsense', walk, ['help', 'h', 'zzz', 'r', 'next', 'n', 'm', 'm 5', 'maxlen 100', 'm 0', 'continue']],
  ['the end', walk, ['s', 'abort']],
  [
    'values and replies',
    calls,
    [
      ...steps(3),
      'p n',
      'p big',
      'p s',
      'p deep',
      's',
      'p long',
      'm 70',
      'p long',
      'm 0',
      'p long',
      ...steps(10),
      'p',
      ...steps(3),
      't',
      'p',
      ...steps(1),
      't',
      'r get text',
      'r incr notnum',
      'r nosuch',
      'r set k',
      'redis exists none',
      'r lrange list 0 -1',
      'e 1 + 1',
      'e KEYS',
      'e nothing',
      'e return 1,2',
      'e 1 +',
    ],
  ],
  ['a script that does not compile', 'x x x', ['c']],
  ['a script that fails at once', 'error("boom")', ['c']],
  ['one line', 'return 5', ['b 1', 'b', 'c']],
];

/** The output of a command line in a session; addresses and colours are left out. */
function transcript(
  program: readonly string[],
  port: number,
  file: string,
  commands: readonly string[],
  mode = '--ldb',
): string {
  const [name, ...first] = program as [string, ...string[]];
  const { stdout } = spawnSync(
    name,
    [...first, '-p', String(port), mode, '--eval', file, 'k1', 'k2', ',', 'arg1', 'arg 2'],
    { input: `${commands.join('\n')}\n`, encoding: 'latin1', timeout: 180_000 },
  );
  return stdout.replace(/\x1b\[[0-9;]*m/g, '').replace(/0x[0-9a-f]+/g, '0x');
}

describe('the script debugger beside redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  const args = ['--enable-debug-command', 'yes', '--appendonly', 'yes'];
  let kvasir: KvasirProcess;
  let redis: RedisPeer;

  before(async () => {
    [kvasir, redis] = await Promise.all([startKvasir({ args }), startRedis({ args })]);
    for (const { port } of [kvasir, redis]) {
      const terminal = await Terminal.open(port);
      await terminal.typeAll(
        ['SET', 'text', 'hello', 'EX', '1000'],
        ['SET', 'notnum', 'x'],
        ['RPUSH', 'list', 'a', 'b', 'c'],
        ['HSET', 'hash', 'f', 'v'],
        ['SADD', 'set', 'm'],
        ['ZADD', 'scores', '1.5', 'a'],
        ['SELECT', '3'],
        ['SET', 'other', '1'],
      );
      terminal.close();
    }
  });
  after(() => Promise.all([kvasir?.stop(), redis?.stop()]));

  function scriptFile(source: string): string {
    const file = join(kvasir.folder, 'script.lua');
    writeFileSync(file, source);
    return file;
  }

  for (const [name, source, commands] of plays) {
    test(name, () => {
      const file = scriptFile(source);
      const theirs = transcript(['redis-cli'], redis.port, file, commands);
      assert.equal(transcript(['redis-cli'], kvasir.port, file, commands), theirs);
      assert.match(theirs, /Lua debugging session/);
    });
  }

  test('kvasir-cli has the same session', () => {
    const file = scriptFile(walk);
    const commands = ['s', 'p', 'b 11', 'c', 't', 'c'];
    assert.equal(
      transcript([process.execPath, kvasirCli], kvasir.port, file, commands),
      transcript(['redis-cli'], kvasir.port, file, commands),
    );
  });

  test('YES takes back what the script did, whatever it did; SYNC does not', async () => {
    const before = await kvasir.send('DEBUG', 'DIGEST');
    assert.equal(await kvasir.send('CONFIG', 'SET', 'save', '3600 1000000'), 'OK');
    assert.equal(await kvasir.send('SAVE'), 'OK');
    const rdb = readFileSync(join(kvasir.folder, 'dump.rdb'));
    const file =
      scriptFile(`redis.call('incr', 'new') redis.call('set', 'text', 'changed') redis.call('del', 'list') redis.call('hset', 'hash', 'g', '1') redis.call('move', 'set', 5) redis.call('copy', 'hash', 'hash', 'db', 4)
      redis.call('rename', 'scores', 'renamed') redis.call('expire', 'hash', 5) redis.call('select', 3) redis.call('flushdb') redis.call('set', 'x', 1) redis.call('select', 0) redis.call('swapdb', 0, 3) redis.call('flushall') redis.call('set', 'z', 1)`);
    transcript(['redis-cli'], kvasir.port, file, ['c']);
    assert.equal(await kvasir.send('DEBUG', 'DIGEST'), before);
    assert.deepEqual(readFileSync(join(kvasir.folder, 'dump.rdb')), rdb, 'FLUSHALL would save that all is gone');
    assert.equal(await kvasir.send('DEBUG', 'LOADAOF'), 'OK');
    assert.equal(await kvasir.send('DEBUG', 'DIGEST'), before);
    transcript(['redis-cli'], kvasir.port, scriptFile("redis.call('set', 'kept', '1')"), ['c'], '--ldb-sync-mode');
    assert.equal(await kvasir.send('GET', 'kept'), '1');
  });

  test('others wait while a session lasts, then are told BUSY; a client that goes away lets the script end', async () => {
    await kvasir.send('CONFIG', 'SET', 'busy-reply-threshold', '50');
    const [debugging, other] = [await Terminal.open(kvasir.port), await Terminal.open(kvasir.port)];
    assert.equal(await debugging.type('SCRIPT', 'DEBUG', 'SYNC'), 'OK');
    assert.match(
      await debugging.type('EVAL', "redis.call('set', 'a', '1')\nredis.call('set', 'b', '2')", '0'),
      /Stopped at 1/,
    );
    assert.match(await other.type('GET', 'a'), /BUSY/);
    assert.match(await debugging.type('s'), /Stopped at 2/);
    debugging.close();
    for (let value = ''; value !== '2';) value = await other.type('GET', 'b');
    other.close();
  });

  test('SCRIPT KILL ends a session whose script has not written; EVALSHA and pipelines are told what to do', async () => {
    const [debugging, other] = [await Terminal.open(kvasir.port), await Terminal.open(kvasir.port)];
    assert.equal(await debugging.type('SCRIPT', 'DEBUG', 'x'), '(error) ERR Use SCRIPT DEBUG YES/SYNC/NO');
    assert.equal(await debugging.type('SCRIPT', 'DEBUG', 'YES'), 'OK');
    assert.match(
      await debugging.type('EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'),
      /NOSCRIPT|Please use EVAL instead/,
    );
    assert.match(await debugging.type('EVAL', 'while true do\nend', '0'), /Stopped at 1/);
    for (let reply = ''; !reply.includes('BUSY');) reply = await other.type('GET', 'a');
    assert.equal(await other.type('SCRIPT', 'KILL'), 'OK');
    assert.equal(await other.type('PING'), 'PONG');
    debugging.close();
    other.close();
  });
});
