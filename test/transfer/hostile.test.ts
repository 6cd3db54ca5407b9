// Damaged and hostile files: every reader of the data tools succeeds, or says in a line what is wrong, with an exit code of its page.
//
// Each sample is mutated (mutations.ts) and given to the tools that read such files: no exception that nobody caught, no hang, no
// buffer that a length in the file has made. KVASIR_HOSTILE_ROUNDS=100 tries so many times as much, and cuts the samples off at
// each byte; SEED=N repeats a run. KVASIR_HOSTILE_ONLY=word runs the cases whose name contains it.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Prng } from '../../src/base/prng.js';
import { rdbFile, soundSamples } from '../persistence/payloads.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import type { Job, Outcome } from './hostile-worker.js';
import { mutate, type Mutated } from './mutations.js';
import { mustRun, runTool } from './tools.js';

const rounds = Number(process.env.KVASIR_HOSTILE_ROUNDS ?? 1);
const seed = Number(process.env.SEED ?? Date.now() % 100_000);
const only = process.env.KVASIR_HOSTILE_ONLY ?? '';
/** Mutations of a case in the short share. */
const SHARE = 3;
/** Nothing takes so long, not even on a machine that is many times slower. */
const HANG_MS = 240_000;
/** The arena of the engine that runs an AOF has chunks of 64 MB; a piece of an encrypted backup may have as much. */
const BUFFER_MAX = 80 << 20;
const HEAP_MAX_MB = 700;
const LINE_MAX = 3000;
const CUT_OFF = 'cut off at';

/** What a user cannot understand: a stack, or words about JavaScript. */
const internal =
  /\n\s+at |TypeError|RangeError|SyntaxError|ReferenceError|\bERR_[A-Z]|Maximum call stack|Cannot read prop|is not iterable|is not a function|Invalid array|out of range\. It must|\[object |\bundefined\b|\bNaN\b/;

class Thread {
  private worker: Worker | undefined;
  slowest: { ms: number; name: string } = { ms: 0, name: '' };
  runs = 0;

  private start(): Worker {
    return new Worker(new URL('./hostile-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MB },
      env: { ...process.env, KVASIR_BACKUP_PASSPHRASE: '', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    });
  }

  async run(job: Job, name: string): Promise<Outcome> {
    this.worker ??= this.start();
    const { worker } = this;
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      const fail = (error: Error): void => {
        this.worker = undefined;
        void worker.terminate();
        finish();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error('it hangs')), HANG_MS);
      const onExit = (code: number): void => fail(new Error(`its thread ended with ${code}`));
      const take = (message: Outcome): void => {
        finish();
        resolve(message);
      };
      const finish = (): void => {
        clearTimeout(timer);
        worker.off('message', take).off('error', fail).off('exit', onExit);
      };
      worker.on('message', take).on('error', fail).on('exit', onExit);
      worker.postMessage(job);
    });
    this.runs++;
    if (outcome.ms > this.slowest.ms) this.slowest = { ms: outcome.ms, name };
    return outcome;
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }
}

/** Why an outcome is not as it should be. */
function faultOf(
  { status, text, printed, biggestBuffer }: Outcome,
  tool: string,
  statuses: readonly number[],
): string | undefined {
  if (!statuses.includes(status)) return `it exits with ${status}`;
  if (internal.test(text)) return 'it speaks of its inside';
  if (status !== 0 && text.trim() === '' && printed === 0) return `it exits with ${status} and says nothing`;
  if (biggestBuffer > BUFFER_MAX) return `it asks for a buffer of ${biggestBuffer} bytes`;
  // A line of a config file is shown as it is.
  if (tool !== 'explain' && text.split('\n').some((line) => line.length > LINE_MAX))
    return 'it prints a line without end';
  return undefined;
}

interface Case {
  readonly name: string;
  readonly sample: Buffer;
  /** Where the mutated sample is put before the tools run. */
  readonly file: string;
  readonly jobs: readonly Job[];
  /** Makes the folder as it was before each run. */
  readonly prepare?: () => void;
  /** Documented exit codes. */
  readonly statuses?: readonly number[];
  /** How often of the share, where a run takes long. */
  readonly share?: number;
  /** The last eight bytes are a checksum that can be left out. */
  readonly isRdb?: boolean;
}

const folder = mkdtempSync(join(tmpdir(), 'kvasir-hostile-'));
const thread = new Thread();
let source: KvasirProcess;
let target: KvasirProcess;

/** A key of each type and encoding that fits into a few kilobytes. */
const commands: readonly (readonly string[])[] = [
  ['SET', 'text', 'hello'],
  ['SET', 'number', '12345'],
  ['SET', 'repeats', 'abc'.repeat(60)],
  ['SET', 'expires', 'x', 'PXAT', '9999999999999'],
  ['RPUSH', 'list', 'a', 'bb', '1', '-70000'],
  ['SADD', 'ints', '1', '2', '70000'],
  ['SADD', 'set', 'a', 'b'],
  ['SADD', 'bigset', 'y'.repeat(70), 'b'],
  ['ZADD', 'zset', '1.5', 'a', '-inf', 'b'],
  ['ZADD', 'bigzset', '1.5', 'y'.repeat(70)],
  ['HSET', 'hash', 'f', 'v', 'g', '7'],
  ['HSET', 'bighash', 'f', 'y'.repeat(70)],
  ['HSET', 'aging', 'f', 'v', 'g', 'w'],
  ['HPEXPIREAT', 'aging', '9999999999999', 'FIELDS', '1', 'f'],
  ['XADD', 'stream', '1-1', 'a', 'b'],
  ['XADD', 'stream', '2-1', 'a', 'c', 'd', 'e'],
  ['XGROUP', 'CREATE', 'stream', 'group', '0'],
  ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)"],
  ['-n', '3', 'SET', 'other', '1'],
];

const path = (...names: string[]): string => join(folder, ...names);
const out = path('out');

function job(tool: string, ...words: string[]): Job {
  return { tool, words };
}

before(async () => {
  const flags = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'];
  source = await startKvasir({ args: [...flags, '--appendonly', 'yes', '--aof-timestamp-enabled', 'yes'] });
  target = await startKvasir({ args: flags });
  for (const command of commands) assert.doesNotMatch(await source.send(...command), /^\(error\)|^ERR/);
  await source.send('BGREWRITEAOF');
  for (
    let tries = 0;
    /aof_rewrite_in_progress:1/.test(await source.send('INFO', 'persistence')) && tries < 1000;
    tries++
  )
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (const command of commands.slice(0, 8)) await source.send(...command);
  await source.send('SAVE');
  mkdirSync(out);
});

after(async () => {
  await thread.close();
  await Promise.all([source.stop(), target.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function* mutationsOf({ sample, isRdb, share = 1 }: Case, random: Prng): Generator<Mutated> {
  const count = Math.max(1, Math.round(SHARE * share * rounds));
  if (rounds > 1 && share >= 1)
    for (let bytes = 0; bytes < sample.length && bytes < 6000; bytes++)
      yield { bytes: sample.subarray(0, bytes), how: `${CUT_OFF} ${bytes}` };
  for (let index = 0; index < count; index++) {
    const { bytes: made, how } = mutate(sample, random);
    const bytes = Buffer.from(made);
    // Without a checksum what comes after it is reached as well.
    if (isRdb === true && random.below(2) === 0 && bytes.length > 8) bytes.fill(0, bytes.length - 8);
    yield { bytes, how };
  }
}

/** Runs a case; faults are collected, so that one run shows all of their kinds. */
async function tryCase(one: Case, faults: string[]): Promise<void> {
  const random = new Prng((seed * 1000 + one.name.length * 31 + one.name.charCodeAt(0)) >>> 0);
  for (const { bytes, how } of mutationsOf(one, random)) {
    // The short share gives each file to some of its readers, and one that is cut off goes to one of them.
    const some = how.startsWith(CUT_OFF) ? 1 : rounds > 1 ? one.jobs.length : 3;
    const readers =
      one.jobs.length <= some ? one.jobs : Array.from({ length: some }, () => one.jobs[random.below(one.jobs.length)]!);
    for (const [place, { tool, words }] of readers.entries()) {
      rmSync(out, { recursive: true, force: true });
      mkdirSync(out);
      one.prepare?.();
      writeFileSync(one.file, bytes);
      const name = `${one.name}, ${how}: ${tool} ${words.join(' ')}`;
      let fault: string | undefined;
      let text = '';
      try {
        const outcome = await thread.run({ tool, words }, name);
        fault = faultOf(outcome, tool, one.statuses ?? [0, 1, 2]);
        text = outcome.text;
      } catch (error) {
        fault = error instanceof Error ? error.message : String(error);
      }
      if (fault === undefined) continue;
      const kept = process.env.KVASIR_HOSTILE_KEEP;
      if (kept !== undefined) {
        mkdirSync(kept, { recursive: true });
        writeFileSync(join(kept, `${faults.length}-${place}`), bytes);
      }
      faults.push(`${name}\n  ${fault}: ${text.slice(0, 600)}`);
      if (faults.length >= 20) return;
    }
  }
}

function check(title: string, casesOf: () => Case[] | Promise<Case[]>): void {
  it(title, async (t) => {
    const faults: string[] = [];
    for (const one of await casesOf()) if (one.name.includes(only) && faults.length < 20) await tryCase(one, faults);
    const { slowest } = thread;
    t.diagnostic(`seed ${seed}, ${thread.runs} runs; the slowest took ${Math.round(slowest.ms)} ms: ${slowest.name}`);
    thread.slowest = { ms: 0, name: '' };
    if (faults.length > 0) assert.fail(`seed ${seed}:\n${faults.join('\n')}`);
  });
}

const rdbJobs = (file: string): Job[] => [
  job('kvasir-rdb', 'stats', file),
  job('kvasir-rdb', 'stats', file, '--csv'),
  job('kvasir-rdb', 'json', file, '--format', 'kvasir'),
  job('kvasir-rdb', 'commands', file),
  job('kvasir-rdb', 'diff', file, path('dump.rdb')),
  job('kvasir-rdb', 'merge', file, path('dump.rdb'), '-o', join(out, 'merged')),
  job('kvasir-rdb', 'extract', file, '--type', 'hash,stream', '--min-elements', '1', '-o', join(out, 'extracted')),
  job('kvasir-rdb', 'convert', file, '--to', '6', '-o', join(out, 'six')),
  job('kvasir-rdb', 'convert', file, '--to', '12', '-o', join(out, 'twelve')),
  job('kvasir-rdb', 'repair', file, '-o', join(out, 'repaired')),
  job('kvasir-dump', '--rdb', file),
  job('kvasir-plan', 'size', '--rdb', file),
  job('kvasir-sync', '--from', `rdb:${file}`, '--to', `rdb:${join(out, 'synced')}`, '--quiet'),
  job('kvasir-sync', '--from', `rdb:${file}`, '--to', `json:${join(out, 'synced')}`, '--min-bytes', '3', '--quiet'),
  job('kvasir-load', '-u', `127.0.0.1:${target.port}`, '--rdb', file),
];

const aofJobs = (file: string): Job[] => [
  job('kvasir-aof', 'stats', file),
  job('kvasir-aof', 'json', file),
  job('kvasir-aof', 'cut', file, '--to', '@100'),
  job('kvasir-aof', 'cut', file, '--to', '2030-01-01', '-o', join(out, 'cut')),
  job('kvasir-aof', 'undo', file, '--command', 'SET'),
  job('kvasir-aof', 'undo', file, '--command', 'SET', '--apply', join(out, 'undone')),
  job('kvasir-aof', 'compact', file, '-o', join(out, 'compact')),
  job('kvasir-dump', '--aof', file, '--format', 'kvasir'),
  job('kvasir-load', '-u', `127.0.0.1:${target.port}`, '--aof', file, '--stream'),
];

describe('hostile files', () => {
  check('RDB of all versions', async () => {
    const whole = readFileSync(join(source.folder, 'dump.rdb'));
    writeFileSync(path('dump.rdb'), whole);
    const file = path('hostile.rdb');
    const rdb = (name: string, sample: Buffer): Case => ({ name, sample, file, jobs: rdbJobs(file), isRdb: true });
    const cases = [rdb('RDB of a server', whole)];
    for (const version of ['6', '9', '10', '11', '12']) {
      await runTool('kvasir-rdb', ['convert', path('dump.rdb'), '--to', version, '-o', path('converted')]);
      cases.push(rdb(`RDB ${version}`, readFileSync(path('converted'))));
    }
    const keys = soundSamples().map(({ name, type, value }) => ({ name, type, value }));
    for (const magic of ['REDIS0001', 'REDIS0004', 'REDIS0007', 'REDIS0011', 'VALKEY080'])
      cases.push(rdb(magic, Buffer.from(rdbFile(keys, magic))));
    cases.push(
      rdb(
        'RDB of redis 8',
        readFileSync(new URL('../../../test/persistence/fixtures/redis-8.0-dev.rdb', import.meta.url)),
      ),
    );
    return cases;
  });

  check('append-only files, their manifests and parts', () => {
    const folderName = 'appendonlydir';
    const pristine = join(source.folder, folderName);
    const names = readdirSync(pristine);
    const copy = path(folderName);
    const prepare = (): void => {
      rmSync(copy, { recursive: true, force: true });
      cpSync(pristine, copy, { recursive: true });
    };
    prepare();
    const manifest = join(
      copy,
      names.find((name) => name.endsWith('.manifest'))!,
    );
    const single = path('single.aof');
    const base = readFileSync(
      join(
        pristine,
        names.find((name) => name.endsWith('.base.rdb'))!,
      ),
    );
    const incr = readFileSync(
      join(
        pristine,
        names.find((name) => name.endsWith('.incr.aof'))!,
      ),
    );
    const parts = names.map((name) => {
      const file = join(copy, name);
      return { name: `AOF part ${name}`, sample: readFileSync(file), file, jobs: aofJobs(manifest), prepare };
    });
    return [
      ...parts,
      { name: 'AOF with preamble', sample: Buffer.concat([base, incr]), file: single, jobs: aofJobs(single) },
      { name: 'AOF of commands', sample: incr, file: single, jobs: aofJobs(single) },
    ].filter(({ sample }) => sample.length > 0);
  });

  check('JSON of kvasir-dump and redis-dump', async () => {
    const file = path('hostile.json');
    const jobs = [
      job('kvasir-load', '-u', `127.0.0.1:${target.port}`, file),
      job('kvasir-load', '-u', `127.0.0.1:${target.port}`, '--no-restore', '-n', file),
      job('kvasir-load', '-u', `127.0.0.1:${target.port}`, '-b', file),
    ];
    const dump = async (format: string): Promise<Buffer> =>
      (await runTool('kvasir-dump', ['-u', `127.0.0.1:${source.port}`, '--format', format])).stdout;
    return [
      { name: 'kvasir JSON', sample: await dump('kvasir'), file, jobs },
      { name: 'redis-dump JSON', sample: await dump('redis'), file, jobs },
    ];
  });

  check('position files', () => {
    const json = path('whole.json');
    writeFileSync(json, '{"db":0,"key":"a","ttl":-1,"type":"string","value":"1","size":1}\n'.repeat(3));
    const position = path('position');
    const dumped = join(out, 'dumped.json');
    const to = `127.0.0.1:${target.port}`;
    const from = `127.0.0.1:${source.port}`;
    const sync = (...words: string[]): Job[] => [
      job('kvasir-sync', '--position', position, '--to', to, '--once', '--quiet', ...words),
    ];
    return [
      {
        name: 'position of a load',
        sample: Buffer.from('{"offset":66,"format":"redis"}\n'),
        file: position,
        jobs: [job('kvasir-load', '-u', to, '--position', position, json)],
      },
      {
        name: 'position of a dump',
        sample: Buffer.from(`{"database":0,"cursor":"0","run":"${'a'.repeat(40)}","bytes":66}\n`),
        file: `${dumped}.position`,
        prepare: () => writeFileSync(`${dumped}.part`, readFileSync(json)),
        jobs: [job('kvasir-dump', '-u', from, '-o', dumped, '--resume')],
      },
      {
        name: 'position of a sync by PSYNC',
        sample: Buffer.from(`{"id":"${'a'.repeat(40)}","offset":5,"database":0,"clean":1}\n`),
        file: position,
        jobs: sync('--from', from),
        share: 0.5,
      },
      {
        name: 'position of a sync by SCAN',
        sample: Buffer.from(`{"database":0,"cursor":"5","run":"${'a'.repeat(40)}"}\n`),
        file: position,
        jobs: sync('--from', `scan:${from}`),
      },
      {
        name: 'position of a sync of a cluster',
        sample: Buffer.from(`{"links":["127.0.0.1 7000 ${'b'.repeat(40)} ${'a'.repeat(40)} 5 - 0-100"],"clean":1}\n`),
        file: position,
        jobs: sync('--from', from),
        share: 0.5,
      },
    ];
  });

  check('config files of the tools', () => {
    const file = path('hostile.yml');
    const rdb = path('dump.rdb');
    const backups = path('backups');
    mkdirSync(backups, { recursive: true });
    return [
      {
        name: 'YAML of kvasir-sync',
        sample: Buffer.from(
          '# a sync\nonce: true\nmatch:\n  - t*\n  - "h\\u0061*"\ntype: [string, hash]\nmin-bytes: 1kb\nmax-elements: 50\nttl: without\nrename: a=b\nmap-db: 0=1\nmode: \'replace\'\nrdb-version: 10\nslot: 0-16383\nno-expire: yes\n',
        ),
        file,
        jobs: [
          job('kvasir-sync', '--from', `rdb:${rdb}`, '--to', `rdb:${join(out, 'x')}`, '--config', file, '--quiet'),
        ],
        share: 4,
      },
      {
        name: 'YAML of kvasir-backup',
        sample: Buffer.from(
          'name: redis\nkeep-hourly: 48\nkeep-daily: 30\ncompress: gzip\ncluster: no\nverify: full\nevery: 1h\nfrom: 127.0.0.1:1\n',
        ),
        file,
        jobs: [
          job('kvasir-backup', 'list', '--to', backups, '--config', file),
          job('kvasir-backup', 'prune', '--to', backups, '--config', file, '--dry-run'),
        ],
        share: 2,
      },
    ];
  });

  check('backups, their checksums, keys and records', async () => {
    const secret = { key: path('key'), age: path('identity') };
    writeFileSync(secret.key, `${'ab'.repeat(32)}\n`);
    await mustRun('kvasir-backup', ['keygen', secret.age, '--age']);
    const pristine = path('made');
    const here = path('stored');
    const run = async (name: string, ...words: string[]): Promise<void> =>
      void (await mustRun('kvasir-backup', [
        'run',
        '--from',
        `rdb:${path('dump.rdb')}`,
        '--to',
        pristine,
        '--name',
        name,
        ...words,
      ]));
    const opening: Record<string, string[]> = {
      plain: [],
      gz: [],
      br: [],
      key: ['--encrypt-key', secret.key],
      phrase: ['--passphrase', 'secret'],
      age: ['--age-identity', secret.age],
    };
    await run('plain', '--compress', 'none');
    await run('gz');
    await run('br', '--compress', 'brotli');
    for (const name of ['key', 'phrase', 'age']) await run(name, '--compress', 'none', ...opening[name]!);
    const prepare = (): void => {
      rmSync(here, { recursive: true, force: true });
      cpSync(pristine, here, { recursive: true });
    };
    prepare();
    const cases: Case[] = readdirSync(pristine)
      .filter((file) => !file.startsWith('.'))
      .map((file) => {
        const name = file.split('-')[0]!;
        const words = ['--to', here, '--name', name];
        const jobs = [
          job('kvasir-backup', 'verify', '--all', ...words, ...opening[name]!),
          job('kvasir-backup', 'restore', ...words, ...opening[name]!, '--file', join(out, 'restored.rdb')),
        ];
        const isSum = file.endsWith('.sha256');
        if (isSum)
          jobs.push(
            job('kvasir-backup', 'list', ...words),
            job('kvasir-backup', 'prune', ...words, '--keep-last', '1'),
          );
        return {
          name: `backup ${file}`,
          sample: readFileSync(join(pristine, file)),
          file: join(here, file),
          jobs,
          prepare,
          // A passphrase takes its time: that is what it is for.
          share: name === 'phrase' ? 0.3 : 1,
        };
      });
    for (const name of ['key', 'age'] as const) {
      const words = ['verify', '--all', '--to', pristine, '--name', name];
      const file = path('other-secret');
      const option = name === 'key' ? '--encrypt-key' : '--age-identity';
      cases.push({
        name: `secret ${name}`,
        sample: readFileSync(secret[name]),
        file,
        jobs: [job('kvasir-backup', ...words, option, file)],
      });
    }
    const label = 'left-20260131T180000Z.rdb.gz';
    const hash = '0'.repeat(64);
    const record = { pid: 999_999_999, about: ['# x'], files: [{ file: label, hash, bytes: 5, rdbBytes: 9 }] };
    const left = path('left');
    mkdirSync(left);
    cases.push({
      name: 'record of an unfinished backup',
      sample: Buffer.from(JSON.stringify(record)),
      file: join(left, `.${label}.made.part`),
      jobs: [
        job(
          'kvasir-backup',
          'run',
          '--from',
          `rdb:${path('dump.rdb')}`,
          '--to',
          join(out, 'to'),
          '--work',
          left,
          '--name',
          'left',
        ),
      ],
    });
    return cases;
  });

  check('config files that --explain-config reads', () => {
    const explained = (name: string, file: string, text: string): Case => ({
      name,
      sample: Buffer.from(text),
      file: path(file),
      jobs: [
        job('explain', path(file)),
        job('explain', path(file), '--json'),
        job('explain', path(file), '--convert'),
        ...['redis', 'sentinel', 'nutcracker', 'codis-proxy', 'codis-dashboard'].map((kind) =>
          job('explain', path(file), '--kind', kind),
        ),
      ],
      share: 4,
    });
    return [
      explained(
        'redis.conf',
        'redis.conf',
        'daemonize yes\nvm-enabled no\nlogfile "stdout"\nauto-aof-rewrite-percentage 80-100\ntimeout 7  tcp-keepalive 9\nsave 900 1 300 10\nrename-command FLUSHALL ""\nuser a on >b ~* +@all\nclient-output-buffer-limit slave 256mb 64mb 60\nmaxmemory 1gb # x\ninclude /nowhere.conf\nbind 127.0.0.1 -::1\nslaveof 127.0.0.1 6379\n',
      ),
      explained(
        'sentinel.conf',
        'sentinel.conf',
        'port 26379\nsentinel monitor mymaster 127.0.0.1 6379 2\nsentinel down-after-milliseconds mymaster 30000\nsentinel known-slave mymaster 127.0.0.1 6380\nsentinel auth-pass mymaster "a b"\nsentinel current-epoch 5\n',
      ),
      explained(
        'nutcracker.yml',
        'nutcracker.yml',
        'alpha:\n  listen: 127.0.0.1:22121\n  hash: fnv1a_64\n  hash_tag: "{}"\n  distribution: ketama\n  auto_eject_hosts: true\n  redis: true\n  timeout: 400\n  servers:\n   - 127.0.0.1:6379:1 server1\n   - /tmp/redis.sock:1\n\nbeta:\n  listen: 0.0.0.0:22122\n  servers:\n  - 127.0.0.1:6380:1\n',
      ),
      explained(
        'proxy.toml',
        'proxy.toml',
        'product_name = "codis-demo"\nproduct_auth = ""\nsession_auth = "x"\nadmin_addr = "0.0.0.0:11080"\nproto_type = "tcp4"\nproxy_addr = "0.0.0.0:19000"\njodis_name = "zookeeper"\nproxy_max_clients = 1000\nproxy_heap_placeholder = "256mb"\nbackend_recv_timeout = "30s"\nbackend_primary_quick = false\n',
      ),
      explained(
        'dashboard.toml',
        'dashboard.toml',
        'coordinator_name = "filesystem"\ncoordinator_addr = "/tmp/codis"\nproduct_name = "codis-demo"\nmigration_method = "semi-async"\nmigration_parallel_slots = 100\nsentinel_quorum = 2\nsentinel_down_after = "30s"\n',
      ),
    ];
  });

  it('a server of S3 that answers nonsense is no reason to hang or to crash', async () => {
    const names = (text: string): string => `<ListBucketResult>${text}</ListBucketResult>`;
    const key = '<Contents><Key>redis-20260131T180000Z.rdb</Key><Size>5</Size></Contents>';
    const random = new Prng(seed);
    const whole = Buffer.from(names(`<IsTruncated>false</IsTruncated>${key}${key.replace('rdb<', 'rdb.sha256<')}`));
    const answers: readonly (readonly [Buffer, RegExp | undefined])[] = [
      [
        Buffer.from(names(`<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>${key}`)),
        /the list of the server has no end/,
      ],
      [Buffer.from(names('<Contents>'.repeat(50_000))), undefined],
      ...Array.from({ length: SHARE * rounds }, () => [mutate(whole, random).bytes, undefined] as const),
    ];
    let body: Buffer = Buffer.alloc(0);
    const s3 = createServer((request, response) => {
      request.resume();
      response.end(body);
    });
    s3.listen(0, '127.0.0.1');
    await once(s3, 'listening');
    try {
      const { port } = s3.address() as AddressInfo;
      const place = ['--to', 's3://vault', '--s3-endpoint', `http://127.0.0.1:${port}`];
      for (const [answer, reason] of answers)
        for (const command of ['list', 'verify']) {
          body = answer;
          const outcome = await thread.run(job('kvasir-backup', command, ...place), command);
          const message = `seed ${seed}: ${command}: ${answer.toString('latin1', 0, 500)}\n${outcome.text.slice(0, 600)}`;
          assert.equal(faultOf(outcome, 'kvasir-backup', [0, 1]), undefined, message);
          if (reason !== undefined) assert.match(outcome.text, reason, message);
        }
    } finally {
      s3.close();
      s3.closeAllConnections();
    }
  });

  it('the executables answer hostile files as well', async () => {
    const random = new Prng(seed);
    const file = path('hostile.bin');
    const samples: (readonly [string, Buffer, readonly (readonly string[])[]])[] = [
      [
        'dump.rdb',
        readFileSync(path('dump.rdb')),
        [
          ['kvasir-rdb', 'stats', file],
          ['kvasir-dump', '--rdb', file],
          ['kvasir-rdb', 'repair', file, '-o', join(out, 'r')],
        ],
      ],
      [
        'x.aof',
        Buffer.from('*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n'),
        [
          ['kvasir-aof', 'stats', file],
          ['kvasir-aof', 'compact', file, '-o', join(out, 'c')],
        ],
      ],
      [
        'x.json',
        Buffer.from('{"db":0,"key":"a","ttl":-1,"type":"string","value":"1","size":1}\n'),
        [['kvasir-load', '-u', `127.0.0.1:${target.port}`, file]],
      ],
      ['x.conf', Buffer.from('port 1\nsave 900 1\n'), [['kvasir-server', '--explain-config', file]]],
      [
        'x.yml',
        Buffer.from('match: a*\nonce: true\n'),
        [['kvasir-sync', '--config', file, '--from', `rdb:${path('dump.rdb')}`, '--to', `json:${join(out, 'j')}`]],
      ],
    ];
    for (const [name, sample, runs] of samples)
      for (const [tool, ...words] of rounds > 1 ? runs : [runs[random.below(runs.length)]!])
        for (let round = 0; round < Math.min(rounds, 20); round++) {
          rmSync(out, { recursive: true, force: true });
          mkdirSync(out);
          const { bytes, how } = mutate(sample, random);
          writeFileSync(file, bytes);
          const ran = await runTool(tool!, words);
          const message = `seed ${seed}, ${name}, ${how}: ${tool} ${words.join(' ')}: ${ran.status} ${ran.stderr.slice(0, 600)}`;
          assert.ok(ran.status !== null && [0, 1, 2].includes(ran.status), message);
          assert.doesNotMatch(ran.stderr, internal, message);
        }
  });
});
