import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { dataset, sendAll } from '../persistence/dataset.js';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing, type RedisPeer } from '../peer.js';
import { Following, seed } from './sync-load.js';
import { digestOf, kvasirWithDebug, mustRun, redisWithDebug, runTool, withFolder } from './tools.js';

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;

/** Waits until both have the same data. */
function untilEqual(following: Following, a: RedisPeer, b: RedisPeer): Promise<void> {
  return following.until('the same data', async () => {
    const [one, two] = await Promise.all([digestOf(a), digestOf(b)]);
    return one === two;
  });
}

describe('kvasir-sync', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('copies the data, follows the writes, and goes on after a kill at its position', async (t) => {
    await withFolder(async (folder) => {
      const source = await redisWithDebug({ args: ['--repl-diskless-sync-delay', '0'] });
      t.after(() => source.stop());
      const target = await kvasirWithDebug();
      t.after(() => target.stop());
      const position = join(folder, 'position');
      const config = join(folder, 'sync.yml');
      writeFileSync(
        config,
        `from: "${url(source)}"\nto: ${url(target)}  # here\nposition: ${position}\nspool: ${folder}\nhttp: 0\nquiet: true\n`,
      );
      const start = (): Following => {
        const following = Following.start(['-c', config]);
        t.after(() => following.child.kill('SIGKILL'));
        return following;
      };
      await sendAll(source.port, dataset({ seed, keys: 6, withFunctions: false }));
      const first = start();
      await untilEqual(first, source, target);
      await source.send('-n', '3', 'INCRBY', 'counter', '5');
      await sendAll(source.port, [
        ['MULTI'],
        ['SET', 'a', '1'],
        ['RPUSH', 'l', 'x', 'y'],
        ['EXEC'],
        ['PEXPIRE', 'a', '9000000'],
      ]);
      await untilEqual(first, source, target);
      const [, http] = /progress at (http:\S+)/.exec(first.said)!;
      const metrics = await (await fetch(`${http!}metrics`)).text();
      assert.match(metrics, /^kvasir_sync_offset \d+$/m);
      const page = await (await fetch(http!)).text();
      assert.match(page, /following/);
      // Writes that are noted are not written again.
      await first.until('the position', () => isNoted(source, position));
      await first.kill('SIGKILL');
      await source.send('INCRBY', 'counter', '7');
      await source.send('RPUSH', 'l', 'z');
      const second = start();
      await untilEqual(second, source, target);
      assert.match(await source.send('INFO', 'stats'), /sync_partial_ok:1/);
      assert.equal(await target.send('LLEN', 'l'), '3');
      const ended = await second.kill('SIGINT');
      assert.equal(ended.status, 130, ended.stderr);
    });
  });

  it('writes an append-only file that goes on with the writes', async (t) => {
    await withFolder(async (folder) => {
      const source = await redisWithDebug({ args: ['--repl-diskless-sync-delay', '0'] });
      t.after(() => source.stop());
      const target = await kvasirWithDebug();
      t.after(() => target.stop());
      const file = join(folder, 'data.aof');
      const position = join(folder, 'position');
      await sendAll(source.port, dataset({ seed, keys: 6, withFunctions: false }));
      const following = Following.start([
        ...['--from', url(source), '--to', `aof:${file}`],
        ...['--position', position, '--spool', folder, '--quiet'],
      ]);
      t.after(() => following.child.kill('SIGKILL'));
      await following.until('a position', () => Promise.resolve(safeRead(position) !== ''));
      await sendAll(source.port, [
        ['MULTI'],
        ['SET', 'later', '1'],
        ['RPUSH', 'l', 'x', 'y'],
        ['EXEC'],
        ['PUBLISH', 'channel', 'message'],
        ['PEXPIRE', 'later', '9000000'],
      ]);
      await following.until('the position', () => isNoted(source, position));
      const ended = await following.kill('SIGINT');
      assert.equal(ended.status, 130, ended.stderr);
      assert.doesNotMatch(readFileSync(file, 'latin1'), /PUBLISH/i);
      await mustRun('kvasir-load', ['-u', url(target), '--aof', file]);
      assert.equal(await digestOf(target), await digestOf(source), `seed ${seed}`);
      assert.equal(await target.send('PEXPIRETIME', 'later'), await source.send('PEXPIRETIME', 'later'));
    });
  });

  it('filters, renames, verifies and repairs', async () => {
    const source = await kvasirWithDebug();
    const target = await redisWithDebug();
    try {
      await sendAll(source.port, [
        ['MSET', 'user:1', 'a', 'user:2', 'b', 'other', 'c'],
        ['HSET', 'user:h', 'f', 'v'],
      ]);
      const words = [
        '--from',
        url(source),
        '--to',
        url(target),
        '--match',
        'user:*',
        '--rename',
        'user:=u:',
        '--quiet',
      ];
      await mustRun('kvasir-sync', [...words, '--once']);
      assert.equal((await target.send('KEYS', '*')).split('\n').sort().join(' '), 'u:1 u:2 u:h');
      await mustRun('kvasir-sync', [...words, '--verify']);
      await target.send('SET', 'u:1', 'changed');
      await target.send('DEL', 'u:2');
      const found = await runTool('kvasir-sync', [...words, '--verify', '--json']);
      assert.equal(found.status, 1);
      assert.deepEqual(JSON.parse(found.stdout.toString()), {
        compared: 3,
        different: 1,
        missing: 1,
        extra: 0,
        repaired: 0,
      });
      await mustRun('kvasir-sync', [...words, '--verify', '--repair']);
      assert.equal(await target.send('GET', 'u:1'), 'a');
      await mustRun('kvasir-sync', [...words, '--verify']);
      // By SCAN, and into files.
      await withFolder(async (folder) => {
        const rdb = join(folder, 'x.rdb');
        await mustRun('kvasir-sync', ['--from', `scan:${url(source)}`, '--to', `rdb:${rdb}`, '--quiet']);
        await target.send('FLUSHALL');
        await mustRun('kvasir-sync', ['--from', `rdb:${rdb}`, '--to', url(target), '--quiet']);
        assert.equal(await digestOf(target), await digestOf(source));
        // A filter that looks at values sees the data set, not the writes after it.
        await target.send('FLUSHALL');
        const hashes = ['--from', url(source), '--to', url(target), '--type', 'hash', '--quiet'];
        const refused = await runTool('kvasir-sync', hashes);
        assert.equal(refused.status, 2);
        assert.match(refused.stderr, /cannot follow writes/);
        await mustRun('kvasir-sync', [...hashes, '--once']);
        assert.equal(await target.send('KEYS', '*'), 'user:h');
        // Nothing is lost without a word.
        await source.send('HEXPIRE', 'user:h', '1000', 'FIELDS', '1', 'f');
        const toFile = ['--from', url(source), '--to', `rdb:${rdb}`, '--once', '--quiet'];
        const lossy = await runTool('kvasir-sync', toFile);
        assert.equal(lossy.status, 1);
        assert.match(lossy.stderr, /^lost: the time to live of hash fields .*: 1 key \(see --rdb-version\)$/m);
        await mustRun('kvasir-sync', [...toFile, '--rdb-version', '12']);
      });
    } finally {
      await Promise.all([source.stop(), target.stop()]);
    }
  });

  it('moves an instance', async () => {
    await withFolder(async (folder) => {
      const old = await kvasirWithDebug();
      const fresh = await redisWithDebug({ args: ['--repl-diskless-sync-delay', '0'] });
      try {
        await sendAll(old.port, dataset({ seed, keys: 2, withFunctions: false }));
        const wanted = await digestOf(old);
        const told = join(folder, 'told');
        const hook = join(folder, 'hook.sh');
        writeFileSync(hook, `echo "$1 $2" > ${told}\n`);
        const there = ['move', '--from', url(old), '--to', url(fresh), '--hook', `sh ${hook}`];
        await fresh.send('SET', 'own', '1');
        const refused = await runTool('kvasir-sync', there);
        assert.equal(refused.status, 1);
        assert.match(refused.stderr, /has keys, which would be lost; --force goes on/);
        assert.match(await fresh.send('INFO', 'replication'), /role:master/);
        await mustRun('kvasir-sync', [...there, '--force']);
        assert.equal(await digestOf(fresh), wanted, `seed ${seed}`);
        assert.match(await fresh.send('INFO', 'replication'), /role:master/);
        assert.match(await old.send('INFO', 'replication'), /role:slave/);
        assert.equal(readFileSync(told, 'utf8'), `${url(old)} ${url(fresh)}\n`);
        // And back, which ends the server that is left. The keys of a replica are those of its master.
        const back = ['move', '--from', url(fresh), '--to', url(old), '--stop-old'];
        const moved = await mustRun('kvasir-sync', back);
        assert.match(moved.stdout.toString(), /4\/5 now send the clients to .*\n5\/5 .* is stopped\n$/);
        assert.equal(await digestOf(old), wanted, `seed ${seed}`);
        assert.match(await old.send('INFO', 'replication'), /role:master/);
        const isGone = (): Promise<boolean> =>
          fresh.send('PING').then(
            (reply) => reply !== 'PONG',
            () => true,
          );
        await untilTrue(isGone, 'the end of the old server');
      } finally {
        await Promise.all([old.stop(), fresh.stop()]);
      }
    });
  });

  it('keeps to a rate, maps databases, and treats what the target has as it is told', async (t) => {
    const source = await kvasirWithDebug();
    t.after(() => source.stop());
    const target = await redisWithDebug();
    t.after(() => target.stop());
    const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
    await source.send('MSET', ...keys.flatMap((key) => [key, 'new']));
    await source.send('-n', '2', 'RPUSH', 'list', 'a');
    await target.send('SET', 'key:0', 'old');
    await target.send('-n', '5', 'RPUSH', 'list', 'x');
    const words = ['--from', url(source), '--to', url(target), '--once', '--map-db', '2=5'];
    const ran = await mustRun('kvasir-sync', [...words, '--mode', 'skip', '--rate-keys', '100', '--json']);
    const { seconds, keys: count } = JSON.parse(ran.stdout.toString()) as { seconds: number; keys: number };
    assert.equal(count, 61);
    assert.ok(seconds >= 0.6, `61 keys in ${seconds} s`);
    assert.deepEqual([await target.send('GET', 'key:0'), await target.send('GET', 'key:1')], ['old', 'new']);
    assert.equal(await target.send('-n', '5', 'LRANGE', 'list', '0', '-1'), 'x');
    await mustRun('kvasir-sync', [...words, '--mode', 'merge', '--quiet']);
    assert.equal(await target.send('-n', '5', 'LRANGE', 'list', '0', '-1'), 'x\na');
    assert.equal(await target.send('GET', 'key:0'), 'new');
    const sample = [
      '--from',
      url(source),
      '--to',
      url(target),
      '--only-db',
      '0',
      '--verify',
      '--sample',
      '0.5',
      '--json',
    ];
    const { compared } = JSON.parse((await mustRun('kvasir-sync', sample)).stdout.toString()) as { compared: number };
    assert.ok(compared > 0 && compared < 60, `${compared} keys of 60`);
    // The source has nothing of this position: all comes once more, and what it does not have goes, or stays.
    await withFolder(async (folder) => {
      const position = join(folder, 'position');
      for (const [more, left] of [
        [['--keep-extra'], '1'],
        [[], '0'],
      ] as const) {
        writeFileSync(position, JSON.stringify({ id: '0'.repeat(40), offset: 1 }));
        await target.send('SET', 'extra', 'x');
        await mustRun('kvasir-sync', [...words, '--position', position, '--quiet', ...more]);
        assert.equal(await target.send('EXISTS', 'extra'), left, more.join());
      }
    });
    for (const [bad, message] of [
      [['--mode', 'mix'], /--mode is 'replace', 'skip' or 'merge'/],
      [['--http', 'x'], /--http wants PORT or HOST:PORT/],
      [['--rdb-version', '3', '--to', 'rdb:x'], /--rdb-version is from/],
    ] as const) {
      const refused = await runTool('kvasir-sync', [...words, ...bad]);
      assert.equal(refused.status, 2, bad.join(' '));
      assert.match(refused.stderr, message);
    }
  });
});

/** Whether the file says that the target has everything. */
async function isNoted(source: RedisPeer, position: string): Promise<boolean> {
  const offset = Number(/master_repl_offset:(\d+)/.exec(await source.send('INFO', 'replication'))![1]);
  return Number(/"offset":(\d+)/.exec(safeRead(position))?.[1]) >= offset;
}

function safeRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
