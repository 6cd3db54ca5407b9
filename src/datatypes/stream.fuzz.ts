// stream.fuzz: random additions, deletions and trims of a stream beside an array.

import assert from 'node:assert/strict';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from '../structures/listpack.js';
import { StreamId } from '../structures/stream-id.js';
import { Streams, type Trimming } from './stream.js';
import type { Fuzzer } from '../base/fuzzer.js';

interface ModelEntry {
  readonly ms: number;
  readonly words: readonly string[];
}

export class Harness {
  readonly arena = new Arena();
  readonly listpacks = new Listpacks(this.arena);
  readonly streams = new Streams(this.listpacks);
  readonly stream = this.streams.create();

  append(ms: number, words: readonly string[]): void {
    const parts = words.map(latin1Bytes);
    const starts = new Int32Array(parts.length);
    const lengths = new Int32Array(parts.length);
    let total = 0;
    parts.forEach((part, index) => {
      starts[index] = total;
      lengths[index] = part.length;
      total += part.length;
    });
    const bytes = new Uint8Array(total);
    parts.forEach((part, index) => bytes.set(part, starts[index]));
    this.streams.append(this.stream, idOf(ms), bytes, starts, lengths, 0, words.length / 2, total);
  }

  /** Entries from one id to another, as the reader finds them. */
  range(start: number, end: number, backward: boolean): ModelEntry[] {
    const { reader } = this.streams;
    const found: ModelEntry[] = [];
    reader.open(this.stream, idOf(start), idOf(end), backward);
    while (reader.next()) {
      const words: string[] = [];
      reader.firstField();
      for (let left = reader.fieldCount; left > 0; left--) {
        words.push(this.text(reader.node, reader.fieldAt), this.text(reader.node, reader.valueAt));
        if (left > 1) reader.nextField();
      }
      found.push({ ms: reader.id.ms, words });
    }
    return found;
  }

  private text(node: number, at: number): string {
    this.listpacks.read(node, at);
    return latin1(this.listpacks.bytes, this.listpacks.start, this.listpacks.length);
  }

  free(): void {
    while (!this.streams.freeStep(0, this.stream, 64)) continue;
  }
}

export function idOf(ms: number): StreamId {
  const id = new StreamId();
  id.setNumbers(ms, 0);
  return id;
}

export function trimming(strategy: 'maxlen' | 'minid', threshold: number, approximate = false): Trimming {
  return { strategy, maxLength: threshold, minId: idOf(threshold), approximate, limit: 0 };
}

function randomWords(prng: Prng): string[] {
  if (prng.chance(60)) return ['name', 'n'.repeat(prng.below(20)), 'age', String(prng.below(100_000) - 50_000)];
  return Array.from({ length: 2 * (1 + prng.below(3)) }, () =>
    prng.chance(3) ? 'L'.repeat(prng.below(6000)) : prng.pick(['', 'a', '12', 'name', '9223372036854775807']),
  );
}

export const fuzzers: Fuzzer[] = [];

for (const [bytesMax, entriesMax] of [
  [4096, 100],
  [200, 5],
  [0, 0],
] as const) {
  fuzzers.push({
    name: `random additions, deletions and trims agree with an array (nodes of ${bytesMax} bytes, ${entriesMax} entries)`,
    steps: 6000,
    run(seed, steps) {
      const prng = new Prng(seed * 10 + entriesMax);
      const harness = new Harness();
      const { streams, stream } = harness;
      streams.nodeBytesMax = bytesMax;
      streams.nodeEntriesMax = entriesMax;
      let model: ModelEntry[] = [];
      let top = 0;
      for (let step = 0; step < steps; step++) {
        const action = prng.below(100);
        if (action < 70) {
          top += 1 + prng.below(3);
          const words = randomWords(prng);
          harness.append(top, words);
          model.push({ ms: top, words });
        } else if (action < 90) {
          const ms = prng.below(top + 2);
          assert.equal(
            streams.delete(stream, idOf(ms)),
            model.some((entry) => entry.ms === ms),
            `seed ${seed} step ${step}`,
          );
          model = model.filter((entry) => entry.ms !== ms);
        } else if (action < 92) {
          const keep = prng.below(300);
          const before = model.length;
          model = keep === 0 ? [] : model.slice(-keep);
          assert.equal(
            streams.trim(stream, trimming('maxlen', keep)),
            before - model.length,
            `seed ${seed} step ${step}`,
          );
        } else if (action < 93) {
          const ms = prng.below(top + 2);
          const before = model.length;
          model = model.filter((entry) => entry.ms >= ms);
          assert.equal(streams.trim(stream, trimming('minid', ms)), before - model.length, `seed ${seed} step ${step}`);
        } else if (action < 95) {
          const keep = prng.below(300);
          const deleted = streams.trim(stream, trimming('maxlen', keep, true));
          assert.ok(
            deleted === 0 || model.length - deleted >= keep,
            'an approximate trim leaves at least what is asked for',
          );
          model = model.slice(deleted);
        } else {
          const start = prng.below(top + 2);
          const end = prng.below(top + 2);
          const expected = model.filter((entry) => entry.ms >= start && entry.ms <= end);
          assert.deepEqual(harness.range(start, end, false), expected, `seed ${seed} step ${step}`);
          assert.deepEqual(harness.range(start, end, true), expected.reverse(), `seed ${seed} step ${step}`);
        }
        assert.equal(streams.length(stream), model.length);
        if (step % 500 === 0) streams.verify(stream);
        assert.equal(streams.firstId(stream, new StreamId()).ms, model[0]?.ms ?? 0, `seed ${seed} step ${step}`);
      }
      streams.verify(stream);
      const copy = streams.copy(0, stream);
      harness.free();
      while (!streams.freeStep(0, copy, 64)) continue;
      assert.equal(harness.arena.usedBytes, 0);
    },
  });
}
