// The same command lines through redis-benchmark and kvasir-benchmark: output, exit codes, and what the server saw.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { peerMissing, startRedis } from '../peer.js';
import type { RedisPeer } from '../peer.js';
import { maskFigures, runKvasir, runRedis } from './run-tool.js';

const skip = peerMissing('redis-server', 'redis-cli', 'redis-benchmark');

/** Name -> calls of every command, without the connection's own. */
async function commandCalls(redis: RedisPeer): Promise<Record<string, number>> {
  const calls: Record<string, number> = {};
  for (const [, name, count] of (await redis.send('INFO', 'commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g)) {
    if (name !== 'info' && name !== 'config|resetstat') calls[name!] = Number(count);
  }
  return calls;
}

describe('kvasir-benchmark against redis-benchmark', { skip }, () => {
  let redis: RedisPeer;
  let guarded: RedisPeer;
  before(async () => {
    redis = await startRedis();
    guarded = await startRedis({ args: ['--requirepass', 'secret'] });
  });
  after(async () => {
    await redis?.stop();
    await guarded?.stop();
  });

  const sameOutput: string[][] = [
    ['-n', '500', '-t', 'set'],
    ['-n', '500', '-t', 'set,get,lrange_100', '-d', '20', '-r', '100', '-c', '7', '-P', '5'],
    ['-n', '500', '-t', 'ping', '-k', '0', '-c', '5'],
    ['-n', '500', '-t', 'ping_inline,ping_mbulk', '--threads', '2'],
    ['-n', '500', '-q'],
    ['-n', '500', '-q', '-t', 'PING,Lrange'],
    ['-n', '500', '--csv'],
    ['-n', '500', '--csv', '-q', '-t', 'mset,zadd'],
    ['-n', '10', '-P', '7', '-c', '3', 'set', 'foo', 'bar'],
    ['-n', '500', '-r', '10', 'lpush', 'mylist', '__rand_int__'],
    ['-n', '500', '-q', 'get', '"quoted"'],
    ['-n', '500', '-q', '-3', '--enable-tracking', '--dbnum', '3', '-t', 'get'],
    ['-n', '500', '-q', '-t', 'nosuchtest'],
    ['-n', '500', '-q', '-t', 'get', 'ping'],
    ['-n', '500', '-q', '-e', '-t', 'get'],
    ['-n', '500', '-q', '--precision', '1', '-t', 'get'],
    ['-n', '500', '-q', 'set', 'wrong'],
    ['-n', '500', '-q', 'nosuchcommand', 'a'],
    ['-n', '500', '-q', '-a', 'secret', '-t', 'get'],
    ['-n', '500', '-q', '-a', 'secret', '--user', 'nobody', '-t', 'get'],
    ['-n', '500', '-q', '--cluster'],
  ];
  for (const args of sameOutput) {
    it(`prints the same for: ${args.join(' ')}`, async () => {
      await redis.send('FLUSHALL');
      const theirs = await runRedis(['-p', String(redis.port), ...args]);
      await redis.send('FLUSHALL');
      const ours = await runKvasir(['-p', String(redis.port), ...args]);
      assert.equal(maskFigures(ours.out), maskFigures(theirs.out));
      assert.equal(ours.err, theirs.err);
      assert.equal(ours.code, theirs.code);
    });
  }

  it('prints the same for a password, a URI and standard input', async () => {
    const port = String(guarded.port);
    const cases: [string[], string][] = [
      [['-p', port, '-n', '100', '-q', '-a', 'secret', '-t', 'get'], ''],
      [['-u', `redis://default:secret@127.0.0.1:${port}/2`, '-n', '100', '-q', '-t', 'get'], ''],
      [['-p', port, '-n', '100', '-q', '-a', 'wrong', '-t', 'get'], ''],
      [['-p', port, '-n', '100', '-q', '-t', 'get'], ''],
      [['-p', port, '-n', '100', '-q', '-a', 'secret', '-x', 'set', 'fromstdin'], 'the value\n'],
      [['-u', 'http://nowhere', '-n', '100'], ''],
    ];
    for (const [args, input] of cases) {
      const theirs = await runRedis(args, input);
      const ours = await runKvasir(args, input);
      const label = args.join(' ');
      assert.equal(maskFigures(ours.out), maskFigures(theirs.out), label);
      assert.equal(ours.err, theirs.err, label);
      assert.equal(ours.code, theirs.code, label);
    }
    assert.equal((await guarded.send('-a', 'secret', '--no-auth-warning', 'get', 'fromstdin')).trimEnd(), 'the value');
  });

  it('names an unknown option and a missing argument as redis-benchmark does', async () => {
    for (const args of [['--nosuch'], ['-p'], ['-n', '5', '-c'], ['-r', '-x']]) {
      const theirs = await runRedis(args);
      const ours = await runKvasir(args);
      assert.equal(ours.out.split('\n')[0], theirs.out.split('\n')[0]);
      assert.equal(ours.code, theirs.code);
    }
  });

  it('causes the commands that redis-benchmark causes, test by test', async () => {
    const tests =
      'ping_inline ping_mbulk set get incr lpush rpush lpop rpop sadd hset spop zadd zpopmin lrange_100 lrange_300 ' +
      'lrange_500 lrange_600 lrange mset';
    for (const test of tests.split(' ')) {
      const seen: Record<string, number>[] = [];
      for (const runTool of [runRedis, runKvasir]) {
        await redis.send('FLUSHALL');
        await redis.send('CONFIG', 'RESETSTAT');
        await runTool(['-p', String(redis.port), '-n', '200', '-q', '-t', test, '-r', '10']);
        seen.push(await commandCalls(redis));
      }
      assert.deepEqual(seen[1], seen[0], test);
    }
  });

  it('writes the same keys, fields and sizes', async () => {
    const shapes: string[][] = [];
    for (const runTool of [runRedis, runKvasir]) {
      await redis.send('FLUSHALL');
      await runTool([
        '-p',
        String(redis.port),
        '-n',
        '2000',
        '-q',
        '-r',
        '3',
        '-d',
        '33',
        '-t',
        'set,incr,lpush,sadd,hset,zadd,mset',
      ]);
      const shape: string[] = [];
      for (const key of (await redis.send('KEYS', '*')).split('\n').sort()) {
        const type = await redis.send('TYPE', key);
        const sizes: Record<string, string> = {
          string: 'STRLEN',
          list: 'LLEN',
          set: 'SCARD',
          hash: 'HLEN',
          zset: 'ZCARD',
        };
        const size = key.startsWith('counter') ? '' : await redis.send(sizes[type]!, key);
        shape.push(`${key} ${type} ${size}`);
      }
      shape.push(...(await redis.send('HKEYS', 'myhash')).split('\n').sort());
      shapes.push(shape);
    }
    assert.deepEqual(shapes[1], shapes[0]);
  });
});
