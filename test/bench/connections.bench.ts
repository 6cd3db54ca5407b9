// connections: thousands of clients that connect at the same moment: Kvasir beside redis-server.
//
// The clients are sockets of this process. Each sends PING as soon as it may; the time runs from the first connect to the last
// PONG. When the kernel's queue of a server runs over, a client tries again after a second, so a server that accepts too
// slowly shows whole seconds.
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../src/bench/versus.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, cpuSeconds, kinds, redisCli, type ServerKind, startServer } from './servers.js';

/** A server that has just started is still busy with that. */
const SETTLING_MS = 3000;

interface Figures {
  readonly seconds: number;
  /** Microseconds of the server's processor time for each connection, from connect to PONG. */
  readonly openMicros: number;
  /** The same for closing it. */
  readonly closeMicros: number;
}

function ping(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', () => resolve(socket));
    socket.write('PING\r\n');
  });
}

async function untilGone(server: BenchServer): Promise<void> {
  while (!/^connected_clients:1\r?$/m.test(await redisCli(server.port, 'info', 'clients'))) await sleep(20);
}

async function burst(server: BenchServer, count: number): Promise<Figures> {
  await redisCli(server.port, 'config', 'set', 'maxclients', String(count + 100));
  const startCpu = cpuSeconds(server.pid);
  const startMs = performance.now();
  const sockets = await Promise.all(Array.from({ length: count }, () => ping(server.port)));
  const seconds = (performance.now() - startMs) / 1000;
  const openCpu = cpuSeconds(server.pid);
  for (const socket of sockets) socket.destroy();
  await untilGone(server);
  const closeCpu = cpuSeconds(server.pid);
  return {
    seconds,
    openMicros: ((openCpu - startCpu) / count) * 1e6,
    closeMicros: ((closeCpu - openCpu) / count) * 1e6,
  };
}

export async function measureConnections(count: number, rounds: number): Promise<Section[]> {
  const found: Record<ServerKind, Figures[]> = { redis: [], kvasir: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      const server = await startServer(kind);
      try {
        await sleep(SETTLING_MS);
        found[kind].push(await burst(server, count));
      } finally {
        await server.stop();
      }
    }
    log(`connections: round ${round + 1} of ${rounds} done`);
  }
  const row = (what: string, pick: (figures: Figures) => number, goal: number, digits: number): string => {
    const [theirs, ours] = [found.redis.map(pick), found.kvasir.map(pick)];
    const ratio = median(ours.map((value, round) => value / theirs[round]!));
    return `| ${what} | ${median(theirs).toFixed(digits)} | ${median(ours).toFixed(digits)} | ${marked(ratio, goal, 'most')} |`;
  };
  return [
    {
      title: 'Connections',
      command: 'npm run bench -- --only connections',
      lines: [
        '| | redis | kvasir | ratio |',
        '|---|--:|--:|--:|',
        row(`${count} at once, until the last PONG, s`, ({ seconds }) => seconds, 2, 2),
        row('processor time of each until its PONG, us', ({ openMicros }) => openMicros, 2, 0),
        row('processor time of closing each, us', ({ closeMicros }) => closeMicros, 2, 0),
        '',
        `Medians of ${rounds} rounds, each on servers started for it. Goal: at most 2 times redis-server's.`,
      ],
    },
  ];
}
