import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SimulatedFiles } from '../../io/files-simulated.js';
import { digestOf, loadBytes, LocalHost, makeKeyspace } from '../../../test/persistence/local.js';
import { RdbSnapshotEncoder } from '../rdb/snapshot-encoder.js';
import { rdbOptions } from '../rdb/saver.js';
import { Compression, type RdbWriter } from '../rdb/writer.js';
import { Cuts, type Cut, type CutRequest } from './cuts.js';
import type { SnapshotResult } from './snapshot-run.js';
import type { SnapshotSink } from './snapshot-sink.js';

/** Keeps what it is sent in memory, and has room, fails and finishes when the test says so. */
class MemorySink implements SnapshotSink {
  room = true;
  pendingBytes = 0;
  wasAborted = false;
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  done: ((error: Error | null, bytes: number) => void) | undefined;
  private readonly chunks: Buffer[] = [];

  send(writer: RdbWriter): void {
    this.chunks.push(Buffer.from(writer.bytes.subarray(0, writer.length)));
    writer.clear();
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    this.done = done;
  }

  abort(): void {
    this.wasAborted = true;
  }

  /** The RDB; its checksum, which a file's sink adds, is zero. */
  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat([...this.chunks, Buffer.alloc(8)]));
  }
}

interface Consumer {
  readonly sink: MemorySink;
  readonly cut: Cut;
  readonly offsets: number[];
  readonly results: SnapshotResult[];
}

class World {
  readonly host = new LocalHost(new SimulatedFiles());
  readonly cuts = new Cuts(this.host);

  constructor(keys = 300) {
    for (let key = 0; key < keys; key++) this.host.set(`key:${key}`, `value ${key}`);
  }

  ask(name: string, more: Partial<CutRequest> = {}): Consumer {
    const { host } = this;
    const sink = new MemorySink();
    const offsets: number[] = [];
    const results: SnapshotResult[] = [];
    const cut = this.cuts.request({
      name,
      makeSink: () => sink,
      makeEncoder: (writer) => new RdbSnapshotEncoder(host.keyspace, rdbOptions(host, false), writer),
      compression: () => Compression.none,
      onStart: (offset) => offsets.push(offset),
      onEnd: (result) => results.push(result),
      ...more,
    });
    return { sink, cut, offsets, results };
  }

  /** Lets the walk go on until its consumers are to finish, or to the end of one that was given up. */
  async walk(): Promise<void> {
    for (let turns = 0; turns < 10_000 && this.host.keyspace.barrier !== null; turns++) await turn();
    assert.equal(this.host.keyspace.barrier, null, 'the walk ends');
    await turn();
  }
}

function contents({ sink }: Consumer): string {
  const keyspace = makeKeyspace();
  loadBytes(keyspace, sink.bytes);
  return digestOf(keyspace);
}

const done: SnapshotResult = { error: null, bytes: 7, aborted: false };

test('a request starts at once, with the offset of the cut, and ends when its sink has all', async () => {
  const world = new World();
  const before = digestOf(world.host.keyspace);
  const offset = world.host.streamOffset();
  const first = world.ask('first');
  assert.equal(first.cut.state, 'running');
  assert.deepEqual(first.offsets, [offset]);
  world.host.set('key:1', 'changed after the cut');
  world.host.set('new', 'after the cut');
  await world.walk();
  assert.deepEqual([first.results, world.cuts.current === undefined], [[], false]);
  first.sink.done!(null, 7);
  assert.deepEqual([first.results, first.cut.state, world.cuts.current], [[done], 'over', undefined]);
  assert.equal(contents(first), before);
});

test('requests that wait with one key share a cut, each with a sink of its own; others come after', async () => {
  const world = new World();
  const running = world.ask('running', { shareKey: 'sync' });
  const [early, other, late] = [
    world.ask('early', { shareKey: 'sync' }),
    world.ask('other'),
    world.ask('late', { shareKey: 'sync' }),
  ];
  assert.deepEqual([early.cut.state, other.cut.state, late.cut.state], ['waiting', 'waiting', 'waiting']);
  await world.walk();
  running.sink.done!(null, 7);
  world.host.set('between', 'the cuts');
  const atCut = digestOf(world.host.keyspace);
  assert.equal(world.cuts.advance(), true);
  assert.deepEqual([early.cut.state, other.cut.state, late.cut.state], ['running', 'waiting', 'running']);
  assert.equal(early.cut.run, late.cut.run);
  assert.deepEqual(early.offsets, late.offsets);
  world.host.set('between', 'changed');
  await world.walk();
  early.sink.done!(null, 7);
  assert.deepEqual([early.results, late.results], [[done], []]);
  assert.equal(world.cuts.advance(), true);
  assert.equal(other.cut.state, 'waiting', 'one of the sharers is not done');
  late.sink.done!(null, 7);
  assert.equal(contents(early), atCut);
  assert.equal(contents(late), atCut);
  assert.equal(world.cuts.advance(), true);
  assert.equal(other.cut.state, 'running');
  assert.equal(world.cuts.advance(), false);
  await world.walk();
  other.sink.done!(null, 7);
  assert.equal(contents(other), digestOf(world.host.keyspace));
});

async function startTwo(keys?: number): Promise<{ world: World; one: Consumer; two: Consumer }> {
  const world = new World(keys);
  const before = world.ask('before');
  const one = world.ask('one', { shareKey: 'sync' });
  const two = world.ask('two', { shareKey: 'sync' });
  await world.walk();
  before.sink.done!(null, 7);
  world.cuts.advance();
  assert.deepEqual([one.cut.state, two.cut.state], ['running', 'running']);
  return { world, one, two };
}

test('a sharer that fails hears of it alone; the last one takes the walk with it', async () => {
  const { world, one, two } = await startTwo();
  const error = new Error('link lost');
  one.sink.onError(error);
  assert.deepEqual([one.results, two.results], [[{ error, bytes: 0, aborted: false }], []]);
  two.sink.onError(error);
  assert.deepEqual(two.results, [{ error, bytes: 0, aborted: false }]);
  assert.equal(world.cuts.current, undefined);
  assert.equal(world.cuts.isFree, false, 'the entries are not of one epoch yet');
  await world.walk();
  assert.equal(world.cuts.isFree, true);
  const next = world.ask('next');
  await world.walk();
  next.sink.done!(null, 7);
  assert.equal(contents(next), digestOf(world.host.keyspace));
});

test('a sharer that leaves is aborted, the others get all; the walk waits for the slowest', async () => {
  const { world, one, two } = await startTwo();
  one.sink.room = false;
  for (let turns = 0; turns < 50; turns++) await turn();
  assert.notEqual(world.host.keyspace.barrier, null, 'nobody walks on without room');
  one.cut.abort();
  assert.deepEqual(one.results, [{ error: null, bytes: 0, aborted: true }]);
  assert.equal(one.sink.wasAborted, true);
  one.cut.abort();
  await world.walk();
  two.sink.done!(null, 7);
  assert.deepEqual([two.results, two.sink.wasAborted, one.results.length], [[done], false, 1]);
  assert.equal(contents(two), digestOf(world.host.keyspace));
});

test('the last one that leaves ends the walk, also while sinks finish', async () => {
  for (const finishes of [false, true]) {
    const { world, one, two } = await startTwo();
    if (finishes) await world.walk();
    one.cut.abort();
    two.cut.abort();
    const aborted = { error: null, bytes: 0, aborted: true };
    assert.deepEqual([one.results, two.results, world.cuts.current], [[aborted], [aborted], undefined]);
    assert.deepEqual([one.sink.wasAborted, two.sink.wasAborted], [true, true]);
    await world.walk();
    assert.equal(world.cuts.isFree, true);
  }
});

test('a consumer may abort in the turn of the cut', async () => {
  const world = new World();
  const first = world.ask('first');
  const second = world.ask('second', { onStart: () => second.cut.abort() });
  await world.walk();
  first.sink.done!(null, 7);
  world.cuts.advance();
  assert.deepEqual([second.results.length, second.results[0]!.aborted, world.cuts.current], [1, true, undefined]);
  await world.walk();
  assert.equal(world.cuts.isFree, true);
});

test('a request that waits is withdrawn without a word', async () => {
  const world = new World();
  const first = world.ask('first');
  const second = world.ask('second');
  second.cut.abort();
  assert.deepEqual([second.cut.state, second.results, second.offsets], ['over', [], []]);
  await world.walk();
  first.sink.done!(null, 7);
  assert.equal(world.cuts.advance(), false);
});

test('a consumer that cannot prepare gets the error, and the cut is made for the others', async () => {
  const world = new World();
  const failure = new Error('disk full');
  const makeSink = (): never => {
    throw failure;
  };
  const alone = world.ask('alone', { makeSink });
  assert.deepEqual(
    [alone.cut.state, alone.cut.startFailure, alone.results],
    ['over', failure, [{ error: failure, bytes: 0, aborted: false }]],
  );
  assert.deepEqual([world.host.keyspace.barrier, world.cuts.isFree], [null, true]);
  const running = world.ask('running');
  const broken = world.ask('broken', { shareKey: 'sync', makeSink });
  const sound = world.ask('sound', { shareKey: 'sync' });
  await world.walk();
  running.sink.done!(null, 7);
  world.cuts.advance();
  assert.deepEqual([broken.cut.state, broken.offsets, sound.cut.state], ['over', [], 'running']);
  await world.walk();
  sound.sink.done!(null, 7);
  assert.deepEqual([sound.results, broken.results.length], [[done], 1]);
});

test('a request made in onEnd waits for the next tick, so that a failure cannot repeat without end', () => {
  const world = new World();
  let tries = 0;
  const ask = (): void => {
    tries++;
    world.cuts.request({
      name: 'stubborn',
      makeSink: () => {
        throw new Error('no');
      },
      makeEncoder: () => assert.fail('no cut is made'),
      compression: () => Compression.none,
      onEnd: ask,
    });
  };
  ask();
  assert.equal(tries, 2);
  world.cuts.advance();
  assert.equal(tries, 3);
});

test('no cut is made within a transaction', async () => {
  const world = new World();
  world.host.inTransaction = true;
  const first = world.ask('first');
  assert.equal(world.cuts.advance(), true);
  assert.equal(first.cut.state, 'waiting');
  world.host.inTransaction = false;
  world.cuts.advance();
  assert.equal(first.cut.state, 'running');
  await world.walk();
});

test('urgent requests go first, and one that is not ready is passed by', async () => {
  const world = new World();
  const first = world.ask('first');
  let isReady = false;
  const slow = world.ask('slow', { isReady: () => isReady });
  const second = world.ask('second');
  const urgent = world.ask('urgent', { goesFirst: true });
  for (const [consumer, waits] of [
    [first, [slow, second, urgent]],
    [urgent, [slow, second]],
    [second, [slow]],
  ] as const) {
    assert.equal(consumer.cut.state, 'running');
    for (const each of waits) assert.equal(each.cut.state, 'waiting');
    await world.walk();
    consumer.sink.done!(null, 7);
    world.cuts.advance();
  }
  assert.equal(world.cuts.advance(), false);
  isReady = true;
  assert.equal(world.cuts.advance(), true);
  assert.equal(slow.cut.state, 'running');
  await world.walk();
});

test('a cut that takes more memory than is allowed fails for all that share it', async () => {
  const { world, one, two } = await startTwo();
  one.sink.pendingBytes = 2 << 20;
  world.cuts.watchMemory(1 << 20);
  for (const { results, sink } of [one, two]) {
    assert.match(results[0]!.error!.message, /snapshot-memory-limit allows 1 MB/);
    assert.deepEqual([results.length, sink.wasAborted], [1, true]);
  }
  await world.walk();
  assert.equal(world.cuts.isFree, true);
});
