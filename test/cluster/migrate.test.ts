// MIGRATE between Kvasir and redis-server, in both directions: replies, errors, and the keys afterwards.
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';

async function ask(connection: Connection, words: readonly string[]): Promise<string> {
  connection.send(words.map((word) => Buffer.from(word)));
  return shown(await connection.readReply());
}

function shown(reply: Reply): string {
  if (isAggregate(reply)) return `[${reply.elements.map(shown).join(' ')}]`;
  return reply.kind === 'nil' ? 'nil' : replyText(reply);
}

const fill: readonly string[][] = [
  ['SET', 'string', 'v'],
  ['RPUSH', 'list', 'a', 'b'],
  ['HSET', 'hash', 'f', 'v'],
  ['SADD', 'set', '1', '2'],
  ['ZADD', 'sorted', '1.5', 'm'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
];

describe('MIGRATE', { skip: peerMissing('redis-server', 'redis-cli'), timeout: 600_000 }, () => {
  let redis: RedisPeer;
  let source: EmbeddedServer;
  let target: EmbeddedServer;
  let here: Connection;
  let there: Connection;
  let theirs: Connection;

  before(async () => {
    redis = await startRedis();
    source = await startServer({ port: 0 });
    target = await startServer({ port: 0 });
    here = await Connection.open({ host: '127.0.0.1', port: source.port });
    there = await Connection.open({ host: '127.0.0.1', port: target.port });
    theirs = await Connection.open({ host: '127.0.0.1', port: redis.port });
  });

  after(async () => {
    for (const connection of [here, there, theirs]) connection.close();
    await source.close();
    await target.close();
    await redis.stop();
  });

  async function clear(): Promise<void> {
    for (const connection of [here, there, theirs]) await ask(connection, ['FLUSHALL']);
  }

  for (const toRedis of [false, true]) {
    it(`moves every type to ${toRedis ? 'redis-server' : 'Kvasir'}`, async () => {
      await clear();
      for (const words of fill) await ask(here, words);
      await ask(here, ['PEXPIRE', 'hash', '100000000']);
      const digests = await Promise.all(fill.map(([, key]) => ask(here, ['DEBUG', 'DIGEST-VALUE', key!])));
      const port = String(toRedis ? redis.port : target.port);
      const keys = fill.map(([, key]) => key!);
      assert.equal(await ask(here, ['MIGRATE', '127.0.0.1', port, '', '0', '5000', 'KEYS', ...keys, 'missing']), 'OK');
      assert.equal(await ask(here, ['DBSIZE']), '0');
      const other = toRedis ? theirs : there;
      assert.equal(await ask(other, ['DBSIZE']), String(keys.length));
      const after = await Promise.all(keys.map((key) => ask(other, ['DEBUG', 'DIGEST-VALUE', key])));
      assert.deepEqual(after, digests);
      const left = Number(await ask(other, ['PTTL', 'hash']));
      assert.ok(left > 90_000_000 && left <= 100_000_000, `PTTL ${left}`);
    });
  }

  it('takes keys from redis-server', async () => {
    await clear();
    for (const words of fill) await ask(theirs, words);
    const keys = fill.map(([, key]) => key!);
    const words = ['MIGRATE', '127.0.0.1', String(target.port), '', '0', '5000', 'KEYS', ...keys];
    assert.equal(await ask(theirs, words), 'OK');
    assert.equal(await ask(there, ['DBSIZE']), String(keys.length));
    assert.equal(await ask(theirs, ['DBSIZE']), '0');
  });

  it('replies as redis-server does', async () => {
    const dead = await findFreePort();
    const port = String(target.port);
    const cases: readonly (readonly string[])[] = [
      ['127.0.0.1', port, 'missing', '0', '1000'],
      ['127.0.0.1', port, '', '0', '1000', 'KEYS', 'missing'],
      ['127.0.0.1', port, 'k', '0', 'x'],
      ['127.0.0.1', port, 'k', 'x', '1000'],
      ['127.0.0.1', port, 'k', '0', '1000', 'NONSENSE'],
      ['127.0.0.1', port, 'k', '0', '1000', 'AUTH'],
      ['127.0.0.1', port, 'k', '0', '1000', 'AUTH2', 'user'],
      ['127.0.0.1', port, 'k', '0', '1000', 'KEYS', 'k'],
      ['127.0.0.1', port, 'k', '99', '1000'],
      ['127.0.0.1', port, 'k', '0', '1000', 'AUTH', 'wrong'],
      ['127.0.0.1', port, 'busy', '0', '1000'],
      ['127.0.0.1', port, '', '0', '1000', 'KEYS', 'k', 'busy', 'l'],
      ['127.0.0.1', port, 'busy', '0', '1000', 'COPY', 'REPLACE'],
      ['127.0.0.1', port, 'k', '0', '1000', 'COPY'],
      ['127.0.0.1', port, 'k', '2', '1000', 'REPLACE'],
      ['127.0.0.1', String(dead), 'k', '0', '1000'],
      ['127.0.0.1', port, 'k', '0', '0'],
    ];
    for (const words of cases) {
      const seen: string[] = [];
      for (const from of [here, theirs]) {
        await clear();
        for (const key of ['k', 'l', 'busy']) await ask(from, ['SET', key, 'v']);
        await ask(there, ['SET', 'busy', 'other']);
        const reply = await ask(from, ['MIGRATE', ...words]);
        const size = [await ask(from, ['DBSIZE']), await ask(there, ['DBSIZE']), await ask(there, ['GET', 'busy'])];
        seen.push(`${reply} ${size.join(' ')}`);
      }
      assert.equal(seen[0], seen[1], words.join(' '));
    }
  });

  it('logs in with AUTH and AUTH2', async () => {
    await clear();
    await ask(there, ['ACL', 'SETUSER', 'mover', 'on', '>secret', '~*', '+@all']);
    await ask(there, ['CONFIG', 'SET', 'requirepass', 'word']);
    // A kept connection is logged in already.
    await ask(there, ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    const port = String(target.port);
    try {
      await ask(here, ['SET', 'a', '1']);
      await ask(here, ['SET', 'b', '1']);
      assert.equal(
        await ask(here, ['MIGRATE', '127.0.0.1', port, 'a', '0', '5000', 'AUTH2', 'mover', 'no']),
        'ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.',
      );
      assert.equal(await ask(here, ['MIGRATE', '127.0.0.1', port, 'a', '0', '5000', 'AUTH', 'word']), 'OK');
      assert.equal(await ask(here, ['MIGRATE', '127.0.0.1', port, 'b', '0', '5000', 'AUTH2', 'mover', 'secret']), 'OK');
    } finally {
      await ask(there, ['CONFIG', 'SET', 'requirepass', '']);
    }
    assert.equal(await ask(there, ['DBSIZE']), '2');
  });

  it('uses a kept connection that the other side has closed', async () => {
    await clear();
    await ask(here, ['SET', 'a', '1']);
    await ask(here, ['SET', 'b', '1']);
    const port = String(target.port);
    assert.equal(await ask(here, ['MIGRATE', '127.0.0.1', port, 'a', '0', '5000']), 'OK');
    await ask(there, ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    assert.equal(await ask(here, ['MIGRATE', '127.0.0.1', port, 'b', '0', '5000']), 'OK');
    assert.equal(await ask(there, ['DBSIZE']), '2');
  });
});

/** A target that answers only on request. */
class SlowTarget {
  private socket: Socket | undefined;
  private arrived: (() => void) | undefined;
  private readonly server = createServer((socket) => {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', () => this.arrived?.());
  });

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as { port: number }).port;
  }

  /** Resolves when something has come. */
  request(): Promise<void> {
    return new Promise((resolve) => (this.arrived = resolve));
  }

  answer(text: string): void {
    this.socket!.write(text);
  }

  close(): void {
    this.socket?.destroy();
    this.server.close();
  }
}

describe('while MIGRATE waits for the other server', { timeout: 600_000 }, () => {
  let server: EmbeddedServer;
  let target: SlowTarget;
  let port: string;
  let mover: Connection;
  let other: Connection;

  before(async () => {
    server = await startServer({ port: 0 });
    target = new SlowTarget();
    port = String(await target.listen());
    mover = await Connection.open({ host: '127.0.0.1', port: server.port });
    other = await Connection.open({ host: '127.0.0.1', port: server.port });
  });

  after(async () => {
    mover.close();
    other.close();
    target.close();
    await server.close();
  });

  it('others are served, reads see the key, and writes of it come after', async () => {
    await ask(other, ['SET', 'k', 'old']);
    const arrival = target.request();
    const moved = ask(mover, ['MIGRATE', '127.0.0.1', port, 'k', '0', '100000']);
    await arrival;
    assert.equal(await ask(other, ['SET', 'other', 'v']), 'OK');
    assert.equal(await ask(other, ['GET', 'k']), 'old');
    const written = ask(other, ['APPEND', 'k', 'new']);
    target.answer('+OK\r\n+OK\r\n');
    assert.equal(await moved, 'OK');
    assert.equal(await written, '3', 'the key had gone before it was written');
  });

  it('a write that nobody foresaw makes the key go again', async () => {
    await ask(other, ['SET', 'k', 'old']);
    let arrival = target.request();
    const moved = ask(mover, ['MIGRATE', '127.0.0.1', port, 'k', '0', '100000']);
    await arrival;
    assert.equal(await ask(other, ['EVAL', "return redis.call('append', 'k', 'x')", '0']), '4');
    arrival = target.request();
    target.answer('+OK\r\n');
    await arrival;
    assert.equal(await ask(other, ['EXISTS', 'k']), '1');
    target.answer('+OK\r\n');
    assert.equal(await moved, 'OK');
    assert.equal(await ask(other, ['EXISTS', 'k']), '0');
  });

  it('a target that is silent for the time allowed is given up, and the key stays', async () => {
    await ask(other, ['SET', 'k', 'v']);
    const reply = await ask(mover, ['MIGRATE', '127.0.0.1', port, 'k', '0', '50']);
    assert.equal(reply, 'IOERR error or timeout reading to target instance');
    assert.equal(await ask(other, ['GET', 'k']), 'v');
  });

  it('a target that hangs up or sends nonsense leaves the key', async () => {
    for (const text of ['-LOADING wait\r\n', '$5\r\nhello\r\n', '\r\n'.repeat(50)]) {
      await ask(other, ['SET', 'k', 'v']);
      const arrival = target.request();
      const moved = ask(mover, ['MIGRATE', '127.0.0.1', port, 'k', '0', '100000']);
      await arrival;
      target.answer(text);
      target.answer(text);
      assert.match(await moved, /^(ERR Target instance|IOERR|OK)/);
    }
  });
});
