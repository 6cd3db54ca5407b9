// Clients that wait and close: what comes for them after their end must not be lost on them.
//
// Workers of job queues (Bee-Queue, Resque and their kin) wait in BRPOPLPUSH or BLPOP; when one is closed, the next job must
// stay in its list for another worker. The kernel knows of the end before the producer sends, so no chance is involved: in
// each round the worker's socket is closed first, and only then does the producer write.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { type KvasirProcess, startKvasir } from '../kvasir.js';
import { findFreePort, peerMissing } from '../peer.js';

const ROUNDS = Number(process.env.KVASIR_ROUNDS ?? 10);
/** Of two threads one may read the end of a connection after the other has read what is sent later. */
const overtakes = /:1$/.test(process.env.KVASIR_IO_THREADS ?? ':1')
  ? undefined
  : 'requests on another thread can overtake the end';

/** Makes the files `key` and `cert`. */
function makeCertificate(folder: string): void {
  const words = 'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost'.split(' ');
  const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
  execFileSync('openssl', [...words, ...files], { stdio: 'ignore' });
}

/** Commands that wait, what a producer sends, and what must be the answers when nobody took anything. */
const cases: readonly (readonly [waits: string, produces: string, asks: string, answer: string])[] = [
  ['BRPOPLPUSH q d 0', 'LPUSH q 1', 'LLEN q', ':1'],
  ['BLMOVE q d LEFT RIGHT 0', 'RPUSH q 1', 'EXISTS d', ':0'],
  ['BLPOP q 0', 'RPUSH q 1', 'LLEN q', ':1'],
  ['BLMPOP 0 1 q LEFT', 'RPUSH q 1', 'LLEN q', ':1'],
  ['BZPOPMIN z 0', 'ZADD z 1 m', 'ZCARD z', ':1'],
  ['BZMPOP 0 1 z MAX', 'ZADD z 1 m', 'ZCARD z', ':1'],
  ['BZPOPMAX z 0', 'ZADD z 1 m', 'ZCARD z', ':1'],
  ['BLMOVEM q d LEFT RIGHT 0 COUNT 2 BULK', 'RPUSH q 1', 'EXISTS d', ':0'],
  ['WAIT 1 0', 'SET k v', 'INFO clients', 'blocked_clients:0'],
  ['WAITAOF 0 1 0', 'SET k v', 'INFO clients', 'blocked_clients:0'],
  ['XREAD BLOCK 0 STREAMS x $', 'XADD x 1-1 f v', 'INFO clients', 'blocked_clients:0'],
  ['XREADGROUP GROUP g c BLOCK 0 STREAMS s >', 'XADD s * f v', 'XPENDING s g', ':0'],
  ['SUBSCRIBE channel', 'PUBLISH channel text', 'PUBSUB NUMSUB channel', ':0'],
  ['PSUBSCRIBE chan*', 'PUBLISH channel text', 'PUBSUB NUMPAT', ':0'],
];

type Kind = 'tcp' | 'unix' | 'tls';
const noOpenssl = peerMissing('openssl');
const skips: Readonly<Record<Kind, string | false | undefined>> = {
  tcp: false,
  unix: process.platform === 'win32' ? 'unix sockets' : false,
  tls: noOpenssl,
};

describe('a client that has closed', () => {
  let server: EmbeddedServer;
  let producer: Socket;
  const folder = mkdtempSync(join(tmpdir(), 'departed-'));

  const file = (name: string): string => join(folder, name);
  /** Sockets below those with TLS. */
  const below = new WeakMap<Socket, Socket>();
  let tlsPort = 0;

  before(async () => {
    if (noOpenssl === false || noOpenssl === undefined) {
      makeCertificate(folder);
      tlsPort = await findFreePort();
    }
    server = await startServer({
      port: 0,
      dir: folder,
      save: '',
      ...(tlsPort === 0
        ? {}
        : {
            'tls-port': tlsPort,
            'tls-cert-file': file('cert'),
            'tls-key-file': file('key'),
            'tls-auth-clients': 'no',
          }),
      ...(process.platform === 'win32' ? {} : { unixsocket: join(folder, 'socket') }),
    });
    producer = await open('tcp');
  });

  after(async () => {
    producer.destroy();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(kind: Kind): Promise<Socket> {
    const port = kind === 'tls' ? tlsPort : server.port;
    const socket = createConnection(
      kind === 'unix' ? { path: server.unixPath! } : { port, host: '127.0.0.1', allowHalfOpen: true },
    );
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    if (kind !== 'unix') socket.setNoDelay(true);
    if (kind !== 'tls') return socket;
    const secured = connectTls({ socket, rejectUnauthorized: false });
    below.set(secured, socket);
    secured.on('error', () => undefined);
    await once(secured, 'secureConnect');
    return secured;
  }

  /** The replies to the producer, up to that to an ECHO after the commands. */
  async function ask(...commands: string[]): Promise<string> {
    producer.write([...commands, 'ECHO the-end', ''].join('\r\n'));
    let text = '';
    while (!text.endsWith('$7\r\nthe-end\r\n')) text += String((await once(producer, 'data'))[0]);
    return text;
  }

  const ends: readonly (readonly [name: string, kind: Kind, close: (socket: Socket) => void])[] = [
    ['FIN', 'tcp', (socket) => socket.destroy()],
    ['RST', 'tcp', (socket) => socket.resetAndDestroy()],
    ['the end of a unix socket', 'unix', (socket) => socket.destroy()],
    ['the end of TLS and a FIN', 'tls', (socket) => void socket.end(() => socket.destroy())],
    ['a FIN below TLS', 'tls', (socket) => below.get(socket)!.destroy()],
    ['a RST below TLS', 'tls', (socket) => below.get(socket)!.resetAndDestroy()],
  ];
  const sent = (['tcp', 'tls'] as const).flatMap((by) => ends.map((end) => ({ by, end })));
  for (const { by, end } of sent) {
    const [name, kind, close] = end;
    const skip = skips[kind] || skips[by] || overtakes;
    it(`gets nothing more after ${name} of what comes over ${by}`, { skip, timeout: 600_000 }, async (t) => {
      const overTcp = producer;
      producer = await open(by);
      t.after(() => {
        producer.destroy();
        producer = overTcp;
      });
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
          const closed = once(below.get(worker) ?? worker, 'close');
          close(worker);
          await closed;
          const replies = await ask(produces, asks);
          assert.ok(replies.includes(`${answer}\r\n`), `${waits}, round ${round}: ${replies}`);
          if (produces.startsWith('PUBLISH')) assert.ok(replies.startsWith(':0\r\n'), `${waits}: ${replies}`);
        }
      }
    });
  }

  it('has no command run that a pause put off', { timeout: 600_000 }, async () => {
    for (const close of [(socket: Socket): unknown => socket.destroy(), (socket: Socket) => socket.resetAndDestroy()]) {
      await ask('FLUSHALL', 'CLIENT PAUSE 100000 WRITE');
      const worker = await open('tcp');
      worker.resume();
      worker.write('LPUSH q 1\r\n');
      while (!/blocked_clients:1/.test(await ask('INFO clients')));
      const closed = once(worker, 'close');
      close(worker);
      await closed;
      while (!/blocked_clients:0/.test(await ask('INFO clients')));
      assert.match(await ask('CLIENT UNPAUSE', 'EXISTS q'), /^\+OK\r\n:0\r\n/);
    }
  });

  // With an append-only file, replies are made after the end was reported.
  for (const [kind, log] of [
    ['tcp', 'no'],
    ['tls', 'no'],
    ['tcp', 'yes'],
    ['tls', 'yes'],
  ] as const) {
    it(
      `is answered all that it asked before it closed its half, over ${kind}, appendonly ${log}`,
      { skip: skips[kind], timeout: 120_000 },
      async () => {
        const valueBytes = 1_000_000;
        const gets = 20;
        await ask(`SETRANGE value ${valueBytes - 1} x`, `CONFIG SET appendonly ${log}`);
        while (!(await ask('INFO persistence')).includes('aof_rewrite_in_progress:0'));
        const socket = await open(kind);
        socket.end('GET value\r\n'.repeat(gets));
        let bytes = 0;
        socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
        await once(socket, 'end');
        socket.destroy();
        await ask('CONFIG SET appendonly no');
        assert.equal(bytes, gets * (`$${valueBytes}\r\n`.length + valueBytes + 2));
      },
    );
  }

  describe('or was closed by the server', () => {
    /** A waiting worker that does not know of its end yet, for all the ways to close it. */
    async function waitingWorker(waits: string, before = ''): Promise<{ worker: Socket; id: string }> {
      const worker = await open('tcp');
      worker.write(`${before}CLIENT ID\r\n`);
      const id = /:(\d+)/.exec(String((await once(worker, 'data'))[0]))![1]!;
      worker.resume();
      worker.write(`${waits}\r\n`);
      const isThere = waits.startsWith('SUB') ? 'PUBSUB NUMSUB channel' : 'INFO clients';
      while (!/blocked_clients:1|channel\r\n:1/.test(await ask(isThere)));
      return { worker, id };
    }

    it('gets no element in the same breath', async () => {
      const { worker, id } = await waitingWorker('BRPOPLPUSH q d 0');
      assert.match(
        await ask('DEL q d', `CLIENT KILL ID ${id}`, 'LPUSH q 1', 'LLEN q', 'EXISTS d'),
        /:1\r\n:1\r\n:1\r\n:0\r\n/,
      );
      worker.destroy();
    });

    it('is no subscriber in the same breath', async () => {
      const { worker, id } = await waitingWorker('SUBSCRIBE channel');
      const replies = await ask(`CLIENT KILL ID ${id}`, 'PUBLISH channel text', 'PUBSUB NUMSUB channel');
      assert.ok(replies.startsWith(':1\r\n:0\r\n*2\r\n$7\r\nchannel\r\n:0\r\n'), replies);
      worker.destroy();
    });

    it('gets no element after its user was deleted', async () => {
      await ask('DEL q d', 'ACL SETUSER worker on nopass ~* &* +@all');
      const { worker } = await waitingWorker('BRPOPLPUSH q d 0', 'AUTH worker any\r\n');
      await ask('ACL DELUSER worker');
      assert.match(await ask('LPUSH q 1', 'LLEN q', 'EXISTS d'), /:1\r\n:1\r\n:0\r\n/);
      worker.destroy();
    });

    it('is no subscriber when its messages are too many', async () => {
      await ask('CONFIG SET client-output-buffer-limit "pubsub 1mb 0 0"');
      const { worker } = await waitingWorker('SUBSCRIBE channel');
      worker.pause();
      // One line, which may have 64 KB.
      const message = 'x'.repeat(50_000);
      let replies = '';
      for (let count = 0; count < 1000 && !replies.startsWith(':0'); count++)
        replies = await ask(`PUBLISH channel ${message}`);
      assert.match(await ask('PUBSUB NUMSUB channel'), /channel\r\n:0\r\n/);
      await ask('CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"');
      worker.destroy();
    });
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

// The producer's socket is ready before the worker's, but the worker had closed before the producer sent.
for (const kind of ['tcp', 'tls'] as const) {
  describe(
    `a client that has closed while the server was busy, over ${kind}`,
    { skip: skips[kind] || overtakes },
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'departed-'));
      let server: KvasirProcess;
      let port = 0;
      before(async () => {
        const args = ['--enable-debug-command', 'yes'];
        if (kind === 'tls') {
          makeCertificate(folder);
          port = await findFreePort();
          args.push('--tls-port', String(port), '--tls-auth-clients', 'no');
          for (const name of ['cert', 'key']) args.push(`--tls-${name}-file`, join(folder, name));
        }
        server = await startKvasir({ args });
        if (kind === 'tcp') ({ port } = server);
      });
      after(async () => {
        await server.stop();
        rmSync(folder, { recursive: true });
      });

      async function open(): Promise<Socket> {
        const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
        if (kind === 'tcp') return socket;
        const secured = connectTls({ socket, rejectUnauthorized: false });
        await once(secured, 'secureConnect');
        return secured;
      }

      for (const [waits, produces, asks, answer] of cases.slice(0, 6)) {
        it(`gets nothing more: ${waits}`, { timeout: 600_000 }, async () => {
          const producer = await open();
          const worker = await open();
          worker.resume();
          let text = '';
          producer.on('data', (bytes) => (text += String(bytes)));
          const until = async (what: RegExp, ...commands: string[]): Promise<void> => {
            text = '';
            producer.write([...commands, ''].join('\r\n'));
            while (!what.test(text)) await once(producer, 'data');
          };
          await until(/\+OK/, 'FLUSHALL');
          worker.write(`${waits}\r\n`);
          do await until(/blocked_clients:\d[^]*ECHO/, 'INFO clients', 'ECHO ECHO');
          while (!text.includes('blocked_clients:1'));
          text = '';
          producer.write('DEBUG SLEEP 0.3\r\n');
          await setTimeout(100);
          const closed = once(worker, 'close');
          worker.destroy();
          await closed;
          producer.write(`${produces}\r\n${asks}\r\nECHO the-end\r\n`);
          while (!text.endsWith('the-end\r\n')) await once(producer, 'data');
          assert.ok(text.includes(`${answer}\r\n$7`), text);
          producer.destroy();
        });
      }
    },
  );
}
