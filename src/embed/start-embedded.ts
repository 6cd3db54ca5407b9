// start-embedded: puts a server inside the calling process together, with what `startServer` shows of it and what the test kit needs.

import { fromByteString } from '../service/config/special-settings.js';
import { Config } from '../service/config/config.js';
import { ConfigReader, linesOfOptions } from '../service/config/file.js';
import { systemClock } from '../io/clock.js';
import { type Environment, systemEnvironment } from '../io/environment.js';
import { RealFiles } from '../io/files.js';
import { connectInProcess } from '../io/in-process.js';
import type { Wire, WireEvents } from '../io/wire.js';
import { attachCluster } from '../cluster/cluster.js';
import { withoutEffect } from '../service/config/without-effect.js';
import { collectDirectives, launch, type RunningServer } from '../server/start.js';
import type { EmbeddedServer, StartOptions } from './embedded-server.js';
import { guardedLog } from './guarded-log.js';

type DirectiveValue = string | number | boolean | readonly (string | number)[];

/** Directives that speak of data on disk. */
const dataDirectives = ['save', 'appendonly', 'dir', 'dbfilename', 'appendfilename', 'appenddirname'];

function isWord(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && !Number.isNaN(value));
}

/** Refuses values that only a program without types can give, since as text they would mean something else. */
function checkValue(name: string, value: unknown): DirectiveValue {
  if (isWord(value) || typeof value === 'boolean') return value;
  if (Array.isArray(value) && value.every(isWord)) return value;
  throw new TypeError(`option '${name}' must be a text, a number, a boolean, or a list of texts and numbers`);
}

function checkLog(log: unknown): void {
  if (log !== undefined && typeof log !== 'function') throw new TypeError("option 'log' must be a function");
}

/** Where a client of this machine finds the server. */
function urlOf(running: RunningServer): string {
  if (running.port < 0) return '';
  const { host, port, server } = running;
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const password = fromByteString(server.config.text('requirepass').value);
  const access = password === '' ? '' : `:${encodeURIComponent(password)}@`;
  return `redis://${access}${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** A server that runs here, from outside and from inside. */
export interface Embedded {
  readonly shown: EmbeddedServer;
  readonly running: RunningServer;
}

/**
 * As `startServer`; `environment` gives what does not come from the machine, `folder` is what `dir` says unless an option does, and
 * `admit` lets the clients of `connect()` in.
 */
export async function startEmbedded(
  options: StartOptions,
  environment: Partial<Environment> = {},
  folder = process.cwd(),
  admit: (wire: Wire, accept: (wire: Wire) => WireEvents) => WireEvents = (wire, accept) => accept(wire),
): Promise<Embedded> {
  const { port, configFile, clock = systemClock, log: givenLog, ...directives } = options;
  const surroundings: Environment = { ...systemEnvironment, clock, ...environment };
  checkLog(givenLog);
  const log = givenLog === undefined ? undefined : guardedLog(givenLog);
  const config = new Config(folder);
  const lines: Record<string, DirectiveValue> = {};
  // Defaults do not overrule a config file.
  if (configFile === undefined) Object.assign(lines, { bind: '127.0.0.1', save: '', port: 0 });
  if (port !== undefined) lines.port = port === false ? 0 : checkValue('port', port);
  for (const [name, value] of Object.entries(directives))
    if (value !== undefined) lines[name] = checkValue(name, value);
  const collected = collectDirectives();
  const reader = new ConfigReader(config, configFile === undefined ? surroundings.files : new RealFiles(), collected);
  reader.load(configFile, '', linesOfOptions(lines));
  for (const warning of [...reader.warnings, ...withoutEffect(config)]) {
    if (log === undefined) process.emitWarning(warning, 'KvasirWarning');
    else log('warning', warning);
  }
  const loads =
    configFile !== undefined ||
    dataDirectives.some((name) => ![undefined, '', false, 'no'].includes(lines[name] as string));
  const anyPort = Number(port === false ? -1 : port) === 0 || (port === undefined && configFile === undefined);
  const running = await launch({
    config,
    environment: surroundings,
    attach: attachCluster,
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
    await running.server.prepareShutdown({ save: undefined, now: true, force: true });
    await running.close();
  };
  const close = (): Promise<void> => (closing ??= stop());
  const shown: EmbeddedServer = {
    host: running.host,
    port: running.port,
    unixPath: running.unixPath,
    get url() {
      return urlOf(running);
    },
    connect() {
      if (closing !== undefined || running.isClosed) throw new Error('the server is closed');
      return connectInProcess((wire) => admit(wire, (given) => running.server.accept(given, false)));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  return { shown, running };
}
