// process: the data server as a process of its own: configuration from file and command line, log, signals.

import type { LogLevel } from '../base/log-level.js';
import { systemClock } from '../io/clock.js';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { inlineLargeFunctions, raiseInliningBudget } from './inlining.js';
import { warmUpCompiler } from '../scripting/warm-up.js';
import { KVASIR_VERSION, SERVER_VERSION } from '../base/version.js';
import { RealFiles } from '../io/files.js';
import type { Command } from '../registry/command.js';
import { Acl } from '../service/acl/acl.js';
import { AclCommands } from '../service/acl/selector.js';
import { Config } from '../service/config/config.js';
import { ConfigError, ConfigFileMissing } from '../service/config/config-error.js';
import { ConfigReader, parseCommandLine } from '../service/config/file.js';
import { ListenError } from '../service/doors/listeners.js';
import { withoutEffect } from '../service/config/without-effect.js';
import { isDaemon, reportFailure, reportListening, startDaemon } from './daemon.js';
import { collectDirectives, type Launch, launch, type RunningServer, StartError } from './start.js';
import { describeBounds, heapWarning, memoryBounds } from './memory-bounds.js';
import { Log } from '../service/process/log.js';
import { makeTable } from './declarations.js';
import { stackOf } from '../service/process/stack.js';
import { Supervisor } from './supervisor.js';

function exitWith(code: number, output: string, stream: NodeJS.WriteStream = process.stdout): never {
  stream.write(output);
  process.exit(code);
}

/** In the words of redis-server, which `systemctl status` shows. */
const READY_AS_REPLICA = 'Ready to accept connections in read-only mode. Waiting for MASTER <-> REPLICA sync';

interface Loaded {
  readonly config: Config;
  readonly renamed: readonly (readonly [string, string])[];
  readonly users: readonly (readonly string[])[];
  /** The text read from standard input. */
  readonly input: string;
  readonly warnings: readonly string[];
}

/** Knows all commands, so that the error of a wrong `user` line has its number. */
function makeRules(): Acl {
  return new Acl(new AclCommands(makeTable().all() as Iterable<Command<never>>), () => false);
}

function loadConfig(args: readonly string[]): Loaded {
  const config = new Config(process.cwd());
  let rules: Acl | undefined;
  const collected = collectDirectives((words) => (rules ??= makeRules()).appendConfigured(words));
  const reader = new ConfigReader(config, new RealFiles(), collected);
  const commandLine = parseCommandLine(args);
  const input = commandLine.standardInput ? readFileSync(0, 'latin1') : '';
  if (commandLine.file !== undefined) config.file = resolve(commandLine.file);
  try {
    reader.load(commandLine.file, input, commandLine.optionLines);
  } catch (error) {
    if (error instanceof ConfigError) exitWith(1, error.report(SERVER_VERSION), process.stderr);
    if (error instanceof ConfigFileMissing) {
      new Log(() => systemClock.wallMs()).write('warning', error.message);
      process.exit(1);
    }
    throw error;
  }
  return { config, renamed: collected.renamed, users: collected.users, input, warnings: reader.warnings };
}

function watchSignals(running: RunningServer): void {
  const { server } = running;
  let isEnding = false;
  const onSignal = (name: 'SIGTERM' | 'SIGINT'): void => {
    if (name === 'SIGINT' && (isEnding || server.pendingShutdown !== undefined)) {
      server.log('warning', 'You insist... exiting now.');
      process.exit(1);
    }
    server.log('notice', `Received ${name} scheduling shutdown...`);
    const how = server.config.words(name === 'SIGTERM' ? 'shutdown-on-sigterm' : 'shutdown-on-sigint').value;
    const save = how.includes('save') ? true : how.includes('nosave') ? false : undefined;
    server.pendingShutdown = () => {
      isEnding = true;
      const [now, force, failover] = [how.includes('now'), how.includes('force'), how.includes('failover')];
      void server.shutdown.begin({ save, now, force, failover }).then((refusal) => {
        if (refusal !== undefined) isEnding = false;
      });
    };
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
}

/** Loads the users as a start would, from the configuration and the ACL file, and ends the process when that fails. */
function checkUsers(config: Config, users: Loaded['users']): void {
  const rules = makeRules();
  for (const words of users) rules.appendConfigured(words);
  const aclFile = config.path('aclfile');
  const { fatal, notices } = rules.loadAtStart(new RealFiles(), aclFile, config.text('aclfile').value);
  if (fatal !== undefined) exitWith(1, [...notices, fatal, ''].join('\n'), process.stderr);
}

/** The lines that a log begins with. */
function announce(log: Log, config: Config, hasArguments: boolean, warnings: readonly string[]): void {
  log.write('notice', 'oO0OoO0OoO0Oo Kvasir is starting oO0OoO0OoO0Oo');
  log.write(
    'notice',
    `Kvasir version=${KVASIR_VERSION}, Redis version=${SERVER_VERSION}, bits=64, pid=${process.pid}, just started`,
  );
  if (hasArguments) log.write('notice', 'Configuration loaded');
  else
    log.write(
      'warning',
      'Warning: no config file specified, using the default config. In order to specify a config file use kvasir-server /path/to/redis.conf',
    );
  const bounds = memoryBounds();
  log.write('notice', describeBounds(bounds));
  const heap = heapWarning(bounds);
  for (const warning of [...warnings, ...withoutEffect(config), ...(heap === undefined ? [] : [heap])])
    log.write('warning', warning);
  log.raw(
    `\n  Kvasir ${KVASIR_VERSION} (Redis ${SERVER_VERSION}) 64 bit\n  Running in standalone mode\n  Port: ${config.number('port').value}\n  PID: ${process.pid}\n`,
  );
}

/** Ends the process with the reason why it could not start, in the log and for the process that started a daemon. */
function failToStart(log: Log, error: unknown): never {
  const isKnown = error instanceof ListenError || error instanceof StartError;
  const message = error instanceof Error ? error.message : String(error);
  const reason = isKnown ? message : `Cannot start: ${message}`;
  // The listener has logged its failure.
  if (!(error instanceof ListenError)) log.write('warning', reason);
  reportFailure(reason);
  process.exit(1);
}

/** The process lives on whatever becomes of the terminal that it was started from, and of the reader of its log. */
function outliveTerminal(): void {
  process.on('SIGHUP', () => undefined);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

function warmUp({ scripting, stats }: RunningServer['server']): void {
  warmUpCompiler(
    () => scripting.prepare(),
    () => stats.processed,
    (isAtWork) => inlineLargeFunctions(!isAtWork),
  );
}

/** Starts to serve, until a signal or SHUTDOWN ends the process; `args` are the words of the command line. */
export async function runServer(
  args: readonly string[],
  attach: NonNullable<Launch['attach']>,
): Promise<RunningServer> {
  raiseInliningBudget();
  inlineLargeFunctions(true);
  const checksOnly = args[0] === '--check-config';
  const { config, renamed, users, input, warnings } = loadConfig(checksOnly ? args.slice(1) : args);
  if (checksOnly) {
    checkUsers(config, users);
    exitWith(0, [...warnings, 'The configuration is good.', ''].join('\n'));
  }
  const log = new Log(() => systemClock.wallMs());
  log.level = config.choice('loglevel').value as LogLevel;
  log.file = config.path('logfile');
  // A daemon's first process has decided that nobody supervises it.
  const supervisor = isDaemon
    ? undefined
    : Supervisor.of(config.choice('supervised').value, process.env, (level, text) => log.write(level, text));
  // A supervisor watches the process that it has started, so that one must stay.
  if (config.flag('daemonize').value && !isDaemon && supervisor === undefined) await startDaemon(input);
  outliveTerminal();
  announce(log, config, args.length > 0, warnings);
  supervisor?.loading();
  const exit = (code: number): never => process.exit(code);
  const running = await launch({ attach, config, renamed, users, exit, onListening: reportListening }).catch(
    (error: unknown) => failToStart(log, error),
  );
  const { server } = running;
  // A bug in work that no client waits for (a timer, a socket event) must not take everybody's data down.
  process.on('uncaughtException', (error) => server.log('warning', `Internal error: ${stackOf(error)}`));
  server.executable = process.argv[1]!;
  server.ownsProcess = true;
  watchSignals(running);
  if (config.flag('script-warm-up').value) warmUp(server);
  if (supervisor !== undefined) server.supervisedBy = 'systemd';
  server.shutdown.started = () => supervisor?.stopping();
  supervisor?.ready(config.special('replicaof').value === undefined ? undefined : READY_AS_REPLICA);
  return running;
}
