// pause: the longest that anybody waits while millions of keys come and go, and what the garbage collector has to do with it.
//
// The collector's own account comes from V8 (--trace-gc), so a collection counts whether a PING met it or not.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { watchPings } from './fill.js';
import { collectionsIn } from './garbage.js';
import { log, marked, type Section } from './report.js';
import {
  type BenchServer,
  kinds,
  redisCli,
  residentBytes,
  type ServerKind,
  startServer,
  untilFreed,
} from './servers.js';

const execute = promisify(execFile);
const pauseGoalMs = 20;
const collectionGoalMs = 10;
const heapGoalMegabytes = 100;

interface Figures {
  insertMs: number;
  flushMs: number;
  residentMegabytes: number;
  collections: ReturnType<typeof collectionsIn>;
}

async function measure(server: BenchServer, count: number): Promise<Figures> {
  const inserting = await watchPings(server.port);
  await execute('redis-benchmark', [
    '-p',
    String(server.port),
    '-t',
    'set',
    '-n',
    String(count),
    '-r',
    '1000000000',
    '-P',
    '16',
    '-d',
    '16',
    '--csv',
  ]);
  const insertMs = inserting.stop();
  const residentMegabytes = residentBytes(server.pid) / 2 ** 20;
  const flushing = await watchPings(server.port);
  await redisCli(server.port, 'FLUSHALL', 'ASYNC');
  await untilFreed(server.port);
  return { insertMs, flushMs: flushing.stop(), residentMegabytes, collections: collectionsIn(server.output()) };
}

export async function measurePause(count: number): Promise<Section[]> {
  const figures: Partial<Record<ServerKind, Figures>> = {};
  for (const kind of kinds) {
    const server = await startServer(kind, [], undefined, ['--trace-gc']);
    try {
      figures[kind] = await measure(server, count);
    } finally {
      await server.stop();
    }
    log(`pause: ${kind} ${figures[kind].insertMs.toFixed(1)} ms, FLUSHALL ${figures[kind].flushMs.toFixed(1)} ms`);
  }
  const { redis, kvasir } = figures as Record<ServerKind, Figures>;
  const { longestMs, largestMegabytes, count: collectionCount } = kvasir.collections;
  return [
    {
      title: 'Longest pause',
      command: `npm run bench -- --only pause --pause-keys ${count}`,
      lines: [
        '| | redis | kvasir |',
        '|---|--:|--:|',
        `| longest answer to PING while keys are inserted, ms | ${redis.insertMs.toFixed(1)} | ${marked(kvasir.insertMs, pauseGoalMs, 'most', 1)} |`,
        `| longest answer to PING while FLUSHALL ASYNC frees them, ms | ${redis.flushMs.toFixed(1)} | ${marked(kvasir.flushMs, pauseGoalMs, 'most', 1)} |`,
        `| longest of ${collectionCount} garbage collections, ms | - | ${marked(longestMs, collectionGoalMs, 'most', 1)} |`,
        `| JavaScript heap at its largest, MB | - | ${marked(largestMegabytes, heapGoalMegabytes, 'most', 1)} |`,
        `| resident memory with all keys, MB | ${redis.residentMegabytes.toFixed(0)} | ${kvasir.residentMegabytes.toFixed(0)} |`,
        '',
        `A PING each millisecond while redis-benchmark sends ${count} SETs of random keys, 50 connections, pipeline 16, and then while they are freed.` +
          ` Goals: at most ${pauseGoalMs} ms for an answer, ${collectionGoalMs} ms for a collection, ${heapGoalMegabytes} MB of heap.`,
      ],
    },
  ];
}
