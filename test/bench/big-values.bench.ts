// big-values: how long a PING takes while a collection of millions of elements, or most of it, goes away.
//
// A server is filled with one collection; each way to let it go gets a copy, so that what is measured begins with the same.
// PINGs are sent a millisecond apart from another connection, from before the command until its memory is free again.
import { setTimeout as sleep } from 'node:timers/promises';
import { fill, watchPings } from './fill.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, kinds, redisCli, type ServerKind, startServer, untilFreed } from './servers.js';

const pauseGoalMs = 20;
const elementsPerCommand = 100;
/** After the memory is free, for what comes late. */
const settleMs = 200;

const element = (index: number): string => `element:${String(index).padStart(12, '0')}`;

const collections: Readonly<Record<string, (indexes: readonly number[]) => string[]>> = {
  list: (indexes) => ['RPUSH', 'source', ...indexes.map(element)],
  set: (indexes) => ['SADD', 'source', ...indexes.map(element)],
  hash: (indexes) => ['HSET', 'source', ...indexes.flatMap((index) => [element(index), 'value'])],
  'sorted set': (indexes) => ['ZADD', 'source', ...indexes.flatMap((index) => [String(index), element(index)])],
};

interface Way {
  readonly name: string;
  /** The command on the key `big`, or on all of database 1. */
  readonly words: readonly string[];
  readonly only?: string;
  /** Commands that prepare further data. */
  readonly before?: readonly string[];
  readonly inDatabase1?: boolean;
}

function waysFor(count: number): readonly Way[] {
  return [
    { name: 'DEL', words: ['DEL', 'big'] },
    { name: 'UNLINK', words: ['UNLINK', 'big'] },
    { name: 'expiry', words: ['PEXPIRE', 'big', '1'] },
    { name: 'SET over it', words: ['SET', 'big', 'x'] },
    { name: 'RENAME over it', before: ['SET', 'other', 'x'], words: ['RENAME', 'other', 'big'] },
    { name: 'FLUSHDB', words: ['FLUSHDB'], inDatabase1: true },
    { name: 'LTRIM to 100', words: ['LTRIM', 'big', '0', '99'], only: 'list' },
    { name: 'LTRIM to the half', words: ['LTRIM', 'big', '0', String(count >> 1)], only: 'list' },
    { name: 'ZREMRANGEBYRANK to 100', words: ['ZREMRANGEBYRANK', 'big', '0', '-101'], only: 'sorted set' },
    {
      name: 'ZREMRANGEBYRANK to the half',
      words: ['ZREMRANGEBYRANK', 'big', '0', String(count >> 1)],
      only: 'sorted set',
    },
    // These take the source too, so they come last.
    { name: 'FLUSHALL', words: ['FLUSHALL'] },
    { name: 'FLUSHALL ASYNC', words: ['FLUSHALL', 'ASYNC'] },
  ];
}

/** The longest PING, in ms, while `words` run and until what they let go is free. */
async function longestPing(port: number, way: Way): Promise<number> {
  const pings = await watchPings(port);
  await sleep(settleMs);
  const database = way.inDatabase1 === true ? ['-n', '1'] : [];
  await redisCli(port, ...database, ...way.words);
  if (way.name === 'expiry') await sleep(settleMs);
  await untilFreed(port);
  await sleep(settleMs);
  return pings.stop();
}

async function measureCollection(
  server: BenchServer,
  type: string,
  ways: readonly Way[],
  count: number,
): Promise<Map<string, number>> {
  const { port } = server;
  const longest = new Map<string, number>();
  const make = collections[type]!;
  const fillSource = (): Promise<void> =>
    fill(port, count / elementsPerCommand, (command) =>
      make(Array.from({ length: elementsPerCommand }, (_, index) => command * elementsPerCommand + index)),
    );
  await fillSource();
  for (const way of ways) {
    if (way.only !== undefined && way.only !== type) continue;
    if (way.words[0] === 'FLUSHALL') {
      if ((await redisCli(port, 'exists', 'source')) === '0') await fillSource();
    } else await redisCli(port, 'copy', 'source', 'big', 'DB', way.inDatabase1 === true ? '1' : '0', 'REPLACE');
    if (way.before !== undefined) await redisCli(port, ...way.before);
    longest.set(way.name, await longestPing(port, way));
  }
  return longest;
}

export async function measureBigValues(count: number): Promise<Section[]> {
  const ways = waysFor(count);
  const figures = new Map<string, Map<string, number>>();
  for (const type of Object.keys(collections)) {
    for (const kind of kinds) {
      const server = await startServer(kind);
      try {
        figures.set(`${type} ${kind}`, await measureCollection(server, type, ways, count));
        log(
          `big values: ${type}, ${kind}: ${[...figures.get(`${type} ${kind}`)!].map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', ')}`,
        );
      } finally {
        await server.stop();
      }
    }
  }
  const cell = (type: string, kind: ServerKind, way: Way): string => {
    const ms = figures.get(`${type} ${kind}`)!.get(way.name);
    if (ms === undefined) return '';
    return kind === 'kvasir' ? marked(ms, pauseGoalMs, 'most', 1) : ms.toFixed(1);
  };
  const types = Object.keys(collections);
  return [
    {
      title: 'Big values that go',
      command: `npm run bench -- --only big-values --big-elements ${count}`,
      lines: [
        `| longest PING, ms | ${types.flatMap((type) => kinds.map((kind) => `${type}, ${kind}`)).join(' | ')} |`,
        `|---|${types.map(() => '--:|--:|').join('')}`,
        ...ways.map(
          (way) =>
            `| ${way.name} | ${types.flatMap((type) => kinds.map((kind) => cell(type, kind, way))).join(' | ')} |`,
        ),
        '',
        `A collection of ${count} elements of 20 bytes; a PING each millisecond from another connection until the memory is free. Goal: at most ${pauseGoalMs} ms.` +
          ' A sorted set of which half stays is the exception: each member that goes is looked up in a table, here as in redis-server.',
      ],
    },
  ];
}
