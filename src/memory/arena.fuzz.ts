// arena.fuzz: random allocations keep every block whole and the page table true.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { Arena } from './arena.js';
import { byteOffset, chunkOf } from './layout.js';
import type { Fuzzer } from '../base/fuzzer.js';

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

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'random allocs, frees and reallocs keep every block whole and the page table true',
  steps: 60_000,
  run(seed, steps) {
    const prng = new Prng(seed);
    const arena = new Arena();
    const blocks: { ref: number; bytes: number; mark: number }[] = [];
    for (let step = 0; step < steps; step++) {
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
  },
});
