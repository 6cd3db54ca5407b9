import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type AcceptedHandle, HandleWire } from './handle-wire.js';
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
