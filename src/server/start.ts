// start: puts a data server together from a configuration, opens its doors, and ends it in order.
//
// Both ways to start a server come here: the executable (a process of its own, configured by file and command line) and
// `startServer` (inside another program, any number of them).

import type { LogLevel } from '../base/log-level.js';
import { writeFileSync, rmSync } from 'node:fs';
import { Prng } from '../base/prng.js';
import { type Environment, systemEnvironment } from '../io/environment.js';
import type { Config } from '../service/config/config.js';
import type { Directives } from '../service/config/file.js';
import type { CommandTable } from '../registry/table.js';
import { makeTable } from './declarations.js';
import { DataLocks } from './data-lock.js';
import { ListenError, Listeners } from '../service/doors/listeners.js';
import { allowedCount, IoThreads, parseForced } from '../service/doors/io-threads.js';
import { Log } from '../service/process/log.js';
import { OomScore } from '../service/process/oom-score.js';
import { programName, showTitle } from '../service/process/title.js';
import type { ServerCall } from './call.js';
import { MetricsPort } from '../service/metrics/metrics-port.js';
import { clusterInfoText } from './commands/cluster-views.js';
import { DataServer } from './server.js';
import { tlsDirectives } from '../service/doors/tls.js';

export interface Launch {
  readonly config: Config;
  /** Clock, network and files; the machine's own if absent. */
  readonly environment?: Environment;
  /** Called with everything that is worth a log line; the configured log if absent. */
  readonly log?: (level: LogLevel, text: string) => void;
  /** Listens on any free port, whatever `port` says. */
  readonly anyPort?: boolean;
  /** Begins with the data on disk; on if absent. */
  readonly loads?: boolean;
  /** Old and new names from rename-command; an empty new name takes the command away. */
  readonly renamed?: readonly (readonly [string, string])[];
  /** Words of `user` lines. */
  readonly users?: readonly (readonly string[])[];
  /** Gives the server what stands above it: replication, and its place in a cluster. */
  readonly attach?: (server: DataServer) => void;
  /** Ends the process after a shutdown; absent in an embedded server, which just stops. */
  readonly exit?: (code: number) => void;
  /** Called when the doors are open and the pid file is written; data may still be loading. */
  readonly onListening?: () => void;
}

/** The directives of a configuration that are no settings, collected while it is read. */
export interface CollectedDirectives extends Directives {
  readonly renamed: readonly (readonly [string, string])[];
  readonly users: readonly (readonly string[])[];
}

/** Collects `user` and `rename-command` lines for `launch`; `checkUser` may refuse a `user` line while its number is known. */
export function collectDirectives(checkUser: Directives['user'] = () => undefined): CollectedDirectives {
  const renamed: [string, string][] = [];
  const users: (readonly string[])[] = [];
  // Renames are tried on a table of their own, so that a wrong one is reported with its line.
  let table: CommandTable<ServerCall> | undefined;
  return {
    renamed,
    users,
    user(words) {
      users.push(words);
      return checkUser(words);
    },
    renameCommand(from, to) {
      renamed.push([from, to]);
      return (table ??= makeTable()).rename(from, to);
    },
    loadModule: () => 'modules are native code, which Kvasir does not load',
  };
}

/** A server that serves. */
export class RunningServer {
  private closing: Promise<void> | undefined;

  constructor(
    readonly server: DataServer,
    readonly listeners: Listeners,
    private readonly locks: DataLocks,
    private readonly pidFile: string,
  ) {}

  /** Address of the TCP port; empty without one. */
  get host(): string {
    return this.listeners.host;
  }

  /** TCP port, -1 without one. */
  get port(): number {
    return this.listeners.port;
  }

  /** TCP port for TLS, -1 without one. */
  get tlsPort(): number {
    return this.listeners.tlsPort;
  }

  /** Path of the unix socket, if there is one. */
  get unixPath(): string | undefined {
    return this.listeners.unixPath;
  }

  /** SHUTDOWN or `close` has ended it, or is about to. */
  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** Stops serving: closes doors and connections. The caller saves the data first. */
  close(): Promise<void> {
    this.closing ??= this.stop();
    return this.closing;
  }

  private async stop(): Promise<void> {
    this.server.cron.stop();
    this.server.cluster?.stop();
    this.server.replication?.stop();
    this.server.scripting.parked.abandon();
    this.listeners.close();
    for (const client of [...this.server.clients.values()]) client.connection?.destroy();
    await this.server.ioThreads?.close();
    if (this.pidFile !== '') rmSync(this.pidFile, { force: true });
    await this.server.stop();
    this.locks.release();
  }
}

/** Starts a server when nobody else has its data files; rejects with a StartError when somebody has. */
export async function launch(launched: Launch): Promise<RunningServer> {
  const locks = new DataLocks(launched.config);
  const { sharesDisk } = launched.environment ?? systemEnvironment;
  const refusal = sharesDisk ? await locks.acquire() : undefined;
  try {
    if (refusal !== undefined) throw new StartError(refusal);
    return await serve(launched, locks);
  } catch (error) {
    locks.release();
    throw error;
  }
}

/** Persistence that is turned on, or moved, by CONFIG SET takes its locks while the server goes on. */
function followWithLocks(server: DataServer, locks: DataLocks): void {
  for (const notice of locks.notices.splice(0)) server.log('warning', notice);
  server.config.onSet(['appendonly', 'save', 'dir', 'dbfilename'], () => {
    void locks.acquire().then((refusal) => {
      if (refusal !== undefined) server.log('warning', refusal);
      for (const notice of locks.notices.splice(0)) server.log('warning', notice);
    });
    return undefined;
  });
}

async function serve(launched: Launch, locks: DataLocks): Promise<RunningServer> {
  const {
    config,
    environment = systemEnvironment,
    log,
    anyPort = false,
    loads = true,
    renamed = [],
    users = [],
    attach,
    exit,
  } = launched;
  const { clock } = environment;
  const secret = Buffer.from(environment.entropy(12));
  const ownLog = new Log(() => clock.wallMs());
  ownLog.level = config.choice('loglevel').value as LogLevel;
  ownLog.file = config.path('logfile');
  const server = new DataServer({
    databaseCount: config.number('databases').value,
    random: new Prng(secret.readInt32LE(8)),
    hashKey: [secret.readInt32LE(0), secret.readInt32LE(4)],
    runId: Buffer.from(environment.entropy(20)).toString('hex'),
    environment,
    log: log ?? ((level, text) => ownLog.write(level, text)),
    config,
    exit: exit ?? ((): void => undefined),
  });
  config.onSet(['loglevel'], () => {
    ownLog.level = config.choice('loglevel').value as LogLevel;
    return undefined;
  });
  if (environment.sharesDisk) followWithLocks(server, locks);
  attach?.(server);
  for (const [from, to] of renamed) server.renameCommand(from, to);
  configureUsers(server, users);
  if (config.text('requirepass').value !== '') server.acl.setDefaultPassword(config.text('requirepass').value);
  if (environment.hasThreads) await prepareIoThreads(server);
  const listeners = new Listeners(server, environment.network);
  if (loads) server.persistence.announceLoad();
  if (listeners.tls.isWanted && !listeners.tls.configure())
    throw new StartError('Failed to configure TLS. Check logs for more info.');
  await openDoors(server, listeners, anyPort);
  let metrics: MetricsPort | undefined;
  try {
    metrics = await openMetrics(server, environment.network);
    const open = metrics;
    server.hooks.stops.push(() => Promise.resolve(open.close()));
    return await finishStart(server, listeners, locks, launched);
  } catch (error) {
    // Whatever failed, nobody may come in, and nothing that goes on by itself may keep the process.
    server.cron.stop();
    metrics?.close();
    listeners.close();
    for (const client of [...server.clients.values()]) client.connection?.destroy();
    await server.ioThreads?.close();
    throw error;
  }
}

/** `io-threads`, and what the environment forces for tests. */
async function prepareIoThreads(server: DataServer): Promise<void> {
  const setting = server.config.special('io-threads');
  const forced = parseForced(process.env.KVASIR_IO_THREADS);
  const count = allowedCount(setting.value);
  server.ioThreads = new IoThreads(server, IoThreads.obstacle === undefined ? count : 0, process.env);
  if (setting.value !== 1) {
    const { obstacle } = IoThreads;
    if (obstacle !== undefined)
      server.log(
        'notice',
        `io-threads ${setting.print()} has no effect: ${obstacle}. The main thread serves all clients.`,
      );
    else if (count === 0)
      server.log(
        'notice',
        `io-threads ${setting.print()} has no effect: it takes a machine with 4 processors or more. The main thread serves all clients.`,
      );
    else server.log('notice', `Up to ${count} I/O threads will serve clients when the load is high.`);
  }
  if (forced !== undefined) await server.ioThreads.force(forced);
}

/** Opens `metrics-port`. It serves while data is loaded, so that /health can tell of that. */
async function openMetrics(server: DataServer, network: Environment['network']): Promise<MetricsPort> {
  const { info, clock, slowLog, latency, config } = server;
  const metrics = new MetricsPort(
    {
      info,
      clock,
      slowLog,
      latency,
      config,
      get loading() {
        return server.loading;
      },
      get clusterInfo() {
        return server.cluster === undefined ? undefined : clusterInfoText(server.cluster, server.clusterKeys);
      },
      beginTurn: () => server.beginTurn(),
      log: (level, text) => server.log(level, text),
    },
    network,
  );
  try {
    await metrics.open();
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
  return metrics;
}

/** CONFIG SET opens the doors elsewhere. */
function followAddresses(server: DataServer, listeners: Listeners): void {
  server.config.onSet(['port', 'bind'], async () => {
    try {
      await listeners.reopen(doorOptions(server, false));
      server.port = listeners.port;
      return undefined;
    } catch (error) {
      return isAddressFailure(error)
        ? 'Failed to bind to specified addresses.'
        : 'Unable to listen on this port. Check server logs.';
    }
  });
}

/** The title and the oom score of a process that is the server's alone. */
function showProcess(server: DataServer): void {
  setProcessTitle(server);
  server.config.onSet(['proc-title-template', 'port', 'bind', 'tls-port'], () => {
    setProcessTitle(server);
    return undefined;
  });
  new OomScore(server);
}

function writePidFile(server: DataServer, path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    server.log('warning', `Failed to write PID file: ${(error as Error).message}`);
  }
}

/** The steps that remain once the listeners are open. */
async function finishStart(
  server: DataServer,
  listeners: Listeners,
  locks: DataLocks,
  { exit, onListening, anyPort = false, loads = true }: Launch,
): Promise<RunningServer> {
  const { config } = server;
  // A process that nobody can talk to; an embedded server still has `connect`.
  if (exit !== undefined && listeners.isClosed) throw new StartError('Configured to not listen anywhere, exiting.');
  // CONFIG GET shows the actual addresses, and a CONFIG SET that fails goes back to them.
  if (anyPort) config.number('port').set(BigInt(Math.max(0, listeners.port)));
  renewTls(server, listeners);
  followAddresses(server, listeners);
  if (exit !== undefined) showProcess(server);
  const pidFile = config.path('pidfile');
  if (pidFile !== '') writePidFile(server, pidFile);
  const running = new RunningServer(server, listeners, locks, pidFile);
  onListening?.();
  server.shutdown.finish = async () => {
    await running.close();
    server.log('notice', 'Redis is now ready to exit, bye bye...');
    server.options.exit(0);
  };
  server.log('notice', 'Server initialized');
  // The other nodes need not take this one for dead while it loads.
  await server.cluster?.start();
  try {
    if (loads) await server.prepareServing();
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
  server.cron.start();
  server.replication?.start(server.persistence.lastAux);
  if (listeners.port >= 0) server.log('notice', 'Ready to accept connections tcp');
  if (listeners.tlsPort >= 0) server.log('notice', 'Ready to accept connections tls');
  if (listeners.unixPath !== undefined) server.log('notice', 'Ready to accept connections unix');
  return running;
}

/** A configuration that is right by its grammar but cannot be served. */
export class StartError extends Error {}

/** Whether the address is at fault, not the port. */
function isAddressFailure(error: unknown): boolean {
  return ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The title that `ps` shows: proc-title-template with its variables filled in. */
function setProcessTitle(server: DataServer): void {
  const { config } = server;
  if (!config.flag('set-proc-title').value) return;
  const name = programName('kvasir-server');
  const variables: Readonly<Record<string, string | number>> = {
    title: name,
    'listen-addr': `${config.special('bind').value[0] ?? '*'}:${server.port}`,
    'server-mode': server.mode === 'cluster' ? '[cluster]' : '',
    port: config.number('port').value,
    'tls-port': config.number('tls-port').value,
    unixsocket: config.text('unixsocket').value,
    'config-file': config.file ?? '',
  };
  const template = config.text('proc-title-template').value;
  showTitle(name, template.replace(/\{([^{}]*)\}/g, (_, variable: string) => String(variables[variable] ?? '')).trim());
}

function configureUsers(server: DataServer, users: readonly (readonly string[])[]): void {
  for (const words of users) {
    const refused = server.acl.appendConfigured(words);
    if (refused !== undefined) throw new StartError(`Error in user declaration '${refused.word}': ${refused.reason}`);
  }
  const { config, files } = server;
  const { fatal, notices } = server.acl.loadAtStart(files, config.path('aclfile'), config.text('aclfile').value);
  for (const notice of notices) server.log('warning', notice);
  if (fatal !== undefined) throw new StartError(fatal);
}

/** CONFIG SET of what TLS is made of, and of its port. */
function renewTls(server: DataServer, listeners: Listeners): void {
  const { config } = server;
  const unusable = 'Unable to update TLS configuration. Check server logs.';
  config.onSet(tlsDirectives, () => (!listeners.tls.isWanted || listeners.tls.configure() ? undefined : unusable));
  config.onSet(['tls-port', 'bind'], async () => {
    if (listeners.tls.isWanted && !listeners.tls.configure()) return unusable;
    try {
      await listeners.reopenTls(doorOptions(server, false));
      server.tlsPort = listeners.tlsPort;
      return undefined;
    } catch {
      return 'Unable to listen on this port. Check server logs.';
    }
  });
}

function doorOptions(server: DataServer, anyPort: boolean): Parameters<Listeners['open']>[0] {
  const { config } = server;
  const port = config.number('port').value;
  const unixPath = config.path('unixsocket');
  const permissions = config.number('unixsocketperm').value;
  return {
    hosts: config.special('bind').value,
    port: anyPort ? 0 : port === 0 ? -1 : port,
    tlsPort: config.number('tls-port').value === 0 ? -1 : config.number('tls-port').value,
    unixPath: unixPath === '' ? undefined : unixPath,
    unixPermissions: permissions === 0 ? undefined : permissions,
    backlog: config.number('tcp-backlog').value,
    keepAliveSeconds: () => server.settings.keepAliveSeconds,
  };
}

async function openDoors(server: DataServer, listeners: Listeners, anyPort: boolean): Promise<void> {
  const options = doorOptions(server, anyPort);
  try {
    await listeners.open(options);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const { kind, port, reason } = error;
    const door =
      kind === 'unix'
        ? `Failed opening Unix socket ${error.path}`
        : `Could not create server TCP listening socket ${options.hosts.join(' ')}:${port}`;
    server.log('warning', `${door}: bind: ${reason}`);
    server.log('warning', error.logLine);
    throw error;
  }
  server.port = listeners.port;
  server.tlsPort = listeners.tlsPort;
}
