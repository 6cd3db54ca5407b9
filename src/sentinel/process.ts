// process: a sentinel as a process of its own: configuration from file and command line, log, signals, scripts, name server.

import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { accessSync, constants, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces, constants as osConstants } from 'node:os';
import { resolve } from 'node:path';
import type { LogLevel } from '../base/log-level.js';
import { KVASIR_VERSION, SERVER_VERSION } from '../base/version.js';
import { systemEnvironment } from '../io/environment.js';
import type { Command } from '../registry/command.js';
import { Acl } from '../service/acl/acl.js';
import { AclCommands } from '../service/acl/selector.js';
import { Config } from '../service/config/config.js';
import { ConfigError, ConfigFileMissing } from '../service/config/config-error.js';
import { ConfigReader, parseCommandLine } from '../service/config/file.js';
import { ListenError } from '../service/doors/listeners.js';
import { Log } from '../service/process/log.js';
import { stackOf } from '../service/process/stack.js';
import { programName, showTitle } from '../service/process/title.js';
import { History, historyPath } from './history.js';
import { SENTINEL_PORT, type RunningSentinel, launchSentinel, SentinelStartError } from './launch.js';
import type { Dial } from './links.js';
import { OutgoingTls } from '../service/doors/outgoing-tls.js';
import type { Spawn } from './scripts.js';
import { collectSentinelDirectives, type SentinelDirectives } from './directives.js';
import { makeSentinelTable } from './sentinel-server.js';
import type { AddressHost } from './virtual-address.js';

/** How a daemon reports to the process that started it; see server/daemon. */
export interface Daemon {
  readonly isDaemon: boolean;
  start(input: string): Promise<never>;
  reportListening(): void;
  reportFailure(reason: string): void;
  /** systemd, if it has started this process and `supervised` says that it wants to know. */
  supervisor(kind: string, log: (level: LogLevel, text: string) => void): Supervisor | undefined;
}

export interface Supervisor {
  ready(): void;
  stopping(): void;
}

/** As an executable that cannot be run ends, in a shell and in redis-sentinel. */
const CANNOT_EXECUTE = 2;

/** Relative paths of scripts are in `dir`, which redis-sentinel makes its own folder. */
function makeSpawn(folder: string): Spawn {
  return (path, args, ended) => spawnScript(folder, path, args, ended);
}

function spawnScript(
  folder: string,
  path: string,
  args: readonly string[],
  ended: Parameters<Spawn>[2],
): ReturnType<Spawn> {
  const child = spawn(resolve(folder, path), args, { stdio: 'ignore', cwd: folder });
  let isOver = false;
  const end = (exitCode: number, signal: number): void => {
    if (isOver) return;
    isOver = true;
    ended(exitCode, signal);
  };
  child.on('error', () => end(CANNOT_EXECUTE, 0));
  child.on('close', (code, signal) => end(code ?? 0, signal === null ? 0 : osConstants.signals[signal]));
  return { pid: child.pid ?? 0, kill: () => void child.kill('SIGKILL') };
}

const addressHost: AddressHost = {
  addresses: () =>
    Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .map(({ address }) => address),
  run: (program, args) =>
    new Promise((done) => {
      const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 });
      let said = '';
      child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-500)));
      child.on('error', (error) => done(error.message));
      child.on('close', (code) => done(code === 0 ? undefined : said.trim() || `exit code ${code}`));
    }),
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

interface Loaded {
  readonly config: Config;
  readonly directives: SentinelDirectives;
  readonly warnings: readonly string[];
}

function loadConfig(args: readonly string[]): Loaded {
  // The data server's directives too: redis-sentinel takes every line of a redis.conf, so that files have them.
  const config = new Config(process.cwd());
  config.number('port').set(BigInt(SENTINEL_PORT));
  // A sentinel that only its own host reaches is of no use.
  config.flag('protected-mode').assign(['no']);
  let rules: Acl | undefined;
  const makeRules = (): Acl =>
    new Acl(new AclCommands(makeSentinelTable().all() as Iterable<Command<never>>), () => false);
  const commandLine = parseCommandLine(args);
  if (commandLine.file !== undefined) config.file = resolve(commandLine.file);
  const directives = collectSentinelDirectives(config.file ?? '', (words) =>
    (rules ??= makeRules()).appendConfigured(words),
  );
  const reader = new ConfigReader(config, systemEnvironment.files, directives);
  const options = commandLine.optionLines.replace(/^sentinel\s*$/im, '');
  reader.load(commandLine.file, '', options);
  return { config, directives, warnings: reader.warnings };
}

function fail(log: Log, daemon: Daemon, error: unknown): never {
  if (error instanceof ConfigError) {
    process.stderr.write(error.report(SERVER_VERSION));
    daemon.reportFailure(error.message);
  } else {
    const expected =
      error instanceof SentinelStartError || error instanceof ListenError || error instanceof ConfigFileMissing;
    const reason = expected ? error.message : `Cannot start: ${stackOf(error)}`;
    log.write('warning', reason);
    daemon.reportFailure(reason);
  }
  process.exit(1);
}

function watchSignals(running: RunningSentinel, end: () => void): void {
  process.on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => {
    running.server.log('notice', 'Received SIGTERM scheduling shutdown...');
    end();
  });
  process.on('SIGINT', () => {
    running.server.log('notice', 'Received SIGINT scheduling shutdown...');
    end();
  });
  // A bug in work that no client waits for must not end the watch.
  process.on('uncaughtException', (error) => running.server.log('warning', `Internal error: ${stackOf(error)}`));
}

/** Watches until a signal or SHUTDOWN ends the process; `args` are the words of the command line without --sentinel. */
export async function runSentinel(args: readonly string[], daemon: Daemon): Promise<void> {
  const log = new Log(() => systemEnvironment.clock.wallMs());
  log.role = 'X';
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  let loaded: Loaded;
  try {
    loaded = loadConfig(args);
  } catch (error) {
    return fail(log, daemon, error);
  }
  const { config, directives, warnings } = loaded;
  log.level = config.choice('loglevel').value as LogLevel;
  log.file = config.path('logfile');
  const write = (level: LogLevel, text: string): void => log.write(level, text);
  const supervisor = daemon.isDaemon ? undefined : daemon.supervisor(config.choice('supervised').value, write);
  // A supervisor watches the process that it has started, so that one must stay.
  if (config.flag('daemonize').value && !daemon.isDaemon && supervisor === undefined) await daemon.start('');
  log.write('warning', 'oO0OoO0OoO0Oo Kvasir is starting oO0OoO0OoO0Oo');
  log.write(
    'warning',
    `Kvasir version=${KVASIR_VERSION}, Redis version=${SERVER_VERSION}, bits=64, pid=${process.pid}, just started`,
  );
  log.write('warning', 'Configuration loaded');
  for (const warning of warnings) log.write('warning', warning);
  const tls = new OutgoingTls(config, write);
  const plain: Dial = (host, port, events) =>
    systemEnvironment.network.connect({ host, port, timeoutMs: 0, ...sourceOf(config) }, events);
  try {
    const running = await launchSentinel({
      environment: systemEnvironment,
      config,
      lines: directives.lines,
      users: directives.users,
      renamed: directives.renamed,
      log: write,
      dial: (host, port, events) => (config.flag('tls-replication').value ? tls.dial : plain)(host, port, events),
      resolve: resolveName,
      spawn: makeSpawn(config.path('dir')),
      isExecutable: (path) => isExecutable(resolve(config.path('dir'), path)),
      addressHost,
      history:
        config.file === undefined
          ? undefined
          : new History(systemEnvironment.files, historyPath(config.file), (text) => log.write('warning', text)),
      setLogLevel: (level) => (log.level = level as LogLevel),
      exit: (code) => process.exit(code),
    });
    serve(running, config, log, daemon, supervisor);
  } catch (error) {
    fail(log, daemon, error);
  }
}

/** The address that connections come from: the first of `bind-source-addr`. */
function sourceOf(config: Config): { sourceAddress?: string } {
  const source = config.text('bind-source-addr').value;
  return source === '' ? {} : { sourceAddress: source };
}

function serve(
  running: RunningSentinel,
  config: Config,
  log: Log,
  daemon: Daemon,
  supervisor: Supervisor | undefined,
): void {
  const { server, listeners } = running;
  server.executable = process.argv[1] ?? '';
  const name = programName('kvasir-sentinel');
  showTitle(name, `${name} ${config.special('bind').value[0] ?? '*'}:${server.state.port} [sentinel]`);
  const pidFile = config.path('pidfile');
  if (pidFile !== '') {
    try {
      writeFileSync(pidFile, `${process.pid}\n`);
    } catch (error) {
      log.write('warning', `Failed to write PID file: ${(error as Error).message}`);
    }
  }
  log.raw(
    `\n  Kvasir ${KVASIR_VERSION} (Redis ${SERVER_VERSION}) 64 bit\n  Running in sentinel mode\n  Port: ${server.state.port}\n  PID: ${process.pid}\n`,
  );
  const end = (): void => {
    supervisor?.stopping();
    running.close();
    if (pidFile !== '') rmSync(pidFile, { force: true });
    log.write('warning', 'Sentinel is now ready to exit, bye bye...');
    process.exit(0);
  };
  server.onShutdown = end;
  watchSignals(running, end);
  log.write('notice', `Running mode=sentinel, port=${server.state.port}.`);
  if (listeners.port >= 0) log.write('notice', 'Ready to accept connections tcp');
  if (listeners.tlsPort >= 0) log.write('notice', 'Ready to accept connections tls');
  daemon.reportListening();
  if (supervisor !== undefined) server.supervisedBy = 'systemd';
  supervisor?.ready();
}
