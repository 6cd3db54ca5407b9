import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseAddress } from './address.js';
import { Pipeline } from './pipeline.js';

test('a link that is lost under several calls rejects those that are awaited, and ends nothing else', async (context) => {
  let peer: Socket | undefined;
  const listener = createServer((socket) => {
    peer = socket;
    // Nothing is answered: the calls are all open when the link goes.
    socket.once('data', () => socket.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    peer?.destroy();
    listener.close();
  });
  const { port } = listener.address() as { port: number };
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  context.after(() => process.off('unhandledRejection', note));
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${port}`, {}));
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
  const listener = createServer((socket) => {
    // One reply for each write: the calls below wait for each other.
    socket.on('data', () => socket.write(`$100000\r\n${'x'.repeat(100_000)}\r\n`));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  context.after(() => listener.close());
  const { port } = listener.address() as { port: number };
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${port}`, {}));
  context.after(() => pipeline.close());
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
