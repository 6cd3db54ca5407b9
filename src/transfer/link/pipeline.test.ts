import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseAddress } from './address.js';
import { type Reply, replyText } from '../../client/reply.js';
import { LinkLost, Pipeline } from './pipeline.js';

/** A pipeline to a peer that does what `serve` says. */
async function pipelineTo(context: TestContext, serve: (socket: Socket) => void): Promise<Pipeline> {
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  context.after(() => listener.close());
  const { port } = listener.address() as { port: number };
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${port}`, {}));
  context.after(() => pipeline.close());
  return pipeline;
}

test('a link that is lost under several calls rejects those that are awaited, and ends nothing else', async (context) => {
  // Nothing is answered: the calls are all open when the link goes.
  const pipeline = await pipelineTo(context, (socket) => {
    socket.once('data', () => socket.destroy());
  });
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  context.after(() => process.off('unhandledRejection', note));
  const first = pipeline.call('WATCH', 'key');
  const second = pipeline.call('GET', 'key');
  await assert.rejects(second, /127\.0\.0\.1:\d+: /);
  await assert.rejects(pipeline.call('PING'), /127\.0\.0\.1:\d+: /);
  // Rejections without a handler are reported after the turn in which they happen.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
  await assert.rejects(first);
});

test('a reply that was taken is not kept', async (context) => {
  const pipeline = await pipelineTo(context, (socket) => {
    // One reply for each write: the calls below wait for each other.
    socket.on('data', () => socket.write(`$100000\r\n${'x'.repeat(100_000)}\r\n`));
  });
  const replies: WeakRef<object>[] = [];
  for (let index = 0; index < 20; index++) replies.push(new WeakRef(await pipeline.call('GET', 'key')));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What a WeakRef was asked for stays until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const kept = replies.filter((reply) => reply.deref() !== undefined).length;
  assert.ok(kept <= 2, `${kept} of 20`);
});

test('replies to a group of commands are counted, and its errors come with the place of their command', async (context) => {
  const replies = '+OK\r\n:12\r\n-ERR first\r\n+OK\r\n$3\r\nabc\r\n*2\r\n:1\r\n$-1\r\n-ERR second\r\n+OK\r\n+PONG\r\n';
  const pipeline = await pipelineTo(context, (socket) => {
    let asked = 0;
    socket.on('data', (bytes: Buffer) => {
      asked += bytes.toString('latin1').split('*1\r\n').length - 1;
      if (asked < 9) return;
      // Byte by byte, so that each reply is cut everywhere.
      socket.setNoDelay(true);
      for (const byte of Buffer.from(replies)) socket.write(Buffer.of(byte));
    });
  });
  const refused: string[] = [];
  const refusal = (name: string) => (index: number, reply: Reply) => {
    refused.push(`${name} ${index} ${replyText(reply)}`);
  };
  for (let index = 0; index < 4; index++) pipeline.encoder.command(['PING']);
  pipeline.addedGroup(4, refusal('a'));
  for (let index = 0; index < 4; index++) pipeline.encoder.command(['PING']);
  pipeline.addedGroup(4, refusal('b'));
  assert.equal(pipeline.pending, 8);
  const last = pipeline.call('PING');
  await pipeline.drain();
  assert.equal(pipeline.pending, 0);
  assert.deepEqual(refused, ['a 2 ERR first', 'b 2 ERR second']);
  assert.equal(replyText(await last), 'PONG');
});

test('a link that is lost refuses all commands of a group that were not answered', async (context) => {
  const pipeline = await pipelineTo(context, (socket) => {
    socket.once('data', () => socket.end('+OK\r\n+OK\r\n'));
  });
  const refused: number[] = [];
  for (let index = 0; index < 4; index++) pipeline.encoder.command(['PING']);
  pipeline.addedGroup(4, (index) => refused.push(index));
  await assert.rejects(pipeline.drain(), LinkLost);
  assert.deepEqual(refused, [2, 3]);
});
