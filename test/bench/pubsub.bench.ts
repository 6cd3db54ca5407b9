// pubsub: many subscribers of one channel, and many patterns: Kvasir beside redis-server.
//
//   npm run build && node dist/test/bench/pubsub.bench.js --subscribers 10000 --patterns 100000 --rounds 3
//
// The subscribers are sockets of this process, which counts the bytes that come; with many of them it is what is measured, not the
// server. So the server's own processor time stands beside the rate.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { cpuSeconds, missingServer, startServer, type BenchServer, type ServerKind } from './servers.js';

const { values: flags } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '10000' },
    messages: { type: 'string', default: '50' },
    patterns: { type: 'string', default: '100000' },
    publishes: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
  },
});
const kinds: readonly ServerKind[] = ['redis', 'kvasir'];
const CONNECTING_MAX = 200;

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

function report(kind: ServerKind, what: string, count: number, seconds: number, cpu: number): void {
  const rate = Math.round(count / seconds).toLocaleString('en');
  process.stdout.write(`${kind.padEnd(7)} ${what.padEnd(24)} ${rate.padStart(12)} a second, ${((cpu / count) * 1e6).toFixed(2)} us of the server's time each\n`);
}

/** Everybody hears everything: deliveries a second. */
async function fanOut(server: BenchServer): Promise<void> {
  const publisher = await open(server.port);
  await exchange(publisher, encode(['CONFIG', 'SET', 'maxclients', String(Number(flags.subscribers) + 100)]), 1);
  const subscribers: Socket[] = [];
  const wanted = Number(flags.subscribers);
  const welcome = encode(['subscribe', 'c']).replace('*2', '*3').length + 4;
  while (subscribers.length < wanted) {
    const some = await Promise.all(Array.from({ length: Math.min(CONNECTING_MAX, wanted - subscribers.length) }, () => open(server.port)));
    await Promise.all(some.map((socket) => exchange(socket, encode(['SUBSCRIBE', 'c']), welcome)));
    subscribers.push(...some);
  }
  const messages = Number(flags.messages);
  const messageBytes = encode(['message', 'c', 'x'.repeat(32)]).length;
  let left = messages * wanted * messageBytes;
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
  for (let count = 0; count < messages; count++) await exchange(publisher, encode(['PUBLISH', 'c', 'x'.repeat(32)]), `:${wanted}\r\n`.length);
  await all;
  report(server.kind, `${wanted} subscribers`, messages * wanted, (performance.now() - startMs) / 1000, cpuSeconds(server.pid) - startCpu);
  for (const socket of [...subscribers, publisher]) socket.destroy();
}

/** One of very many patterns matches: messages published a second. */
async function manyPatterns(server: BenchServer): Promise<void> {
  const subscriber = await open(server.port);
  subscriber.resume();
  const patterns = Number(flags.patterns);
  for (let count = 0; count < patterns; count++) subscriber.write(encode(['PSUBSCRIBE', `user:${count}:*`]));
  const publisher = await open(server.port);
  await exchange(subscriber, encode(['PING']), 1);
  const publishes = Number(flags.publishes);
  const commands = Array.from({ length: publishes }, (_, index) => encode(['PUBLISH', `user:${(index * 7919) % patterns}:events`, 'hello'])).join('');
  // All subscriptions are there once the last one's pattern has a receiver.
  for (let known = ''; known !== ':1\r\n';) {
    publisher.write(encode(['PUBLISH', `user:${patterns - 1}:events`, 'hello']));
    known = String((await once(publisher, 'data'))[0]);
  }
  const startCpu = cpuSeconds(server.pid);
  const startMs = performance.now();
  await exchange(publisher, commands, publishes * 4);
  report(server.kind, `${patterns} patterns`, publishes, (performance.now() - startMs) / 1000, cpuSeconds(server.pid) - startCpu);
  subscriber.destroy();
  publisher.destroy();
}

for (let round = 0; round < Number(flags.rounds); round++) {
  for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
    const missing = missingServer(kind);
    if (missing !== undefined) {
      process.stdout.write(`${kind.padEnd(7)} ${missing}\n`);
      continue;
    }
    const server = await startServer(kind);
    try {
      await fanOut(server);
      await manyPatterns(server);
    } finally {
      await server.stop();
    }
  }
}
