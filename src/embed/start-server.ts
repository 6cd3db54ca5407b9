// start-server: a server inside the calling process, for tests and desktop programs.

import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import { RealFiles } from '../io/files.js';
import { collectDirectives, launch } from '../server/start.js';
import type { LogLevel } from '../server/server.js';

export type DirectiveValue = string | number | boolean | readonly (string | number)[];

/**
 * Any directive of a config file by its name ('maxmemory', 'appendonly', ...), and what is special here:
 * `port` 0 (the default) is any free port and false is none, `bind` is 127.0.0.1, nothing is saved unless `save` or
 * `appendonly` say so, and nothing is logged unless `log` is given.
 */
export interface StartOptions {
  readonly port?: number | false;
  readonly unixsocket?: string;
  /** A config file to read first. */
  readonly configFile?: string;
  /** Receives the server's log. */
  readonly log?: (level: LogLevel, text: string) => void;
  readonly [directive: string]: DirectiveValue | undefined | ((level: LogLevel, text: string) => void);
}

export interface EmbeddedServer {
  readonly host: string;
  /** -1 when the server has no TCP port. */
  readonly port: number;
  readonly unixPath: string | undefined;
  /** 'redis://127.0.0.1:12345', for clients that take a URL; empty without a TCP port. */
  readonly url: string;
  /** Closes all connections and stops serving. Data is saved first where the configuration says so. */
  close(): Promise<void>;
}

/**
 * Starts a server in this process. Several may run side by side; they share nothing. Rejects with a ConfigError for a
 * wrong directive and with the system's error when the port or socket cannot be opened.
 */
export async function startServer(options: StartOptions = {}): Promise<EmbeddedServer> {
  const { port = 0, configFile, log, ...directives } = options;
  const config = new Config(process.cwd());
  const lines: Record<string, DirectiveValue> = { bind: '127.0.0.1', save: '', 'protected-mode': true, port: port === false ? 0 : port };
  for (const [name, value] of Object.entries(directives)) {
    if (value !== undefined && typeof value !== 'function') lines[name] = value;
  }
  const collected = collectDirectives();
  const reader = new ConfigReader(config, new RealFiles(), collected);
  reader.load(configFile, '', linesOfOptions(lines));
  const running = await launch({ config, renamed: collected.renamed, users: collected.users, anyPort: port === 0, log: log ?? ((): void => undefined) });
  return {
    host: running.host,
    port: running.port,
    unixPath: running.unixPath,
    url: running.port < 0 ? '' : `redis://${running.host}:${running.port}`,
    async close() {
      await running.server.beforeShutdown({ save: undefined, now: true, force: true });
      await running.close();
    },
  };
}
