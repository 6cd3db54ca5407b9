// sentinel: three kvasir-sentinels beside three redis-sentinels: time from kill -9 of the master to the next one, and
// to the clients' notice of it.
//
// Both watch redis-servers with the same settings and take turns. Most of the time is chance: sentinels wait for up to a second so that
// they seldom compete, so it takes some rounds until medians mean anything.
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../src/bench/versus.js';
import { Connection } from '../../src/client/connection.js';
import { Fleet, type Kind, plain } from '../sentinel/fleet.js';
import { log, marked, type Section } from './report.js';

const DOWN_AFTER_MS = 1000;
const POLL_MS = 5;
/** Ours may take as long as redis-sentinel; below that share the difference is chance. */
const GOAL = 1.1;

interface Times {
  /** Until a replica says that it is the master. */
  readonly promotedMs: number;
  /** Until all sentinels name it. */
  readonly toldMs: number;
}

/** Asks again and again until the answer is the wanted one; the time of that. */
async function when(port: number, words: readonly string[], isIt: (reply: unknown) => boolean): Promise<number> {
  for (;;) {
    const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 10_000 });
    try {
      while (!isIt(plain(await connection.call(...words)))) await sleep(POLL_MS);
      return performance.now();
    } catch {
      // A replica that becomes the master cuts its clients off.
    } finally {
      connection.close();
    }
  }
}

async function failOver(kind: Kind): Promise<Times> {
  const fleet = await Fleet.make({
    servers: ['redis', 'redis', 'redis'],
    sentinels: [kind, kind, kind],
    downAfterMs: DOWN_AFTER_MS,
  });
  try {
    await fleet.ready();
    // Sentinels keep time by their own start; the death comes at any moment of their periods.
    await sleep(Math.random() * 2000);
    const [master, ...replicas] = fleet.servers;
    const told = fleet.sentinels.map(({ port }) =>
      when(
        port,
        ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster'],
        (reply) => Array.isArray(reply) && reply[1] !== String(master!.port),
      ),
    );
    const promoted = replicas.map(({ port }) =>
      when(port, ['ROLE'], (reply) => Array.isArray(reply) && reply[0] === 'master').catch(() => Infinity),
    );
    const startMs = performance.now();
    process.kill(master!.pid, 'SIGKILL');
    const promotedMs = (await Promise.race(promoted)) - startMs;
    const toldMs = Math.max(...(await Promise.all(told))) - startMs;
    return { promotedMs, toldMs };
  } finally {
    await fleet.stop();
  }
}

export async function measureSentinel(rounds: number): Promise<Section[]> {
  const times: Record<Kind, Times[]> = { redis: [], kvasir: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? (['redis', 'kvasir'] as const) : (['kvasir', 'redis'] as const)) {
      times[kind].push(await failOver(kind));
      const { promotedMs, toldMs } = times[kind].at(-1)!;
      log(
        `sentinel: round ${round + 1}, ${kind}: master after ${promotedMs.toFixed(0)} ms, told ${toldMs.toFixed(0)} ms`,
      );
    }
  }
  const row = (title: string, read: (each: Times) => number): string => {
    const redis = median(times.redis.map(read));
    const kvasir = median(times.kvasir.map(read));
    return `| ${title} | ${redis.toFixed(0)} | ${kvasir.toFixed(0)} | ${marked(kvasir / redis, GOAL, 'most')} |`;
  };
  return [
    {
      title: 'Failover',
      command: 'npm run bench -- --only sentinel',
      lines: [
        '| after kill -9 of the master | redis-sentinel, ms | kvasir-sentinel, ms | ratio |',
        '|---|--:|--:|--:|',
        row('a replica is the master', ({ promotedMs }) => promotedMs),
        row('all sentinels name it', ({ toldMs }) => toldMs),
        '',
        `Medians of ${rounds} failovers each, three sentinels over three redis-servers, down-after-milliseconds ${DOWN_AFTER_MS}. The ratio is that of the medians. Goal: at most ${GOAL}.`,
      ],
    },
  ];
}
