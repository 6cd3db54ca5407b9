// server-session: what the modes use of a session: the connection to its server, and where to print.
import type { Connection } from '../client/connection.js';
import type { Endpoint } from '../client/open-stream.js';
import type { Console } from './console.js';
import type { CliOptions } from './options.js';

export interface ServerSession {
  connection: Connection | undefined;
  readonly options: CliOptions;
  readonly console: Console;
  readonly endpoint: Endpoint;
  /** Commands come from a prompt or a stream of lines; a lost connection does not end the program then. */
  readonly interactive: boolean;
  /** Connects or ends the program. */
  connectOrExit(): Promise<Connection>;
}
