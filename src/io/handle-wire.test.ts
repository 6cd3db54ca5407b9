import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type AcceptedHandle, HandleWire } from './handle-wire.js';
import { countWaiting } from './late-reads.js';
import { OutgoingWire } from './outgoing-wire.js';

const SENT_BYTES = 24 << 20;
const PER_TURN_BYTES = 2 * 256 * 1024;

describe('a wire that is sent more than it can read at once', () => {
  it('leaves the other connections their turns', { timeout: 600_000 }, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(Buffer.alloc(SENT_BYTES));
    });
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    let gotBytes = 0;
    let turnBytes = 0;
    let largest = 0;
    await new Promise<void>((resolve) => {
      const wire = new OutgoingWire(
        { host: '127.0.0.1', port: (server.address() as AddressInfo).port, timeoutMs: 0 },
        {
          onOpen: () => undefined,
          onData: (_bytes, count) => {
            if (turnBytes === 0) setImmediate(() => (turnBytes = 0));
            turnBytes += count;
            largest = Math.max(largest, turnBytes);
            gotBytes += count;
            // A slow reader finds its buffer full each time.
            if (turnBytes < PER_TURN_BYTES) for (const until = performance.now() + 2; performance.now() < until;);
            if (gotBytes < SENT_BYTES) return;
            wire.destroy();
            resolve();
          },
          onDrain: () => undefined,
          onEnd: () => undefined,
          onClose: () => resolve(),
        },
      );
    });
    assert.equal(gotBytes, SENT_BYTES);
    assert.ok(largest <= PER_TURN_BYTES, `${largest} bytes in one turn`);
  });
});

describe('TCP_NODELAY', () => {
  it('is on at first, and can be switched until the end', () => {
    const switched: boolean[] = [];
    const handle = {
      setNoDelay: (on: boolean) => switched.push(on),
      useUserBuffer: () => undefined,
      readStart: () => 0,
      readStop: () => 0,
      close: () => undefined,
    } as unknown as AcceptedHandle;
    const wire = new HandleWire(handle, 0);
    wire.setNoDelay(false);
    wire.destroy();
    wire.setNoDelay(true);
    assert.deepEqual(switched, [true, false]);
  });
});

describe('while a client waits for what others do', () => {
  const UV_EOF = -4095;
  const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  /** A wire on a handle that does nothing, and what it told, with its name. */
  function wireOf(name: string, told: string[], paused?: { wire?: HandleWire }): HandleWire {
    const handle = {
      useUserBuffer: () => undefined,
      readStart: () => 0,
      readStop: () => 0,
      close: (closed: () => void) => setImmediate(closed),
    } as unknown as AcceptedHandle;
    const wire = new HandleWire(handle, 0);
    wire.attach({
      onData: (_bytes, count) => {
        told.push(`${name} ${count}`);
        paused?.wire?.pauseReading();
      },
      onDrain: () => undefined,
      onEnd: () => told.push(`${name} end`),
      onClose: () => told.push(`${name} closed`),
    });
    if (paused !== undefined) paused.wire = wire;
    return wire;
  }

  it('ends are told before what was read in the same breath, but not before what the same client sent', async (t) => {
    const told: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => wireOf(name, told));
    a!.deliver(1);
    assert.deepEqual(told.splice(0), ['a 1']);
    countWaiting(1);
    t.after(() => countWaiting(0));
    a!.deliver(2);
    c!.deliver(3);
    c!.endReading(UV_EOF);
    b!.endReading(UV_EOF);
    a!.deliver(4);
    assert.deepEqual(told.splice(0), ['b end']);
    // What was kept keeps its place although nobody waits any more.
    countWaiting(-1);
    a!.deliver(5);
    assert.deepEqual(told.splice(0), []);
    await soon();
    assert.deepEqual(told.splice(0), ['a 2', 'c 3', 'c end', 'a 4', 'a 5']);
    a!.deliver(6);
    assert.deepEqual(told.splice(0), ['a 6']);
  });

  it('what was read waits while reading is paused, and is lost with the connection', async () => {
    const told: string[] = [];
    const paused: { wire?: HandleWire } = {};
    const wire = wireOf('a', told, paused);
    const gone = wireOf('gone', told);
    countWaiting(1);
    for (const count of [1, 2]) wire.deliver(count);
    wire.endReading(UV_EOF);
    gone.deliver(1);
    gone.destroy();
    countWaiting(-1);
    await soon();
    await soon();
    assert.deepEqual(told.splice(0).sort(), ['a 1', 'gone closed']);
    assert.equal(wire.detach(), undefined);
    wire.resumeReading();
    await soon();
    assert.deepEqual(told.splice(0), ['a 2']);
    wire.resumeReading();
    await soon();
    assert.deepEqual(told, ['a end']);
  });

  it('much is delivered in parts, in its order', async () => {
    const told: string[] = [];
    const wire = wireOf('a', told);
    countWaiting(1);
    const sizes = Array.from({ length: 30 }, (_, index) => 100_000 + index);
    for (const size of sizes) wire.deliver(size);
    countWaiting(-1);
    await soon();
    assert.deepEqual(
      told,
      sizes.map((size) => `a ${size}`),
    );
  });
});
