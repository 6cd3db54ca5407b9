import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { findFreePort, peerMissing } from '../peer.js';
import { mustRun, redisWithDebug, runTool, withFolder } from './tools.js';

interface Printed {
  data: { bytes: number; keys: number; types: { name: string; keys: number }[] };
  plan: { hosts: string[]; masters: number; maxmemoryBytes: number; servers: unknown[] };
}

const serverBundle = fileURLToPath(new URL('../../bundle/kvasir-server.js', import.meta.url));

async function planOf(...words: string[]): Promise<Printed> {
  const { stdout } = await mustRun('kvasir-plan', ['size', '--json', '--quiet', ...words]);
  return JSON.parse(stdout.toString()) as Printed;
}

describe('kvasir-plan', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('measures a running redis-server and its RDB file alike', async () => {
    const redis = await redisWithDebug();
    try {
      await redis.send('DEBUG', 'POPULATE', '20000', 'key', '500');
      for (let index = 0; index < 50; index++) await redis.send('HSET', `h${index}`, 'field', 'value');
      await redis.send('SAVE');
      const file = await planOf('--rdb', join(redis.folder, 'dump.rdb'));
      const running = await planOf('--server', `127.0.0.1:${redis.port}`);
      assert.equal(file.data.keys, 20_050);
      assert.equal(running.data.keys, 20_050);
      assert.deepEqual(
        file.data.types.map(({ name, keys }) => [name, keys]),
        [
          ['string', 20_000],
          ['hash', 50],
        ],
      );
      const ratio = file.data.bytes / running.data.bytes;
      assert.ok(ratio > 0.75 && ratio < 1.15, `the file says ${ratio} of what INFO says`);
      // The smallest cluster: three masters with a replica each.
      assert.deepEqual([running.plan.masters, running.plan.servers.length], [3, 6]);
    } finally {
      await redis.stop();
    }
  });

  it('writes config files with which both servers start', async () => {
    await withFolder(async (folder) => {
      const port = await findFreePort();
      const words = ['--data', '10gb', '--hosts', 'a,b,c', '--port', String(port), '--configs', folder];
      const { stdout } = await mustRun('kvasir-plan', ['size', ...words]);
      assert.match(stdout.toString(), /kvasir-cli --cluster create a:\d+ b:\d+ c:\d+ .* --cluster-replicas 1/);
      assert.deepEqual(readdirSync(folder).sort(), ['a', 'b', 'c']);
      const file = join(folder, 'a', `redis-${port}.conf`);
      assert.match(readFileSync(file, 'utf8'), /^maxmemory 3414mb$/m);
      const check = spawnSync(process.execPath, [serverBundle, '--check-config', file], {
        cwd: folder,
        encoding: 'utf8',
      });
      assert.equal(check.status, 0, check.stdout + check.stderr);
      const one = await mustRun('kvasir-plan', ['config', '--port', String(port), '--dir', folder, '--appendonly']);
      const own = join(folder, 'own.conf');
      writeFileSync(own, one.stdout);
      const started = spawnSync(
        'sh',
        [
          '-c',
          `redis-server '${own}' --daemonize yes && until redis-cli -p ${port} PING; do sleep 0.1; done; redis-cli -p ${port} SHUTDOWN NOSAVE`,
        ],
        { cwd: folder, encoding: 'utf8' },
      );
      assert.match(started.stdout, /PONG/, started.stdout + started.stderr);
    });
  });

  it('refuses wrong words, files and servers with a reason', async () => {
    const refusals: readonly (readonly [string[], number, RegExp])[] = [
      [['size'], 2, /name the data by one of --data, --rdb and --server/],
      [['size', '--data', '1gb', '--rdb', 'x'], 2, /name the data by one of/],
      [['size', '--data', 'much'], 2, /wants a size such as 512mb/],
      [['size', '--data', '1gb', '--replicas', '-1'], 2, /--replicas is 0 or more/],
      [['size', '--data', '1gb', '--engine', 'memcached'], 2, /--engine is redis or kvasir/],
      [['size', '--data', '1gb', '--reserve', '100'], 1, /left to the system/],
      [['size', '--rdb', '/nowhere/dump.rdb'], 1, /\/nowhere\/dump\.rdb: No such file or directory/],
      [['size', '--server', '127.0.0.1:1'], 1, /127\.0\.0\.1:1/],
      [['config', '--port', '0'], 1, /a port is a number from 1 to 65535/],
    ];
    for (const [words, status, reason] of refusals) {
      const ran = await runTool('kvasir-plan', words);
      assert.equal(ran.status, status, `${words.join(' ')}: ${ran.stderr}`);
      assert.match(ran.stderr, reason);
      assert.doesNotMatch(ran.stderr, /\n\s+at /, 'no stack');
    }
    await withFolder(async (folder) => {
      // A module's data that belongs to no key is told of, and the plan is made without it.
      const withModule = join(folder, 'module.rdb');
      const aux = [0xf7, 0x81, ...Buffer.alloc(8, 1), 2, 1, 2, 7, 0];
      const key = [0xfe, 0, 0, 1, 0x6b, 1, 0x76];
      writeFileSync(withModule, Buffer.from([...Buffer.from('REDIS0009'), ...aux, ...key, 0xff, ...Buffer.alloc(8)]));
      const warned = await runTool('kvasir-plan', ['size', '--rdb', withModule]);
      assert.equal(warned.status, 0, warned.stderr);
      assert.equal(warned.stderr, 'warning: 1 pieces of module data that belong to no key were left out\n');
      assert.match(warned.stdout.toString(), /in redis-server, 1 keys/);
      const torn = join(folder, 'torn.rdb');
      writeFileSync(torn, 'REDIS0011\xfa\x09redis-ver');
      const ran = await runTool('kvasir-plan', ['size', '--rdb', torn]);
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, /torn\.rdb/);
    });
  });
});
