import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { dataset, sendAll } from '../persistence/dataset.js';
import { findFreePort, peerMissing, type RedisPeer } from '../peer.js';
import { digestOf, kvasirWithDebug, mustRun, redisWithDebug, runTool, withFolder } from './tools.js';

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;
const seed = Number(process.env.SEED ?? Date.now() % 100_000);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until both have the same data. */
async function untilEqual(a: RedisPeer, b: RedisPeer): Promise<void> {
  for (let tries = 0; ; tries++) {
    const [one, two] = await Promise.all([digestOf(a), digestOf(b)]);
    if (one === two) return;
    assert.ok(tries < 600, `seed ${seed}: never equal`);
    await sleep(200);
  }
}

describe('kvasir-sync', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('copies the data, follows the writes, and goes on after a kill at its position', async () => {
    await withFolder(async (folder) => {
      const source = await redisWithDebug({ args: ['--repl-diskless-sync-delay', '0'] });
      const target = await kvasirWithDebug();
      const children: ChildProcess[] = [];
      const position = join(folder, 'position');
      const httpPort = await findFreePort();
      const config = join(folder, 'sync.yml');
      writeFileSync(
        config,
        `from: "${url(source)}"\nto: ${url(target)}  # here\nposition: ${position}\nspool: ${folder}\nhttp: ${httpPort}\nquiet: true\n`,
      );
      const start = (): ReturnType<typeof runTool> =>
        runTool('kvasir-sync', ['-c', config], { onStart: (child) => children.push(child) });
      try {
        await sendAll(source.port, dataset({ seed, keys: 6, withFunctions: false }));
        const first = start();
        await untilEqual(source, target);
        await source.send('-n', '3', 'INCRBY', 'counter', '5');
        await sendAll(source.port, [
          ['MULTI'],
          ['SET', 'a', '1'],
          ['RPUSH', 'l', 'x', 'y'],
          ['EXEC'],
          ['PEXPIRE', 'a', '9000000'],
        ]);
        await untilEqual(source, target);
        const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
        assert.match(metrics, /^kvasir_sync_offset \d+$/m);
        const page = await (await fetch(`http://127.0.0.1:${httpPort}/`)).text();
        assert.match(page, /following/);
        // Writes that are noted are not written again.
        const offset = Number(/master_repl_offset:(\d+)/.exec(await source.send('INFO', 'replication'))![1]);
        while (!(Number(/"offset":(\d+)/.exec(safeRead(position))?.[1]) >= offset)) await sleep(50);
        children[0]!.kill('SIGKILL');
        await first;
        await source.send('INCRBY', 'counter', '7');
        await source.send('RPUSH', 'l', 'z');
        const second = start();
        await untilEqual(source, target);
        assert.match(await source.send('INFO', 'stats'), /sync_partial_ok:1/);
        assert.equal(await target.send('LLEN', 'l'), '3');
        children[1]!.kill('SIGINT');
        assert.equal((await second).status, 130);
      } finally {
        for (const child of children) child.kill('SIGKILL');
        await Promise.all([source.stop(), target.stop()]);
      }
    });
  });

  it('writes an append-only file that goes on with the writes', async () => {
    await withFolder(async (folder) => {
      const source = await redisWithDebug({ args: ['--repl-diskless-sync-delay', '0'] });
      const target = await kvasirWithDebug();
      const file = join(folder, 'data.aof');
      const position = join(folder, 'position');
      let child: ChildProcess | undefined;
      try {
        await sendAll(source.port, dataset({ seed, keys: 6, withFunctions: false }));
        const words = [
          '--from',
          url(source),
          '--to',
          `aof:${file}`,
          '--position',
          position,
          '--spool',
          folder,
          '--quiet',
        ];
        const running = runTool('kvasir-sync', words, { onStart: (started) => (child = started) });
        while (safeRead(position) === '') await sleep(50);
        await sendAll(source.port, [
          ['MULTI'],
          ['SET', 'later', '1'],
          ['RPUSH', 'l', 'x', 'y'],
          ['EXEC'],
          ['PUBLISH', 'channel', 'message'],
          ['PEXPIRE', 'later', '9000000'],
        ]);
        const offset = Number(/master_repl_offset:(\d+)/.exec(await source.send('INFO', 'replication'))![1]);
        while (!(Number(/"offset":(\d+)/.exec(safeRead(position))?.[1]) >= offset)) await sleep(50);
        child!.kill('SIGINT');
        assert.equal((await running).status, 130);
        assert.doesNotMatch(readFileSync(file, 'latin1'), /PUBLISH/i);
        await mustRun('kvasir-load', ['-u', url(target), '--aof', file]);
        assert.equal(await digestOf(target), await digestOf(source), `seed ${seed}`);
        assert.equal(await target.send('PEXPIRETIME', 'later'), await source.send('PEXPIRETIME', 'later'));
      } finally {
        child?.kill('SIGKILL');
        await Promise.all([source.stop(), target.stop()]);
      }
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
        await mustRun('kvasir-sync', ['move', '--from', url(old), '--to', url(fresh), '--hook', `sh ${hook}`]);
        assert.equal(await digestOf(fresh), wanted, `seed ${seed}`);
        assert.match(await fresh.send('INFO', 'replication'), /role:master/);
        assert.match(await old.send('INFO', 'replication'), /role:slave/);
        assert.equal(readFileSync(told, 'utf8'), `${url(old)} ${url(fresh)}\n`);
      } finally {
        await Promise.all([old.stop(), fresh.stop()]);
      }
    });
  });
});

function safeRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
