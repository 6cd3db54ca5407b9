// latency: percentiles of the answers to 50 clients who ask again as soon as they have one: Kvasir beside redis-server.
//
// redis-benchmark measures them. The clients keep both processors busy, so the tail has the pauses of the server and those of
// the machine, which is why the two servers take turns and the median of the rounds is shown.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { log, marked, type Section } from './report.js';
import { eachRound, kinds, type ServerKind, withServers } from './servers.js';

const execute = promisify(execFile);
const percentiles = [50, 99, 99.9] as const;
const pipelines = [1, 16] as const;
const tests = ['get', 'set'] as const;

/** Milliseconds at each of `percentiles`, of a run of redis-benchmark. */
async function measure(port: number, test: string, pipeline: number, requests: number): Promise<number[]> {
  const words = ['-p', port, '-t', test, '-P', pipeline, '-n', requests, '-c', 50, '-d', 16, '-r', 100_000];
  const { stdout } = await execute('redis-benchmark', words.map(String), { maxBuffer: 1 << 26 });
  const lines = [...stdout.matchAll(/^([\d.]+)% <= ([\d.]+) milliseconds/gm)];
  return percentiles.map((wanted) =>
    Math.min(...lines.filter(([, percent]) => Number(percent) >= wanted).map(([, , ms]) => Number(ms))),
  );
}

export async function measureLatency(rounds: number, requests: number): Promise<Section[]> {
  const rows: string[] = [];
  await withServers(async (servers) => {
    for (const pipeline of pipelines) {
      for (const test of tests) {
        const count = requests * (pipeline === 1 ? 1 : 5);
        const seen: Record<ServerKind, number[][]> = { redis: [], kvasir: [] };
        // The first round warms up.
        for (let round = 0; round <= rounds; round++)
          await eachRound(servers, round, async ({ kind, port }) => {
            const figures = await measure(port, test, pipeline, count);
            if (round > 0) seen[kind].push(figures);
          });
        const cells = percentiles.map((_, index) => {
          const [redis, kvasir] = kinds.map((kind) => median(seen[kind].map((figures) => figures[index]!)));
          return `${redis!.toFixed(2)} | ${marked(kvasir!, redis!, 'most')}`;
        });
        rows.push(`| ${test}, pipeline ${pipeline} | ${cells.join(' | ')} |`);
        log(rows.at(-1)!);
      }
    }
  });
  const head = percentiles.map((percent) => `redis p${percent} | kvasir p${percent}`).join(' | ');
  return [
    {
      title: 'Latency',
      command: 'npm run bench -- --only latency',
      lines: [
        `| | ${head} |`,
        `|---|${percentiles.map(() => '--:|--:|').join('')}`,
        ...rows,
        '',
        "Milliseconds, 50 clients, the median of the rounds. Goal: at most redis-server's; bold is over it.",
      ],
    },
  ];
}
