// kvasir-check-rdb and kvasir-check-aof say what redis-check-rdb and redis-check-aof say, on sound, cut and damaged files.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { runCheckAof } from '../../src/checkers/check-aof.js';
import { runCheckRdb } from '../../src/checkers/check-rdb.js';
import { RealFiles } from '../../src/io/files.js';
import { peerMissing, startRedis } from '../peer.js';
import { dataset, sendAll } from './dataset.js';

const seed = Number(process.env.SEED ?? 77);

interface Outcome {
  readonly code: number;
  readonly text: string;
}

function ourRdb(path: string, ...flags: string[]): Outcome {
  let text = '';
  const out = (part: string): void => void (text += part);
  const code = runCheckRdb([...flags, path], {
    name: 'kvasir-check-rdb',
    files: new RealFiles(),
    nowMs: Date.now(),
    out,
    err: () => undefined,
  });
  return { code, text };
}

function ourAof(words: readonly string[], answer?: string): Outcome {
  let text = '';
  const ask = (question: string): string | undefined => {
    text += question;
    return answer;
  };
  const code = runCheckAof(words, {
    name: 'redis-check-aof',
    files: new RealFiles(),
    nowMs: Date.now(),
    out: (part) => void (text += part),
    ask,
  });
  return { code, text };
}

function theirs(program: string, words: readonly string[], input = ''): Outcome {
  const { status, stdout } = spawnSync(program, words, { input, encoding: 'latin1' });
  return { code: status ?? -1, text: stdout };
}

/** Without the place in a C source, and without what a log line adds. */
function plain(text: string): string {
  return (
    text
      .split('\n')
      // redis-check-rdb does not look into values.
      .filter((line) => !/^\d+:C | was repaired: /.test(line))
      .map((line) =>
        line
          .replace(/Internal error in RDB reading offset 0, function at rdb\.c:\d+ -> /, '')
          .replace(/ \([a-z ,]+\)$/, '')
          .replace('Reading type 19 (stream-v2)', 'Reading type 19'),
      )
      .join('\n')
  );
}

/** Everything up to the error: after a damaged byte the two may stumble over different things. */
function untilError(text: string): string {
  return plain(text).split('--- RDB ERROR DETECTED ---')[0]!;
}

test('what is no file, or not there, is told in a line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-check-'));
  const target = join(folder, 'restored');
  for (const [path, reason] of [
    [folder, 'Is a directory'],
    [join(folder, 'none'), 'No such file or directory'],
  ] as const) {
    const told = `Cannot open file ${path}: ${reason}\n`;
    assert.deepEqual(ourAof([path]), { code: 1, text: told });
    assert.deepEqual(ourAof(['--restore-to', target, path]), { code: 1, text: told });
    let errors = '';
    const code = runCheckRdb([path], {
      name: 'kvasir-check-rdb',
      files: new RealFiles(),
      nowMs: 0,
      out: () => undefined,
      err: (part) => void (errors += part),
    });
    assert.deepEqual({ code, errors }, { code: 1, errors: told });
  }
  rmSync(folder, { recursive: true });
});

describe(
  'the checkers',
  { skip: peerMissing('redis-server', 'redis-cli', 'redis-check-rdb', 'redis-check-aof') },
  () => {
    test(`RDB: sound, cut at many places, with flipped bits (seed ${seed})`, async () => {
      const random = new Prng(seed);
      const redis = await startRedis();
      const folder = mkdtempSync(join(tmpdir(), 'kvasir-check-'));
      try {
        await sendAll(redis.port, dataset({ seed, keys: 8, withFunctions: true }));
        await redis.send('SAVE');
        const bytes = readFileSync(join(redis.folder, 'dump.rdb'));
        const path = join(folder, 'x.rdb');
        writeFileSync(path, bytes);
        assert.deepEqual(ourRdb(path), theirs('redis-check-rdb', [path]));
        const report = JSON.parse(ourRdb(path, '--json').text) as { ok: boolean; keys: number; checksum: string };
        assert.equal(report.ok, true);
        assert.equal(report.checksum, 'ok');
        for (let round = 0; round < 60; round++) {
          writeFileSync(path, bytes.subarray(0, round < 12 ? round : random.below(bytes.length)));
          const ours = ourRdb(path);
          const other = theirs('redis-check-rdb', [path]);
          assert.equal(ours.code, other.code);
          assert.equal(plain(ours.text), plain(other.text), `cut to ${readFileSync(path).length}`);
        }
        for (let round = 0; round < 60; round++) {
          const damaged = Buffer.from(bytes);
          damaged[9 + random.below(bytes.length - 9)]! ^= 1 << random.below(8);
          writeFileSync(path, damaged);
          const ours = ourRdb(path);
          const other = theirs('redis-check-rdb', [path]);
          assert.equal(ours.code, 1);
          // One program may notice a flipped bit in the value, the other only in later bytes or in the checksum.
          if (other.code !== 1) continue;
          const [mine, wanted] = [untilError(ours.text), untilError(other.text)];
          assert.ok(mine.startsWith(wanted) || wanted.startsWith(mine), `${mine}\n--- against\n${wanted}`);
        }
      } finally {
        rmSync(folder, { recursive: true });
        await redis.stop();
      }
    });

    test(`AOF: manifest and single file, sound, cut, damaged; --fix and --truncate-to-timestamp leave the same bytes (seed ${seed})`, async () => {
      const random = new Prng(seed);
      const redis = await startRedis({ args: ['--appendonly', 'yes', '--aof-timestamp-enabled', 'yes'] });
      const folder = mkdtempSync(join(tmpdir(), 'kvasir-check-'));
      try {
        await sendAll(redis.port, dataset({ seed, keys: 2, withFunctions: false }).slice(0, 40));
        await sendAll(redis.port, [['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '2'], ['EXEC']]);
        await new Promise((resolve) => setTimeout(resolve, 1100));
        await sendAll(redis.port, [['SET', 'late', '1']]);
        await redis.send('CONFIG', 'SET', 'appendfsync', 'always');
        const source = join(redis.folder, 'appendonlydir');
        const incr = readdirSync(source).find((name) => name.includes('.incr.'))!;
        const manifest = 'appendonly.aof.manifest';
        const bytes = readFileSync(join(source, incr));
        const ours = join(folder, 'ours');
        const other = join(folder, 'other');
        const compare = (flags: readonly string[], name: string, answer: string): void => {
          process.chdir(ours);
          const mine = ourAof([...flags, name], answer);
          process.chdir(other);
          const wanted = theirs('redis-check-aof', [...flags, name], `${answer}\n`);
          process.chdir('/');
          // Behind the end of a line that is too short they print whatever lies in memory.
          const sure = (text: string): string => text.replace(/got: 00[0-9a-f]+/, 'got: 00');
          assert.equal(sure(mine.text), sure(wanted.text));
          assert.equal(mine.code, wanted.code);
          assert.deepEqual(readFileSync(join(ours, incr)), readFileSync(join(other, incr)));
        };
        const both = (change: (path: string) => void): void => {
          for (const target of [ours, other]) {
            rmSync(target, { recursive: true, force: true });
            cpSync(source, target, { recursive: true });
            change(join(target, incr));
          }
        };
        both(() => undefined);
        compare([], manifest, '');
        compare([], incr, '');
        compare([], 'nothing.aof', '');
        const firstTimestamp = Number(/#TS:(\d+)/.exec(bytes.toString('latin1'))![1]);
        for (const seconds of [firstTimestamp - 10, firstTimestamp, firstTimestamp + 100]) {
          both(() => undefined);
          compare(['--truncate-to-timestamp', String(seconds)], manifest, '');
        }
        for (let round = 0; round < 40; round++) {
          const damaged = Buffer.from(bytes.subarray(0, random.below(bytes.length)));
          if (random.chance(50) && damaged.length > 0) damaged[random.below(damaged.length)] = 33 + random.below(90);
          both((path) => writeFileSync(path, damaged));
          compare([], random.chance(50) ? manifest : incr, '');
          compare(['--fix'], incr, random.pick(['y', 'n', '']));
        }
        both((path) => copyFileSync(path, `${path}.bak`));
        for (const text of [
          '',
          'file x seq 1 type b\n',
          'file\n',
          '# only a comment\n',
          'file a seq 1 type i\nfile b seq 1 type i\n',
          'file ../a seq 1 type i\n',
          'file a seq 1 type z\n',
          'file a seq 1 type b\nfile b seq 2 type b\n',
        ]) {
          for (const target of [ours, other]) writeFileSync(join(target, manifest), text);
          process.chdir(ours);
          const mine = ourAof([manifest]);
          const wanted = theirs('redis-check-aof', [manifest]);
          process.chdir('/');
          assert.equal(mine.code, wanted.code, JSON.stringify(text));
        }
      } finally {
        rmSync(folder, { recursive: true });
        await redis.stop();
      }
    });
  },
);
