// Servers that lie, stop in the middle or say what nobody asked, and clients that send anything: every request ends in its own reply or
// in an error, and the others are served. KVASIR_SEED repeats a run, KVASIR_PROXY_FUZZ=100 makes it so many times as long.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { encodeCommand } from '../../src/client/encode-command.js';
import type { Call } from '../../src/registry/call.js';
import { findFreePort } from '../peer.js';
import { startFakeBackend } from './fake-backend.js';
import { startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const times = Number(process.env.KVASIR_PROXY_FUZZ ?? 1);

type Reply = (call: Call, socket: Socket) => string | Buffer | undefined;

interface Setting {
  readonly port: number;
  readonly proxy: RunningProxy;
  readonly client: RawClient;
}

async function start(t: TestContext, reply: Reply, more = ''): Promise<Setting> {
  const backend = await startFakeBackend(reply);
  t.after(() => backend.close());
  const port = await findFreePort();
  const proxy = await startKvasirProxy(
    `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n${more}  servers:\n   - 127.0.0.1:${backend.port}:1\n`,
    port,
  );
  t.after(() => proxy.stop('SIGKILL'));
  const client = await RawClient.open(port);
  t.after(() => client.close());
  return { port, proxy, client };
}

/** Replies that no server may give on a connection of RESP2. */
const lies: readonly string[] = [
  'garbage\r\n',
  '\r\n',
  '+bare\n+line feed\n\r+',
  '+return\rin the middle\r\n',
  '$3\r\nabcde\r\n',
  '$3\r\nab\r\nx\r\n',
  '$-5\r\nabc\r\n',
  '$99999999999999999999\r\n',
  '$4294967297\r\n',
  '$\r\n',
  '*99999999999999\r\n',
  '*-2\r\n',
  '*1\r\n*1\r\n_\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '(12345678901234567890\r\n',
  '%1\r\n+a\r\n+b\r\n',
  '~1\r\n+a\r\n',
  '=7\r\ntxt:abc\r\n',
  '|1\r\n+a\r\n+b\r\n+c\r\n',
  `:${'1'.repeat(70_000)}`,
  `+${'x'.repeat(1_200_000)}`,
];

test('a reply that is none is an error to who asked, and the next request has a new connection', async (t) => {
  let lie = '';
  const { client, port } = await start(t, (call) => (call.is(1, 'bad') ? lie : `+${call.text(1)}\r\n`));
  const other = await RawClient.open(port);
  t.after(() => other.close());
  for (lie of lies) {
    const shown = JSON.stringify(lie.slice(0, 40));
    assert.match((await client.call('GET', 'bad'))!, /^-ERR [^\r\n]+\r\n$/, shown);
    assert.equal(await client.call('GET', 'good'), '+good\r\n', shown);
    assert.equal(await other.call('GET', 'mine'), '+mine\r\n', shown);
  }
});

test('a reply that nobody asked for ends the connection before anybody else is answered with it', async (t) => {
  const { client, port } = await start(t, (call) =>
    call.is(1, 'two') ? '+two\r\n+of another\r\n' : `+${call.text(1)}\r\n`,
  );
  const other = await RawClient.open(port);
  t.after(() => other.close());
  for (let round = 0; round < 20; round++) {
    assert.equal(await client.call('GET', 'two'), '+two\r\n');
    assert.equal(await other.call('GET', 'mine'), '+mine\r\n');
  }
});

test('pushes that nobody asked for go no further', async (t) => {
  const { client } = await start(t, (call) =>
    call.is(0, 'get') ? `>2\r\n+invalidate\r\n*1\r\n+x\r\n+${call.text(1)}\r\n` : '+OK\r\n',
  );
  for (let round = 0; round < 20; round++) assert.equal(await client.call('GET', `k${round}`), `+k${round}\r\n`);
});

test('a server that does not answer, or drips, is waited for as long as the pool says', async (t) => {
  const { client } = await start(
    t,
    (call, socket) => {
      if (call.is(1, 'never')) return undefined;
      if (!call.is(1, 'drip')) return `+${call.text(1)}\r\n`;
      const bytes = [...'*2\r\n$3\r\nabc\r\n:12\r\n'];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined || socket.destroyed) return;
        socket.write(byte);
        setImmediate(next);
      };
      next();
      return undefined;
    },
    '  timeout: 2000\n',
  );
  assert.equal(await client.call('GET', 'drip'), '*2\r\n$3\r\nabc\r\n:12\r\n');
  assert.equal(await client.call('GET', 'never'), '-ERR Connection timed out\r\n');
  assert.equal(await client.call('GET', 'after'), '+after\r\n');
});

test('a server that goes away in the middle of a reply', async (t) => {
  const { client, port } = await start(t, (call, socket) => {
    if (call.is(1, 'short')) {
      socket.end('$100\r\nabc');
      return undefined;
    }
    if (call.is(1, 'long')) {
      socket.end(`$1000000\r\n${'x'.repeat(300_000)}`);
      return undefined;
    }
    return `+${call.text(1)}\r\n`;
  });
  assert.match((await client.call('GET', 'short'))!, /^-ERR /);
  const [first, second] = await client.pipeline([
    ['GET', 'short'],
    ['GET', 'after'],
  ]);
  assert.match(first!, /^-ERR /);
  assert.match(second!, /^(\+after|-ERR .*)\r\n$/);
  const reader = await RawClient.open(port);
  let text = '';
  reader.socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  reader.write(encodeCommand(['GET', 'long']));
  reader.write(encodeCommand(['GET', 'after']));
  await once(reader.socket, 'close');
  assert.match(text, /^(\$1000000\r\nx*|-ERR [^\r\n]*\r\n(\+after\r\n|-ERR [^\r\n]*\r\n)?)$/);
  assert.equal(await client.call('GET', 'after'), '+after\r\n');
});

test('arrays that come in many reads are passed on whole', async (t) => {
  const items = Array.from({ length: 60_000 }, (_, index) => `$${String(index).length}\r\n${index}\r\n`).join('');
  const reply = `*60000\r\n${items}`;
  const { client } = await start(t, (call, socket) => {
    if (!call.is(0, 'lrange')) return '+OK\r\n';
    // Cuts within lengths, values and line ends.
    const step = Number(call.text(2));
    const bytes = Buffer.from(reply, 'latin1');
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length) return;
      socket.write(bytes.subarray(at, (at += step)), () => setImmediate(next));
    };
    next();
    return undefined;
  });
  for (const step of [65_536, 65_537, 70_001, 99_999, 200_003]) {
    const array = await client.call('LRANGE', 'l', String(step), '-1');
    assert.equal(array?.length, reply.length, `in pieces of ${step}`);
    assert.ok(array === reply, `in pieces of ${step}`);
    assert.equal(await client.call('SET', 'a', 'b'), '+OK\r\n');
  }
});

test("a server that refuses the proxy's password says so to clients, subscribers too", async (t) => {
  const { client } = await start(
    t,
    (call) => (call.is(0, 'auth') ? '-WRONGPASS invalid username-password pair or user is disabled.\r\n' : '+OK\r\n'),
    '  redis_auth: secret\n',
  );
  assert.equal(await client.call('AUTH', 'secret'), '+OK\r\n');
  assert.match((await client.call('GET', 'a'))!, /^-(WRONGPASS|ERR) /);
  assert.match((await client.call('SUBSCRIBE', 'news'))!, /^-WRONGPASS/);
  assert.equal(await client.call('PING'), '+PONG\r\n');
});

test('a server that lets nobody subscribe, or sends what is no message', async (t) => {
  let says = '-NOPERM no channels\r\n';
  const { client, port } = await start(t, (call) => (call.is(0, 'subscribe') ? says : '+OK\r\n'));
  assert.equal(await client.call('SUBSCRIBE', 'news'), '-NOPERM no channels\r\n');
  assert.equal(await client.call('GET', 'a'), '+OK\r\n');
  const depth = '*1\r\n'.repeat(5000);
  for (says of [`${depth}:1\r\n`, '*3\r\n$7\r\nmessage\r\n:1\r\n*0\r\n', '*0\r\n', ':1\r\n', '*-1\r\n']) {
    const subscriber = await RawClient.open(port);
    subscriber.write(encodeCommand(['SUBSCRIBE', 'news']));
    assert.equal(await client.call('GET', 'a'), '+OK\r\n');
    subscriber.close();
  }
});

/** A reply to a request for `key` that is right, or one of the lies; what closes the connection has closed it. */
function randomReply(prng: Prng, key: string, socket: Socket): string | undefined {
  const right = (): string => {
    switch (prng.below(4)) {
      case 0:
        return `*2\r\n$${key.length}\r\n${key}\r\n*1\r\n:7\r\n`;
      case 1:
        return `$${key.length + 150_000}\r\n${key}${'.'.repeat(150_000)}\r\n`;
      case 2:
        return `-ERR ${key}\r\n`;
      default:
        return `$${key.length}\r\n${key}\r\n`;
    }
  };
  switch (prng.below(16)) {
    case 0:
      return prng.pick(lies.slice(0, -2));
    case 1:
      socket.destroy();
      return undefined;
    case 2: {
      const text = right();
      socket.end(text.slice(0, prng.below(text.length)), 'latin1');
      return undefined;
    }
    case 3:
      return `>2\r\n+invalidate\r\n+${key}\r\n${right()}`;
    default:
      return right();
  }
}

test('whatever a server does, no client gets a reply that is not its own', async (t) => {
  const prng = new Prng(seed);
  const { port } = await start(t, (call, socket) =>
    socket.writable ? randomReply(prng, call.text(1), socket) : undefined,
  );
  let rightCount = 0;
  await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      let client = await RawClient.open(port);
      for (let round = 0; round < 60 * times; round++) {
        const keys = Array.from({ length: 1 + prng.below(5) }, (_each, place) => `c${index}r${round}p${place}e`);
        const replies = await client.pipeline(keys.map((key) => ['GET', key]));
        for (const [place, reply] of replies.entries()) {
          if (reply === undefined) continue;
          const key = keys[place]!;
          assert.ok(
            reply.startsWith('-ERR ') || reply.includes(key),
            `KVASIR_SEED=${seed}: ${key} got ${reply.slice(0, 100)}`,
          );
          assert.ok(!/c\d+r\d+p\d+e/.exec(reply.replaceAll(key, '')), `KVASIR_SEED=${seed}: ${key} got another's too`);
          if (reply.includes(key)) rightCount++;
        }
        if (!client.isClosed) continue;
        client = await RawClient.open(port);
      }
      client.close();
    }),
  );
  // How many depends on chance: a lie ends all replies that wait on its connection.
  assert.ok(rightCount > 10, `KVASIR_SEED=${seed}: only ${rightCount} replies were right`);
});

test('whatever a client sends, others are served', async (t) => {
  const prng = new Prng(seed + 1);
  const { port, client } = await start(t, (call) =>
    call.count > 1 ? `+${call.shown(1).replace(/[\r\n]/g, ' ')}\r\n` : '+OK\r\n',
  );
  const frames = [
    ['GET', 'a'],
    ['MGET', 'a', 'b', 'c'],
    ['MSET', 'a', '1', 'b', '2'],
    ['MULTI'],
    ['EXEC'],
    ['WATCH', 'a'],
    ['SUBSCRIBE', 'a', 'b'],
    ['SSUBSCRIBE', 'c'],
    ['UNSUBSCRIBE'],
    ['CLIENT', 'REPLY', 'SKIP'],
    ['HELLO', '3'],
    ['SELECT', '1'],
    ['SCAN', '0'],
    ['EVAL', 'return 1', '99999999999', 'a'],
    ['ZUNION', '-1', 'a'],
    ['XREAD', 'STREAMS', 'a'],
    ['SORT', 'a', 'BY', 'b'],
    ['PROXY', 'HOTKEYS', '-1'],
    ['CLUSTER', 'SLOTS'],
    ['SENTINEL', 'x'],
    ['RESET'],
    ['BLPOP', 'a', '0'],
  ];
  for (let round = 0; round < 150 * times; round++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const parts = Array.from({ length: 1 + prng.below(6) }, () => Buffer.from(encodeCommand(prng.pick(frames))));
    const bytes = Buffer.concat(parts);
    for (let change = prng.below(4); change > 0; change--) bytes[prng.below(bytes.length)] = prng.below(256);
    socket.write(prng.chance(30) ? bytes.subarray(0, prng.below(bytes.length)) : bytes);
    assert.equal(await client.call('GET', `k${round}`), `+k${round}\r\n`, `KVASIR_SEED=${seed}`);
    socket.destroy();
  }
});
