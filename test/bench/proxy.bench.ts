// proxy: kvasir-proxy beside Debian's nutcracker over the same two redis-servers: rate, processor time and latency.
//
// Load comes from redis-benchmark with 50 clients. The proxies take turns within each round, so that whatever else the machine does
// meets both. The servers are asked without a proxy too, which shows what a proxy adds to the latency.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { findFreePort, findProgram, startRedis } from '../peer.js';
import { startNutcracker, startProxy, type RunningProxy } from '../proxy/nutcracker.js';
import { log, marked, type Section } from './report.js';
import { cpuSeconds } from './servers.js';

const run = promisify(execFile);
const bundle = fileURLToPath(new URL('../../bundle/kvasir-proxy.js', import.meta.url));

interface Options {
  /** Seconds that a measurement takes, about. */
  readonly seconds: number;
  readonly rounds: number;
}

interface Load {
  readonly title: string;
  readonly pipeline: number;
  readonly words: readonly string[];
  /** Requests a second to begin with, to find how many fill the time. */
  readonly guess: number;
}

const loads: readonly Load[] = [
  { title: 'GET, pipeline 1', pipeline: 1, words: ['-t', 'get'], guess: 30_000 },
  { title: 'GET, pipeline 16', pipeline: 16, words: ['-t', 'get'], guess: 100_000 },
  { title: 'GET, pipeline 100', pipeline: 100, words: ['-t', 'get'], guess: 100_000 },
  { title: 'SET, pipeline 1', pipeline: 1, words: ['-t', 'set'], guess: 30_000 },
  {
    title: 'MGET of 10 keys, pipeline 1',
    pipeline: 1,
    words: ['mget', ...new Array<string>(10).fill('key:__rand_int__')],
    guess: 10_000,
  },
];

interface Figures {
  readonly rate: number;
  readonly micros: number;
  readonly medianMs: number;
}

async function measure(port: number, pid: number, load: Load, count: number): Promise<Figures> {
  const before = cpuSeconds(pid);
  const flags = [
    '-p',
    String(port),
    '-n',
    String(count),
    '-P',
    String(load.pipeline),
    '-c',
    '50',
    '-r',
    '10000',
    '--csv',
  ];
  const { stdout } = await run('redis-benchmark', [...flags, ...load.words], { timeout: 120_000 });
  const micros = ((cpuSeconds(pid) - before) / count) * 1e6;
  const numbers = [
    ...stdout
      .trim()
      .split('\n')
      .at(-1)!
      .matchAll(/"([^"]*)"/g),
  ]
    .slice(1)
    .map(([, cell]) => Number(cell));
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms", ...
  return { rate: numbers[0]!, micros, medianMs: numbers[3]! };
}

function rowOf(load: Load, theirs: readonly Figures[], ours: readonly Figures[], direct: readonly Figures[]): string {
  const of = (figures: readonly Figures[], pick: (figure: Figures) => number): number => median(figures.map(pick));
  const rate = of(ours, (f) => f.rate) / of(theirs, (f) => f.rate);
  const micros = of(ours, (f) => f.micros) / of(theirs, (f) => f.micros);
  const added = of(ours, (f) => f.medianMs) - of(direct, (f) => f.medianMs);
  const cells = [
    load.title,
    Math.round(of(theirs, (f) => f.rate)).toLocaleString('en'),
    Math.round(of(ours, (f) => f.rate)).toLocaleString('en'),
    marked(rate, load.pipeline === 1 ? 0.9 : 1, 'least'),
    of(theirs, (f) => f.micros).toFixed(2),
    of(ours, (f) => f.micros).toFixed(2),
    marked(micros, 1.3, 'most'),
    `${added.toFixed(2)} ms`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function poolText(port: number, servers: readonly number[]): string {
  const lines = servers.map((server, index) => `   - 127.0.0.1:${server}:1 server${index}\n`).join('');
  return `bench:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n  servers:\n${lines}`;
}

export async function measureProxy({ seconds, rounds }: Options): Promise<Section[]> {
  for (const name of ['nutcracker', 'redis-server', 'redis-benchmark'])
    if (findProgram(name) === undefined) throw new Error(`${name} is not on the PATH`);
  const servers = [await startRedis(), await startRedis()];
  const ports = servers.map(({ port }) => port);
  const proxies: RunningProxy[] = [];
  const lines = [
    '| load | nutcracker req/s | ours req/s | ratio | nutcracker µs | ours µs | ratio | added to p50 |',
    '|---|---|---|---|---|---|---|---|',
  ];
  try {
    const [theirPort, ourPort] = [await findFreePort(), await findFreePort()];
    const theirs = await startNutcracker(poolText(theirPort, ports), theirPort);
    proxies.push(theirs);
    const ours = await startProxy([process.execPath, bundle], poolText(ourPort, ports), ourPort);
    proxies.push(ours);
    for (const load of loads) {
      const found: [Figures[], Figures[], Figures[]] = [[], [], []];
      const places = [
        [theirPort, theirs.pid],
        [ourPort, ours.pid],
        [ports[0]!, servers[0]!.pid],
      ] as const;
      const counts: number[] = [];
      // The first run warms up and says how many requests fill the time.
      for (const [port, pid] of places)
        counts.push(Math.ceil((await measure(port, pid, load, load.guess)).rate * seconds));
      for (let round = 0; round < rounds; round++)
        for (const [index, [port, pid]] of places.entries())
          found[index]!.push(await measure(port, pid, load, counts[index]!));
      lines.push(rowOf(load, found[0], found[1], found[2]));
      log(lines.at(-1)!);
    }
  } finally {
    for (const proxy of proxies) await proxy.stop('SIGKILL');
    for (const server of servers) await server.stop();
  }
  lines.push(
    '',
    'Microseconds are processor time of the proxy for each request. The last column is the median latency through ours, less that of a server without a proxy.',
  );
  return [{ title: 'Proxy', command: 'npm run bench -- --only proxy', lines }];
}
