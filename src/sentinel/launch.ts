// launch: puts a sentinel together from its configuration and opens its doors; the same for a process and for a simulated host.

import type { LogLevel } from '../base/log-level.js';
import { systemErrorText } from '../base/system-error.js';
import type { Files } from '../io/files.js';
import type { Config } from '../service/config/config.js';
import { Listeners } from '../service/doors/listeners.js';
import { MetricsPort } from '../service/metrics/metrics-port.js';
import { describeWatch, findFaults } from './advice.js';
import { applyLines, hostsIn, type SentinelLine } from './config-reader.js';
import { type SentinelMeans, SentinelServer } from './sentinel-server.js';

export interface SentinelLaunch extends SentinelMeans {
  readonly lines: readonly SentinelLine[];
  /** Words of `user` lines. */
  readonly users: readonly (readonly string[])[];
  readonly renamed: readonly (readonly [string, string])[];
}

/** A configuration that is right by its grammar but cannot be served. */
export class SentinelStartError extends Error {}

export const SENTINEL_PORT = 26379;

/** The state must outlive the process, or it could vote twice in one epoch. */
export function checkConfigFile(files: Files, config: Config): void {
  if (config.file === undefined)
    throw new SentinelStartError(
      'Sentinel needs config file on disk to save state. Exiting... (Give its path: kvasir-sentinel /etc/redis/sentinel.conf)',
    );
  try {
    files.open(config.file, 'update').close();
    const beside = `${config.file}.probe`;
    files.open(beside, 'create').close();
    files.remove(beside);
  } catch (error) {
    throw new SentinelStartError(
      `Sentinel config file ${config.file} is not writable: ${systemErrorText(error)}. Exiting...`,
    );
  }
}

export class RunningSentinel {
  private isClosed = false;

  constructor(
    readonly server: SentinelServer,
    readonly listeners: Listeners,
    private readonly metrics: MetricsPort,
  ) {}

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.server.stop();
    this.listeners.close();
    this.metrics.close();
    for (const client of [...this.server.clients.values()]) client.connection?.destroy();
  }
}

/** Starts a sentinel; rejects with a ConfigError, a ListenError or a SentinelStartError when it cannot. */
export async function launchSentinel(launched: SentinelLaunch): Promise<RunningSentinel> {
  const { config, environment } = launched;
  checkConfigFile(environment.files, config);
  const server = new SentinelServer(launched);
  for (const [from, to] of launched.renamed) server.renameCommand(from, to);
  configureUsers(server, launched.users);
  await applyAll(server, launched.lines);
  const listeners = new Listeners(server, environment.network);
  if (listeners.tls.isWanted && !listeners.tls.configure())
    throw new SentinelStartError('Failed to configure TLS. Check logs for more info.');
  await listeners.open({
    hosts: config.special('bind').value,
    port: config.number('port').value === 0 ? -1 : config.number('port').value,
    tlsPort: config.number('tls-port').value === 0 ? -1 : config.number('tls-port').value,
    unixPath: undefined,
    unixPermissions: undefined,
    backlog: config.number('tcp-backlog').value,
    keepAliveSeconds: () => server.settings.keepAliveSeconds,
  });
  server.port = listeners.port;
  server.tlsPort = listeners.tlsPort;
  const usesTls = config.flag('tls-replication').value && listeners.tlsPort >= 0;
  server.state.port = Math.max(0, usesTls || listeners.port < 0 ? listeners.tlsPort : listeners.port);
  const metrics = new MetricsPort(server, environment.network);
  try {
    await metrics.open();
  } catch (error) {
    listeners.close();
    throw new SentinelStartError(error instanceof Error ? error.message : String(error));
  }
  begin(server);
  return new RunningSentinel(server, listeners, metrics);
}

function configureUsers(server: SentinelServer, users: SentinelLaunch['users']): void {
  for (const words of users) {
    const refused = server.acl.appendConfigured(words);
    if (refused !== undefined)
      throw new SentinelStartError(`Error in user declaration '${refused.word}': ${refused.reason}`);
  }
  const { config, files } = server;
  const { fatal, notices } = server.acl.loadAtStart(files, config.path('aclfile'), config.text('aclfile').value);
  for (const notice of notices) server.log('warning', notice);
  if (fatal !== undefined) throw new SentinelStartError(fatal);
  const password = config.text('requirepass').value;
  server.state.requirePass = password;
  if (password !== '') server.acl.setDefaultPassword(password);
}

async function applyAll(server: SentinelServer, lines: readonly SentinelLine[]): Promise<void> {
  const { state } = server;
  const tell = (warnings: readonly string[]): void => {
    for (const warning of warnings) server.log('warning', warning);
  };
  tell(applyLines(state, lines, 0, server.isExecutable));
  if (state.settings.resolveHostnames) await Promise.all(hostsIn(lines).map((host) => server.prepareName(host)));
  tell(applyLines(state, lines, 1, server.isExecutable));
  tell(applyLines(state, lines, 2, server.isExecutable));
}

/** The sentinels have found each other by then. */
const SETTLED_MS = 30_000;

function begin(server: SentinelServer): void {
  const { state } = server;
  if (state.myId === '') state.myId = Buffer.from(server.means.environment.entropy(20)).toString('hex');
  if (!server.save())
    throw new SentinelStartError(`Sentinel config file ${server.config.file!} cannot be replaced. Exiting...`);
  server.log('warning', `Sentinel ID is ${state.myId}`);
  server.start();
  for (const line of describeWatch(state)) server.log('notice', line);
  const told = new Set<string>();
  const tell = (level: LogLevel, faults: readonly string[]): void => {
    for (const fault of faults) if (!told.has(fault)) server.log(level, fault);
    for (const fault of faults) told.add(fault);
  };
  tell('warning', findFaults(state, false));
  server.clock.after(SETTLED_MS, () => {
    if (server.isStopped) return;
    tell('warning', findFaults(state, true));
    server.probeSelf();
  });
}
