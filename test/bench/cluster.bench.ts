// cluster: what cluster mode costs one node, how slots with a million keys move, how soon a failover comes, and what the bus carries.
//
// Slots move between two nodes of the same kind by the manager of that kind: redis-cli and MIGRATE there, kvasir-cli and the move in one
// step here. Meanwhile redis-benchmark writes keys of a slot that stays, and a client pings the source every millisecond.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { keySlot, SLOT_COUNT } from '../../src/base/key-slot.js';
import { median } from '../../src/bench/versus.js';
import { findFreePort } from '../peer.js';
import { fill, watchPings } from './fill.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, cpuSeconds, kinds, redisCli, type ServerKind, startServer, whenInfo } from './servers.js';
import { measureBus } from './cluster-bus.js';
import { longestTurnMs, startProbed } from './turns.js';

const execute = promisify(execFile);
const kvasirCli = fileURLToPath(new URL('../../bundle/kvasir-cli.js', import.meta.url));
const GOALS = { cost: 1.03, pauseMs: 20 };
const PIPELINES = [1, 16] as const;
const NODE_TIMEOUT_MS = 2000;
const SLOTS_MOVED = 100;

export interface ClusterSizes {
  readonly keys: number;
  readonly members: number;
  readonly requests: number;
  readonly rounds: number;
  readonly busNodes: number;
}

/** Where the bus of each node listens. */
const busPorts = new WeakMap<BenchServer, number>();

async function startNode(
  kind: ServerKind,
  start: (kind: ServerKind, flags: readonly string[]) => Promise<BenchServer> = startServer,
): Promise<BenchServer> {
  const busPort = await findFreePort();
  const flags = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
    ...['--cluster-port', String(busPort), '--repl-diskless-sync-delay', '0'],
  ];
  const node = await start(kind, flags);
  busPorts.set(node, busPort);
  return node;
}

async function isOk(node: BenchServer): Promise<boolean> {
  return (await redisCli(node.port, 'cluster', 'info')).includes('cluster_state:ok');
}

/** Gives the first `shares.length` nodes these slots, and lets all meet. */
async function join(nodes: readonly BenchServer[], shares: readonly (readonly [number, number])[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    await redisCli(node.port, 'cluster', 'set-config-epoch', String(index + 1));
    const share = shares[index];
    if (share !== undefined) await redisCli(node.port, 'cluster', 'addslotsrange', String(share[0]), String(share[1]));
    if (index > 0)
      await redisCli(
        node.port,
        'cluster',
        'meet',
        '127.0.0.1',
        String(nodes[0]!.port),
        String(busPorts.get(nodes[0]!)!),
      );
  }
  for (const node of nodes)
    while (
      !(await isOk(node)) ||
      !(await redisCli(node.port, 'cluster', 'info')).includes(`known_nodes:${nodes.length}`)
    )
      await sleep(50);
}

type CostTest = 'get' | 'set';

/** Processor seconds that the server needs for so many requests. */
async function costOf(server: BenchServer, test: CostTest, requests: number, pipeline: number): Promise<number> {
  const args = ['-p', String(server.port), '-t', test, '-n', String(requests)];
  const before = cpuSeconds(server.pid);
  await execute('redis-benchmark', [...args, '-P', String(pipeline), '-c', '20', '-r', '100000', '--csv']);
  return cpuSeconds(server.pid) - before;
}

/** Processor time of a command in cluster mode by that without, by `test pipeline`. */
async function measureCost(kind: ServerKind, { requests, rounds }: ClusterSizes): Promise<Map<string, number>> {
  const alone = await startServer(kind);
  const node = await startNode(kind);
  try {
    await join([node], [[0, SLOT_COUNT - 1]]);
    const ratios = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++)
      for (const pipeline of PIPELINES)
        for (const test of ['set', 'get'] as const) {
          const order = round % 2 === 0 ? [alone, node] : [node, alone];
          const costs = new Map<BenchServer, number>();
          for (const server of order)
            costs.set(server, await costOf(server, test, pipeline === 1 ? requests / 8 : requests, pipeline));
          const key = `${test} ${pipeline}`;
          ratios.set(key, [...(ratios.get(key) ?? []), costs.get(node)! / costs.get(alone)!]);
        }
    return new Map([...ratios].map(([key, values]) => [key, median(values)]));
  } finally {
    await Promise.all([alone.stop(), node.stop()]);
  }
}

interface MoveFigures {
  readonly seconds: number;
  readonly pauseMs: number;
  /** Of the source, in processor time of its own. */
  readonly turnMs: number;
  /** Commands of the load a second, with the move by before it. */
  readonly throughput: number;
}

/** A tag for each of the first slots, and one of a slot that stays. */
function tags(): { readonly moved: string[]; readonly stays: string } {
  const moved: string[] = [];
  let stays = '';
  for (let number = 0; moved.filter(() => true).length < SLOTS_MOVED || stays === ''; number++) {
    const slot = keySlot(Buffer.from(`{${number}}`));
    if (slot < SLOTS_MOVED) moved[slot] ??= `{${number}}`;
    else if (slot > 10_000) stays = `{${number}}`;
  }
  return { moved, stays };
}

async function commandCount(node: BenchServer, name: string): Promise<number> {
  return Number(
    new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(await redisCli(node.port, 'info', 'commandstats'))?.[1] ?? 0,
  );
}

async function measureMove(kind: ServerKind, what: 'keys' | 'members', sizes: ClusterSizes): Promise<MoveFigures> {
  const nodes = [await startNode(kind, startProbed), await startNode(kind, startProbed)];
  const [source, target] = nodes as [BenchServer, BenchServer];
  try {
    await join(nodes, [
      [0, SLOT_COUNT - 2],
      [SLOT_COUNT - 1, SLOT_COUNT - 1],
    ]);
    const { moved, stays } = tags();
    if (what === 'keys')
      await fill(source.port, sizes.keys, (index) => [
        'SET',
        `${moved[index % SLOTS_MOVED]}key:${index}`,
        `value of the key ${index}`,
      ]);
    else
      await fill(source.port, sizes.members, (index) => [
        'ZADD',
        `${moved[0]}zset`,
        String(index % 1000),
        `member:${index}`,
      ]);
    const load = execFile('redis-benchmark', [
      ...['-p', String(source.port), '-n', '2000000000', '-r', '100000', '-c', '10'],
      ...['INCR', `${stays}counter:__rand_int__`],
    ]);
    load.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => load.once('exit', () => resolve()));
    try {
      await sleep(1000);
      const rateOver = async (milliseconds: number): Promise<number> => {
        const before = await commandCount(source, 'incr');
        const startMs = performance.now();
        await sleep(milliseconds);
        return ((await commandCount(source, 'incr')) - before) / (performance.now() - startMs);
      };
      const restingRate = await rateOver(2000);
      const ids = await Promise.all(nodes.map(({ port }) => redisCli(port, 'cluster', 'myid')));
      await longestTurnMs(source);
      const pings = await watchPings(source.port);
      const before = await commandCount(source, 'incr');
      const startMs = performance.now();
      const words = [
        ...[
          '--cluster',
          'reshard',
          `127.0.0.1:${source.port}`,
          '--cluster-from',
          ids[0]!.trim(),
          '--cluster-to',
          ids[1]!.trim(),
        ],
        ...['--cluster-slots', String(SLOTS_MOVED), '--cluster-yes', '--cluster-pipeline', '100'],
      ];
      const [program, args] = kind === 'redis' ? ['redis-cli', words] : [process.execPath, [kvasirCli, ...words]];
      await execute(program, args, { maxBuffer: 2 ** 28 });
      const elapsedMs = performance.now() - startMs;
      const rate = ((await commandCount(source, 'incr')) - before) / elapsedMs;
      const pauseMs = pings.stop();
      const turnMs = await longestTurnMs(source);
      const there = await redisCli(target.port, 'dbsize');
      if (Number(there) !== (what === 'keys' ? sizes.keys : 1)) throw new Error(`${kind}: ${there} keys have moved`);
      return { seconds: elapsedMs / 1000, pauseMs, turnMs, throughput: rate / restingRate };
    } finally {
      load.kill();
      await ended;
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

/** Seconds from the kill of a master until its replica is one. */
async function measureFailover(kind: ServerKind): Promise<number> {
  const nodes = [await startNode(kind), await startNode(kind), await startNode(kind), await startNode(kind)];
  const replica = nodes[3]!;
  try {
    await join(nodes, [
      [0, 5000],
      [5001, 10_000],
      [10_001, SLOT_COUNT - 1],
    ]);
    const id = (await redisCli(nodes[0]!.port, 'cluster', 'myid')).trim();
    await redisCli(replica.port, 'cluster', 'replicate', id);
    await whenInfo(replica.port, 'replication', (text) => text.includes('master_link_status:up'));
    await sleep(2 * NODE_TIMEOUT_MS);
    process.kill(nodes[0]!.pid, 'SIGKILL');
    const startMs = performance.now();
    await whenInfo(replica.port, 'replication', (text) => text.includes('role:master'));
    return (performance.now() - startMs) / 1000;
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

export async function measureCluster(sizes: ClusterSizes): Promise<Section[]> {
  const rows: string[] = [];
  const row = (name: string, cells: readonly string[]): void => {
    rows.push(`| ${name} | ${cells.join(' | ')} |`);
    log(`${name}: ${cells.join(', ')}`);
  };
  const of = async <T>(measure: (kind: ServerKind) => Promise<T>): Promise<T[]> => {
    const found: T[] = [];
    for (const kind of kinds) found.push(await measure(kind));
    return found;
  };
  const costs = await of((kind) => measureCost(kind, sizes));
  for (const pipeline of PIPELINES)
    for (const test of ['get', 'set'] as const)
      row(
        `${test.toUpperCase()} at pipeline ${pipeline}, processor time with cluster mode by that without`,
        costs.map((cost, index) => {
          const ratio = cost.get(`${test} ${pipeline}`)!;
          return kinds[index] === 'kvasir' ? marked(ratio, GOALS.cost, 'most') : ratio.toFixed(2);
        }),
      );
  for (const what of ['keys', 'members'] as const) {
    const figures = await of((kind) => measureMove(kind, what, sizes));
    const name =
      what === 'keys' ? `${SLOTS_MOVED} slots with ${sizes.keys} keys` : `a sorted set of ${sizes.members} members`;
    row(
      `${name}: seconds to move`,
      figures.map(({ seconds }) => seconds.toFixed(1)),
    );
    row(
      `${name}: longest PING, ms`,
      figures.map(({ pauseMs }, index) =>
        kinds[index] === 'kvasir' ? marked(pauseMs, GOALS.pauseMs, 'most', 0) : pauseMs.toFixed(0),
      ),
    );
    row(
      `${name}: longest turn of the source, ms of its own processor time`,
      figures.map(({ turnMs }) => (Number.isNaN(turnMs) ? '' : marked(turnMs, GOALS.pauseMs, 'most', 0))),
    );
    row(
      `${name}: other writes meanwhile`,
      figures.map(({ throughput }) => `${(throughput * 100).toFixed(0)} %`),
    );
  }
  const failovers = await of(measureFailover);
  row(
    `failover after kill -9, node timeout ${NODE_TIMEOUT_MS} ms: seconds`,
    failovers.map((seconds) => seconds.toFixed(1)),
  );
  const bus = await measureBus(sizes.busNodes);
  row(`bus of ${sizes.busNodes} nodes at rest, KB a second and node`, ['', (bus / 1000).toFixed(1)]);
  return [
    {
      title: 'Cluster',
      command: 'npm run bench -- --only cluster',
      lines: [
        '| | redis-server | Kvasir |',
        '|---|---|---|',
        ...rows,
        '',
        'Moves are those of `redis-cli --cluster reshard` with `MIGRATE` (100 keys at a time) and of `kvasir-cli --cluster reshard` in one step, each between two',
        'nodes of its kind. The bus was measured in a simulation with the default timeouts.',
      ],
    },
  ];
}
