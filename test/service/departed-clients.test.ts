// Clients that wait and close: what comes for them after their end must not be lost on them.
//
// Workers of job queues (Bee-Queue, Resque and their kin) wait in BRPOPLPUSH or BLPOP; when one is closed, the next job must
// stay in its list for another worker. The kernel knows of the end before the producer sends, so no chance is involved: in
// each round the worker's socket is closed first, and only then does the producer write.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

const ROUNDS = Number(process.env.KVASIR_ROUNDS ?? 10);

/** Commands that wait, what a producer sends, and what must be the answers when nobody took anything. */
const cases: readonly (readonly [waits: string, produces: string, asks: string, answer: string])[] = [
  ['BRPOPLPUSH q d 0', 'LPUSH q 1', 'LLEN q', ':1'],
  ['BLMOVE q d LEFT RIGHT 0', 'RPUSH q 1', 'EXISTS d', ':0'],
  ['BLPOP q 0', 'RPUSH q 1', 'LLEN q', ':1'],
  ['BLMPOP 0 1 q LEFT', 'RPUSH q 1', 'LLEN q', ':1'],
  ['BZPOPMIN z 0', 'ZADD z 1 m', 'ZCARD z', ':1'],
  ['BZMPOP 0 1 z MAX', 'ZADD z 1 m', 'ZCARD z', ':1'],
  ['XREAD BLOCK 0 STREAMS x $', 'XADD x 1-1 f v', 'INFO clients', 'blocked_clients:0'],
  ['XREADGROUP GROUP g c BLOCK 0 STREAMS s >', 'XADD s * f v', 'XPENDING s g', ':0'],
  ['SUBSCRIBE channel', 'PUBLISH channel text', 'PUBSUB NUMSUB channel', ':0'],
  ['PSUBSCRIBE chan*', 'PUBLISH channel text', 'PUBSUB NUMPAT', ':0'],
];

describe('a client that has closed', () => {
  let server: EmbeddedServer;
  let producer: Socket;
  const folder = mkdtempSync(join(tmpdir(), 'departed-'));

  before(async () => {
    server = await startServer({
      port: 0,
      ...(process.platform === 'win32' ? {} : { unixsocket: join(folder, 'socket') }),
    });
    producer = await open('tcp');
  });

  after(async () => {
    producer.destroy();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(kind: 'tcp' | 'unix'): Promise<Socket> {
    const socket = kind === 'unix' ? createConnection(server.unixPath!) : createConnection(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return socket;
  }

  /** What the producer is answered, up to the reply to an ECHO behind the commands. */
  async function ask(...commands: string[]): Promise<string> {
    producer.write([...commands, 'ECHO the-end', ''].join('\r\n'));
    let text = '';
    while (!text.endsWith('$7\r\nthe-end\r\n')) text += String((await once(producer, 'data'))[0]);
    return text;
  }

  const ends: readonly (readonly [name: string, kind: 'tcp' | 'unix', close: (socket: Socket) => void])[] = [
    ['FIN', 'tcp', (socket) => socket.destroy()],
    ['RST', 'tcp', (socket) => socket.resetAndDestroy()],
    ['the end of a unix socket', 'unix', (socket) => socket.destroy()],
  ];
  for (const [name, kind, close] of ends) {
    it(
      `gets nothing more after ${name}`,
      { skip: kind === 'unix' && process.platform === 'win32' ? 'unix sockets' : false, timeout: 120_000 },
      async () => {
        for (const [waits, produces, asks, answer] of cases) {
          for (let round = 0; round < ROUNDS; round++) {
            await ask('FLUSHALL', 'XGROUP CREATE s g $ MKSTREAM');
            const worker = await open(kind);
            worker.resume();
            worker.write(`${waits}\r\n`);
            const begun = waits.includes('SUBSCRIBE') ? /:1\r\n.*:1\r\n|\*2\r\n.*:1\r\n|^:1/s : /blocked_clients:1/;
            const isThere = waits.startsWith('PSUB')
              ? 'PUBSUB NUMPAT'
              : waits.startsWith('SUB')
                ? 'PUBSUB NUMSUB channel'
                : 'INFO clients';
            while (!begun.test(await ask(isThere)));
            const closed = once(worker, 'close');
            close(worker);
            await closed;
            const replies = await ask(produces, asks);
            assert.ok(replies.includes(`${answer}\r\n`), `${waits}, round ${round}: ${replies}`);
            if (produces.startsWith('PUBLISH')) assert.ok(replies.startsWith(':0\r\n'), `${waits}: ${replies}`);
          }
        }
      },
    );
  }

  it('gets nothing more after CLIENT KILL in the same breath', async () => {
    const worker = await open('tcp');
    worker.resume();
    worker.write('CLIENT ID\r\n');
    const id = /:(\d+)/.exec(String((await once(worker, 'data'))[0]))![1]!;
    worker.write('BRPOPLPUSH q d 0\r\n');
    while (!/blocked_clients:1/.test(await ask('INFO clients')));
    assert.match(
      await ask('DEL q d', `CLIENT KILL ID ${id}`, 'LPUSH q 1', 'LLEN q', 'EXISTS d'),
      /:1\r\n:1\r\n:1\r\n:0\r\n/,
    );
    worker.destroy();
  });

  it('does not keep the next worker from what comes', async () => {
    await ask('FLUSHALL');
    const [first, second] = [await open('tcp'), await open('tcp')];
    for (const [index, worker] of [first, second].entries()) {
      worker.write('BRPOPLPUSH q d 0\r\n');
      while (!new RegExp(`blocked_clients:${index + 1}`).test(await ask('INFO clients')));
    }
    const closed = once(first, 'close');
    first.destroy();
    await closed;
    const served = once(second, 'data');
    assert.match(await ask('LPUSH q job', 'LLEN q', 'LLEN d'), /:1\r\n:0\r\n:1\r\n/);
    assert.equal(String((await served)[0]), '$3\r\njob\r\n');
    second.destroy();
  });
});
