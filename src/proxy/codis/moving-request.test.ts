import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, utf8 } from '../../base/bytes.js';
import type { Clock } from '../../io/clock.js';
import type { Backend } from '../pool/backend.js';
import type { ReplySink } from '../wire/reply-sink.js';
import { MovingRequest, type MovingSlot, UnderWay } from './moving-request.js';
import type { CodisSlot } from './slot.js';

/** A server that keeps requests until the test answers them. */
class HeldServer {
  readonly requests: { sink: ReplySink; text: string }[] = [];

  constructor(private readonly port: number) {}

  get backend(): Backend {
    return this as unknown as Backend;
  }

  get options(): { host: string; port: number } {
    return { host: '10.0.0.1', port: this.port };
  }

  connection(): object {
    return {
      send: (sink: ReplySink, _tag: number, bytes: Uint8Array, from: number, count: number) =>
        this.requests.push({ sink, text: latin1(bytes, from, from + count) }),
    };
  }

  /** Answers the oldest request and returns its text. */
  answer(reply: string): string {
    const { sink, text } = this.requests.shift()!;
    const bytes = new Uint8Array(utf8(reply));
    sink.takeReply(0, bytes, 0, bytes.length);
    return text;
  }
}

class Slot implements MovingSlot {
  readonly waiting: (() => void)[] = [];
  readonly underWay = new UnderWay();
  slot: CodisSlot = { id: 1 };
  backend: Backend | undefined;
  source: Backend | undefined;

  fill(slot: Partial<CodisSlot>, backend: HeldServer, source?: HeldServer): void {
    this.slot = { id: 1, ...slot };
    this.backend = backend.backend;
    this.source = source?.backend;
  }

  async isSettled(): Promise<boolean> {
    return Promise.race([
      this.underWay.settle().then(() => true),
      Promise.resolve().then(() => Promise.resolve(false)),
    ]);
  }
}

function begin(slot: Slot): { replies: string[] } {
  const replies: string[] = [];
  const owner = {
    takeReply: (_tag: number, bytes: Uint8Array, from: number, to: number) => replies.push(latin1(bytes, from, to)),
    takePart: () => false,
    takeFailure: (_tag: number, text: string) => replies.push(`failure: ${text}`),
  } as unknown as ReplySink;
  const bytes = new Uint8Array(utf8('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'));
  const frame = { bytes, from: 0, count: bytes.length, keyStart: bytes.length - 3, keyLength: 1 };
  const asker = { lane: 0, databaseIndex: 0, protocol: 2 as const };
  const host = { clock: undefined as unknown as Clock, slotOf: () => slot };
  new MovingRequest(host, owner, 0, asker as never, frame as never, false).send();
  return { replies };
}

const [one, two] = [new HeldServer(1), new HeldServer(2)];

for (const method of [0, 1])
  test(`a request keeps to its servers while its slot is locked, and whoever locks waits for it (method ${method})`, async () => {
    const slot = new Slot();
    slot.fill({ forward_method: method }, two, one);
    const { replies } = begin(slot);
    slot.fill({ locked: true }, two);
    assert.equal(await slot.isSettled(), false);
    assert.match(
      one.answer(method === 0 ? ':1\r\n' : '*2\r\n:0\r\n+missing\r\n'),
      method === 0 ? /SLOTSMGRTTAGONE\r\n.*10\.0\.0\.1\r\n\$1\r\n2\r\n/s : /SLOTSMGRT-EXEC-WRAPPER/,
    );
    assert.equal(await slot.isSettled(), false);
    assert.match(two.answer('$1\r\nv\r\n'), /GET/);
    assert.deepEqual(replies, ['$1\r\nv\r\n']);
    assert.equal(await slot.isSettled(), true);
    assert.deepEqual([one.requests.length, two.requests.length], [0, 0]);
  });

test('a request that waits for an unlocked slot holds up nobody who locks it again', async () => {
  const slot = new Slot();
  slot.fill({ locked: true }, one);
  const { replies } = begin(slot);
  assert.equal(await slot.isSettled(), true);
  slot.fill({}, one);
  for (const proceed of slot.waiting.splice(0)) proceed();
  assert.equal(await slot.isSettled(), false);
  assert.match(one.answer('$-1\r\n'), /GET/);
  assert.deepEqual(replies, ['$-1\r\n']);
  assert.equal(await slot.isSettled(), true);
});

for (const method of [0, 1])
  test(`a slot that turns back without a lock has the request begin anew (method ${method})`, async () => {
    const slot = new Slot();
    slot.fill({ forward_method: method }, two, one);
    const { replies } = begin(slot);
    slot.fill({}, one, two);
    one.answer(method === 0 ? ':1\r\n' : '*2\r\n:0\r\n+missing\r\n');
    assert.match(two.answer(':1\r\n'), /SLOTSMGRTTAGONE\r\n.*10\.0\.0\.1\r\n\$1\r\n1\r\n/s);
    assert.match(one.answer('$1\r\nv\r\n'), /GET/);
    assert.deepEqual(replies, ['$1\r\nv\r\n']);
    assert.equal(await slot.isSettled(), true);
  });

test('a request whose server fails is counted no longer', async () => {
  const slot = new Slot();
  slot.fill({}, two, one);
  const { replies } = begin(slot);
  one.requests.shift()!.sink.takeFailure(0, 'ERR gone', true);
  assert.deepEqual(replies, ['failure: ERR gone']);
  assert.equal(await slot.isSettled(), true);
});
