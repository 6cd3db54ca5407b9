// start-server: a server inside the calling process, for tests and desktop programs.

import type { EmbeddedServer, StartOptions } from './embedded-server.js';
import { startEmbedded } from './start-embedded.js';

export type { EmbeddedServer, StartOptions };

/**
 * Starts a server in this process. Several may run side by side; they share nothing. Rejects with a ConfigError for a
 * wrong directive, and with an Error that has the system's `code` (EADDRINUSE, ...) when the port or socket cannot be opened.
 */
export async function startServer(options: StartOptions = {}): Promise<EmbeddedServer> {
  return (await startEmbedded(options)).shown;
}
