// COMMANDLOG: requests and replies that are too large are noted, wherever they come from, and secrets in them are not.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

type LogEntry = [id: number, seconds: number, bytes: number, args: string[], peer: string, name: string];

describe('COMMANDLOG', () => {
  let server: EmbeddedServer;
  let client: Redis;

  before(async () => {
    server = await startServer({
      'commandlog-request-larger-than': 1000,
      'commandlog-reply-larger-than': 1000,
      'commandlog-large-reply-max-len': 3,
    });
    client = new Redis({ port: server.port, host: server.host, connectionName: 'me' });
  });

  after(async () => {
    client.disconnect();
    await server.close();
  });

  beforeEach(async () => {
    await client.flushall();
    for (const type of ['large-request', 'large-reply']) await client.call('COMMANDLOG', 'RESET', type);
  });

  /** Without the INFO that ioredis asks for by itself when it connects. */
  const entries = async (type: string): Promise<LogEntry[]> =>
    ((await client.call('COMMANDLOG', 'GET', '-1', type)) as LogEntry[]).filter(([, , , args]) => args[0] !== 'info');

  it('notes a large request with its bytes, its cut arguments and who sent it', async () => {
    await client.set('small', 'x'.repeat(900));
    assert.equal(await client.call('COMMANDLOG', 'LEN', 'large-request'), 0);
    await client.set('large', 'x'.repeat(2000));
    const [entry, ...rest] = await entries('large-request');
    assert.equal(rest.length, 0);
    assert.equal(entry![2], '*3\r\n$3\r\nset\r\n$5\r\nlarge\r\n$2000\r\n'.length + 2002);
    assert.deepEqual(entry![3], ['set', 'large', `${'x'.repeat(128)}... (1872 more bytes)`]);
    assert.match(entry![4], /^127\.0\.0\.1:\d+$/);
    assert.equal(entry![5], 'me');
    assert.deepEqual(await entries('large-reply'), []);
  });

  it('notes large replies, as many as it may keep', async () => {
    await client.set('v', 'x'.repeat(1500));
    for (let count = 0; count < 5; count++) await client.get('v');
    const kept = await entries('large-reply');
    const newest = kept[0]![0];
    assert.deepEqual(
      kept.map(([id, , bytes]) => [id, bytes]),
      [
        [newest, 1509],
        [newest - 1, 1509],
        [newest - 2, 1509],
      ],
    );
    await client.call('COMMANDLOG', 'RESET', 'large-reply');
    assert.equal(await client.call('COMMANDLOG', 'LEN', 'large-reply'), 0);
  });

  it('sees replies that are larger than a buffer, in transactions and scripts, and of clients that waited', async () => {
    await client.set('v', 'x'.repeat(300_000));
    await client.call('COMMANDLOG', 'RESET', 'large-request');
    await client.getBuffer('v');
    await client.multi().ping().get('v').exec();
    await client.eval("return #redis.call('get', KEYS[1])", 1, 'v');
    assert.deepEqual(
      (await entries('large-reply')).map(([, , bytes, args]) => [bytes, args[0]!.toLowerCase()]),
      [
        [300_011, 'get'],
        [300_011, 'get'],
        [300_011, 'get'],
      ],
    );
    await client.call('COMMANDLOG', 'RESET', 'large-reply');
    const waiter = client.duplicate();
    const popped = waiter.blpop('queue', 0);
    while (!/blocked_clients:1\r/.test(await client.info('clients'))) await client.ping();
    await client.rpush('queue', 'y'.repeat(5000));
    await popped;
    waiter.disconnect();
    assert.deepEqual(
      (await entries('large-reply')).map(([, , , args]) => args[0]),
      ['blpop'],
    );
    assert.deepEqual(
      (await entries('large-request')).map(([, , , args]) => args[0]),
      ['rpush'],
    );
  });

  it('sees the reply of a script that was parked, alone and in a transaction', async () => {
    // The counter takes several slices of ten milliseconds on any machine.
    const slow = "local n = 0 for i = 1, 2e7 do n = n + i % 7 end return {n > 0, string.rep('z', tonumber(ARGV[1]))}";
    await client.eval(slow, 0, 5000);
    await client.eval(slow, 0, 10);
    await client.multi().ping().eval(slow, 0, 6000).ping().exec();
    const logged = (await entries('large-reply')).map(([, , bytes, args, , name]) => [
      bytes,
      args[0]!.toLowerCase(),
      args.at(-1),
      name,
    ]);
    assert.deepEqual(logged, [
      ['*2\r\n:1\r\n$6000\r\n\r\n'.length + 6000, 'eval', '6000', 'me'],
      ['*2\r\n:1\r\n$5000\r\n\r\n'.length + 5000, 'eval', '5000', 'me'],
    ]);
    await client.eval(`${slow} --${'x'.repeat(2000)}`, 0, 10);
    assert.equal((await entries('large-request')).length, 1);
  });

  it('keeps secrets to itself, and logs nothing when it is told so', async () => {
    await assert.rejects(client.call('AUTH', 'someone', 'secret'.repeat(500)));
    assert.deepEqual((await entries('large-request'))[0]![3], ['AUTH', '(redacted)', '(redacted)']);
    await client.config('SET', 'commandlog-request-larger-than', '-1');
    await client.set('large', 'x'.repeat(2000));
    await client.config('SET', 'commandlog-request-larger-than', '1000');
    assert.equal(await client.call('COMMANDLOG', 'LEN', 'large-request'), 1);
  });
});
