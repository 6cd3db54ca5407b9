// openBloomFilter with a server that has BF.*, by real clients: a server of this test knows the three commands and nothing else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { ReplyReader } from '../../src/recipes/adapters/reply-reader.js';
import { type Commands, fromIoredis, fromNodeRedis, openBloomFilter } from '../../src/recipes/index.js';

interface Filter {
  readonly errorRate: string;
  readonly capacity: string;
  readonly items: Set<string>;
}

const filters = new Map<string, Filter>();
const commandsSeen: string[] = [];
/** How the answer to "is it new" is written: a number, or a boolean of RESP3. */
let asBoolean = false;

function answer([name = '', key = '', ...rest]: readonly string[]): string {
  const flags = (list: readonly boolean[]): string =>
    `*${list.length}\r\n${list.map((flag) => (asBoolean ? `#${flag ? 't' : 'f'}\r\n` : `:${Number(flag)}\r\n`)).join('')}`;
  const command = name.toUpperCase();
  if (command.startsWith('BF.')) commandsSeen.push(command);
  const filter = filters.get(key);
  switch (command) {
    case 'BF.RESERVE':
      if (filter !== undefined) return '-ERR item exists\r\n';
      filters.set(key, { errorRate: rest[0]!, capacity: rest[1]!, items: new Set() });
      return '+OK\r\n';
    case 'BF.MADD':
      return flags(
        rest.map((item) => {
          const isNew = !filter!.items.has(item);
          filter!.items.add(item);
          return isNew;
        }),
      );
    case 'BF.MEXISTS':
      return flags(rest.map((item) => filter!.items.has(item)));
    case 'CLIENT':
      return '+OK\r\n';
    case 'HELLO':
      return '%1\r\n$5\r\nproto\r\n:3\r\n';
    default:
      return `-ERR unknown command '${name}'\r\n`;
  }
}

const server = createServer((socket) => {
  const reader = new ReplyReader((words) => socket.write(answer(words as string[])));
  socket.on('data', (bytes) => reader.add(bytes)).on('error', () => undefined);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const ioredis = new Redis(port, '127.0.0.1', { enableReadyCheck: false });
const nodeRedis = createClient({ url: `redis://127.0.0.1:${port}` });
const nodeRedis3 = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3 });
await Promise.all([nodeRedis.connect(), nodeRedis3.connect()]);
after(() => {
  ioredis.disconnect();
  nodeRedis.destroy();
  nodeRedis3.destroy();
  server.close();
});

const clients: Readonly<Record<string, readonly [Commands, boolean]>> = {
  ioredis: [fromIoredis(ioredis), false],
  'node-redis': [fromNodeRedis(nodeRedis), false],
  'node-redis, RESP3': [fromNodeRedis(nodeRedis3), true],
};

describe('openBloomFilter on a server with BF.*', () => {
  for (const [name, [commands, isResp3]] of Object.entries(clients))
    it(`reserves, adds and asks by ${name}`, async () => {
      asBoolean = isResp3;
      commandsSeen.length = 0;
      const filter = await openBloomFilter(commands, name, 5000, 0.001);
      const { errorRate, capacity } = filters.get(`bf:{${name}}`)!;
      assert.deepEqual([errorRate, capacity], ['0.001', '5000']);
      assert.deepEqual(await filter.addAll(['a', 'b', 'a']), [true, true, false]);
      assert.deepEqual(await filter.hasAll(['a', 'c']), [true, false]);
      assert.deepEqual(await filter.hasAll([]), []);
      // Another process opens the same filter.
      assert.deepEqual(await (await openBloomFilter(commands, name, 5000, 0.001)).hasAll(['b']), [true]);
      assert.deepEqual(commandsSeen, ['BF.RESERVE', 'BF.MADD', 'BF.MEXISTS', 'BF.RESERVE', 'BF.MEXISTS']);
    });

  it('sends many items in several requests', async () => {
    asBoolean = false;
    const filter = await openBloomFilter(fromIoredis(ioredis), 'many', 50_000, 0.001);
    commandsSeen.length = 0;
    const items = Array.from({ length: 25_000 }, (_, index) => `item${index}`);
    assert.ok((await filter.addAll(items)).every((isNew) => isNew));
    assert.deepEqual(commandsSeen, ['BF.MADD', 'BF.MADD', 'BF.MADD']);
  });
});
