// kvasir-backup of a whole cluster: all masters in one backup, which is whole or not as one, and comes back into another cluster.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { dataset, sendAll } from '../persistence/dataset.js';
import { peerMissing } from '../peer.js';
import { startMasters } from './masters.js';
import { seed } from './sync-load.js';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const skip = peerMissing('redis-server', 'redis-cli');
const time = '20260101T000000Z';

interface Source {
  readonly port: number;
  readonly keys: number;
  readonly cluster: Awaited<ReturnType<typeof startMasters>>;
}

/** Three masters with keys of all types. */
async function startSource(t: TestContext): Promise<Source> {
  const cluster = await startMasters(t, ['kvasir', 'redis', 'kvasir']);
  const single = await kvasirWithDebug();
  t.after(() => single.stop());
  await sendAll(single.port, dataset({ seed, keys: 6, withFunctions: false }));
  const { port } = cluster.nodes[1]!;
  await mustRun('kvasir-sync', [
    ...['--from', `127.0.0.1:${single.port}`, '--to', `127.0.0.1:${port}`],
    ...['--once', '--only-db', '0', '--quiet'],
  ]);
  const counts = await Promise.all(cluster.nodes.map((node) => node.send('DBSIZE')));
  return { port, cluster, keys: counts.reduce((sum, count) => sum + Number(count), 0) };
}

const wholeIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.sha256'));

it('stores all masters as one backup, and restores it into another cluster', { skip }, async (t) => {
  const { port, cluster, keys } = await startSource(t);
  const other = await startMasters(t, ['redis', 'kvasir']);
  const into = `127.0.0.1:${other.nodes[0]!.port}`;
  await withFolder(async (folder) => {
    const key = join(folder, 'key');
    await mustRun('kvasir-backup', ['keygen', key]);
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    const places = ['--to', one, '--to', two, '--encrypt-key', key];
    const run = ['run', '--from', `127.0.0.1:${port}`, ...places, '--name', 'shop'];
    const dry = await mustRun('kvasir-backup', [...run, '--dry-run']);
    assert.match(dry.stdout.toString(), /would store shop-\d+T\d+Z\.cluster from 3 masters of the cluster of 127/);
    const ran = await mustRun('kvasir-backup', [...run, '--json']);
    const outcome = JSON.parse(ran.stdout.toString()) as { file: string; shards: number; keys: number };
    assert.deepEqual([outcome.shards, outcome.keys], [3, keys], `seed ${seed}`);
    const files = [1, 2, 3].map((index) => outcome.file.replace('.cluster', `.shard${index}of3.rdb.gz.sealed`));
    const expected = [`${outcome.file}.sha256`, ...files];
    for (const place of [one, two]) {
      assert.deepEqual(readdirSync(place).sort(), expected);
      const sums = spawnSync('sha256sum', ['--check', '--strict', expected[0]!], { cwd: place, encoding: 'utf8' });
      assert.equal(sums.status, 0, sums.stderr);
      assert.equal(sums.stdout.match(/: OK$/gm)?.length, 3);
    }
    const manifest = readFileSync(join(one, expected[0]!), 'utf8');
    assert.match(manifest, /^# .*shard1of3.*: slots 0-5461 of [0-9a-f]{40} at 127\.0\.0\.1:\d+$/m);
    assert.match(manifest, /: slots 10923-16383 of /);

    const list = await mustRun('kvasir-backup', ['list', ...places.slice(0, 4), '--name', 'shop']);
    assert.match(list.stdout.toString(), / KB {2}whole .*\.cluster \(3 shards\)\n.* whole .*\(3 shards\)\n$/);
    const verified = await mustRun('kvasir-backup', ['verify', '--all', ...places, '--name', 'shop']);
    assert.equal(verified.stdout.toString().match(new RegExp(`good, ${keys} keys`, 'g'))?.length, 2);

    const restore = ['restore', ...places, '--name', 'shop'];
    const refused = await runTool('kvasir-backup', [...restore, '--file', join(folder, 'x.rdb')]);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /has 3 shards: --folder makes a file of each/);
    await mustRun('kvasir-backup', [...restore, '--folder', join(folder, 'shards')]);
    const parts = readdirSync(join(folder, 'shards')).sort();
    assert.deepEqual(
      parts,
      files.map((name) => name.replace('.gz.sealed', '')),
    );

    const restored = await mustRun('kvasir-backup', [...restore, '--into', into]);
    assert.match(restored.stdout.toString(), new RegExp(`is in ${into} \\(${keys} keys\\)`));
    const compare = ['--from', `127.0.0.1:${port}`, '--to', into, '--verify'];
    await mustRun('kvasir-sync', compare);
    const again = await runTool('kvasir-backup', [...restore, '--into', into]);
    assert.equal(again.status, 1);
    assert.match(again.stderr, new RegExp(`has ${keys} keys; --force replaces those`));
    await mustRun('kvasir-backup', [...restore, '--into', into, '--force']);
    await mustRun('kvasir-sync', compare);

    // One damaged shard, and nothing is written.
    for (const node of other.nodes) await node.ok('FLUSHALL');
    const sound = readFileSync(join(one, files[2]!));
    for (const place of [one, two]) {
      rmSync(join(place, files[2]!));
      writeFileSync(join(place, files[2]!), sound.subarray(0, sound.length - 20));
    }
    const damaged = await runTool('kvasir-backup', [...restore, '--into', into]);
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /shard3of3.*damaged/);
    assert.deepEqual(await Promise.all(other.nodes.map((node) => node.send('DBSIZE'))), ['0', '0']);
    rmSync(join(one, files[1]!));
    const half = await mustRun('kvasir-backup', ['list', '--to', one, '--name', 'shop']);
    assert.match(half.stdout.toString(), / not whole .*\(2 shards\)/);
    const missing = await runTool('kvasir-backup', ['restore', '--to', one, '--name', 'shop', '--into', into]);
    assert.match(missing.stderr, /no backup of shop is on .*\(1 are not whole\)/);

    // A node alone, and rules that remove a cluster's backup as a whole.
    for (const place of [one, two]) rmSync(place, { recursive: true });
    const old = ['.cluster.sha256', '.shard1of2.rdb', '.shard2of2.rdb'].map((end) => `shop-${time}${end}`);
    mkdirSync(one);
    for (const name of old) writeFileSync(join(one, name), '');
    const alone = await mustRun('kvasir-backup', [...run, '--cluster', 'no', '--keep-last', '1', '--json']);
    const single = JSON.parse(alone.stdout.toString()) as { keys: number; removed: string[] };
    assert.equal(single.keys, Number(await cluster.nodes[1]!.send('DBSIZE')));
    assert.deepEqual(single.removed, [`shop-${time}.cluster`]);
    assert.deepEqual(
      old.filter((name) => existsSync(join(one, name))),
      [],
    );
  });
});

it('leaves nothing that looks whole when a shard fails, and goes on after a kill', { skip }, async (t) => {
  const { port, cluster, keys } = await startSource(t);
  await withFolder(async (folder) => {
    const [far, work] = [join(folder, 'far'), join(folder, 'work')];
    mkdirSync(far);
    mkdirSync(work);
    const run = (second: string): string[] => [
      ...['run', '--from', `127.0.0.1:${port}`, '--to', 'command', '--work', work],
      ...['--put-command', `case {name} in *shard2*) ${second} ;; esac; cp {file} '${far}'/{name}`],
      ...['--get-command', `cp '${far}'/{name} {file}`, '--list-command', `ls -l '${far}'`],
      ...['--remove-command', `rm '${far}'/{name}`],
    ];
    const failed = await runTool('kvasir-backup', run('exit 9'));
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /exits with 9/);
    assert.deepEqual([wholeIn(far), readdirSync(far).length], [[], 1]);
    const words = ['--to', 'command', '--work', work, '--list-command', `ls -l '${far}'`];
    assert.match((await mustRun('kvasir-backup', ['list', ...words])).stdout.toString(), / not whole /);
    // The shell's parent is the program.
    const killed = await runTool('kvasir-backup', run('kill -9 $PPID'));
    assert.equal(killed.status, null);
    assert.deepEqual(wholeIn(far), []);
    const next = await mustRun('kvasir-backup', [...run(':'), '--json']);
    const outcome = JSON.parse(next.stdout.toString()) as { keys: number; resumed: string[] };
    assert.deepEqual([outcome.keys, outcome.resumed.length], [keys, 1]);
    assert.equal(wholeIn(far).length, 2);
    assert.deepEqual(readdirSync(work), []);

    // A slot that is between two masters, and a master that is away.
    const to = join(folder, 'to');
    const plain = ['run', '--from', `127.0.0.1:${port}`, '--to', to];
    const [first, second, third] = cluster.nodes as [(typeof cluster.nodes)[0], ...typeof cluster.nodes];
    await first.ok('CLUSTER', 'SETSLOT', '7', 'MIGRATING', third!.id);
    const open = await runTool('kvasir-backup', plain);
    assert.equal(open.status, 1);
    assert.match(open.stderr, /slots 7 are being moved/);
    await first.ok('CLUSTER', 'SETSLOT', '7', 'STABLE');
    await mustRun('kvasir-backup', [...plain, '--cluster', 'yes']);
    rmSync(to, { recursive: true });
    await third!.kill();
    const away = await runTool('kvasir-backup', plain);
    assert.equal(away.status, 1);
    assert.match(away.stderr, new RegExp(`cannot connect to 127.0.0.1:${third!.port}`));
    assert.deepEqual(existsSync(to) ? readdirSync(to) : [], []);
    assert.ok(second!.isUp);
  });
});
