// How much memory the data tools take does not depend on the size of the data: less than 200 MB each. kvasir-load --aof
// without --stream is the exception where the tool runs the commands itself: which data an append-only file has shows only when its commands have run.
//
// KVASIR_TRANSFER_MEGABYTES=1024 (or 10240) moves as much and prints time and memory of each tool. A gigabyte takes minutes, so the
// share of every run is small: it finds a tool that keeps what it reads, not one that keeps a little of it. The servers hold the data
// in memory and the files are about four times as big; one server at a time runs where both would not fit, and then what
// goes from server to server is left out.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { KvasirProcess } from '../kvasir.js';
import { peerMissing } from '../peer.js';
import { digestOf, kvasirWithDebug, mustRun, withFolder } from './tools.js';

const megabytes = Number(process.env.KVASIR_TRANSFER_MEGABYTES ?? 16);
const isLong = megabytes > 100;
const RESIDENT_MAX = 200;
const VALUE_BYTES = 1000;
/** A server takes this much memory for a byte of the data. */
const SERVER_SHARE = 1.5;
/** The same for what runs the commands of an append-only file, beside a server that has the data. */
const ENGINE_SHARE = 4;
const skip = process.platform === 'linux' ? peerMissing('redis-cli') : 'only Linux tells how much memory a process had';

const hasRoom = (share: number): boolean => freemem() / 2 ** 20 > megabytes * share + 1000;

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

/**
 * Half in small values, half in one list, which comes in parts. The values are pieces of random text, which no compression makes
 * smaller.
 */
async function fill(server: KvasirProcess): Promise<void> {
  const count = Math.floor((megabytes * 2 ** 20) / VALUE_BYTES / 2);
  const script = `math.randomseed(ARGV[2])
    local letters = {}
    for i = 1, 100000 do letters[i] = string.char(math.random(48, 122)) end
    local text = table.concat(letters)
    for i = ARGV[2] + 1, ARGV[2] + ARGV[1] do
      local from = i * 1009 % 99000
      local value = string.sub(text, from + 1, from + ${VALUE_BYTES})
      redis.call('SET', 'key:' .. i, value)
      redis.call('RPUSH', 'list', value)
    end`;
  for (let done = 0; done < count; done += 50_000)
    await server.send('EVAL', script, '0', String(Math.min(50_000, count - done)), String(done));
}

it(`moves ${megabytes} MB in less than ${RESIDENT_MAX} MB`, { skip }, async (t) => {
  // Without compression, so that files have the size of the data.
  const source = await kvasirWithDebug(['--rdbcompression', 'no']);
  t.after(() => source.stop());
  await fill(source);
  assert.equal(await source.send('SAVE'), 'OK');
  const rdb = join(source.folder, 'dump.rdb');
  const wanted = await digestOf(source);
  let target = hasRoom(SERVER_SHARE) ? await kvasirWithDebug() : undefined;
  t.after(() => target?.stop());
  // All are told at the end, so that a long run does not stop at the first.
  const tooBig: string[] = [];

  const run = async (name: string, ...words: string[]): Promise<void> => {
    const cost = await costOf(name, words);
    const shown = [name, ...words.map((word) => word.replace(/^(\w+:)?\/.*\//, '$1'))].join(' ');
    t.diagnostic(`${cost.seconds.toFixed(1)} s, ${cost.megabytes.toFixed(0)} MB: ${shown}`);
    if (cost.megabytes >= RESIDENT_MAX && (!words.includes('--aof') || words.includes('--stream')))
      tooBig.push(`${shown} takes ${cost.megabytes.toFixed(0)} MB`);
  };
  /** Runs a tool that fills the target. */
  const fills = async (name: string, ...words: string[]): Promise<void> => {
    await target!.send('FLUSHALL');
    await run(name, ...words.map((word) => word.replace('TARGET', `127.0.0.1:${target!.port}`)));
    assert.equal(await digestOf(target!), wanted, `${name} ${words.join(' ')}`);
  };

  await withFolder(async (folder) => {
    const from = `127.0.0.1:${source.port}`;
    const json = join(folder, 'data.json');
    const aof = join(folder, 'data.aof');
    const backup = ['--to', join(folder, 'backup'), '--passphrase', 'x'];
    const only = async (made: string, name: string, ...words: string[]): Promise<void> => {
      await run(name, ...words);
      rmSync(join(folder, made));
    };

    await run('kvasir-dump', '-u', from, '--format', 'kvasir', '-o', json);
    if (isLong) {
      const made = `rdb:${join(folder, 'sync.rdb')}`;
      await only('sync.rdb', 'kvasir-sync', '--from', from, '--to', made, '--once', '--quiet');
      await run('kvasir-backup', 'run', '--from', from, '--level', '1', ...backup);
    }
    if (target !== undefined) {
      await fills('kvasir-sync', '--from', from, '--to', 'TARGET', '--once', '--quiet');
      if (isLong) await fills('kvasir-sync', '--from', `scan:${from}`, '--to', 'TARGET', '--once', '--quiet');
    } else t.diagnostic('no room for two servers: nothing goes from one to the other');

    // Files, while no server has to run.
    await source.stop({ keepFolder: true });
    await only('nine.rdb', 'kvasir-rdb', 'convert', rdb, '--to', '9', '--quiet', '-o', join(folder, 'nine.rdb'));
    if (isLong) {
      await run('kvasir-rdb', 'stats', rdb, '--json');
      await run('kvasir-plan', 'size', '--rdb', rdb, '--quiet');
      await run('kvasir-rdb', 'commands', rdb, '-o', aof);
      await only('aof.json', 'kvasir-aof', 'json', aof, '-o', join(folder, 'aof.json'));
    }

    target ??= await kvasirWithDebug();
    await fills('kvasir-load', '-u', 'TARGET', json);
    t.diagnostic(
      `RDB ${(statSync(rdb).size / 2 ** 20).toFixed(0)} MB, JSON ${(statSync(json).size / 2 ** 20).toFixed(0)} MB`,
    );
    rmSync(json);
    if (isLong) {
      await fills('kvasir-load', '-u', 'TARGET', '--rdb', rdb);
      if (hasRoom(ENGINE_SHARE)) await fills('kvasir-load', '-u', 'TARGET', '--aof', aof);
      await fills('kvasir-load', '-u', 'TARGET', '--aof', aof, '--stream');
      await fills('kvasir-backup', 'restore', '--into', 'TARGET', ...backup);
    }
  });
  assert.deepEqual(tooBig, []);
});
