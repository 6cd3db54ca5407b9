// A connection on a socket of the test's own, which takes as much as the test says; each request has a reply of 1,000 bytes.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { latin1Bytes } from '../../base/bytes.js';
import { SystemClock } from '../../io/clock.js';
import type { Wire } from '../../io/wire.js';
import { ReplyWriter } from '../../protocol/reply.js';
import { RequestReader } from '../../protocol/request.js';
import { Call } from '../../registry/call.js';
import { Connection, type ConnectionHost, type Session } from './connection.js';

const REPLY_BYTES = 1000;
const LIMIT_BYTES = 10 * REPLY_BYTES;
const reply = new Uint8Array(REPLY_BYTES).fill(120);

class TestWire implements Wire {
  readonly remote = '';
  readonly local = '';
  unsentBytes = 0;
  sentBytes = 0;
  takesAll = true;
  isPaused = false;
  ends = 0;
  destroyed = 0;

  write(bytes: Uint8Array): boolean {
    if (this.takesAll) this.sentBytes += bytes.length;
    else this.unsentBytes += bytes.length;
    return this.takesAll;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    for (const part of parts) this.write(part);
    return this.takesAll;
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
  }

  end(): void {
    this.ends++;
  }

  destroy(): void {
    this.destroyed++;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a connection', () => {
  let wire: TestWire;
  let connection: Connection;
  let executed: number;
  let isClosed: boolean;
  let isLimited: boolean;
  let session: Session & { suspended: boolean; listens: boolean };

  beforeEach(() => {
    const writer = new ReplyWriter();
    const places = new Call<never, never, never>();
    executed = 0;
    isClosed = false;
    isLimited = false;
    const host: ConnectionHost = {
      clock: new SystemClock(),
      reader: new RequestReader(),
      writer,
      places,
      queryBytesMax: 1_000_000,
      unsentBytesMax: LIMIT_BYTES,
      beginChunk: () => undefined,
      holdsReplies: false,
      holdReplies: () => undefined,
      sendMessagesSoon: () => undefined,
    };
    session = {
      authenticated: true,
      protocol: 2,
      suspended: false,
      listens: false,
      execute: () => {
        executed++;
        writer.raw(reply);
      },
      checkOutput: () => undefined,
      onClose: () => (isClosed = true),
      onProtocolError: () => undefined,
      onQueryGrown: () => undefined,
      onQueryLimit: () => (isLimited = true),
    };
    wire = new TestWire();
    connection = new Connection(wire, host, session);
  });

  const request = latin1Bytes('*1\r\n$4\r\nPING\r\n');

  function send(count: number): void {
    const bytes = new Uint8Array(count * request.length);
    for (let index = 0; index < count; index++) bytes.set(request, index * request.length);
    connection.onData(bytes, bytes.length);
  }

  /** The client reads everything. */
  function drain(): void {
    wire.sentBytes += wire.unsentBytes;
    wire.unsentBytes = 0;
    connection.onDrain();
  }

  it('goes on reading while replies wait, and answers every request once they are read', async () => {
    wire.takesAll = false;
    for (let count = 0; count < 1000; count++) send(1);
    assert.equal(executed, 11, 'requests are run up to the limit of unsent replies');
    assert.equal(wire.isPaused, false);
    assert.equal(connection.queryBytes, 989 * request.length);
    wire.takesAll = true;
    drain();
    await turn();
    assert.equal(executed, 1000);
    assert.equal(wire.sentBytes, 1000 * REPLY_BYTES);
    assert.equal(connection.queryBytes, 0);
  });

  it('stops reading when the waiting requests pass the limit, and goes on after them', async () => {
    wire.takesAll = false;
    let sent = 0;
    while (!wire.isPaused) {
      send(100);
      sent += 100;
      assert.ok(sent < 200_000, 'reading was never paused');
    }
    assert.equal(isLimited, false, 'the client was closed for requests that waited');
    assert.ok(connection.queryBytes <= 1_000_000 + 100 * request.length);
    while (executed < sent) {
      drain();
      await turn();
    }
    drain();
    assert.equal(wire.isPaused, false);
    assert.equal(executed, sent);
  });

  it('closes a client whose one request passes the limit', () => {
    const start = latin1Bytes('*1\r\n$2000000\r\n');
    connection.onData(start, start.length);
    connection.onData(new Uint8Array(1_000_001), 1_000_001);
    assert.equal(isLimited, true);
    assert.equal(wire.destroyed, 1);
  });

  it('lets others run between slices of what it kept', async () => {
    session.suspended = true;
    send(60_000);
    session.suspended = false;
    connection.proceed();
    assert.ok(executed > 0 && executed < 30_000, `${executed} requests in one go`);
    let turns = 0;
    for (; executed < 60_000; turns++) await turn();
    assert.ok(turns >= 2);
    assert.equal(wire.sentBytes, 60_000 * REPLY_BYTES);
  });

  it('is over at once when the peer ends while it waits, for a key or for messages', () => {
    session.suspended = true;
    connection.onEnd();
    assert.equal(isClosed, true);
    assert.equal(wire.ends, 1);
  });

  it('is over at once when a listener with unread messages ends', () => {
    session.listens = true;
    wire.unsentBytes = 1;
    connection.onEnd();
    assert.equal(isClosed, true);
    assert.equal(wire.destroyed, 1);
  });

  it('sends what waits to a peer that has only finished sending', () => {
    wire.takesAll = false;
    send(1);
    connection.onEnd();
    assert.equal(wire.ends, 1);
    assert.equal(wire.destroyed, 0);
    connection.onClose(undefined);
    assert.equal(isClosed, true);
  });

  for (const [how, end] of [
    ['ends', () => connection.onEnd()],
    ['fails', () => connection.onClose(new Error('reset'))],
  ] as const) {
    it(`runs all requests that came before the peer ${how}`, async () => {
      wire.takesAll = false;
      for (let count = 0; count < 40; count++) send(1000);
      assert.equal(executed < 40_000, true);
      end();
      for (let turns = 0; !isClosed && turns < 100; turns++) await turn();
      assert.equal(executed, 40_000);
      assert.equal(isClosed, true);
      assert.ok(wire.unsentBytes < 3_000 * REPLY_BYTES, 'replies were kept for a peer that reads none');
    });
  }

  it('runs no request after it was closed for its output, and its session hears of it in the same turn', async () => {
    wire.takesAll = false;
    session.checkOutput = () => connection.destroy();
    send(5000);
    assert.ok(executed < 2500, `${executed} requests were run`);
    assert.equal(isClosed, false, 'not in the midst of serving it');
    await Promise.resolve();
    assert.equal(isClosed, true);
    assert.equal(wire.destroyed, 1);
  });
});
