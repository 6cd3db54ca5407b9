import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
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
