// node-redis: options by which node-redis talks to servers of this process without a socket.
//
//   createClient({ socket: socketOf(server) })
//   createCluster({ rootNodes: [{ socket: socketOf(node) }], defaults: { socket: socketOf(...nodes) } })
//
// With several servers, the one whose port is asked for is connected to.
//
// node-redis opens its connections by `net.createConnection` and takes no stream. Its options are passed on whole, so they
// carry the server under a symbol here; the first call of `socketOf` wraps `net.createConnection` for options that carry it, and
// leaves all others to Node.

// eslint-disable-next-line no-restricted-imports -- node-redis opens its sockets by this function
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { type Connectable, serverFor, streamTo } from './ioredis.js';

// Of modules and CommonJS alike: one program may load both.
const SERVER = Symbol.for('kvasir.server');

interface CarryingOptions {
  readonly [SERVER]?: readonly Connectable[];
}

let isWrapped = false;

function wrapCreateConnection(): void {
  if (isWrapped) return;
  isWrapped = true;
  const original = net.createConnection as (...args: unknown[]) => net.Socket;
  const wrapped = (...args: unknown[]): Duplex => {
    const options = args[0] as CarryingOptions | undefined;
    const servers = options?.[SERVER];
    if (servers === undefined) return original(...args);
    const stream = streamTo(serverFor(servers, options));
    // As a socket of the system, which is not connected before its caller has listened.
    process.nextTick(() => {
      if (!stream.destroyed && !(stream as Partial<net.Socket>).connecting) stream.emit('connect');
    });
    return stream;
  };
  net.createConnection = wrapped as typeof net.createConnection;
  // Its version 4 knows the function by this name.
  net.connect = wrapped as typeof net.connect;
}

/** Options for `socket` of node-redis's `createClient`. */
export interface NodeRedisSocket {
  readonly host: string;
  readonly port: number;
}

/** Lets `createClient`, or each client of `createCluster`, connect to these servers without a socket. */
export function socketOf(...servers: readonly Connectable[]): NodeRedisSocket {
  const [first] = servers;
  if (first === undefined) throw new TypeError('socketOf() needs a server');
  wrapCreateConnection();
  const options = { host: '127.0.0.1', port: Math.max(1, first.port) };
  Object.defineProperty(options, SERVER, { value: servers, enumerable: true });
  return options;
}
