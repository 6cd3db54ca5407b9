// run: kvasir-proxy as a process: flags, configuration file, log, pid file, signals.
//
// twemproxy writes its log to a file and answers SIGTTIN and SIGTTOU with more and less of it; SIGHUP reopens it. Here SIGHUP also
// reads the configuration anew, which twemproxy's users ask for first of all.

import { appendFileSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LogLevel } from '../../base/log-level.js';
import { KVASIR_VERSION } from '../../base/version.js';
import { systemErrorText } from '../../base/system-error.js';
import { systemEnvironment } from '../../io/environment.js';
import type { CommandDeclaration } from '../../registry/command.js';
import { FlagError, readFlags, usage, type ProxyFlags } from '../config/flags.js';
import { readNutcrackerConfig } from '../config/nutcracker-config.js';
import type { PoolConfig, TlsConfig } from '../config/pool-config.js';
import type { Mistake } from '../config/yml.js';
import { tlsMistake } from '../doors/doors.js';
import { Proxy } from '../proxy.js';
import { runOnline } from './run-online.js';
import { countersText } from '../stats/counters.js';
import { NUTCRACKER_VERSION } from '../stats/statistics.js';

/** From which -v a level is logged. */
const levelNumbers: Readonly<Record<LogLevel, number>> = { warning: 4, notice: 5, verbose: 6, debug: 7 };

export interface ProgramParts {
  readonly declarations: readonly CommandDeclaration<never>[];
  /** Goes on in the background; resolves in the process that does. */
  readonly daemonize: () => Promise<void>;
  readonly reportListening: () => void;
}

function versionText(): string {
  return `This is nutcracker-${NUTCRACKER_VERSION}, as kvasir-proxy ${KVASIR_VERSION}\nasync event backend: libuv\n\n`;
}

interface Configuration {
  readonly pools: readonly PoolConfig[];
  readonly mistakes: readonly string[];
}

function readConfiguration(file: string): Configuration {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { pools: [], mistakes: [`conf: failed to open configuration '${file}': ${systemErrorText(error)}`] };
  }
  const { pools, mistakes } = readNutcrackerConfig(text, file);
  const all = [...mistakes, ...pools.flatMap(certificateMistakes)].sort((a, b) => a.line - b.line);
  return {
    pools,
    mistakes: all.map(({ line, text: reason }) => (line === 0 ? reason : `${file}:${line}: ${reason}`)),
  };
}

/** Mistakes in the certificate and key files that a pool names. */
function certificateMistakes({ name, line, listenTls, listenTlsFiles, serverTls }: PoolConfig): Mistake[] {
  const mistakes: Mistake[] = [];
  const check = (files: TlsConfig, what: string): void => {
    const mistake = tlsMistake(files);
    if (mistake !== undefined)
      mistakes.push({ line, text: `conf: pool '${name}': the certificates of ${what} cannot be used: ${mistake}` });
  };
  if (listenTls !== undefined) check(listenTlsFiles, '"listen_tls"');
  if (serverTls !== undefined) check(serverTls, '"tls"');
  return mistakes;
}

function testConfiguration(file: string): number {
  const { mistakes } = readConfiguration(file);
  for (const mistake of mistakes) process.stderr.write(`${mistake}\n`);
  process.stderr.write(
    `nutcracker: configuration file '${file}' syntax is ${mistakes.length === 0 ? 'ok' : 'invalid'}\n`,
  );
  return mistakes.length === 0 ? 0 : 1;
}

class ProxyLog {
  constructor(
    private readonly file: string | undefined,
    public verbosity: number,
  ) {}

  readonly write = (level: LogLevel, text: string): void => {
    if (levelNumbers[level] > this.verbosity) return;
    const stamp = new Date(systemEnvironment.clock.wallMs()).toISOString().replace('T', ' ').slice(0, 23);
    const line = `[${stamp}] ${level} ${text}\n`;
    try {
      // Opened for every line, so that rotation by renaming works.
      if (this.file === undefined) writeSync(2, line);
      else appendFileSync(this.file, line);
    } catch {
      // A full disk or a closed terminal is no reason to stop serving.
    }
  };
}

/** Runs the program; resolves with the exit status when there is nothing to serve. */
export async function runProxy(words: readonly string[], parts: ProgramParts): Promise<number | undefined> {
  const [word] = words;
  if (word === 'migrate' || word === 'mirror' || word === 'move') return runOnline(word, words.slice(1));
  let flags: ProxyFlags;
  try {
    flags = readFlags(words);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`nutcracker: ${error.message}\n${usage}\n`);
    return 1;
  }
  if (flags.version) {
    process.stdout.write(versionText());
    if (flags.help) process.stdout.write(usage);
    if (flags.describesStats) process.stdout.write(countersText());
    return 0;
  }
  if (flags.testsConfig) return testConfiguration(flags.configFile);
  const configuration = readConfiguration(flags.configFile);
  if (configuration.mistakes.length > 0) {
    for (const mistake of configuration.mistakes) process.stderr.write(`${mistake}\n`);
    process.stderr.write(`nutcracker: configuration file '${flags.configFile}' syntax is invalid\n`);
    return 1;
  }
  if (flags.daemonizes) await parts.daemonize();
  return serve(flags, configuration.pools, parts);
}

async function serve(
  flags: ProxyFlags,
  pools: readonly PoolConfig[],
  parts: ProgramParts,
): Promise<number | undefined> {
  const log = new ProxyLog(flags.outputFile, flags.verbosity);
  const removePidFile = (): void => {
    if (flags.pidFile !== undefined) rmSync(flags.pidFile, { force: true });
  };
  const proxy = new Proxy({
    environment: systemEnvironment,
    log: log.write,
    declarations: parts.declarations,
    hostName: hostname(),
    memoryBytes: () => process.memoryUsage.rss(),
    readPools: () => readConfiguration(flags.configFile),
    stopped: () => {
      removePidFile();
      process.exit(0);
    },
  });
  try {
    await proxy.start(pools);
    if (flags.statsPort > 0) await proxy.openStatistics(flags.statsAddress, flags.statsPort);
    if (flags.pidFile !== undefined) writeFileSync(flags.pidFile, `${process.pid}\n`);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.write('warning', text);
    if (flags.outputFile !== undefined) process.stderr.write(`${text}\n`);
    return 1;
  }
  log.write('notice', `kvasir-proxy ${KVASIR_VERSION} serves ${pools.length} pools, process ${process.pid}`);
  process.on('SIGHUP', () => void proxy.reload());
  process.on('SIGTTIN', () => (log.verbosity = Math.min(11, log.verbosity + 1)));
  process.on('SIGTTOU', () => (log.verbosity = Math.max(0, log.verbosity - 1)));
  process.on('SIGUSR2', () => undefined);
  process.on('SIGTERM', () => proxy.shutdown());
  process.on('SIGINT', () => {
    removePidFile();
    process.exit(1);
  });
  parts.reportListening();
  return undefined;
}
