// embedded-server: what an embedding program writes and gets: the options of `startServer`, and the server.
//
// These are the types that the package declares, so they name nothing of the server's inside: scripts/declarations.mjs makes one
// file of this one, start-server and what they import, and refuses what is more than that.
import type { Duplex } from 'node:stream';
import type { Clock } from '../io/clock.js';
import type { LogLevel } from '../base/log-level.js';
import type { Directives, Words } from './directives.js';

declare global {
  // Programs whose compiler does not know it by itself.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}

/**
 * Any directive of a config file by its name ('maxmemory', 'appendonly', ...), and what is special here:
 * `port` 0 (the default) is any free port and false is none, `bind` is 127.0.0.1, and nothing is logged unless `log` is given;
 * only options without effect are then told as warnings of the process.
 *
 * The server begins empty and saves nothing unless one of `save`, `appendonly`, `dir`, `dbfilename` and `configFile` is
 * given: then it loads what lies there, as kvasir-server does, and `save` and `appendonly` decide what is kept.
 */
export interface StartOptions extends Omit<Directives, 'port'> {
  readonly port?: number | string | false | undefined;
  /** A config file to read first; then only what it and the other options say holds, with kvasir-server's defaults. */
  readonly configFile?: string | undefined;
  /** Time that the server lives in: a `virtualClock()` or the `fakeTimersClock()`; the machine's if absent. */
  readonly clock?: Clock | undefined;
  /** Receives the server's log. An error that it throws becomes a warning of the process. */
  readonly log?: ((level: LogLevel, text: string) => void) | undefined;
  /** A config file to read in this place. */
  readonly include?: string | undefined;
  /** A user with rules: `['alice', 'on', '>secret', '~*', '+@all']`. */
  readonly user?: Words | undefined;
  /** The old and the new name; an empty new name takes the command away. */
  readonly 'rename-command'?: readonly [string, string] | undefined;
}

export interface EmbeddedServer {
  readonly host: string;
  /** -1 when the server has no TCP port. */
  readonly port: number;
  readonly unixPath: string | undefined;
  /**
   * 'redis://127.0.0.1:12345', for clients that take a URL, with the password that `requirepass` asks for at the moment; empty
   * without a TCP port.
   */
  readonly url: string;
  /**
   * A connection without a socket, for clients that take a stream: RESP goes in and out of it, as through a socket. Works with
   * `port: false` too.
   */
  connect(): Duplex;
  /** Closes all connections and stops serving. Data is saved first where the configuration says so. Once is enough; more do no harm. */
  close(): Promise<void>;
  /** `close`, at the end of the block that an `await using` stands in. */
  [Symbol.asyncDispose](): Promise<void>;
}
