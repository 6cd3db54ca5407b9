import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from './arena.js';
import { byteOffset, chunkOf } from './layout.js';

/** The system's count of this process's memory; undefined where there is none. */
function processBytes(): number | undefined {
  try {
    return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096;
  } catch {
    return undefined;
  }
}

test('memory goes back to the system when its blocks are freed', () => {
  const arena = new Arena();
  const refs: number[] = [];
  for (let index = 0; index < 4_000_000; index++) refs.push(arena.alloc(48));
  assert.ok(arena.stats().reservedBytes >= 192_000_000);
  assert.ok(arena.stats().residentBytes >= 192_000_000);
  for (const ref of refs) arena.free(ref);
  arena.verify();
  const chunkBytes = 64 * 1024 * 1024;
  assert.ok(arena.stats().reservedBytes <= 3 * chunkBytes, 'the first chunk, a spare one and one slab stay');
  arena.purge();
  arena.verify();
  assert.equal(arena.stats().reservedBytes, 16 * 1024 * 1024, 'then the first chunk alone');
  assert.ok(arena.stats().residentBytes <= 16 * 1024 * 1024);
});

test('an empty chunk stays while it is needed now and then, and goes when it is not', () => {
  const arena = new Arena();
  const megabytes = 20 * 1024 * 1024;
  const reserved = (): number => arena.stats().reservedBytes;
  const before = reserved();
  for (let round = 0; round < 20; round++) {
    arena.free(arena.alloc(megabytes));
    arena.age();
    assert.ok(reserved() > before, 'not taken and given in every round');
  }
  for (let tick = 0; tick < 10; tick++) arena.age();
  assert.equal(reserved(), before);
  arena.verify();
  arena.free(arena.alloc(megabytes));
  arena.verify();
});

test('freed memory leaves the process without a garbage collection', async (context) => {
  const start = processBytes();
  if (start === undefined) {
    context.skip('the system does not tell what is resident');
    return;
  }
  const arena = new Arena();
  const half = 256 * 1024 * 1024;
  for (let round = 0; round < 3; round++) {
    const huge = arena.alloc(half);
    arena.u8[chunkOf(huge)]!.fill(1);
    const large: number[] = [];
    for (let index = 0; index < 16; index++) {
      const ref = arena.alloc(half / 16);
      arena.u8[chunkOf(ref)]!.fill(1, byteOffset(ref), byteOffset(ref) + half / 16);
      large.push(ref);
    }
    assert.ok(processBytes()! - start > 400_000_000);
    arena.free(huge);
    for (const ref of large) arena.free(ref);
    arena.purge();
    // A sweeper of V8 that is at work in its own thread may hold a buffer for a moment.
    for (let tries = 0; processBytes()! - start > 100_000_000; tries++) {
      assert.ok(tries < 10_000, `round ${round}: ${processBytes()! - start} bytes stay`);
      await sleep(20);
    }
  }
});

test('a huge block that grows again and again is seldom copied, and counts what it has', () => {
  const arena = new Arena();
  const megabyte = 1024 * 1024;
  const before = arena.stats();
  let ref = arena.alloc(40 * megabyte);
  let moves = 0;
  for (let size = 41; size <= 100; size++) {
    const from = arena.u8[chunkOf(ref)]!;
    from[(size - 1) * megabyte - 1] = size;
    const moved = arena.realloc(ref, size * megabyte, (size - 1) * megabyte);
    if (moved !== ref) moves++;
    ref = moved;
    assert.equal(arena.u8[chunkOf(ref)]![(size - 1) * megabyte - 1], size, 'the content comes along');
    assert.equal(arena.usable(ref), size * megabyte);
    assert.equal(arena.stats().usedBytes - before.usedBytes, size * megabyte);
    assert.ok(arena.stats().residentBytes - before.residentBytes <= size * megabyte, 'room ahead is no memory');
  }
  assert.ok(moves <= 6, `moved ${moves} times`);
  arena.verify();
  arena.free(ref);
  arena.verify();
  assert.deepEqual(arena.stats().reservedBytes, before.reservedBytes);
});

test('where the system gives no address space ahead, a huge block has just its size', (context) => {
  const arena = new Arena();
  const bytes = 48 * 1024 * 1024;
  const system = globalThis.ArrayBuffer;
  context.after(() => (globalThis.ArrayBuffer = system));
  globalThis.ArrayBuffer = class extends system {
    constructor(length: number) {
      if (length > bytes) throw new RangeError('Array buffer allocation failed');
      super(length);
    }
  } as ArrayBufferConstructor;
  const ref = arena.alloc(bytes);
  assert.throws(() => arena.alloc(2 * bytes), RangeError);
  assert.equal(arena.u8[chunkOf(ref)]!.length, bytes);
  arena.free(ref);
  arena.verify();
});

test('a block of 512 MB has one contiguous place', () => {
  const arena = new Arena();
  const ref = arena.alloc(512 * 1024 * 1024);
  const u8 = arena.u8[chunkOf(ref)]!;
  u8[byteOffset(ref) + 512 * 1024 * 1024 - 1] = 7;
  arena.free(ref);
  arena.verify();
  assert.equal(arena.usedBytes, 0);
});

test('copies overlap safely in both directions, short and long', () => {
  const arena = new Arena();
  for (const count of [10, 500]) {
    const ref = arena.alloc(2000);
    const u8 = arena.u8[chunkOf(ref)]!;
    const offset = byteOffset(ref);
    for (let index = 0; index < count; index++) u8[offset + index] = index & 255;
    arena.copy(ref, 3, ref, 0, count);
    for (let index = 0; index < count; index++) assert.equal(u8[offset + 3 + index], index & 255);
    arena.copy(ref, 0, ref, 3, count);
    for (let index = 0; index < count; index++) assert.equal(u8[offset + index], index & 255);
  }
});
