// engine.bench: the cost of a command from the bytes of its request to the bytes of its reply, without sockets.
//
//   node dist/src/server/engine.bench.js [test,test...] [--pipeline n] [--fresh] [--cluster]
//
// One client sends pipelines of the commands that redis-benchmark sends. All of them run before the first is measured, as
// in a server that has seen many kinds of commands; with --fresh only the measured one runs, with --after others before it.
// With --cluster the server is a node that serves all slots.
// The figure is the processor time of the best of many short rounds, so other programs on the machine matter little.

import { latin1Bytes } from '../base/bytes.js';
import { sha1Hex } from '../base/sha1.js';
import { RealFiles } from '../io/files.js';
import type { Wire } from '../io/wire.js';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import type { ClusterPort } from './cluster-port.js';
import { collectDirectives, launch } from './start.js';

const value = 'xxxxxxxxxxxxxxxx';
const oneCall = "return redis.call('set', KEYS[1], ARGV[1])";
const requests: Readonly<Record<string, readonly string[]>> = {
  ping_mbulk: ['PING'],
  set: ['SET', 'key:__rand_int__', value],
  get: ['GET', 'key:__rand_int__'],
  incr: ['INCR', 'counter:__rand_int__'],
  lpush: ['LPUSH', 'mylist', value],
  rpush: ['RPUSH', 'mylist', value],
  lpop: ['LPOP', 'mylist'],
  rpop: ['RPOP', 'mylist'],
  sadd: ['SADD', 'myset', 'element:__rand_int__'],
  hset: ['HSET', 'myhash', 'element:__rand_int__', value],
  spop: ['SPOP', 'myset'],
  zadd: ['ZADD', 'myzset', '0', 'element:__rand_int__'],
  zpopmin: ['ZPOPMIN', 'myzset'],
  lrange_100: ['LRANGE', 'mylist', '0', '99'],
  lrange_600: ['LRANGE', 'mylist', '0', '599'],
  mset: ['MSET', ...Array.from({ length: 10 }, () => ['key:__rand_int__', value]).flat()],
  evalsha: ['EVALSHA', sha1Hex(oneCall), '1', 'key:__rand_int__', value],
};

function pipelineOf(test: string, depth: number): Uint8Array {
  if (test === 'ping_inline') return latin1Bytes('PING\r\n'.repeat(depth));
  const words = requests[test];
  if (words === undefined)
    throw new Error(`no test ${test}; there are ping_inline, ${Object.keys(requests).join(', ')}`);
  return latin1Bytes(
    `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`.repeat(depth),
  );
}

const options = process.argv.slice(2);
const isFresh = options.includes('--fresh');
const depth = options.includes('--pipeline') ? Number(options[options.indexOf('--pipeline') + 1]) : 100;
const all = ['ping_inline', ...Object.keys(requests)];
const wanted = options[0] !== undefined && !options[0].startsWith('--') ? options[0].split(',') : all;

const config = new Config(process.cwd());
new ConfigReader(config, new RealFiles(), collectDirectives()).load(
  undefined,
  '',
  linesOfOptions({
    port: 0,
    save: '',
    dir: process.env.TMPDIR ?? '/tmp',
    dbfilename: 'none.rdb',
    ...(options.includes('--cluster') ? { 'cluster-enabled': true } : {}),
  }),
);
const { server } = await launch({ config, log: () => undefined });
if (options.includes('--cluster')) {
  const owner = { isMyself: true };
  server.cluster = {
    isOk: true,
    isMovingSlots: false,
    isMine: () => true,
    myself: owner,
    shardMaster: owner,
    owner: () => owner,
    migratingTo: () => undefined,
    importingFrom: () => undefined,
    stop: () => undefined,
  } as unknown as ClusterPort;
}

let written = 0;
const wire: Wire = {
  unsentBytes: 0,
  remote: '127.0.0.1:1',
  local: '127.0.0.1:2',
  write: (bytes) => {
    written += bytes.length;
    return true;
  },
  writeAll: (parts) => {
    for (const part of parts) written += part.length;
    return true;
  },
  pauseReading: () => undefined,
  resumeReading: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};
const connection = server.accept(wire, false);
// As the socket does it: the bytes come in the buffer that all reads share.
const buffer = new Uint8Array(256 * 1024);

function send(bytes: Uint8Array, times: number): void {
  for (let time = 0; time < times; time++) {
    buffer.set(bytes);
    connection.onData(buffer, bytes.length);
  }
}

function measure(test: string): number {
  const bytes = pipelineOf(test, depth);
  const times = Math.max(1, Math.floor((test.startsWith('lrange') ? 2_000 : 20_000) / depth));
  let best = Infinity;
  for (let round = 0; round < 60; round++) {
    if (/^[lr]pop$|^lrange/.test(test)) send(pipelineOf('lpush', depth), times);
    const start = process.cpuUsage();
    send(bytes, times);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1e3) / (times * depth));
    if (/^[lr]push$|^lrange/.test(test)) send(latin1Bytes('*2\r\n$3\r\nDEL\r\n$6\r\nmylist\r\n'), 1);
  }
  return best;
}

send(latin1Bytes(`*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$${oneCall.length}\r\n${oneCall}\r\n`), 1);
const warmed = isFresh ? [] : options.includes('--after') ? options[options.indexOf('--after') + 1]!.split(',') : all;
for (const test of warmed) measure(test);
for (const test of wanted) process.stdout.write(`${test.padEnd(12)} ${measure(test).toFixed(0).padStart(7)} ns\n`);
process.stdout.write(`${written} bytes of replies\n`);
process.exit(0);
