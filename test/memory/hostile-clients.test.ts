// A server with a small heap outlives clients that make as many of anything as they can: each is answered with an error or
// closed with a line in the log, and others are served on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { type KvasirProcess, startKvasir } from '../kvasir.js';

const SMALL_HEAP = ['--max-old-space-size=128'];

let kvasir: KvasirProcess;
let control: Redis;

before(async () => {
  kvasir = await startKvasir({ nodeArgs: SMALL_HEAP });
  control = new Redis(kvasir.port, { retryStrategy: () => null });
});

after(async () => {
  control.disconnect();
  await kvasir.stop();
});

/** Sends what `next` makes until it ends or the server closes; says whether it was closed. Replies are read and dropped. */
async function pour(next: (round: number) => string | undefined, isClosedOnPurpose = true): Promise<boolean> {
  const socket: Socket = connect(kvasir.port, '127.0.0.1');
  await once(socket, 'connect');
  let isClosed = false;
  let tail = '';
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
      resolve();
    });
  });
  socket.on('data', (bytes) => (tail = (tail + bytes.toString('latin1')).slice(-64)));
  for (let round = 0; !isClosed; round++) {
    const text = next(round);
    if (text === undefined) break;
    if (!socket.write(text, 'latin1'))
      await Promise.race([
        closed,
        once(socket, 'drain').then(
          () => undefined,
          () => undefined,
        ),
      ]);
  }
  if (!isClosed) {
    // Everything before this was handled when its answer is there, or the server closed.
    socket.write('PING the-end\r\n');
    while (!isClosed && !tail.includes('the-end'))
      await Promise.race([
        closed,
        once(socket, 'data').then(
          () => undefined,
          () => undefined,
        ),
      ]);
  }
  const wasClosed = isClosed;
  socket.destroy();
  await closed;
  assert.equal(await control.ping(), 'PONG', 'the server serves on');
  assert.ok(!isClosedOnPurpose || wasClosed, 'the client was closed');
  return wasClosed;
}

function lines(count: number, line: (index: number) => string): string {
  let text = '';
  for (let index = 0; index < count; index++) text += line(index);
  return text;
}

function request(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const BATCH = 5000;

describe('a server with a heap of 128 MB outlives', () => {
  test('a million queued commands, and runs them', { timeout: 600_000 }, async () => {
    const batch = lines(BATCH, () => 'GET a\r\n');
    const rounds = 200;
    const wasClosed = await pour(
      (round) =>
        round === 0 ? 'MULTI\r\n' : round <= rounds ? batch : round === rounds + 1 ? 'DISCARD\r\n' : undefined,
      false,
    );
    assert.ok(!wasClosed, 'bytes outside the heap hold them');
  });

  test('a queue over client-query-buffer-limit', { timeout: 600_000 }, async () => {
    await control.config('SET', 'client-query-buffer-limit', '4mb');
    const batch = lines(BATCH, () => 'GET a\r\n');
    await pour((round) => (round === 0 ? 'MULTI\r\n' : batch));
    await control.config('SET', 'client-query-buffer-limit', '1gb');
    assert.match(kvasir.log(), /Closing client that reached max query buffer length.* multi=\d+ .* multi-mem=\d{7}/);
  });

  for (const command of ['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE'])
    test(`${command} without end`, { timeout: 600_000 }, async () => {
      await pour((round) => lines(BATCH, (index) => `${command} name:${10_000_000 + round * BATCH + index}:\r\n`));
      assert.match(kvasir.log(), /Closing client that holds \d+ bytes of subscriptions, watched keys and other state/);
    });

  test('HIMPORT PREPARE without end', { timeout: 600_000 }, async () => {
    const fields = Array.from({ length: 100 }, (_, index) => `field:${index}`).join(' ');
    await pour((round) => lines(500, (index) => `HIMPORT PREPARE set:${round * 500 + index} ${fields}\r\n`));
    assert.match(kvasir.log(), /Closing client that holds \d+ bytes of subscriptions, watched keys and other state/);
  });

  test('users without end', { timeout: 600_000 }, async () => {
    const rules = Array.from({ length: 200 }, (_, index) => `~prefix:${index}:*`);
    let refusal = '';
    let users = 0;
    while (refusal === '' && users < 5000) {
      const pipeline = control.pipeline();
      for (let index = 0; index < 50; index++) pipeline.acl('SETUSER', `user:${users++}`, 'on', 'nopass', ...rules);
      refusal = (await pipeline.exec())!.find(([error]) => error !== null)?.[0]?.message ?? '';
    }
    assert.match(refusal, /^ERR The users of ACL take more memory than they may \(\d+ bytes\)/);
    // Less is allowed, and room for new ones.
    await control.acl('SETUSER', 'user:0', 'resetkeys');
    await control.acl('SETUSER', 'small', '~a');
    await control.acl('DELUSER', ...Array.from({ length: users }, (_, index) => `user:${index}`));
    await control.acl('SETUSER', 'again', ...rules);
    await control.acl('DELUSER', 'small', 'again');
  });

  test('SUBSCRIBE of a quarter of a million channels at once', { timeout: 600_000 }, async () => {
    const words = ['SUBSCRIBE'];
    for (let index = 0; index < 250_000; index++) words.push(`channel:${index}`);
    await pour((round) => (round === 0 ? request(words) : undefined));
  });

  test('BLPOP of a quarter of a million keys', { timeout: 600_000 }, async () => {
    const words = ['BLPOP'];
    for (let index = 0; index < 250_000; index++) words.push(`key:${index}`);
    words.push('0');
    await pour((round) => (round === 0 ? request(words) : undefined));
  });

  test('a cache of everything that was read', { timeout: 600_000 }, async () => {
    await pour(
      (round) =>
        round === 0
          ? 'HELLO 3\r\nCLIENT TRACKING ON\r\n'
          : round < 60
            ? lines(BATCH, (index) => `GET key:of:some:length:${round * BATCH + index}\r\n`)
            : undefined,
      false,
    );
    const keys = Number(/tracking_total_keys:(\d+)/.exec(await control.info('stats'))![1]);
    assert.ok(keys < 295_000, `${keys} keys are remembered`);
  });

  test('scripts and functions without end', { timeout: 600_000 }, async () => {
    let refusal = '';
    for (let round = 0; round < 20 && refusal === ''; round++) {
      const pipeline = control.pipeline();
      for (let index = 0; index < 500; index++) pipeline.script('LOAD', `return ${round * 500 + index}`);
      refusal = (await pipeline.exec())!.find(([error]) => error !== null)?.[0]?.message ?? '';
    }
    assert.match(refusal, /^ERR the scripts that are loaded take all the memory/);
    await assert.rejects(
      control.function('LOAD', `#!lua name=x\nredis.register_function('x', function() end)`) as Promise<unknown>,
      /take all the memory/,
    );
    await control.script('FLUSH');
    await control.script('LOAD', 'return 1');
  });

  test('names as long as a request may be', { timeout: 600_000 }, async () => {
    const long = 'n'.repeat(100_000);
    for (const words of [
      ['CLIENT', 'SETNAME', long],
      ['HELLO', '2', 'SETNAME', long],
      ['CLIENT', 'SETINFO', 'LIB-NAME', long],
      ['CLIENT', 'SETINFO', 'LIB-VER', long],
    ])
      await assert.rejects(control.call(...(words as [string, ...string[]])), /cannot be longer than 4096 bytes/);
    await control.acl('SETUSER', 'few', 'on', 'nopass', '+@all', '~a');
    const few = new Redis(kvasir.port, { username: 'few', password: 'x' });
    for (let index = 0; index < 20; index++) await assert.rejects(few.get(`${index}${long}`), /NOPERM/);
    few.disconnect();
    const log = JSON.stringify(await control.acl('LOG'));
    assert.ok(log.length < 20 * 8192, `${log.length} bytes of log`);
  });
});

describe('the strings of a script', () => {
  test('end it with "not enough memory" at lua-memory-limit', { timeout: 600_000 }, async () => {
    await control.config('SET', 'lua-memory-limit', '40mb');
    const bomb = `redis.call('set','b',string.rep('x',1000000)) local t={} for i=1,1e6 do t[i]=redis.call('get','b')..i end`;
    await assert.rejects(control.eval(bomb, 0), /not enough memory/);
    // Strings that nobody keeps do not count: 100 times 1 MB.
    assert.equal(await control.eval(`for i=1,100 do local s = redis.call('get','b')..i end return 1`, 0), 1);
    await assert.rejects(control.eval(`local t={} for i=1,1e6 do t[i]=string.rep('x',600000)..i end`, 0), /not enough/);
    await assert.rejects(control.eval(`local s = string.rep('x', 150e6) return #s:reverse()`, 0), /not enough memory/);
    assert.equal(await control.ping(), 'PONG');
  });
});
