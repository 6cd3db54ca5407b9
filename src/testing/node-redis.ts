// node-redis: options by which node-redis talks to servers of this process without a socket.
//
//   createClient({ socket: socketOf(server) })
//
// node-redis opens its connections by `net.createConnection` and takes no stream. Its options are passed on whole, so they
// carry the server under a symbol here; the first call of `socketOf` wraps `net.createConnection` for options that carry it, and
// leaves all others to Node.

// eslint-disable-next-line no-restricted-imports -- node-redis opens its sockets by this function
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Connectable } from './ioredis.js';

const SERVER = Symbol('kvasir.server');

interface CarryingOptions {
  readonly [SERVER]?: Connectable;
}

let isWrapped = false;

function wrapCreateConnection(): void {
  if (isWrapped) return;
  isWrapped = true;
  const original = net.createConnection as (...args: unknown[]) => net.Socket;
  const wrapped = (...args: unknown[]): Duplex => {
    const server = (args[0] as CarryingOptions | undefined)?.[SERVER];
    if (server === undefined) return original(...args);
    const stream = server.connect();
    // As a socket of the system, which is not connected before its caller has listened.
    process.nextTick(() => stream.emit('connect'));
    return stream;
  };
  net.createConnection = wrapped as typeof net.createConnection;
}

/** Options for `socket` of node-redis's `createClient`. */
export interface NodeRedisSocket {
  readonly host: string;
  readonly port: number;
}

/** Lets `createClient` connect to this server without a socket. */
export function socketOf(server: Connectable): NodeRedisSocket {
  wrapCreateConnection();
  const options = { host: '127.0.0.1', port: Math.max(1, server.port) };
  Object.defineProperty(options, SERVER, { value: server, enumerable: true });
  return options;
}
