// fake-backend: a server that answers every request in a way of the test's choice, to see which one a proxy asks.
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { Call } from '../../src/registry/call.js';
import { COMPLETE, INCOMPLETE, RequestReader } from '../../src/protocol/request.js';

export interface FakeBackend {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  requestCount: number;
  close(): Promise<void>;
}

/** Answers with what `reply` makes of the request's arguments: RESP bytes, or nothing for no answer. */
export async function startFakeBackend(
  reply: (call: Call, socket: Socket) => string | Buffer | undefined,
  port = 0,
): Promise<FakeBackend> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const reader = new RequestReader();
    const call = new Call();
    let kept = new Uint8Array(0);
    socket.on('data', (chunk: Buffer) => {
      const bytes = kept.length === 0 ? new Uint8Array(chunk) : new Uint8Array(Buffer.concat([kept, chunk]));
      let at = 0;
      const parts: Buffer[] = [];
      while (at < bytes.length) {
        const answer = reader.read(bytes, at, bytes.length, call, null, true);
        if (answer === INCOMPLETE) break;
        at = reader.end;
        if (answer !== COMPLETE) continue;
        backend.requestCount++;
        const text = reply(call, socket);
        if (text !== undefined) parts.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
      }
      kept = bytes.slice(at);
      if (parts.length > 0) socket.write(Buffer.concat(parts));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  let closed: Promise<void> | undefined;
  const backend: FakeBackend = {
    port: address.port,
    sockets,
    requestCount: 0,
    close() {
      closed ??= once(server, 'close').then(() => undefined);
      server.close();
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
  return backend;
}
