// maxmemory-clients over sockets: what makes a client large, who goes first, and who never goes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

const KB = 1024;
const MB = 1024 * KB;

describe('maxmemory-clients', () => {
  let server: EmbeddedServer;
  let control: Redis;
  let sockets: Socket[] = [];

  beforeEach(async () => {
    server = await startServer({ port: 0, 'maxmemory-clients': 3_000_000 });
    control = new Redis(server.port, '127.0.0.1');
    await control.client('SETNAME', 'control');
    await control.client('NO-EVICT', 'ON');
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    control.disconnect();
    await server.close();
  });

  /** A client that has its name. */
  async function open(name: string): Promise<{ socket: Socket; closed: Promise<void> }> {
    const socket = createConnection(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.write(`CLIENT SETNAME ${name}\r\n`);
    await once(socket, 'data');
    sockets.push(socket);
    return { socket, closed };
  }

  async function names(): Promise<string[]> {
    const list = (await control.call('CLIENT', 'LIST')) as string;
    return [...list.matchAll(/ name=(\S+)/g)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'control')
      .sort();
  }

  async function memoryOf(name: string): Promise<number> {
    const list = (await control.call('CLIENT', 'LIST')) as string;
    return Number(new RegExp(` name=${name} .* tot-mem=(\\d+)`).exec(list)?.[1] ?? 0);
  }

  /** Sends the beginning of a request of so many bytes, and waits until the server holds it. */
  async function fill(name: string, bytes: number): Promise<void> {
    const { socket } = await open(name);
    socket.write(`*2\r\n$${bytes}\r\n`);
    socket.write(Buffer.alloc(bytes - 1, 'v'));
    while ((await memoryOf(name)) < bytes) assert.ok((await names()).includes(name), `${name} was closed`);
  }

  it(
    'closes a client whose request, transaction, subscriptions or prefixes are too large',
    { timeout: 60_000 },
    async () => {
      const request = await open('request');
      request.socket.write('*2\r\n$4000000\r\n');
      request.socket.write(Buffer.alloc(3_500_000, 'v'));
      await request.closed;

      const queue = await open('queue');
      queue.socket.write('MULTI\r\n');
      for (let count = 0; count < 5; count++)
        queue.socket.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$750000\r\n${'v'.repeat(750_000)}\r\n`);
      await queue.closed;

      await control.config('SET', 'maxmemory-clients', 200_000);
      for (const word of ['WATCH', 'SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'CLIENT TRACKING ON BCAST PREFIX']) {
        const many = await open('many');
        many.socket.resume();
        for (let count = 10_000; count < 15_000; count++) many.socket.write(`${word} k${count}\r\n`);
        await many.closed;
      }
      assert.deepEqual(await names(), []);
      assert.match(await control.info('stats'), /evicted_clients:7\r\n/);
    },
  );

  it('closes the largest first, and no more than it must', { timeout: 600_000 }, async () => {
    await control.config('SET', 'maxmemory-clients', 0);
    for (const [name, bytes] of [
      ['a', 200 * KB],
      ['b', 700 * KB],
      ['c', 2 * MB],
      ['d', 6 * MB],
    ] as const)
      await fill(name, bytes);
    assert.match(await control.info('memory'), /mem_clients_normal:(9|1\d)\d{6}\r\n/);
    await control.config('SET', 'maxmemory-clients', 4 * MB);
    assert.deepEqual(await names(), ['a', 'b', 'c']);
    await control.config('SET', 'maxmemory-clients', MB);
    assert.deepEqual(await names(), ['a', 'b']);
    // A share of maxmemory, in percent.
    await control.call('CONFIG', 'SET', 'maxmemory', 4 * MB, 'maxmemory-clients', '8%');
    assert.deepEqual(await names(), ['a']);
    await control.config('SET', 'maxmemory', 100 * MB);
    await fill('e', 5 * MB);
    assert.deepEqual(await names(), ['a', 'e']);
  });

  it('spares who is protected, as long as that lasts', { timeout: 600_000 }, async () => {
    const { socket } = await open('spared');
    socket.write('CLIENT NO-EVICT ON\r\n');
    await once(socket, 'data');
    socket.write('*2\r\n$4000000\r\n');
    socket.write(Buffer.alloc(3_900_000, 'v'));
    while ((await memoryOf('spared')) < 3_900_000) assert.deepEqual(await names(), ['spared']);
    const one = await open('one');
    one.socket.write('PING\r\n');
    await once(one.socket, 'data');
    assert.deepEqual(await names(), ['one', 'spared']);
  });

  it('closes an ordinary client that does not read its replies', { timeout: 600_000 }, async () => {
    await control.call('SETRANGE', 'k', 200_000, 'v');
    const { socket } = await open('lazy');
    socket.pause();
    let requests = 0;
    // The system's buffers take several megabytes before anything waits here.
    for (; (await names()).includes('lazy'); requests++) {
      assert.ok((await memoryOf('lazy')) < 3_000_000);
      assert.ok(requests < 500, 'the client was never closed');
      socket.write('GET k\r\n');
    }
    assert.ok(requests * 200_000 > 3_000_000);
    assert.match(await control.info('stats'), /evicted_clients:1\r\n/);
  });

  it('counts the replies of a client that is spared, and closes it when that ends', { timeout: 600_000 }, async () => {
    await control.call('SETRANGE', 'k', MB, 'v');
    const { socket, closed } = await open('spared');
    socket.write('CLIENT NO-EVICT ON\r\n');
    await once(socket, 'data');
    socket.pause();
    for (let requests = 0; (await memoryOf('spared')) < 10 * MB; requests++) {
      assert.ok(requests < 500, 'replies did not pile up');
      socket.write('GET k\r\n');
    }
    socket.write('CLIENT NO-EVICT OFF\r\n');
    while ((await names()).includes('spared'));
    socket.resume();
    await closed;
  });

  it('closes subscribers that do not read', { timeout: 600_000 }, async () => {
    const slow = await open('slow');
    slow.socket.write('SUBSCRIBE c\r\n');
    await once(slow.socket, 'data');
    slow.socket.pause();
    const message = 'm'.repeat(100_000);
    while ((await names()).includes('slow')) await control.publish('c', message);
    assert.match(await control.info('stats'), /evicted_clients:1\r\n/);
  });
});
