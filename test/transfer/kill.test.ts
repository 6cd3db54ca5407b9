// The data tools are killed (-9) at random moments and run again: the result is exact, and nothing half made has the name of a whole.
//
// KVASIR_KILL_ROUNDS=25 kills each of them as often; SEED=N repeats the moments as far as the machine does. kvasir-sync between
// running servers has its kills in sync-events, sync-cluster and sync-to-cluster (KVASIR_SYNC_ROUNDS), kvasir-aof in kill-aof.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { differences } from '../../src/transfer/rdb/differences.js';
import { peerMissing, type RedisPeer } from '../peer.js';
import { fill, killed, random, report, rounds, seed, timed } from './kills.js';
import { digestOf, kvasirWithDebug, mustRun, withFolder } from './tools.js';

const skip = peerMissing('redis-cli');

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n').sort();

async function sameRdb(one: string, other: string): Promise<boolean> {
  const { done } = await differences(one, other, 0).next();
  return done === true;
}

it('dump and load go on where they were killed, and end exact', { skip }, async (t) => {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  const other = await kvasirWithDebug();
  t.after(() => other.stop());
  await fill(server, 10_000);
  const wanted = await digestOf(server);
  await withFolder(async (folder) => {
    const reference = join(folder, 'reference.json');
    const dump = (file: string): string[] => ['-u', url(server), '-c', '200', '--format', 'kvasir', '-o', file];
    const dumpMs = await timed('kvasir-dump', dump(reference));
    const position = join(folder, 'position');
    const load = ['-u', url(other), '--position', position, reference];
    const loadMs = await timed('kvasir-load', load);
    for (let round = 0; round < rounds; round++) {
      const message = `seed ${seed}, round ${round}`;
      const file = join(folder, `${round}.json`);
      // Twice: what goes on may be killed as well.
      for (const more of [[], ['--resume']]) {
        const ran = await killed('kvasir-dump', [...dump(file), ...more], dumpMs);
        assert.equal(existsSync(file), ran.status === 0 || (more.length > 0 && existsSync(file)), message);
        if (existsSync(file)) break;
      }
      if (!existsSync(file)) await mustRun('kvasir-dump', [...dump(file), '--resume']);
      assert.deepEqual(new Set(linesOf(file)), new Set(linesOf(reference)), message);
      assert.deepEqual([existsSync(`${file}.part`), existsSync(`${file}.position`)], [false, false], message);
      rmSync(file);

      rmSync(position, { force: true });
      await other.send('FLUSHALL');
      await killed('kvasir-load', load, loadMs);
      await mustRun('kvasir-load', load);
      assert.equal(await digestOf(other), wanted, message);
    }
  });
  report(t);
});

interface Writer {
  readonly name: string;
  readonly words: (out: string) => string[];
  readonly isRdb: boolean;
}

it('files appear under their names when they are whole', { skip }, async (t) => {
  const server = await kvasirWithDebug(['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no']);
  t.after(() => server.stop());
  await fill(server, 20_000);
  await server.send('SAVE');
  const rdb = join(server.folder, 'dump.rdb');
  const aofFolder = join(server.folder, 'appendonlydir');
  const aof = join(
    aofFolder,
    readdirSync(aofFolder).find((name) => name.endsWith('.manifest'))!,
  );
  const writer = (name: string, ...words: string[]): Writer => ({
    name: `kvasir-${name}`,
    words: (out) => [...words, '-o', out],
    isRdb: name === 'rdb' && words[0] !== 'json' && words[0] !== 'commands',
  });
  const writers: Writer[] = [
    writer('rdb', 'convert', rdb, '--to', '12', '--quiet'),
    writer('rdb', 'extract', rdb, '--match', 'key:*', '--quiet'),
    writer('rdb', 'merge', rdb, rdb, '--quiet'),
    writer('rdb', 'repair', rdb, '--quiet'),
    writer('rdb', 'json', rdb, '--format', 'kvasir'),
    writer('rdb', 'commands', rdb),
    writer('aof', 'json', aof),
    {
      name: 'kvasir-sync',
      words: (out) => ['--from', url(server), '--to', `rdb:${out}`, '--once', '--rdb-version', '12', '--quiet'],
      isRdb: true,
    },
  ];
  await withFolder(async (folder) => {
    // The short share takes some of them.
    const chosen = rounds > 1 ? writers : [0, 1].map(() => writers[random.below(writers.length)]!);
    for (const [place, { name, words, isRdb }] of chosen.entries()) {
      const reference = join(folder, `reference-${place}`);
      const fullMs = await timed(name, words(reference));
      for (let round = 0; round < rounds; round++) {
        const out = join(folder, `out-${place}-${round}`);
        const ran = await killed(name, words(out), fullMs);
        const message = `seed ${seed}, round ${round}: ${name} ${words(out).join(' ')}`;
        const isSame = async (): Promise<boolean> =>
          isRdb ? sameRdb(reference, out) : readFileSync(reference).equals(readFileSync(out));
        if (ran.status === 0 || existsSync(out)) assert.ok(await isSame(), message);
        await mustRun(name, words(out));
        assert.ok(await isSame(), message);
        assert.equal(existsSync(`${out}.part`), false, message);
        rmSync(out);
      }
      rmSync(reference);
    }
  });
  report(t);
});

it('a backup that was killed is whole or not there, and the next run makes one', { skip }, async (t) => {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  await fill(server, 20_000);
  const keys = Number(await server.send('DBSIZE'));
  await withFolder(async (folder) => {
    const to = ['--to', join(folder, 'to'), '--work', join(folder, 'work')];
    const run = ['run', '--from', url(server), ...to, '--json'];
    const fullMs = await timed('kvasir-backup', run);
    for (let round = 0; round < rounds; round++) {
      const message = `seed ${seed}, round ${round}`;
      await killed('kvasir-backup', run, fullMs);
      const verified = await mustRun('kvasir-backup', ['verify', '--all', ...to, '--json']);
      for (const line of verified.stdout.toString().trimEnd().split('\n'))
        assert.equal((JSON.parse(line) as { keys: number }).keys, keys, message);
      const next = await mustRun('kvasir-backup', [...run, '--keep-last', '2']);
      const outcome = JSON.parse(next.stdout.toString()) as { keys: number; complaints: string[] };
      assert.deepEqual([outcome.keys, outcome.complaints], [keys, []], message);
    }
    const list = (await mustRun('kvasir-backup', ['list', ...to, '--json'])).stdout.toString().trimEnd().split('\n');
    const whole = list.filter((line) => (JSON.parse(line) as { isWhole: boolean }).isWhole);
    assert.equal(whole.length, 2, `seed ${seed}: ${list.join('\n')}`);
  });
  report(t);
});

it('a load and a restore into a server that were killed end exact when they run again', { skip }, async (t) => {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  const other = await kvasirWithDebug();
  t.after(() => other.stop());
  await fill(server, 10_000);
  await server.send('SAVE');
  const wanted = await digestOf(server);
  await withFolder(async (folder) => {
    const backup = ['--to', join(folder, 'to'), '--work', join(folder, 'work')];
    await mustRun('kvasir-backup', ['run', '--from', url(server), ...backup]);
    const tools: (readonly [string, string[]])[] = [
      ['kvasir-load', ['-u', url(other), '--rdb', join(server.folder, 'dump.rdb')]],
      ['kvasir-backup', ['restore', '--into', url(other), ...backup, '--force']],
      ['kvasir-sync', ['--from', `rdb:${join(server.folder, 'dump.rdb')}`, '--to', url(other), '--quiet']],
    ];
    for (const [name, words] of tools) {
      await other.send('FLUSHALL');
      const fullMs = await timed(name, words);
      for (let round = 0; round < rounds; round++) {
        await other.send('FLUSHALL');
        await killed(name, words, fullMs);
        await mustRun(name, words);
        assert.equal(await digestOf(other), wanted, `seed ${seed}, round ${round}: ${name} ${words.join(' ')}`);
      }
    }
  });
  report(t);
});

it('a move that was killed goes on where it was, and loses no write of clients', { skip }, async (t) => {
  const field = async (server: RedisPeer, name: string): Promise<string> =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(await server.send('INFO', 'replication'))?.[1] ?? '';
  await withFolder(async (folder) => {
    const hook = `sh -c 'touch "${folder}/switched"'`;
    let fullMs = 1000;
    for (let round = 0; round <= rounds; round++) {
      const old = await kvasirWithDebug();
      const fresh = await kvasirWithDebug();
      try {
        await fill(old, 10_000);
        const message = `seed ${seed}, round ${round}`;
        const words = ['move', '--from', url(old), '--to', url(fresh), '--pause-timeout', '5', '--hook', hook];
        const isSwitched = (): boolean => existsSync(join(folder, 'switched'));
        rmSync(join(folder, 'switched'), { force: true });
        // The first round tells how long it takes.
        if (round === 0) fullMs = await timed('kvasir-sync', words);
        else await killed('kvasir-sync', words, fullMs);
        // Clients write where they were sent; a write to the old server waits until its pause ends.
        const clientsAt = isSwitched() ? fresh : old;
        assert.equal(await clientsAt.send('SET', 'written', 'after the kill'), 'OK', message);
        const wanted = await digestOf(clientsAt);
        if (round > 0) await mustRun('kvasir-sync', words);
        const outcome = [await field(fresh, 'role'), await field(old, 'role'), await digestOf(fresh), isSwitched()];
        assert.deepEqual(outcome, ['master', 'slave', wanted, true], message);
      } finally {
        await Promise.all([old.stop(), fresh.stop()]);
      }
    }
  });
  report(t);
});
