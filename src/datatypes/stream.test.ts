import { byteOffset, chunkOf } from '../memory/layout.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { StreamId } from '../structures/stream-id.js';
import { StreamIndexes } from '../structures/stream-index.js';
import { validateStreamNode } from '../structures/stream-node.js';
import { ProducerTable } from './stream-idempotency.js';
import { ReferencePolicy, ReferenceWalk, trimReferenced } from './stream-references.js';
import { Harness, idOf, trimming } from './stream.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

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

for (const shuffled of [false, true])
  test(`the order of deliveries is made without a lookup for each message (${shuffled ? 'any times' : 'rising times'})`, () => {
    const prng = new Prng(seed + 9);
    const harness = new Harness();
    const { streams, stream } = harness;
    const { groups, indexes } = streams;
    streams.setGroupList(stream, groups.add(0, latin1Bytes('g'), 0, 1, idOf(4), 0));
    const group = groups.added;
    const consumer = groups.addConsumer(group, latin1Bytes('c'), 0, 1, 0);
    const count = 5000;
    const times = Array.from({ length: count }, (_, index) => (shuffled ? prng.below(500) : index >> 2));
    times.forEach((time, index) => groups.setPending(group, idOf(index + 1), consumer, time, 1));
    let lookups = 0;
    for (const name of ['find', 'seek', 'insert'] as const) {
      const own = StreamIndexes.prototype[name];
      indexes[name] = function (this: StreamIndexes, ...args) {
        lookups++;
        return own.apply(this, args);
      };
    }
    const found = groups.idleSince(group, Infinity, 0).map((id) => id.ms);
    // One for each leaf that the order gets, and few besides.
    assert.ok(lookups < count / 4, `${lookups} lookups`);
    const expected = times.map((_, index) => index + 1).sort((a, b) => times[a - 1]! - times[b - 1]! || a - b);
    assert.deepEqual(found, expected, `seed ${seed}`);
    groups.verify(streams.groupList(stream));
    for (const ms of expected.slice(0, count / 2)) assert.ok(groups.removePending(group, idOf(ms)));
    assert.deepEqual(
      groups.idleSince(group, Infinity, 0).map((id) => id.ms),
      expected.slice(count / 2),
    );
    groups.verify(streams.groupList(stream));
    harness.free();
    assert.equal(harness.arena.usedBytes, 0);
  });

test('a trim of acknowledged entries leaves what a group still needs', () => {
  const harness = new Harness();
  const { streams, stream } = harness;
  const { groups } = streams;
  for (let ms = 1; ms <= 6; ms++) harness.append(ms, ['f', 'v']);
  streams.setGroupList(stream, groups.add(0, latin1Bytes('g'), 0, 1, idOf(4), 0));
  const consumer = groups.addConsumer(groups.added, latin1Bytes('c'), 0, 1, 0);
  groups.setPending(groups.added, idOf(2), consumer, 0, 1);
  const walk = new ReferenceWalk(streams, stream);
  assert.ok(walk.isReferenced(idOf(2)), 'pending');
  assert.ok(!walk.isReferenced(idOf(3)));
  assert.ok(walk.isReferenced(idOf(5)), 'not read yet');
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
    // An accepted node can be read.
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
