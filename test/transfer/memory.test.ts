// How much memory the data tools take does not depend on the size of the data: less than 200 MB each. kvasir-load --aof is the
// exception: which data an append-only file has shows only when its commands have run, in memory.
//
// KVASIR_TRANSFER_MEGABYTES=1024 (or 10240) moves as much and prints time and memory of each tool. A gigabyte takes minutes, so the
// share of every run is small: it finds a tool that keeps what it reads, not one that keeps a little of it.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { peerMissing } from '../peer.js';
import { digestOf, kvasirWithDebug, mustRun, withFolder } from './tools.js';

const megabytes = Number(process.env.KVASIR_TRANSFER_MEGABYTES ?? 16);
const isLong = megabytes > 100;
const RESIDENT_MAX = 200;
const VALUE_BYTES = 1000;
const skip = process.platform === 'linux' ? peerMissing('redis-cli') : 'only Linux tells how much memory a process had';

interface Cost {
  readonly seconds: number;
  readonly megabytes: number;
}

/** Runs a tool and watches its memory. */
async function costOf(name: string, words: readonly string[]): Promise<Cost> {
  let most = 0;
  let timer: NodeJS.Timeout | undefined;
  const startedMs = performance.now();
  await mustRun(name, words, {
    onStart: ({ pid }) => {
      timer = setInterval(() => {
        try {
          const status = readFileSync(`/proc/${pid!}/status`, 'utf8');
          most = Math.max(most, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
        } catch {
          // It has ended.
        }
      }, 10);
    },
  }).finally(() => clearInterval(timer));
  return { seconds: (performance.now() - startedMs) / 1000, megabytes: most };
}

it(`moves ${megabytes} MB in less than ${RESIDENT_MAX} MB`, { skip }, async (t) => {
  // Without compression, so that files have the size of the data.
  const source = await kvasirWithDebug(['--rdbcompression', 'no']);
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  const [from, to] = [`127.0.0.1:${source.port}`, `127.0.0.1:${target.port}`];
  // Half in small values, half in one list, which comes in parts.
  const count = Math.floor((megabytes * 2 ** 20) / VALUE_BYTES / 2);
  await source.send('DEBUG', 'POPULATE', String(count), 'key', String(VALUE_BYTES));
  const script = "local v = string.rep('x', 1000) for i = 1, ARGV[1] do redis.call('RPUSH', KEYS[1], v .. i) end";
  for (let done = 0; done < count; done += 50_000)
    await source.send('EVAL', script, '1', 'list', String(Math.min(50_000, count - done)));
  await source.send('SAVE');
  const rdb = join(source.folder, 'dump.rdb');
  const wanted = await digestOf(source);
  await withFolder(async (folder) => {
    const json = join(folder, 'data.json');
    const backup = ['--to', join(folder, 'backup'), '--passphrase', 'x'];
    const tools: readonly (readonly [string, 'fills' | 'only', ...string[]])[] = [
      ['kvasir-dump', 'only', '-u', from, '--format', 'kvasir', '-o', json],
      ['kvasir-load', 'fills', '-u', to, json],
      ['kvasir-sync', 'fills', '--from', from, '--to', to, '--once', '--quiet'],
      ['kvasir-rdb', 'only', 'convert', rdb, '--to', '9', '-o', join(folder, 'nine.rdb')],
      ...(!isLong
        ? []
        : ([
            ['kvasir-sync', 'fills', '--from', `scan:${from}`, '--to', to, '--once', '--quiet'],
            ['kvasir-sync', 'only', '--from', from, '--to', `rdb:${join(folder, 'sync.rdb')}`, '--once', '--quiet'],
            ['kvasir-load', 'fills', '-u', to, '--rdb', rdb],
            ['kvasir-rdb', 'only', 'stats', rdb, '--json'],
            ['kvasir-rdb', 'only', 'commands', rdb, '-o', join(folder, 'data.aof')],
            ['kvasir-aof', 'only', 'json', join(folder, 'data.aof'), '-o', join(folder, 'aof.json')],
            ['kvasir-load', 'fills', '-u', to, '--aof', join(folder, 'data.aof')],
            ['kvasir-backup', 'only', 'run', '--from', from, '--level', '1', ...backup],
            ['kvasir-backup', 'fills', 'restore', '--into', to, ...backup],
            ['kvasir-plan', 'only', 'size', '--rdb', rdb, '--quiet'],
          ] as const)),
    ];
    for (const [name, what, ...words] of tools) {
      if (what === 'fills') await target.send('FLUSHALL');
      const cost = await costOf(name, words);
      const shown = [name, ...words.filter((word) => !word.startsWith('/') && !word.includes('127.0'))].join(' ');
      t.diagnostic(`${cost.seconds.toFixed(1)} s, ${cost.megabytes.toFixed(0)} MB: ${shown}`);
      if (!words.includes('--aof'))
        assert.ok(cost.megabytes < RESIDENT_MAX, `${shown} takes ${cost.megabytes.toFixed(0)} MB`);
      if (what === 'fills') assert.equal(await digestOf(target), wanted, shown);
    }
    t.diagnostic(
      `RDB ${(statSync(rdb).size / 2 ** 20).toFixed(0)} MB, JSON ${(statSync(json).size / 2 ** 20).toFixed(0)} MB`,
    );
    rmSync(json);
  });
});
