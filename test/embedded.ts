// embedded: a server inside the test's own process and a client of it, for tests of what commands answer.
//
//   const embedded = embedServer();
//   ... await embedded.call('set', 'k', 'v'), embedded.client.info(), embedded.connect() ...
//
// It is asked for where `before` and `after` may stand: at the top of a file or in a `describe`.

import { after, before } from 'node:test';
import { Redis, type RedisOptions } from 'ioredis';
import { startServer, type EmbeddedServer } from '../src/embed/start-server.js';

export interface Embedded {
  /** These exist from the first test on. */
  readonly server: EmbeddedServer;
  readonly client: Redis;
  /** The reply to one command; the text of the error if it is one. */
  readonly call: (...words: (string | number)[]) => Promise<unknown>;
  /** Another client, which the caller disconnects. */
  readonly connect: (options?: RedisOptions) => Redis;
}

/** Starts a server and a client with these options before the tests, and ends both after them. */
export function embedServer(options: RedisOptions = {}): Embedded {
  let server: EmbeddedServer;
  let client: Redis;
  const connect = (more: RedisOptions = {}): Redis => new Redis({ port: server.port, host: server.host, ...more });

  before(async () => {
    server = await startServer();
    client = connect(options);
  });

  after(async () => {
    client.disconnect();
    await server.close();
  });

  return {
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    call: (...words) => client.call(String(words[0]), words.slice(1)).catch((error: Error) => error.message),
    connect,
  };
}
