import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundGarbage, noteBytes } from './garbage.js';

const CHUNK_BYTES = 64 * 1024;

test('buffers that nobody holds stay few, however many were made', async () => {
  boundGarbage();
  // What flows: each buffer is held for a while, by views.
  const held: Uint8Array[] = [];
  let most = 0;
  for (let made = 0; made < 512 << 20; made += CHUNK_BYTES) {
    held.push(new Uint8Array(new ArrayBuffer(CHUNK_BYTES), 10, 20));
    noteBytes(CHUNK_BYTES);
    if (held.length > 64) held.shift();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    if (made % (1 << 20) === 0) await new Promise(setImmediate);
  }
  assert.ok(most < 48 << 20, `${most >> 20} MB of buffers`);
});
