// pubsub: many subscribers of one channel, and many patterns: Kvasir beside redis-server.
//
// The subscribers are sockets of this process, which counts the bytes that come; with many of them it is what is measured, not the
// server. So the server's own processor time stands beside the rate.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { median } from '../../src/bench/versus.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, cpuSeconds, kinds, type ServerKind, startServer } from './servers.js';

const CONNECTING_MAX = 200;
const MESSAGES = 50;
const PUBLISHES = 2000;

interface Options {
  readonly subscribers: number;
  readonly patterns: number;
  readonly rounds: number;
}

/** Messages a second, and microseconds of the server's processor time for each. */
interface Figures {
  readonly rate: number;
  readonly micros: number;
}

async function open(port: number): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Sends commands and waits for so many bytes of replies. */
async function exchange(socket: Socket, commands: string, replyBytes: number): Promise<void> {
  let left = replyBytes;
  await new Promise<void>((resolve) => {
    const listen = (bytes: Buffer): void => {
      left -= bytes.length;
      if (left > 0) return;
      socket.off('data', listen);
      resolve();
    };
    socket.on('data', listen);
    socket.write(commands);
  });
}

function figuresOf(count: number, seconds: number, cpu: number): Figures {
  return { rate: count / seconds, micros: (cpu / count) * 1e6 };
}

/** Everybody hears everything: deliveries a second. */
async function fanOut(server: BenchServer, wanted: number): Promise<Figures> {
  const publisher = await open(server.port);
  await exchange(publisher, encode(['CONFIG', 'SET', 'maxclients', String(wanted + 100)]), 1);
  const subscribers: Socket[] = [];
  const welcome = encode(['subscribe', 'c']).replace('*2', '*3').length + 4;
  while (subscribers.length < wanted) {
    const some = await Promise.all(
      Array.from({ length: Math.min(CONNECTING_MAX, wanted - subscribers.length) }, () => open(server.port)),
    );
    await Promise.all(some.map((socket) => exchange(socket, encode(['SUBSCRIBE', 'c']), welcome)));
    subscribers.push(...some);
  }
  const messageBytes = encode(['message', 'c', 'x'.repeat(32)]).length;
  let left = MESSAGES * wanted * messageBytes;
  const all = new Promise<void>((resolve) => {
    for (const socket of subscribers) {
      socket.on('data', (bytes: Buffer) => {
        left -= bytes.length;
        if (left === 0) resolve();
      });
    }
  });
  const startCpu = cpuSeconds(server.pid);
  const startMs = performance.now();
  for (let count = 0; count < MESSAGES; count++)
    await exchange(publisher, encode(['PUBLISH', 'c', 'x'.repeat(32)]), `:${wanted}\r\n`.length);
  await all;
  const figures = figuresOf(MESSAGES * wanted, (performance.now() - startMs) / 1000, cpuSeconds(server.pid) - startCpu);
  for (const socket of [...subscribers, publisher]) socket.destroy();
  return figures;
}

/** One of very many patterns matches: messages published a second. */
async function manyPatterns(server: BenchServer, patterns: number): Promise<Figures> {
  const subscriber = await open(server.port);
  subscriber.resume();
  for (let count = 0; count < patterns; count++) subscriber.write(encode(['PSUBSCRIBE', `user:${count}:*`]));
  const publisher = await open(server.port);
  await exchange(subscriber, encode(['PING']), 1);
  const commands = Array.from({ length: PUBLISHES }, (_, index) =>
    encode(['PUBLISH', `user:${(index * 7919) % patterns}:events`, 'hello']),
  ).join('');
  // All subscriptions are there once the last one's pattern has a receiver.
  for (let known = ''; known !== ':1\r\n';) {
    publisher.write(encode(['PUBLISH', `user:${patterns - 1}:events`, 'hello']));
    known = String((await once(publisher, 'data'))[0]);
  }
  const startCpu = cpuSeconds(server.pid);
  const startMs = performance.now();
  await exchange(publisher, commands, PUBLISHES * 4);
  const figures = figuresOf(PUBLISHES, (performance.now() - startMs) / 1000, cpuSeconds(server.pid) - startCpu);
  subscriber.destroy();
  publisher.destroy();
  return figures;
}

export async function measurePubSub({ subscribers, patterns, rounds }: Options): Promise<Section[]> {
  const heard: Record<ServerKind, Figures[]> = { redis: [], kvasir: [] };
  const matched: Record<ServerKind, Figures[]> = { redis: [], kvasir: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      const server = await startServer(kind);
      try {
        heard[kind].push(await fanOut(server, subscribers));
        matched[kind].push(await manyPatterns(server, patterns));
      } finally {
        await server.stop();
      }
    }
    log(`pubsub: round ${round + 1} of ${rounds} done`);
  }
  const row = (
    what: string,
    of: Record<ServerKind, Figures[]>,
    pick: (figures: Figures) => number,
    goalIs: 'least' | 'most',
    digits: number,
  ): string => {
    const [theirs, ours] = [of.redis.map(pick), of.kvasir.map(pick)];
    const ratio = median(ours.map((value, round) => value / theirs[round]!));
    return `| ${what} | ${median(theirs).toFixed(digits)} | ${median(ours).toFixed(digits)} | ${marked(ratio, 1, goalIs)} |`;
  };
  const thousands = ({ rate }: Figures): number => rate / 1000;
  const micros = (figures: Figures): number => figures.micros;
  return [
    {
      title: 'Publish and subscribe',
      command: 'npm run bench -- --only pubsub',
      lines: [
        '| | redis | kvasir | ratio |',
        '|---|--:|--:|--:|',
        row(`one channel, ${subscribers} subscribers: thousand deliveries a second`, heard, thousands, 'least', 0),
        row('processor time of each delivery, us', heard, micros, 'most', 2),
        row(`${patterns} patterns, one matches: thousand messages a second`, matched, thousands, 'least', 1),
        row('processor time of each message, us', matched, micros, 'most', 1),
        '',
        `Medians of ${rounds} rounds. Goals: the rates of redis-server with no more processor time. The subscribers are in the process that measures, which takes most of the time of deliveries.`,
      ],
    },
  ];
}
