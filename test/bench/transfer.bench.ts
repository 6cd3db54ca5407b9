// transfer: how long the data tools take beside redis-cli for the same data and the same redis-servers.
//
//   snapshot   redis-cli --rdb FILE      kvasir-sync --to rdb:FILE --once, which reads every value, and kvasir-backup, which stores the bytes
//   load       redis-cli --pipe < FILE   kvasir-load --rdb of the same keys; and of the same commands, --aof
//   copy       MIGRATE COPY, a thousand keys a command, which is DUMP and RESTORE inside redis-server
//                                        kvasir-sync by SCAN and the values of each key, and as a replica
//
// Times are those of whole processes, so with the start of Node. The servers are redis-server, so that only the tools differ.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from '../../src/bench/versus.js';
import { fill } from './fill.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, redisCli, startServer } from './servers.js';

const goal = 1;
const keysPerMigrate = 1000;

const keyOf = (index: number): string => `key:${String(index).padStart(12, '0')}`;
const bundle = (name: string): string => fileURLToPath(new URL(`../../bundle/${name}.js`, import.meta.url));

/** Seconds of a process that must succeed. */
function seconds(program: string, words: readonly string[], input?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const descriptor = input === undefined ? undefined : openSync(input, 'r');
    const startedMs = performance.now();
    const child = spawn(program, words, { stdio: [descriptor ?? 'ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
    child.on('error', reject);
    child.on('close', (status) => {
      if (descriptor !== undefined) closeSync(descriptor);
      if (status === 0) resolve((performance.now() - startedMs) / 1000);
      else reject(new Error(`${program} ${words.join(' ')} exits with ${status}: ${said}`));
    });
  });
}

const tool = (name: string, ...words: string[]): Promise<number> =>
  seconds(process.execPath, [bundle(`kvasir-${name}`), ...words]);

interface Way {
  readonly work: string;
  readonly name: string;
  readonly run: () => Promise<number>;
  /** The target's expected contents afterwards. */
  readonly fills: boolean;
}

function waysOf(source: BenchServer, target: BenchServer, folder: string, keys: number): Way[] {
  const [from, to] = [`127.0.0.1:${source.port}`, `127.0.0.1:${target.port}`];
  const commands = join(folder, 'commands.aof');
  const rdb = join(folder, 'data.rdb');
  let number = 0;
  const fresh = (name: string): string => join(folder, `${name}-${number++}`);
  const migrate = async (): Promise<number> => {
    const startedMs = performance.now();
    const head = ['MIGRATE', '127.0.0.1', String(target.port), '', '0', '60000', 'COPY', 'REPLACE', 'KEYS'];
    await fill(source.port, keys / keysPerMigrate, (index) => [
      ...head,
      ...Array.from({ length: keysPerMigrate }, (_, place) => keyOf(index * keysPerMigrate + place)),
    ]);
    return (performance.now() - startedMs) / 1000;
  };
  const cli = (...words: string[]): Promise<number> => seconds('redis-cli', ['-p', String(source.port), ...words]);
  const backup = ['run', '--from', from, '--compress', 'none', '--verify', 'none', '--quiet'];
  return [
    { work: 'snapshot', name: 'redis-cli --rdb', run: () => cli('--rdb', fresh('cli')), fills: false },
    {
      work: 'snapshot',
      name: 'kvasir-sync --to rdb:',
      run: () => tool('sync', '--from', from, '--to', `rdb:${fresh('sync')}`, '--once', '--quiet'),
      fills: false,
    },
    {
      work: 'snapshot',
      name: 'kvasir-backup',
      run: () => tool('backup', ...backup, '--to', fresh('backup')),
      fills: false,
    },
    {
      work: 'load',
      name: 'redis-cli --pipe',
      run: () => seconds('redis-cli', ['-p', String(target.port), '--pipe'], commands),
      fills: true,
    },
    {
      work: 'load',
      name: 'kvasir-load --rdb',
      run: () => tool('load', '-u', to, '--rdb', rdb, '--quiet'),
      fills: true,
    },
    {
      work: 'load',
      name: 'kvasir-load --aof',
      run: () => tool('load', '-u', to, '--aof', commands, '--quiet'),
      fills: true,
    },
    {
      work: 'load',
      name: 'kvasir-load --aof --stream',
      run: () => tool('load', '-u', to, '--aof', commands, '--stream', '--quiet'),
      fills: true,
    },
    { work: 'copy', name: 'MIGRATE COPY', run: migrate, fills: true },
    {
      work: 'copy',
      name: 'kvasir-sync, SCAN',
      run: () => tool('sync', '--from', `scan:${from}`, '--to', to, '--once', '--quiet'),
      fills: true,
    },
    {
      work: 'copy',
      name: 'kvasir-sync, PSYNC',
      run: () => tool('sync', '--from', from, '--to', to, '--once', '--quiet'),
      fills: true,
    },
  ];
}

export async function measureTransfer(size: { keys: number; bytes: number; rounds: number }): Promise<Section[]> {
  const keys = Math.ceil(size.keys / keysPerMigrate) * keysPerMigrate;
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-bench-transfer-'));
  const source = await startServer('redis', ['--repl-diskless-sync-delay', '0']);
  const target = await startServer('redis');
  const times = new Map<string, number[]>();
  try {
    const value = 'x1'.repeat(Math.ceil(size.bytes / 2)).slice(0, size.bytes);
    await fill(source.port, keys, (index) => ['SET', keyOf(index), value]);
    await redisCli(source.port, 'config', 'set', 'rdbcompression', 'no');
    await seconds('redis-cli', ['-p', String(source.port), '--rdb', join(folder, 'data.rdb')]);
    await tool('rdb', 'commands', join(folder, 'data.rdb'), '-o', join(folder, 'commands.aof'));
    const ways = waysOf(source, target, folder, keys);
    for (let round = 0; round < size.rounds; round++)
      for (const way of round % 2 === 0 ? ways : [...ways].reverse()) {
        if (way.fills) await redisCli(target.port, 'flushall', 'sync');
        // A snapshot that is asked for before the server has seen the end of the last one waits up to a second.
        while (!/rdb_bgsave_in_progress:0/.test(await redisCli(source.port, 'info', 'persistence'))) await sleep(20);
        const taken = await way.run();
        const found = Number(await redisCli(target.port, 'dbsize'));
        if (way.fills && found !== keys) throw new Error(`${way.name} brought ${found} of ${keys} keys`);
        times.set(way.name, [...(times.get(way.name) ?? []), taken]);
        log(`transfer: round ${round + 1} of ${size.rounds}, ${way.name}: ${taken.toFixed(2)} s`);
      }
    return [section(ways, times, { ...size, keys })];
  } finally {
    await target.stop();
    await source.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function section(
  ways: readonly Way[],
  times: ReadonlyMap<string, readonly number[]>,
  { keys, bytes, rounds }: { keys: number; bytes: number; rounds: number },
): Section {
  const lines = ['| | tool | seconds | to the first of its kind |', '|---|---|--:|--:|'];
  let first: readonly number[] = [];
  let work = '';
  for (const way of ways) {
    const taken = times.get(way.name)!;
    const isFirst = way.work !== work;
    if (isFirst) first = taken;
    work = way.work;
    const ratio = median(taken.map((value, round) => value / first[round]!));
    lines.push(
      `| ${isFirst ? way.work : ''} | \`${way.name}\` | ${median(taken).toFixed(2)} | ${isFirst ? '' : marked(ratio, goal, 'most')} |`,
    );
  }
  lines.push(
    '',
    `${keys} strings of ${bytes} bytes in redis-server, into a file or another redis-server; whole processes, median of ${rounds} rounds. Goal: at most the time of Redis's own tool; bold is over it.`,
  );
  return {
    title: 'Data tools',
    command: `npm run bench -- --only transfer --transfer-keys ${keys} --transfer-bytes ${bytes}`,
    lines,
  };
}
