// ioredis: a connector by which ioredis talks to servers of this process without a socket.
//
//   new Redis({ Connector: connector(server) })
//   new Cluster([{ host: node.host, port: node.port }], { redisOptions: { Connector: connector(...nodes) } })
//
// With several servers, the one whose port is asked for is connected to.

import type { Duplex } from 'node:stream';
import { systemClock } from '../io/clock.js';
import { InProcessSocket } from '../io/in-process.js';

/** A server of this process: of `startServer`, `createServer`, or a node of a cluster. */
export interface Connectable {
  readonly port: number;
  connect(): Duplex;
}

/** A connector as ioredis wants it (its AbstractConnector). */
export interface IoredisConnector {
  check(info: unknown): boolean;
  connect(): Promise<Duplex>;
  disconnect(): void;
}

export type IoredisConnectorClass = new (options: unknown) => IoredisConnector;

/** The server that a client's options ask for. */
export function serverFor(servers: readonly Connectable[], options: unknown): Connectable {
  const port = (options as { readonly port?: number } | undefined)?.port;
  const found = servers.length === 1 ? servers[0] : servers.find((server) => server.port === Number(port));
  if (found === undefined) throw new Error(`no server of this connector has port ${String(port)}`);
  return found;
}

/**
 * A stream to a server; to one that is closed, a stream that fails as a socket does: in a later turn, when its user listens. A
 * client that gets a stream which is destroyed already does not listen for its error.
 */
export function streamTo(server: Connectable): Duplex {
  try {
    return server.connect();
  } catch {
    const refused = new InProcessSocket({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    refused.connecting = true;
    refused.on('error', () => undefined);
    const error = new Error(`connect ECONNREFUSED 127.0.0.1:${server.port}`);
    systemClock.soon(() => refused.destroy(Object.assign(error, { code: 'ECONNREFUSED', syscall: 'connect' })));
    return refused;
  }
}

/** The class for ioredis's option `Connector`. */
export function connector(...servers: readonly Connectable[]): IoredisConnectorClass {
  if (servers.length === 0) throw new TypeError('connector() needs a server');
  return class implements IoredisConnector {
    private stream: Duplex | undefined;
    /** ioredis reads it while it connects. */
    connecting = false;

    constructor(private readonly options: unknown) {}

    check(): boolean {
      return true;
    }

    async connect(): Promise<Duplex> {
      this.connecting = true;
      // ioredis listens in the turn in which this resolves.
      await Promise.resolve();
      if (!this.connecting) throw new Error('Connection is closed.');
      this.stream = streamTo(serverFor(servers, this.options));
      return this.stream;
    }

    disconnect(): void {
      this.connecting = false;
      this.stream?.end();
    }
  };
}
