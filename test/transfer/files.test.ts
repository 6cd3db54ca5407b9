import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { dataset, sendAll } from '../persistence/dataset.js';
import { peerMissing, startRedis } from '../peer.js';
import { digestOf, kvasirWithDebug, mustRun, redisWithDebug, runTool, withFolder } from './tools.js';

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;
const seed = Number(process.env.SEED ?? Date.now() % 100_000);

describe('kvasir-rdb', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('converts, merges and extracts files that redis-server loads with the same digest', async () => {
    await withFolder(async (folder) => {
      const redis = await redisWithDebug();
      let wanted = '';
      try {
        await sendAll(redis.port, dataset({ seed, keys: 8, withFunctions: true }));
        await redis.send('SAVE');
        wanted = await digestOf(redis);
        copyFileSync(join(redis.folder, 'dump.rdb'), join(folder, 'a.rdb'));
      } finally {
        await redis.stop();
      }
      const a = join(folder, 'a.rdb');
      await mustRun('kvasir-rdb', ['convert', a, '--to', '9', '-o', join(folder, 'nine.rdb'), '--accept-loss']);
      assert.equal(readFileSync(join(folder, 'nine.rdb')).toString('latin1', 0, 9), 'REDIS0009');
      const six = await runTool('kvasir-rdb', ['convert', a, '--to', '6', '-o', join(folder, 'six.rdb')]);
      assert.equal(six.status, 1);
      assert.match(six.stderr, /^left out: streams \(since RDB 9, Redis 5\.0\): \d+ keys$/m);
      assert.match(six.stderr, /left out: function libraries/);
      await mustRun('kvasir-rdb', ['diff', a, join(folder, 'nine.rdb')]);
      const diff = await runTool('kvasir-rdb', ['diff', a, join(folder, 'six.rdb')]);
      assert.equal(diff.status, 1);
      assert.ok(
        diff.stdout
          .toString()
          .split('\n')
          .slice(0, -1)
          .every((line) => /^- db\d+ .* \(stream\)$/.test(line)),
      );
      // Halves by slot, put together again.
      await mustRun('kvasir-rdb', ['extract', a, '--slot', '0-8191', '-o', join(folder, 'low.rdb')]);
      await mustRun('kvasir-rdb', ['extract', a, '--slot', '8192-16383', '-o', join(folder, 'high.rdb')]);
      await mustRun('kvasir-rdb', [
        'merge',
        join(folder, 'low.rdb'),
        join(folder, 'high.rdb'),
        '-o',
        join(folder, 'dump.rdb'),
      ]);
      for (const name of ['dump.rdb', 'nine.rdb']) {
        const server = await startRedis({
          args: ['--dbfilename', name, '--enable-debug-command', 'yes', '--dir', folder],
        });
        try {
          assert.equal(await digestOf(server), wanted, `${name}, seed ${seed}`);
        } finally {
          await server.stop({ signal: 'SIGKILL' });
        }
      }
      const commands = await mustRun('kvasir-rdb', ['commands', a]);
      const target = await kvasirWithDebug();
      try {
        writeFileSync(join(folder, 'commands'), commands.stdout);
        const pipe = await mustRun('kvasir-cli', ['-p', String(target.port), '--pipe'], { input: commands.stdout });
        assert.match(pipe.stdout.toString(), /errors: 0/);
        assert.equal(await digestOf(target), wanted, `seed ${seed}`);
      } finally {
        await target.stop();
      }
      const stats = JSON.parse((await mustRun('kvasir-rdb', ['stats', a, '--json'])).stdout.toString()) as {
        keys: number;
        types: Record<string, { keys: number }>;
        biggest: { bytes: number }[];
      };
      assert.equal(
        stats.keys,
        Object.values(stats.types).reduce((sum, { keys }) => sum + keys, 0),
      );
      assert.deepEqual(
        [...stats.biggest].sort((x, y) => y.bytes - x.bytes),
        stats.biggest,
      );
      const csv = (await mustRun('kvasir-rdb', ['stats', a, '--csv'])).stdout.toString().split('\n');
      assert.equal(csv[0], 'database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry');
      assert.equal(csv.length, stats.keys + 2);
    });
  });

  it('saves the keys of damaged files, and never ends in a crash', async () => {
    await withFolder(async (folder) => {
      const kvasir = await kvasirWithDebug();
      try {
        await kvasir.send('DEBUG', 'POPULATE', '2000', 'key', '100');
        await kvasir.send('SAVE');
        copyFileSync(join(kvasir.folder, 'dump.rdb'), join(folder, 'whole.rdb'));
      } finally {
        await kvasir.stop();
      }
      const whole = readFileSync(join(folder, 'whole.rdb'));
      const random = new Prng(seed);
      for (let round = 0; round < 6; round++) {
        let bytes = Buffer.from(whole);
        // A hole of nonsense, or a torn end.
        const at = 200 + random.below(bytes.length - 1000);
        if (round % 2 === 0) for (let index = 0; index < 200; index++) bytes[at + index] = random.below(256);
        else bytes = bytes.subarray(0, at);
        const bad = join(folder, 'bad.rdb');
        writeFileSync(bad, bytes);
        const out = join(folder, `saved-${round}.rdb`);
        const ran = await runTool('kvasir-rdb', ['repair', bad, '-o', out, '--json']);
        assert.equal(ran.status, 1, `seed ${seed}, round ${round}: ${ran.stderr}`);
        assert.doesNotMatch(ran.stderr, /^ {4}at /m);
        const { keys } = JSON.parse(ran.stdout.toString()) as { keys: number };
        // A hole costs about ten keys, and rarely some hundred: where it makes a length that hides what follows.
        const least = round % 2 === 0 ? 1000 : Math.floor((at / whole.length) * 2000) - 20;
        assert.ok(keys >= least, `seed ${seed}, round ${round}: ${keys} keys of at least ${least}`);
        assert.equal((await runTool('kvasir-check-rdb', [out])).status, 0);
      }
      const noise = Buffer.from(Array.from({ length: 5000 }, () => random.below(256)));
      writeFileSync(join(folder, 'noise.rdb'), noise);
      for (const command of ['stats', 'json', 'commands']) {
        const ran = await runTool('kvasir-rdb', [command, join(folder, 'noise.rdb')]);
        assert.equal(ran.status, 1);
        assert.match(ran.stderr, /Wrong signature|Can't handle RDB/);
      }
    });
  });
});

describe('kvasir-aof', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('undoes a FLUSHALL after showing the plan, cuts, and compacts', async () => {
    await withFolder(async (folder) => {
      const kvasir = await kvasirWithDebug(['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0']);
      const second = await kvasirWithDebug();
      try {
        await sendAll(kvasir.port, dataset({ seed, keys: 4, withFunctions: false }));
        const wanted = await digestOf(kvasir);
        await kvasir.send('FLUSHALL');
        await kvasir.send('SET', 'after', '1');
        const manifest = join(kvasir.folder, 'appendonlydir', 'appendonly.aof.manifest');
        const plan = await mustRun('kvasir-aof', ['undo', manifest]);
        assert.match(
          plan.stdout.toString(),
          /before the last FLUSHALL[^]*the 1 commands? after it|drop that command and the \d commands after it/,
        );
        // The first server still runs; its files are only read.
        await mustRun('kvasir-aof', ['undo', manifest, '--into', url(second)]);
        assert.equal(await digestOf(second), wanted, `seed ${seed}`);
        const again = await runTool('kvasir-aof', ['undo', manifest, '--into', url(second)]);
        assert.match(again.stderr, /is not empty/);
        await mustRun('kvasir-aof', ['undo', manifest, '--apply', join(folder, 'undone')]);
        await mustRun('kvasir-aof', [
          'compact',
          join(folder, 'undone', 'appendonlydir', 'appendonly.aof.manifest'),
          '-o',
          join(folder, 'small'),
        ]);
        for (const name of ['undone', 'small']) {
          const server = await startRedis({
            folder: join(folder, name),
            args: ['--appendonly', 'yes', '--enable-debug-command', 'yes'],
          });
          try {
            assert.equal(await digestOf(server), wanted, `${name}, seed ${seed}`);
          } finally {
            await server.stop({ keepFolder: true });
          }
        }
        const stats = JSON.parse((await mustRun('kvasir-aof', ['stats', manifest, '--json'])).stdout.toString()) as {
          byCommand: Record<string, { count: number }>;
        };
        assert.equal(stats.byCommand.FLUSHALL!.count, 1);
        const lines = (await mustRun('kvasir-aof', ['json', manifest])).stdout.toString().trimEnd().split('\n');
        const flush = lines
          .map((line) => JSON.parse(line) as { offset: number; args: string[] })
          .find(({ args }) => args[0]!.toUpperCase() === 'FLUSHALL')!;
        await mustRun('kvasir-aof', ['cut', manifest, '--to', `@${flush.offset}`, '-o', join(folder, 'cut')]);
        assert.ok(existsSync(join(folder, 'cut', 'appendonlydir')));
        assert.ok(statSync(manifest).size > 0);
      } finally {
        await Promise.all([kvasir.stop(), second.stop()]);
      }
    });
  });
});
