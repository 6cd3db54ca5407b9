// The races of a mirror: what clients write while a key is copied, compared or deleted must be in both pools in the end. Servers of the
// test's own hold single replies back, so that each race happens every time. KVASIR_SEED repeats the clients of the last test.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { startServer } from '../../src/embed/start-server.js';
import { Prng } from '../../src/base/prng.js';
import type { Call } from '../../src/registry/call.js';
import { findFreePort } from '../peer.js';
import { startFakeBackend } from './fake-backend.js';
import { startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);
const DEADLINE_MS = 60_000;

const bulk = (text: string | undefined): string => (text === undefined ? '$-1\r\n' : `$${text.length}\r\n${text}\r\n`);

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpMs = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < giveUpMs, `it does not come to this: ${what}`);
    await sleep(5);
  }
}

/**
 * Strings alone, and a payload is the value itself. Commands run when they come; the reply to one that is held, and all after it on the
 * same connection, come when it is let go.
 */
class Strings {
  readonly keys = new Map<string, string>();
  readonly ran: string[] = [];
  port = 0;
  /** Names of commands whose next reply is held. */
  private readonly holding = new Set<string>();
  private readonly held = new Map<string, Socket>();
  private readonly waiting = new Map<Socket, string[]>();
  private queued: string[] | undefined;

  static async start(t: TestContext): Promise<Strings> {
    const strings = new Strings();
    const backend = await startFakeBackend((call, socket) => strings.answer(call, socket));
    t.after(() => backend.close());
    strings.port = backend.port;
    return strings;
  }

  hold(name: string): void {
    this.holding.add(name);
  }

  isHeld(name: string): boolean {
    return this.held.has(name);
  }

  letGo(name: string): void {
    const socket = this.held.get(name)!;
    this.held.delete(name);
    socket.write(this.waiting.get(socket)!.join(''), 'latin1');
    this.waiting.delete(socket);
  }

  private answer(call: Call, socket: Socket): string | undefined {
    const name = call.text(0).toLowerCase();
    const reply = this.run(call, name);
    if (this.holding.delete(name)) {
      this.held.set(name, socket);
      this.waiting.set(socket, []);
    }
    const waiting = this.waiting.get(socket);
    waiting?.push(reply);
    return waiting === undefined ? reply : undefined;
  }

  private run(call: Call, name: string): string {
    const words = Array.from({ length: call.count }, (_, index) => call.text(index));
    if (name === 'multi') {
      this.queued = [];
      return '+OK\r\n';
    }
    if (name === 'exec') {
      const replies = this.queued!.map((line) => this.runWords(line.split(' ')));
      this.queued = undefined;
      return `*${replies.length}\r\n${replies.join('')}`;
    }
    if (this.queued !== undefined && name === 'set') {
      this.queued.push(words.join(' '));
      return '+QUEUED\r\n';
    }
    return this.runWords(words);
  }

  private runWords([name = '', key = '', value = '', payload = '']: readonly string[]): string {
    this.ran.push(`${name.toLowerCase()} ${key}`);
    const { keys } = this;
    switch (name.toLowerCase()) {
      case 'set':
        keys.set(key, value);
        return '+OK\r\n';
      case 'get':
      case 'dump':
        return bulk(keys.get(key));
      case 'restore':
        keys.set(key, payload);
        return '+OK\r\n';
      case 'pttl':
        return keys.has(key) ? ':-1\r\n' : ':-2\r\n';
      case 'del':
        return `:${keys.delete(key) ? 1 : 0}\r\n`;
      case 'incr':
        keys.set(key, String(Number(keys.get(key) ?? 0) + 1));
        return `:${keys.get(key)}\r\n`;
      case 'blpop':
        // It has been waited for.
        keys.set(key, 'popped');
        return `*2\r\n${bulk(key)}${bulk('item')}`;
      case 'flushall':
        keys.clear();
        return '+OK\r\n';
      case 'randomkey':
        return bulk([...keys.keys()][0]);
      case 'scan':
        return `*2\r\n$1\r\n0\r\n*${keys.size}\r\n${[...keys.keys()].map(bulk).join('')}`;
      default:
        return '+OK\r\n';
    }
  }
}

interface Mirrored {
  readonly first: Strings;
  readonly second: Strings;
  readonly client: RawClient;
  readonly other: RawClient;
}

async function start(t: TestContext): Promise<Mirrored> {
  const [first, second] = [await Strings.start(t), await Strings.start(t)];
  const [port, copyPort] = [await findFreePort(), await findFreePort()];
  const proxy = await startKvasirProxy(
    `main:\n  listen: 127.0.0.1:${port}\n  redis: true\n  databases: 1\n  mirror_to: copy\n  servers:\n   - 127.0.0.1:${first.port}:1\n` +
      `copy:\n  listen: 127.0.0.1:${copyPort}\n  redis: true\n  databases: 1\n  servers:\n   - 127.0.0.1:${second.port}:1\n`,
    port,
  );
  const [client, other] = [await RawClient.open(port), await RawClient.open(port)];
  t.after(async () => {
    client.close();
    other.close();
    await proxy.stop('SIGKILL');
  });
  return { first, second, client, other };
}

/** Has `k` copied: the pools differ, and a write shows it. */
async function beginCopy({ first, client }: Mirrored): Promise<void> {
  first.keys.set('k', '5');
  first.hold('dump');
  assert.equal(await client.call('INCR', 'k'), ':6\r\n');
  await until('the copy has read the key', () => first.isHeld('dump'));
}

test('a write while its key is copied is in both pools in the end', async (t) => {
  const mirrored = await start(t);
  const { first, second, client } = mirrored;
  await beginCopy(mirrored);
  const answered = client.call('SET', 'k', 'newer');
  await until('it has run in both', () => first.ran.includes('set k') && second.ran.includes('set k'));
  first.letGo('dump');
  assert.equal(await answered, '+OK\r\n');
  await until('the old value is there', () => second.ran.includes('restore k'));
  await until('the newer value is there', () => second.keys.get('k') === 'newer');
});

test('a key that is deleted while it is copied does not come back', async (t) => {
  const mirrored = await start(t);
  const { first, second, client } = mirrored;
  await beginCopy(mirrored);
  const answered = client.call('DEL', 'k');
  await until('it has run in both', () => first.ran.includes('del k') && second.ran.includes('del k'));
  first.letGo('dump');
  assert.equal(await answered, ':1\r\n');
  await until('the old value is there', () => second.ran.includes('restore k'));
  await until('it is gone again', () => !second.keys.has('k'));
});

test('FLUSHALL while a key is copied empties both pools', async (t) => {
  const mirrored = await start(t);
  const { first, second, client } = mirrored;
  await beginCopy(mirrored);
  const answered = client.call('FLUSHALL');
  await until('it has run in both', () => first.ran.includes('flushall ') && second.ran.includes('flushall '));
  first.letGo('dump');
  assert.equal(await answered, '+OK\r\n');
  await until('the old value is there', () => second.ran.includes('restore k'));
  await until('it is gone again', () => second.keys.size === 0);
});

test('a transaction that is committed long after its commands is in both pools', async (t) => {
  const mirrored = await start(t);
  const { first, second, client, other } = mirrored;
  assert.deepEqual(await client.pipeline([['MULTI'], ['SET', 'k', 'committed']]), ['+OK\r\n', '+QUEUED\r\n']);
  // Whatever is copied for the command that was only queued is copied before another key, which differs, is.
  first.keys.set('n', '1');
  assert.equal(await other.call('INCR', 'n'), ':2\r\n');
  await until('the other key is copied', () => second.keys.get('n') === '2');
  assert.equal(await client.call('EXEC'), '*1\r\n+OK\r\n');
  await until('the transaction is in both', () => second.keys.get('k') === 'committed');
});

test('what a client that waited has popped is gone from both pools', async (t) => {
  const mirrored = await start(t);
  const { first, second, client, other } = mirrored;
  first.hold('blpop');
  const popped = client.call('BLPOP', 'k', '0');
  await until('it waits', () => first.isHeld('blpop'));
  first.keys.set('n', '1');
  assert.equal(await other.call('INCR', 'n'), ':2\r\n');
  await until('the other key is copied', () => second.keys.get('n') === '2');
  second.keys.delete('k');
  first.letGo('blpop');
  assert.match((await popped)!, /item/);
  await until('the list is copied after it', () => second.keys.get('k') === 'popped');
});

test('a key that is made while a repair would delete it stays', async (t) => {
  const { first, second, client, other } = await start(t);
  second.keys.set('k', 'stray');
  first.hold('dump');
  const repaired = client.call('PROXY', 'MIRROR', 'REPAIR');
  await until('the repair has not found it', () => first.isHeld('dump'));
  const answered = other.call('SET', 'k', 'made');
  await until('it has run in both', () => first.ran.includes('set k') && second.ran.includes('set k'));
  first.letGo('dump');
  assert.equal(await answered, '+OK\r\n');
  assert.equal(await repaired, ':1\r\n');
  assert.ok(second.ran.includes('del k'));
  await until('it is copied again', () => second.keys.get('k') === 'made');
});

test('a write whose client wants no reply goes to both pools', async (t) => {
  const { first, second, client } = await start(t);
  client.write('*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n');
  client.write(
    '*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$6\r\nDBSIZE\r\n*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n',
  );
  assert.equal(await client.next(), '+OK\r\n');
  assert.equal(await client.call('GET', 'k'), '$1\r\nv\r\n', 'the next reply is that of the next request');
  assert.equal(first.keys.get('k'), 'v');
  await until('the second pool has it', () => second.keys.get('k') === 'v');
});

test('clients that write the same keys at once write them in the same order in both pools', async (t) => {
  const servers = [await startServer({}), await startServer({})];
  t.after(async () => {
    for (const server of servers) await server.close();
  });
  const [port, copyPort] = [await findFreePort(), await findFreePort()];
  const more = '  redis: true\n  server_connections: 4\n  servers:\n';
  const proxy = await startKvasirProxy(
    `main:\n  listen: 127.0.0.1:${port}\n  mirror_to: copy\n${more}   - 127.0.0.1:${servers[0]!.port}:1\n` +
      `copy:\n  listen: 127.0.0.1:${copyPort}\n${more}   - 127.0.0.1:${servers[1]!.port}:1\n`,
    port,
  );
  t.after(() => proxy.stop('SIGKILL'));
  const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.open(port)));
  t.after(() => clients.forEach((client) => client.close()));
  await Promise.all(
    clients.map(async (client, index) => {
      const prng = new Prng(seed + index);
      for (let round = 0; round < 40; round++) {
        const commands = Array.from({ length: 1 + prng.below(15) }, (_, place) => {
          const key = `k${prng.below(3)}`;
          return prng.pick([
            ['SET', key, `${index}.${round}.${place}`],
            ['APPEND', key, `${index}`],
            ['DEL', key],
          ]);
        });
        await client.pipeline(commands);
      }
    }),
  );
  const status = async (): Promise<string> => (await clients[0]!.call('PROXY', 'MIRROR', 'STATUS'))!;
  const [first, second] = [await RawClient.open(servers[0]!.port), await RawClient.open(servers[1]!.port)];
  t.after(() => [first, second].forEach((client) => client.close()));
  const keys = ['k0', 'k1', 'k2'];
  const ofFirst = await first.call('MGET', ...keys);
  await until(`both have the same (KVASIR_SEED=${seed})`, async () => (await second.call('MGET', ...keys)) === ofFirst);
  assert.match(await status(), /differences\r\n:0\r\n/, `KVASIR_SEED=${seed}: nothing had to be copied`);
  assert.match(await status(), /copied\r\n:0\r\n/);
});
