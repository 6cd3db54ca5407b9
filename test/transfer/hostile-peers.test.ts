// Hostile peers: masters and sftp hosts that break off, stall, promise much or send nonsense.
//
// A server is put behind a proxy that spoils what it answers, at a place that the seed chooses; and some masters are played as a whole.
// Every tool ends with an exit code of its page and a line that says why, writes only where it was told to, and leaves no file that
// looks whole when it failed. KVASIR_HOSTILE_ROUNDS=100 tries so many times as much; SEED=N repeats a run.

import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { type KvasirProcess, startKvasir } from '../kvasir.js';
import { mutate } from './mutations.js';
import { type Ran, runTool } from './tools.js';

const rounds = Number(process.env.KVASIR_HOSTILE_ROUNDS ?? 1);
const seed = Number(process.env.SEED ?? Date.now() % 100_000);
const SHARE = 3;
/** Nothing takes so long, not even on a machine that is many times slower. */
const HANG_MS = 240_000;
const STALL = ['--stall', '1'];

/** What a user cannot understand: a stack, or words about JavaScript. */
const internal =
  /\n\s+at |TypeError|RangeError|SyntaxError|ReferenceError|\bERR_[A-Z]|Maximum call stack|Cannot read prop|is not iterable|is not a function|\[object |\bundefined\b|\bNaN\b/;

const folder = mkdtempSync(join(tmpdir(), 'kvasir-peers-'));
const out = join(folder, 'out');
const spool = join(folder, 'spool');

/** Runs a tool that has `out` and the folder of temporary files to write to. */
async function run(tool: string, words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  for (const path of [out, spool]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
  }
  let timer: NodeJS.Timeout | undefined;
  try {
    return await runTool(tool, words, {
      env: { TMPDIR: spool, ...env },
      onStart: (child) => (timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS)),
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Checks how a tool has ended; `whole` is what is there after success alone. */
function check(ran: Ran, statuses: readonly (number | null)[], about: string, whole?: RegExp): void {
  const message = `seed ${seed}, ${about}: exit code ${ran.status}: ${ran.stderr.slice(0, 800)}`;
  assert.ok(statuses.includes(ran.status), message);
  assert.doesNotMatch(ran.stderr, internal, message);
  if (ran.status !== 0) assert.notEqual(ran.stderr.trim(), '', message);
  assert.deepEqual(readdirSync(spool), [], `${message}: temporary files are left`);
  if (ran.status !== 0 && whole !== undefined)
    assert.deepEqual(
      (readdirSync(out, { recursive: true }) as string[]).filter((name) => whole.test(name)),
      [],
      message,
    );
  // Beside `out`.
  const beside = readdirSync(folder).filter((name) => !['out', 'spool', 'far', 'bin'].includes(name));
  assert.deepEqual(beside, [], message);
}

interface Reader {
  readonly tool: string;
  readonly words: readonly string[];
  readonly whole: RegExp | undefined;
  readonly statuses: readonly number[];
}

/** What reads from a master at a place; by PSYNC, SYNC and SCAN. */
const readersOf = (place: string): Reader[] => [
  {
    tool: 'kvasir-sync',
    words: ['--from', place, '--to', `rdb:${join(out, 'x.rdb')}`, '--once', '--reconnect', '1', '--quiet', ...STALL],
    whole: /^x\.rdb$/,
    statuses: [0, 1],
  },
  {
    tool: 'kvasir-sync',
    words: ['--from', place, '--to', `json:${join(out, 'x.json')}`, '--once', '--reconnect', '1', '--quiet', ...STALL],
    whole: /^x\.json$/,
    statuses: [0, 1],
  },
  {
    tool: 'kvasir-backup',
    words: ['run', '--from', place, '--to', join(out, 'to'), '--work', join(out, 'work'), ...STALL],
    whole: /\.sha256$/,
    statuses: [0, 1, 3],
  },
  {
    tool: 'kvasir-dump',
    words: ['-u', place, '-o', join(out, 'x.json'), '--format', 'kvasir', ...STALL],
    whole: /^x\.json$/,
    statuses: [0, 1],
  },
  {
    tool: 'kvasir-sync',
    words: ['--from', `scan:${place}`, '--to', `rdb:${join(out, 'x.rdb')}`, '--once', '--quiet', ...STALL],
    whole: /^x\.rdb$/,
    statuses: [0, 1],
  },
];

async function listen(take: (socket: Socket) => void): Promise<{ server: Server; place: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    take(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { server, place: `127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** Sends a piece again and again until the other side leaves, or has got more than any tool should take. */
function sendForever(socket: Socket, piece: Buffer): void {
  let left = 256 << 20;
  const push = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
    socket.destroy();
  };
  socket.on('drain', push);
  push();
}

let source: KvasirProcess;

before(async () => {
  source = await startKvasir({ args: ['--repl-diskless-sync-delay', '0'] });
  await source.send('MSET', 'a', '1', 'b', 'x'.repeat(200));
  await source.send('RPUSH', 'list', 'a', 'bb');
  await source.send('HSET', 'hash', 'f', 'v');
  await source.send('ZADD', 'zset', '1.5', 'a');
  await source.send('XADD', 'stream', '1-1', 'a', 'b');
  await source.send('SADD', 'set', ...Array.from({ length: 300 }, (_, index) => `member ${index}`));
});

after(async () => {
  await source.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Spoil = (socket: Socket, rest: Buffer, random: Prng) => 'goes on' | 'ends';

/** What happens to an answer at the chosen place. */
const spoils: Readonly<Record<string, Spoil>> = {
  closes(socket) {
    socket.end();
    return 'ends';
  },
  resets(socket) {
    socket.resetAndDestroy();
    return 'ends';
  },
  stalls: () => 'ends',
  mutates(socket, rest, random) {
    socket.write(mutate(rest, random).bytes);
    return 'goes on';
  },
  'sends random bytes'(socket, _rest, random) {
    socket.end(Buffer.from(Array.from({ length: 3000 }, () => random.below(256))));
    return 'ends';
  },
  'promises much'(socket, rest, random) {
    const promises = [
      '$9223372036854775807\r\n',
      '$536870912\r\n',
      '*2147483647\r\n',
      '$-7\r\n',
      '*-5\r\n',
      '%9999999999\r\n',
    ];
    socket.write(promises[random.below(promises.length)]!);
    socket.end(rest);
    return 'ends';
  },
};

/** The source behind a proxy that spoils what comes after so many bytes of all its answers. */
async function proxyOf(
  at: number,
  spoil: Spoil,
  random: Prng,
): Promise<{ place: string; close(): void; sent(): number }> {
  let sent = 0;
  const upstreams = new Set<Socket>();
  const { place, close } = await listen((socket) => {
    const upstream = connect(source.port, '127.0.0.1');
    upstreams.add(upstream);
    let hasEnded = false;
    upstream.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => upstream.write(bytes));
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => hasEnded || socket.end());
    upstream.on('data', (bytes: Buffer) => {
      if (hasEnded) return;
      const before = sent;
      sent += bytes.length;
      if (before > at || sent <= at) {
        socket.write(bytes);
        return;
      }
      socket.write(bytes.subarray(0, at - before));
      hasEnded = spoil(socket, bytes.subarray(at - before), random) === 'ends';
    });
  });
  return {
    place,
    sent: () => sent,
    close() {
      close();
      for (const upstream of upstreams) upstream.destroy();
    },
  };
}

/**
 * A program in the place of sftp, whose host has a folder and lies as FAR_LIE says: it takes the batch language as far as the backup
 * tool writes it.
 */
const farProgram = `#!${process.execPath}
const { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const far = process.env.FAR_FOLDER;
const lie = process.env.FAR_LIE;
const row = (name, size) => '-rw-r--r--    1 0        0        ' + size + ' Jan  1 00:00 ' + name + '\\n';
const listed = () => {
  const rows = readdirSync(far).map((name) => row(name, statSync(join(far, name)).size)).join('');
  switch (lie) {
    case 'names':
      return rows + ['../x', '../../etc/passwd', '/etc/passwd', 'redis-20260131T180000Z.rdb.gz/../../x', '.', '..', '-rf', '\\u001b[2J', '.../..part', '.redis-20260131T180000Z.rdb/../x.part', 'redis-99999999T999999Z.rdb', 'a"b\\\\', '__proto__', 'redis-20260131T180000Z.rdb;rm -rf x', 'x'.repeat(5000)].map((name) => row(name, 5) + row(name + '.sha256', 5)).join('');
    case 'sizes':
      return rows.replace(/ (\\d+) Jan/g, (_, size) => ' ' + ['0', size + '0', '99999999999999999999', '-5', 'x'][size % 5] + ' Jan');
    case 'count':
      return rows + Array.from({ length: 100000 }, (_, index) => row('redis-20260131T180000Z.rdb' + index, index)).join('');
    case 'endless':
      return undefined;
    case 'file':
      return readFileSync(process.env.FAR_LIST, 'latin1');
    default:
      return rows;
  }
};
const words = (line) => [...line.matchAll(/"((?:[^"\\\\]|\\\\.)*)"|(\\S+)/g)].map((found) => found[2] ?? found[1].replace(/\\\\(.)/g, '$1'));
if (lie === 'stalls') setInterval(() => {}, 1000);
else if (lie === 'closes') process.exit(255);
else for (const line of readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
  const [verb, first, second] = words(line);
  process.stdout.write('sftp> ' + line + '\\n');
  if (verb === 'ls') {
    const rows = listed();
    if (rows === undefined) for (;;) require('node:fs').writeSync(1, row('redis-20260131T180000Z.rdb', 7).repeat(1000));
    require('node:fs').writeSync(1, lie === 'half' ? rows.slice(0, rows.length / 2) : rows);
    if (lie === 'half') process.exit(255);
  } else if (verb === 'put' || verb === 'reput') {
    copyFileSync(first, join(far, second));
    if (lie === 'cuts') truncateSync(join(far, second), statSync(join(far, second)).size >> 1);
    if (lie === 'breaks') process.exit(255);
  } else if (verb === 'rename') renameSync(join(far, first), join(far, second));
  else if (verb === 'rm') rmSync(join(far, first));
  else if (verb === 'get') {
    if (lie === 'other') writeFileSync(second, 'x'.repeat(1e6));
    else if (lie === 'missing') continue;
    else if (lie === 'hangs') { writeFileSync(second, 'x'); setInterval(() => {}, 1000); break; }
    else copyFileSync(join(far, first), second);
  }
}
`;

describe('hostile peers', () => {
  it('a master that spoils its answers', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = new Prng(seed);
    const honest: Spoil = (socket, rest) => {
      socket.write(rest);
      return 'goes on';
    };
    for (const index of readersOf('').keys()) {
      const good = await proxyOf(0, honest, random);
      const reader = readersOf(good.place)[index]!;
      const ran = await run(reader.tool, reader.words);
      const total = good.sent();
      good.close();
      assert.equal(ran.status, 0, `${reader.tool} ${reader.words.join(' ')}: ${ran.stderr}`);
      for (let round = 0; round < SHARE * rounds; round++) {
        const at = random.below(total);
        const names = Object.keys(spoils);
        const name = names[random.below(names.length)]!;
        const proxy = await proxyOf(at, spoils[name]!, random);
        const { tool, words, whole, statuses } = readersOf(proxy.place)[index]!;
        const spoiled = await run(tool, words);
        proxy.close();
        check(spoiled, statuses, `${name} at ${at} of ${total}: ${tool} ${words.join(' ')}`, whole);
      }
    }
  });

  it('masters that send no snapshot that is one', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const mark = 'm'.repeat(40);
    const id = 'a'.repeat(40);
    const head = 'REDIS0011\xfa\x09redis-ver\x057.2.0';
    const zeros = Buffer.alloc(1 << 16);
    const random = new Prng(seed);
    const noise = Buffer.from(Array.from({ length: 1 << 16 }, () => random.below(256)));
    /** What comes after SYNC or PSYNC; then the connection ends, stalls, or repeats a piece for ever. */
    const snapshots: readonly (readonly [string, string | Buffer, 'ends' | 'stalls' | Buffer])[] = [
      ['a mark that never comes', `$EOF:${mark}\r\n${head}\xff${'\0'.repeat(8)}${'x'.repeat(40)}`, 'stalls'],
      ['a mark that is cut off', `$EOF:${mark}\r\n${head}\xff${'\0'.repeat(8)}${mark.slice(1)}`, 'ends'],
      ['a mark that is too short', '$EOF:abc\r\nREDIS0011', 'stalls'],
      ['bytes after the end', `$EOF:${mark}\r\n${head}\xff${'\0'.repeat(8)}garbage${mark}`, 'ends'],
      ['no RDB at all', `$EOF:${mark}\r\nhello${mark}`, 'ends'],
      ['no RDB without an end', `$EOF:${mark}\r\n`, noise],
      ['an RDB without an end', `$EOF:${mark}\r\n${head}\xfe\x00\xfb\x80\x7f\xff\xff\xff\x00`, zeros],
      ['a string without an end', `$EOF:${mark}\r\n${head}\x00\x01k\x81\x00\x00\x00\x7f\xff\xff\xff\xff`, zeros],
      ['a length beyond all', '$999999999999999\r\nREDIS0011', 'ends'],
      ['a length beyond all, and nothing', '$999999999999999\r\nREDIS0011', 'stalls'],
      ['a length that is none', '$-1\r\n', 'ends'],
      ['nothing', '$0\r\n', 'stalls'],
      ['a line without an end', '$', Buffer.alloc(1 << 16, 'x')],
      ['an error without an end', '-ERR ', Buffer.alloc(1 << 16, 'x')],
      ['an error', '-ERR no', 'ends'],
      ['a half snapshot', `$1000\r\n${head}`, 'ends'],
      ['a half snapshot, and nothing', `$1000\r\n${head}`, 'stalls'],
      ['silence', '', 'stalls'],
    ];
    const resyncs = [
      `+FULLRESYNC ${id} 7\r\n`,
      '+FULLRESYNC\r\n',
      '+FULLRESYNC x -9\r\n',
      '+CONTINUE\r\n',
      '+FULLRESYNC',
    ];
    for (const [name, sent, then] of snapshots) {
      const readers = rounds > 1 ? [0, 1, 2] : [random.below(3)];
      for (const index of readers) {
        const resync = random.below(2) === 0 ? resyncs[0]! : resyncs[random.below(resyncs.length)]!;
        let bytes = 0;
        const { place, close } = await listen((socket) => {
          const upstream = connect(source.port, '127.0.0.1');
          let isSyncing = false;
          upstream
            .on('error', () => socket.destroy())
            .on('data', (answer: Buffer) => isSyncing || socket.write(answer));
          socket.on('close', () => {
            bytes += socket.bytesWritten;
            upstream.destroy();
          });
          socket.on('data', (asked: Buffer) => {
            if (isSyncing) return;
            const [, word] = /\r\n(P?SYNC)\r\n/i.exec(asked.toString('latin1')) ?? [];
            if (word === undefined) {
              upstream.write(asked);
              return;
            }
            isSyncing = true;
            if (word.toUpperCase() === 'PSYNC') socket.write(resync, 'latin1');
            socket.write(Buffer.from(sent as string, 'latin1'));
            if (then === 'ends') socket.end();
            else if (then !== 'stalls') sendForever(socket, then);
          });
        });
        const { tool, words, whole, statuses } = readersOf(place)[index]!;
        const ran = await run(tool, words);
        close();
        const about = `${JSON.stringify(resync)}, ${name}: ${tool} ${words.join(' ')}`;
        check(
          ran,
          // Its data set is whole, by its own end.
          name === 'a mark that is cut off' ? statuses : statuses.filter((status) => status > 0),
          about,
          whole,
        );
        // What is no RDB is not taken until the disk is full.
        if (name === 'no RDB without an end' && tool === 'kvasir-sync')
          assert.ok(bytes < 200 << 20, `${about}: it took ${bytes} bytes`);
      }
    }
  });

  it('a host of sftp that lies, stalls or breaks off', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = new Prng(seed);
    const far = join(folder, 'far');
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'sftp'), farProgram);
    chmodSync(join(bin, 'sftp'), 0o755);
    const list = join(bin, 'list');
    const place = ['--to', 'sftp://host', '--work', join(out, 'work'), ...STALL];
    const commands: readonly (readonly string[])[] = [
      ['run', '--from', `127.0.0.1:${source.port}`, ...place],
      ['list', ...place],
      ['verify', ...place],
      ['prune', ...place, '--keep-last', '1'],
      ['restore', ...place, '-o', join(out, 'x.rdb')],
    ];
    const use = (lie: string, words: readonly string[]): Promise<Ran> =>
      run('kvasir-backup', words, {
        ...{ PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, FAR_FOLDER: far, FAR_LIST: list, FAR_LIE: lie },
        TMPDIR: spool,
      });
    const whole = join(bin, 'whole');
    mkdirSync(far);
    const stored = await use('', commands[0]!);
    assert.equal(stored.status, 0, stored.stderr);
    cpSync(far, whole, { recursive: true });
    const honest = await use('', commands[4]!);
    assert.equal(honest.status, 0, honest.stderr);
    const rows = readdirSync(far)
      .map((name) => `-rw-r--r--    1 0        0        700 Jan  1 00:00 ${name}\n`)
      .join('');
    const lies = 'names sizes count endless half closes stalls cuts breaks other missing hangs'.split(' ');
    const tried = [...lies, ...Array.from({ length: SHARE * rounds }, () => 'file')];
    for (const lie of tried) {
      const some = rounds > 1 ? commands : commands.filter((_, index) => index % 3 === random.below(3));
      for (const words of some) {
        rmSync(far, { recursive: true, force: true });
        cpSync(whole, far, { recursive: true });
        const { bytes, how } = mutate(Buffer.from(rows), random);
        writeFileSync(list, bytes);
        const ran = await use(lie, words);
        const about = `${lie} ${lie === 'file' ? how : ''}: ${words.join(' ')}`;
        check(ran, [0, 1, 2, 3], about, /^x\.rdb$/);
        if (['endless', 'half', 'closes', 'stalls'].includes(lie)) assert.notEqual(ran.status, 0, about);
        const reads = ['verify', 'restore', 'run'].includes(words[0]!);
        if (['other', 'missing', 'hangs'].includes(lie) && reads) assert.notEqual(ran.status, 0, about);
      }
    }
  });
});
