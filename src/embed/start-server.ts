// start-server: a server inside the calling process, for tests and desktop programs.

import type { Duplex } from 'node:stream';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import { RealFiles } from '../io/files.js';
import { connectInProcess } from '../io/in-process.js';
import { withoutEffect } from '../service/config/without-effect.js';
import { collectDirectives, launch } from '../server/start.js';
import type { LogLevel } from '../server/server.js';

export type DirectiveValue = string | number | boolean | readonly (string | number)[];

/**
 * Any directive of a config file by its name ('maxmemory', 'appendonly', ...), and what is special here:
 * `port` 0 (the default) is any free port and false is none, `bind` is 127.0.0.1, and nothing is logged unless `log` is given;
 * only options without effect are then told as warnings of the process.
 *
 * The server begins empty and saves nothing unless one of `save`, `appendonly`, `dir`, `dbfilename` and `configFile` is
 * given: then it loads what lies there, as kvasir-server does, and `save` and `appendonly` decide what is kept.
 */
export interface StartOptions {
  readonly port?: number | false;
  readonly unixsocket?: string;
  /** A config file to read first; then only what it and the other options say holds, with kvasir-server's defaults. */
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
  /**
   * A connection without a socket, for clients that take a stream: RESP goes in and out of it, as through a socket. Works with
   * `port: false` too.
   */
  connect(): Duplex;
  /** Closes all connections and stops serving. Data is saved first where the configuration says so. Once is enough; more do no harm. */
  close(): Promise<void>;
}

/** Directives that speak of data on disk. */
const dataDirectives = ['save', 'appendonly', 'dir', 'dbfilename', 'appendfilename', 'appenddirname'];

/**
 * Starts a server in this process. Several may run side by side; they share nothing. Rejects with a ConfigError for a
 * wrong directive, and with an Error that has the system's `code` (EADDRINUSE, ...) when the port or socket cannot be opened.
 */
export async function startServer(options: StartOptions = {}): Promise<EmbeddedServer> {
  const { port, configFile, log, ...directives } = options;
  const config = new Config(process.cwd());
  const lines: Record<string, DirectiveValue> = {};
  // What a config file says is not overruled by defaults.
  if (configFile === undefined) Object.assign(lines, { bind: '127.0.0.1', save: '', port: 0 });
  if (port !== undefined) lines.port = port === false ? 0 : port;
  for (const [name, value] of Object.entries(directives)) {
    if (value !== undefined && typeof value !== 'function') lines[name] = value;
  }
  const collected = collectDirectives();
  const reader = new ConfigReader(config, new RealFiles(), collected);
  reader.load(configFile, '', linesOfOptions(lines));
  for (const warning of [...reader.warnings, ...withoutEffect(config)]) {
    if (log === undefined) process.emitWarning(warning, 'KvasirWarning');
    else log('warning', warning);
  }
  const loads =
    configFile !== undefined ||
    dataDirectives.some((name) => ![undefined, '', false, 'no'].includes(lines[name] as string));
  const anyPort = port === 0 || (port === undefined && configFile === undefined);
  const running = await launch({
    config,
    loads,
    renamed: collected.renamed,
    users: collected.users,
    anyPort,
    log: log ?? ((): void => undefined),
  });
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    // After SHUTDOWN everything is done, and NOSAVE meant it.
    if (running.isClosed) return;
    await running.server.beforeShutdown({ save: undefined, now: true, force: true });
    await running.close();
  };
  return {
    host: running.host,
    port: running.port,
    unixPath: running.unixPath,
    url: running.port < 0 ? '' : `redis://${running.host}:${running.port}`,
    connect() {
      if (closing !== undefined || running.isClosed) throw new Error('the server is closed');
      return connectInProcess((wire) => running.server.accept(wire, false));
    },
    close: () => (closing ??= stop()),
  };
}
