import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { systemClock } from '../clock.js';
import type { AcceptedHandle } from '../handle-wire.js';
import type { WireEvents } from '../wire.js';
import type { DescriptorPipe } from './descriptor-pipe.js';
import { IoThread } from './io-thread.js';
import { EngineWord, Kind, makeAreas, Word } from './layout.js';
import { IoThreadPool } from './pool.js';
import { RingWriter } from './ring.js';

/** A pool whose threads are rings that the test writes. */
class Rig {
  readonly told: string[] = [];
  readonly pool = new IoThreadPool(systemClock, { returned: () => undefined, died: () => undefined });
  readonly writers: RingWriter[] = [];
  private readonly engine = (this.pool as unknown as { engine: SharedArrayBuffer }).engine;

  addThread(): IoThread {
    const areas = makeAreas(this.engine);
    const words = new Int32Array(areas.words);
    const thread = new IoThread(this.pool.threads.length, undefined as unknown as Worker, areas, this.pool);
    thread.connected({ sendSocket: () => true, wake: () => undefined } as unknown as DescriptorPipe);
    this.pool.threads.push(thread);
    this.writers.push(new RingWriter(areas.requests, words, Word.requestHead, Word.requestTail));
    return thread;
  }

  /** Opens a connection, in the next slot of the thread. */
  open(thread: IoThread, name: string, onData: () => void = () => undefined): void {
    const events: WireEvents = {
      onData: (bytes, count) => {
        this.told.push(`${name} says ${Buffer.from(bytes.subarray(0, count)).toString()}`);
        onData();
      },
      onEnd: () => this.told.push(`${name} ends`),
      onClose: (error) => this.told.push(`${name} closes${error === undefined ? '' : ` (${error.message})`}`),
      onDrain: () => undefined,
    };
    thread.adopt({} as AcceptedHandle, { remote: name, local: '' }, true, events);
  }

  say(index: number, slot: number, text: string): void {
    const bytes = Buffer.from(text);
    assert.ok(this.writers[index]!.put(slot, Kind.data, bytes, 0, bytes.length));
    this.writers[index]!.publish();
  }

  end(index: number, slot: number, kind: number = Kind.end): void {
    const reason = kind === Kind.failed ? Buffer.from('reset') : Buffer.alloc(0);
    assert.ok(this.writers[index]!.put(slot, kind, reason, 0, reason.length));
    this.writers[index]!.publish();
    Atomics.add(new Int32Array(this.engine), EngineWord.ends, 1);
  }
}

test('the end of a connection on one thread is told before a request on another', () => {
  const rig = new Rig();
  const [one, two] = [rig.addThread(), rig.addThread()];
  rig.open(one, 'A');
  rig.open(two, 'B');
  rig.open(two, 'C');
  rig.say(0, 0, '1');
  rig.say(1, 0, '1');
  rig.end(1, 1);
  rig.pool.visit();
  assert.deepEqual(rig.told, ['C ends', 'A says 1', 'B says 1']);
});

test('an end that comes while requests are served is told before the next one', () => {
  const rig = new Rig();
  const [one, two] = [rig.addThread(), rig.addThread()];
  let count = 0;
  rig.open(one, 'A', () => {
    if (++count === 2) rig.end(1, 0, Kind.failed);
  });
  rig.open(two, 'B');
  for (const text of ['1', '2', '3']) rig.say(0, 0, text);
  rig.pool.visit();
  assert.deepEqual(rig.told, ['A says 1', 'A says 2', 'B closes (reset)', 'A says 3']);
});

test('requests that a client sent before its end are served before it', () => {
  const rig = new Rig();
  const [one, two] = [rig.addThread(), rig.addThread()];
  rig.open(one, 'A');
  rig.open(two, 'B');
  rig.say(0, 0, '1');
  rig.say(1, 0, '1');
  rig.end(1, 0);
  rig.pool.visit();
  assert.deepEqual(rig.told, ['A says 1', 'B says 1', 'B ends']);
});

test('an end is told once, however often others end and the ring goes round', () => {
  const rig = new Rig();
  const one = rig.addThread();
  rig.open(one, 'A');
  const names = Array.from({ length: 40 }, (_, index) => `B${index}`);
  for (const name of names) rig.open(one, name);
  const long = 'x'.repeat(60_000);
  for (const [index] of names.entries()) {
    rig.say(0, 0, long);
    rig.end(0, index + 1);
    rig.say(0, 0, 'next');
    rig.pool.visit();
  }
  const expected = names.flatMap((name) => [`${name} ends`, `A says ${long}`, 'A says next']);
  assert.ok(JSON.stringify(rig.told) === JSON.stringify(expected));
});

test('before requests that come from no ring, ends are told too', () => {
  const rig = new Rig();
  const one = rig.addThread();
  rig.open(one, 'A');
  rig.say(0, 0, 'later');
  rig.open(one, 'B');
  rig.end(0, 1);
  rig.pool.beforeRequests();
  assert.deepEqual(rig.told, ['B ends']);
});
