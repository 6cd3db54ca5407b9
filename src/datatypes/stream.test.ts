import { byteOffset, chunkOf } from '../memory/layout.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from '../structures/listpack.js';
import { StreamId } from '../structures/stream-id.js';
import { validateStreamNode } from '../structures/stream-node.js';
import { ProducerTable } from './stream-idempotency.js';
import { isReferenced, ReferencePolicy, trimReferenced } from './stream-references.js';
import { Streams, type Trimming } from './stream.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

interface ModelEntry {
  readonly ms: number;
  readonly words: readonly string[];
}

class Harness {
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

function idOf(ms: number): StreamId {
  const id = new StreamId();
  id.setNumbers(ms, 0);
  return id;
}

function trimming(strategy: 'maxlen' | 'minid', threshold: number, approximate = false): Trimming {
  return { strategy, maxLength: threshold, minId: idOf(threshold), approximate, limit: 0 };
}

function randomWords(prng: Prng): string[] {
  if (prng.chance(60)) return ['name', 'n'.repeat(prng.below(20)), 'age', String(prng.below(100_000) - 50_000)];
  return Array.from({ length: 2 * (1 + prng.below(3)) }, () =>
    prng.chance(3) ? 'L'.repeat(prng.below(6000)) : prng.pick(['', 'a', '12', 'name', '9223372036854775807']),
  );
}

for (const [bytesMax, entriesMax] of [
  [4096, 100],
  [200, 5],
  [0, 0],
] as const) {
  test(`random additions, deletions and trims agree with an array (nodes of ${bytesMax} bytes, ${entriesMax} entries)`, () => {
    const prng = new Prng(seed * 10 + entriesMax);
    const harness = new Harness();
    const { streams, stream } = harness;
    streams.nodeBytesMax = bytesMax;
    streams.nodeEntriesMax = entriesMax;
    let model: ModelEntry[] = [];
    let top = 0;
    for (let step = 0; step < 6000; step++) {
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
  });
}

for (const ids of [2000, 12_000]) {
  test(`what is pending is found in the group and with its consumer, and goes with either (${ids} ids)`, () => {
    const prng = new Prng(seed);
    const harness = new Harness();
    const { streams, stream } = harness;
    const { groups } = streams;
    const name = (text: string): [Uint8Array, number, number] => [latin1Bytes(text), 0, text.length];
    streams.setGroupList(stream, groups.add(0, ...name('readers'), idOf(0), 0));
    const group = groups.added;
    const consumers = ['b', 'a', 'aa'].map((text) => groups.addConsumer(group, ...name(text), 5));
    const model = new Map<number, number>();
    for (let step = 0; step < 2.5 * ids; step++) {
      const ms = prng.below(ids);
      if (prng.chance(60)) {
        const owner = prng.below(3);
        groups.setPending(group, idOf(ms), consumers[owner]!, step, 1);
        model.set(ms, owner);
      } else {
        assert.equal(groups.removePending(group, idOf(ms)), model.delete(ms), `seed ${seed} step ${step}`);
      }
    }
    groups.verify(streams.groupList(stream));
    assert.equal(groups.pendingCount(group), model.size);
    consumers.forEach((consumer, owner) => {
      assert.equal(
        groups.consumerPendingCount(consumer),
        [...model.values()].filter((other) => other === owner).length,
      );
    });
    const gone = groups.consumerPendingCount(consumers[1]!);
    assert.equal(groups.removeConsumer(group, consumers[1]!), gone);
    assert.equal(groups.pendingCount(group), model.size - gone);
    groups.verify(streams.groupList(stream));
    harness.free();
    assert.equal(harness.arena.usedBytes, 0);
  });
}

test('a trim of many entries cuts leaves of the index off, and leaves what it shall', () => {
  const prng = new Prng(seed + 5);
  let released = 0;
  for (let run = 0; run < 40; run++) {
    const harness = new Harness();
    const { streams, stream } = harness;
    const { release } = streams;
    streams.release = (remains) => {
      released++;
      streams.indexes.verify(streams.nodeIndex(remains));
      release(remains);
    };
    streams.nodeEntriesMax = prng.pick([1, 3, 10]);
    const count = 1 + prng.below(12_000);
    let model: number[] = [];
    for (let ms = 1; ms <= count; ms++) {
      harness.append(ms, ['f', 'v']);
      model.push(ms);
    }
    for (let left = prng.below(300); left > 0; left--) {
      const ms = 1 + prng.below(count);
      if (streams.delete(stream, idOf(ms))) model = model.filter((other) => other !== ms);
    }
    for (let round = 0; round < 3; round++) {
      const message = `seed ${seed} run ${run} round ${round}`;
      const before = model.length;
      const limit = prng.chance(30) ? 1 + prng.below(3000) : 0;
      if (prng.chance(50)) {
        const keep = prng.below(model.length + 1);
        const deleted = streams.trim(stream, { ...trimming('maxlen', keep, limit > 0), limit });
        if (limit === 0) assert.equal(deleted, before - keep, message);
        else assert.ok(deleted <= limit && before - deleted >= keep, message);
        model = model.slice(deleted);
      } else {
        const ms = prng.below(count + 2);
        const deleted = streams.trim(stream, { ...trimming('minid', ms, limit > 0), limit });
        const wanted = model.filter((other) => other < ms).length;
        if (limit === 0) assert.equal(deleted, wanted, message);
        else assert.ok(deleted <= limit && deleted <= wanted, message);
        model = model.slice(deleted);
      }
      streams.verify(stream);
      assert.equal(streams.length(stream), model.length, message);
      assert.equal(streams.firstId(stream, new StreamId()).ms, model[0] ?? 0, message);
      assert.deepEqual(
        harness.range(0, count + 1, false).map((entry) => entry.ms),
        model,
        message,
      );
    }
    harness.free();
    assert.equal(harness.arena.usedBytes, 0);
  }
  assert.ok(released > 20, `seed ${seed}: cut ${released} times`);
});

test('a trim of acknowledged entries leaves what a group still needs', () => {
  const harness = new Harness();
  const { streams, stream } = harness;
  const { groups } = streams;
  for (let ms = 1; ms <= 6; ms++) harness.append(ms, ['f', 'v']);
  streams.setGroupList(stream, groups.add(0, latin1Bytes('g'), 0, 1, idOf(4), 0));
  const consumer = groups.addConsumer(groups.added, latin1Bytes('c'), 0, 1, 0);
  groups.setPending(groups.added, idOf(2), consumer, 0, 1);
  assert.ok(isReferenced(streams, stream, idOf(2)), 'pending');
  assert.ok(isReferenced(streams, stream, idOf(5)), 'not read yet');
  assert.ok(!isReferenced(streams, stream, idOf(3)));
  assert.equal(trimReferenced(streams, stream, trimming('maxlen', 1), ReferencePolicy.ACKED), 3);
  assert.deepEqual(
    harness.range(0, 9, false).map((entry) => entry.ms),
    [2, 5, 6],
  );
  assert.equal(trimReferenced(streams, stream, trimming('maxlen', 1), ReferencePolicy.DELETE), 2);
  assert.equal(groups.pendingCount(groups.added), 0);
});

test('bytes from outside that are no node of a stream are refused without harm', () => {
  const prng = new Prng(seed);
  const harness = new Harness();
  for (let ms = 1; ms < 20; ms++) harness.append(ms, ms % 5 === 0 ? ['x', '1', 'y', '-700000'] : ['f', 'value']);
  const { streams, stream, listpacks, arena } = harness;
  streams.indexes.first(streams.nodeIndex(stream));
  const ref = streams.indexes.value(0);
  const length = listpacks.byteLength(ref);
  const good = listpacks.copy(ref);
  const start = byteOffset(good);
  const bytes = arena.u8[chunkOf(good)]!.slice(start, start + length);
  assert.ok(validateStreamNode(bytes, 0, length));
  for (let round = 0; round < 4_000; round++) {
    const bad = bytes.slice();
    for (let flips = 1 + prng.below(3); flips > 0; flips--) bad[prng.below(length)] = prng.below(256);
    if (!validateStreamNode(bad, 0, bad.length)) continue;
    // What is accepted can be read.
    const other = new Harness();
    other.streams.appendNode(other.stream, idOf(1), other.listpacks.createFrom(bad, 0, bad.length));
    other.range(0, 1e9, false);
    other.range(0, 1e9, true);
  }
  for (let cut = 0; cut < length; cut++) assert.ok(!validateStreamNode(bytes.slice(0, cut), 0, cut));
});

test('producers that come once and never again are forgotten by the messages of others', () => {
  const table = new ProducerTable(10, 100);
  const id = new StreamId();
  let nowMs = 1_000_000;
  const add = (producer: string, name: string): void => {
    id.setNumbers(nowMs, 0);
    table.remember(producer, name, id, nowMs);
  };
  for (let index = 0; index < 1000; index++) {
    add(`once ${index}`, 'message');
    add('always', `message ${index}`);
    nowMs += 100;
  }
  // In the ten seconds that are remembered 100 of them came.
  assert.ok(table.producerCount <= 102, `${table.producerCount} producers`);
  assert.ok(table.find('once 999', 'message', nowMs) !== undefined);
  assert.ok(table.find('always', 'message 999', nowMs) !== undefined);
  assert.equal(table.find('once 800', 'message', nowMs), undefined);
  nowMs += 20_000;
  const silent = table.producerCount;
  add('after a pause', 'message');
  assert.equal(table.producerCount, silent - 1, 'one message takes two of them away at most');
  for (let index = 0; index < silent; index++) add('after a pause', String(index));
  assert.equal(table.producerCount, 1);
});
