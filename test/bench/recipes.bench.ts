// recipes: what each call of the recipes takes, as a multiple of a GET on the same connection in the same moment.
//
// `npm run docs` brings the figures of docs/benchmarks.md to the recipes' pages.
//
// Calls go one after the other over one connection of ioredis; each is measured between two GETs, because a machine's speed drifts.
import { Redis } from 'ioredis';
import { median } from '../../src/bench/versus.js';
import { fromIoredis, machineSurroundings } from '../../src/recipes/index.js';
import { operations } from '../recipes/operations.js';
import { log, type Section } from './report.js';
import { kinds, startServer, type ServerKind } from './servers.js';

const WARM_UP_CALLS = 20;

async function timed(call: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await call();
  return performance.now() - beganMs;
}

/** For each operation, its time as a multiple of a GET's; under '' the time of a GET in microseconds. */
async function measure(kind: ServerKind, calls: number): Promise<Map<string, number>> {
  const server = await startServer(kind);
  const redis = new Redis(server.port);
  const figures = new Map<string, number>();
  try {
    const commands = fromIoredis(redis);
    await redis.set('plain', 'value');
    const get = (): Promise<unknown> => commands.send('GET', ['plain']);
    const gets: number[] = [];
    let round = 0;
    for (const { name, prepare } of operations) {
      const ratios: number[] = [];
      for (let count = 0; count < WARM_UP_CALLS + calls; count++) {
        const call = await prepare(commands, { surroundings: machineSurroundings, round: ++round, nowMs: Date.now() });
        const before = await timed(get);
        const own = await timed(call);
        const after = await timed(get);
        if (count < WARM_UP_CALLS) continue;
        ratios.push((2 * own) / (before + after));
        gets.push(before);
      }
      figures.set(name, median(ratios));
    }
    figures.set('', median(gets) * 1000);
    log(`recipes: ${kind}: a GET takes ${figures.get('')!.toFixed(0)} us`);
  } finally {
    redis.disconnect();
    await server.stop();
  }
  return figures;
}

export async function measureRecipes(calls: number): Promise<Section[]> {
  const figures = new Map<ServerKind, Map<string, number>>();
  for (const kind of kinds) figures.set(kind, await measure(kind, calls));
  const cell = (kind: ServerKind, name: string): string => figures.get(kind)!.get(name)!.toFixed(1);
  return [
    {
      title: 'Recipes',
      command: `npm run bench -- --only recipes --recipe-calls ${calls}`,
      lines: [
        `| call | ${kinds.map((kind) => `${kind}, GETs`).join(' | ')} |`,
        `|---|${kinds.map(() => '--:|').join('')}`,
        ...operations.map(({ name }) => `| \`${name}\` | ${kinds.map((kind) => cell(kind, name)).join(' | ')} |`),
        '',
        `How many times as long as a GET each call takes, from ioredis; a GET took ${kinds.map((kind) => `${figures.get(kind)!.get('')!.toFixed(0)} µs on ${kind}`).join(', ')}.`,
      ],
    },
  ];
}
