// The public face in browsers: `import { startServer } from 'kvasir/browser'`: a whole server in the page, without ports.
//
// The engine, scripts, streams, pub/sub and transactions are those of every other server. Its disk is in memory and lives as
// long as the server does.

import type { Clock } from '../io/clock.js';
import { systemClock } from '../io/clock.js';
import type { DataDump, Fixtures } from '../testing/data-dump.js';
import type { CallArgument, PlainReply } from '../testing/plain-reply.js';
import type { Snapshot, TestServerOptions } from '../testing/test-kit.js';
import { startTestServer } from '../testing/test-server.js';
import { connectByWebStreams, type WebConnection } from './web-connection.js';
import { noNetwork } from './no-network.js';

export type { CallArgument, DataDump, Fixtures, PlainReply, Snapshot, WebConnection };
export type { DumpedValue, FixtureValue } from '../testing/data-dump.js';
export { virtualClock, type Duration, type VirtualClock } from '../io/virtual-clock.js';

/** Any directive of a config file but those of ports and files on disk; `fixtures`, `seed` and `clock` as in the test kit. */
export type BrowserOptions = Omit<TestServerOptions, 'port' | 'configFile' | 'include' | 'unixsocket' | 'dir'>;

export interface BrowserServer {
  /** Seed of every random draw. */
  readonly seed: number;
  /** A connection: RESP goes into one stream and comes out of the other. */
  connect(): WebConnection;
  /** Runs a command at once and returns its reply as plain values; throws an Error with the text of an error reply. */
  run(command: string, ...args: CallArgument[]): PlainReply;
  /** Deletes all keys of all databases. */
  flush(): void;
  /** All data and functions as an RDB file, to be kept in IndexedDB for instance. */
  snapshot(): Snapshot;
  /** Puts a snapshot, or the bytes of an RDB file, in the place of all data. */
  restore(from: Snapshot | Uint8Array): void;
  /** All data as sorted JSON. */
  dump(): DataDump;
  /** Puts keys into database 0. */
  load(fixtures: Fixtures): void;
  close(): Promise<void>;
}

/** Starts a server in this page. Rejects for options that cannot be served. */
export async function startServer(options: BrowserOptions = {}): Promise<BrowserServer> {
  const clock: Clock = options.clock ?? systemClock;
  const server = await startTestServer({ ...options, port: false }, { network: noNetwork });
  return {
    seed: server.seed,
    connect: () => connectByWebStreams(clock, (wire) => server.inside.accept(wire, false)),
    run: (command, ...args) => server.run(command, ...args),
    flush: () => server.flush(),
    snapshot: () => server.snapshot(),
    restore: (from) => server.restore(from),
    dump: () => server.dump(),
    load: (fixtures) => server.load(fixtures),
    close: () => server.close(),
  };
}
