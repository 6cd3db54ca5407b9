import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutputBacklog } from './output-backlog.js';

describe('OutputBacklog', () => {
  it('gives back all bytes in order, whatever their lengths', () => {
    const backlog = new OutputBacklog();
    const added: number[] = [];
    const taken: number[] = [];
    let value = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = new Uint8Array([1, 5, 100, 4095, 4096, 20_000][round % 6]!).fill(value++ & 255);
      added.push(...bytes.subarray(0, 1), bytes.length);
      backlog.add(bytes);
      // The caller uses short arrays again.
      if (bytes.length < 4096) bytes.fill(255);
    }
    let total = 0;
    for (let index = 1; index < added.length; index += 2) total += added[index]!;
    assert.equal(backlog.bytes, total);
    const all = new Uint8Array(total);
    let at = 0;
    for (let part = backlog.take(); part !== undefined; part = backlog.take()) {
      all.set(part, at);
      at += part.length;
      assert.equal(backlog.bytes, total - at);
    }
    for (at = 0; at < total; at += taken.at(-1)!) taken.push(all[at]!, added[taken.length + 1]!);
    assert.deepEqual(taken, added);
  });

  it('keeps many short parts in few arrays', () => {
    const backlog = new OutputBacklog();
    for (let count = 0; count < 100_000; count++) backlog.add(new Uint8Array(5));
    let parts = 0;
    while (backlog.take() !== undefined) parts++;
    assert.equal(parts, Math.ceil(100_000 / Math.floor(16_384 / 5)));
    assert.equal(backlog.bytes, 0);
  });
});
