// The tools that read append-only files are killed (-9) at random moments and run again (see kills.ts): the result is exact, and a
// folder that is not whole has no manifest, without which a server takes nothing of it.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';
import { peerMissing } from '../peer.js';
import { fill, killed, random, report, rounds, seed, timed } from './kills.js';
import { digestOf, kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const skip = peerMissing('redis-cli');
const keys = 10_000;

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;

interface Written {
  /** The manifest. */
  readonly path: string;
  readonly digest: string;
}

/** An append-only file of a base of commands, an increment of half of the keys, and one of the rest and all other types. */
async function writeAof(t: TestContext, folder: string): Promise<Written> {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  await fill(server, keys);
  await server.send('SAVE');
  const digest = await digestOf(server);
  const commands = (await mustRun('kvasir-rdb', ['commands', join(server.folder, 'dump.rdb')])).stdout;
  const middle = commands.indexOf('*', commands.length >>> 1);
  const half = commands.lastIndexOf('*3\r\n$3\r\nSET\r\n', middle);
  assert.ok(half > 0, 'the commands of populated keys are SETs');
  writeFileSync(
    join(folder, 'a.1.base.aof'),
    '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\nv\r\n',
  );
  writeFileSync(join(folder, 'a.1.incr.aof'), '*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n');
  appendFileSync(join(folder, 'a.1.incr.aof'), commands.subarray(0, half));
  writeFileSync(join(folder, 'a.2.incr.aof'), '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n');
  appendFileSync(join(folder, 'a.2.incr.aof'), commands.subarray(half));
  const path = join(folder, 'a.manifest');
  const lines = ['a.1.base.aof seq 1 type b', 'a.1.incr.aof seq 1 type i', 'a.2.incr.aof seq 2 type i'];
  writeFileSync(path, lines.map((line) => `file ${line}\n`).join(''));
  return { path, digest };
}

/** An RDB says when it was made, so of that only the size is compared. */
function filesIn(folder: string): [string, string | number][] {
  const inner = join(folder, 'appendonlydir');
  return readdirSync(inner)
    .sort()
    .map((name) => {
      const path = join(inner, name);
      return [name, name.endsWith('.rdb') ? statSync(path).size : readFileSync(path, 'latin1')];
    });
}

/** A tool that writes a data folder: killed, it leaves a whole one or one without a manifest; elsewhere it makes the whole one. */
async function killsFolderWriter(folder: string, words: (out: string) => string[]): Promise<void> {
  const wanted = join(folder, 'wanted');
  const fullMs = await timed('kvasir-aof', words(wanted));
  const files = filesIn(wanted);
  for (let round = 0; round < rounds; round++) {
    const out = join(folder, 'out');
    await killed('kvasir-aof', words(out), fullMs);
    const message = `seed ${seed}, round ${round}: ${words(out).join(' ')}`;
    // Not by deepEqual, which would print the files.
    const isSame = (): boolean => JSON.stringify(filesIn(out)) === JSON.stringify(files);
    if (existsSync(join(out, 'appendonlydir', 'appendonly.aof.manifest'))) assert.ok(isSame(), message);
    else if (existsSync(out) && readdirSync(out).length > 0) {
      const again = await runTool('kvasir-aof', words(out));
      assert.equal(again.status, 1, message);
      assert.match(again.stderr, /is not empty\. Name a new/, message);
    }
    rmSync(out, { recursive: true, force: true });
    await mustRun('kvasir-aof', words(out));
    assert.ok(isSame(), message);
    rmSync(out, { recursive: true });
  }
  rmSync(wanted, { recursive: true });
}

it(
  'a data folder of kvasir-aof cut, undo or compact that was killed has no manifest, or is whole',
  { skip },
  async (t) => {
    await withFolder(async (folder) => {
      const { path } = await writeAof(t, folder);
      const last = join(folder, 'a.2.incr.aof');
      const offset = Math.ceil(statSync(last).size * (0.5 + random.below(500) / 1000));
      // The short share takes one of them.
      const chosen = rounds > 1 ? [0, 1, 2] : [random.below(3)];
      if (chosen.includes(0)) await killsFolderWriter(folder, (out) => ['compact', path, '-o', out]);
      if (chosen.includes(1)) await killsFolderWriter(folder, (out) => ['cut', path, '--to', `@${offset}`, '-o', out]);
      appendFileSync(last, '*1\r\n$8\r\nFLUSHALL\r\n');
      if (chosen.includes(2)) await killsFolderWriter(folder, (out) => ['undo', path, '--apply', out]);
    });
    report(t);
  },
);

it(
  'kvasir-aof undo --into that was killed refuses a target with keys, and ends exact with --force',
  { skip },
  async (t) => {
    await withFolder(async (folder) => {
      const { path, digest } = await writeAof(t, folder);
      appendFileSync(
        join(folder, 'a.2.incr.aof'),
        '*1\r\n$8\r\nFLUSHALL\r\n*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n',
      );
      const target = await kvasirWithDebug();
      t.after(() => target.stop());
      const words = ['undo', path, '--into', url(target)];
      const fullMs = await timed('kvasir-aof', words);
      assert.equal(await digestOf(target), digest, `seed ${seed}`);
      for (let round = 0; round < rounds; round++) {
        await target.send('FLUSHALL');
        await killed('kvasir-aof', words, fullMs);
        const message = `seed ${seed}, round ${round}`;
        const isEmpty = (await target.send('DBSIZE')) === '0';
        const again = await runTool('kvasir-aof', words);
        if (isEmpty) assert.equal(again.status, 0, `${message}: ${again.stderr}`);
        else {
          assert.equal(again.status, 1, message);
          assert.match(again.stderr, /is not empty; --force puts the keys there all the same/, message);
          await mustRun('kvasir-aof', [...words, '--force']);
        }
        assert.equal(await digestOf(target), digest, message);
      }
    });
    report(t);
  },
);

it(
  'kvasir-load --aof --stream that was killed refuses a target with keys, and ends exact once it is empty',
  { skip },
  async (t) => {
    await withFolder(async (folder) => {
      const { path, digest } = await writeAof(t, folder);
      // What a second run over the first would do twice.
      for (const line of ['RPUSH twice a', 'INCR count', 'APPEND text x'])
        appendFileSync(join(folder, 'a.2.incr.aof'), encodeCommand(line.split(' ')));
      const target = await kvasirWithDebug();
      t.after(() => target.stop());
      const words = ['-u', url(target), '--aof', path, '--stream'];
      const fullMs = await timed('kvasir-load', words);
      const whole = await digestOf(target);
      await target.send('DEL', 'twice', 'count', 'text');
      assert.equal(await digestOf(target), digest, `seed ${seed}`);
      for (let round = 0; round < rounds; round++) {
        await target.send('FLUSHALL');
        await killed('kvasir-load', words, fullMs);
        const message = `seed ${seed}, round ${round}`;
        if ((await target.send('DBSIZE')) !== '0') {
          const again = await runTool('kvasir-load', words);
          assert.equal(again.status, 1, message);
          assert.match(again.stderr, /has keys; --stream needs an empty server/, message);
          await target.send('FLUSHALL');
        }
        await mustRun('kvasir-load', words);
        assert.equal(await digestOf(target), whole, message);
      }
    });
    report(t);
  },
);
