import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../base/prng.js';
import { Arena } from './arena.js';
import { byteOffset, chunkOf } from './layout.js';

/** Sizes as a data set has them: mostly small, some large, few huge. */
function randomSize(prng: Prng): number {
  const kind = prng.below(1000);
  if (kind < 800) return 1 + prng.below(200);
  if (kind < 980) return 1 + prng.below(40_000);
  if (kind < 998) return 1 + prng.below(2_000_000);
  return 8_000_000 + prng.below(4_000_000);
}

function fill(arena: Arena, ref: number, bytes: number, mark: number): void {
  const u8 = arena.u8[chunkOf(ref)]!;
  const offset = byteOffset(ref);
  u8[offset] = mark;
  u8[offset + bytes - 1] = mark ^ 0x5a;
  if (bytes > 2) u8[offset + (bytes >> 1)] = mark ^ 0x33;
}

function isIntact(arena: Arena, ref: number, bytes: number, mark: number): boolean {
  const u8 = arena.u8[chunkOf(ref)]!;
  const offset = byteOffset(ref);
  if (bytes > 2 && u8[offset + (bytes >> 1)] !== (mark ^ 0x33)) return false;
  return u8[offset + bytes - 1] === (mark ^ 0x5a) && (bytes === 1 || u8[offset] === mark);
}

test('random allocs, frees and reallocs keep every block whole and the page table true', () => {
  const seed = Number(process.env.KVASIR_SEED ?? 1);
  const prng = new Prng(seed);
  const arena = new Arena();
  const blocks: { ref: number; bytes: number; mark: number }[] = [];
  for (let step = 0; step < 60_000; step++) {
    const shrinking = (step >> 13) & 1;
    const action = prng.below(100);
    if (blocks.length === 0 || action < (shrinking ? 35 : 60)) {
      const bytes = randomSize(prng);
      const block = { ref: arena.alloc(bytes), bytes, mark: prng.below(256) };
      assert.ok(arena.usable(block.ref) >= bytes, `seed ${seed} step ${step}`);
      fill(arena, block.ref, bytes, block.mark);
      blocks.push(block);
    } else {
      const index = prng.below(blocks.length);
      const block = blocks[index]!;
      assert.ok(isIntact(arena, block.ref, block.bytes, block.mark), `seed ${seed} step ${step}: a block changed`);
      if (action < 90) {
        arena.free(block.ref);
        blocks[index] = blocks[blocks.length - 1]!;
        blocks.pop();
      } else {
        const bytes = randomSize(prng);
        block.ref = arena.realloc(block.ref, bytes, Math.min(block.bytes, bytes));
        if (block.bytes > 1)
          assert.equal(
            arena.u8[chunkOf(block.ref)]![byteOffset(block.ref)],
            bytes > 0 ? block.mark : 0,
            `seed ${seed} step ${step}`,
          );
        block.bytes = bytes;
        fill(arena, block.ref, bytes, block.mark);
      }
    }
    if (step % 4096 === 0) arena.verify();
  }
  for (const block of blocks) {
    assert.ok(isIntact(arena, block.ref, block.bytes, block.mark), `seed ${seed}: a block changed`);
    arena.free(block.ref);
  }
  arena.verify();
  assert.equal(arena.usedBytes, 0);
});

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

/** What the system counts as this process's memory; undefined where it does not tell. */
function processBytes(): number | undefined {
  try {
    return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096;
  } catch {
    return undefined;
  }
}

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
