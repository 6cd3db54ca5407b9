// run-codis: `kvasir-codis proxy`: codis-proxy as a process, with its flags, its proxy.toml and its HTTP interface.
import { appendFileSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { hostname, networkInterfaces, platform, release } from 'node:os';
import type { LogLevel } from '../../base/log-level.js';
import { systemErrorText } from '../../base/system-error.js';
import { KVASIR_VERSION } from '../../base/version.js';
import { systemEnvironment } from '../../io/environment.js';
import type { CommandDeclaration } from '../../registry/command.js';
import { codisPoolConfig, makeCodisRouter } from '../codis/codis-pool.js';
import { type CodisConfig, defaultCodisConfig, readCodisConfig } from '../codis/codis-config.js';
import { tokenOf, xauthOf } from '../codis/identity.js';
import { answerProxyApi, readSlots, type ProxyApiHost } from '../codis/proxy-api.js';
import { openHttp } from '../doors/http-door.js';
import { Proxy } from '../proxy.js';

const usage = `Usage: kvasir-codis proxy [--config=FILE] [--host-admin=ADDR] [--host-proxy=ADDR] [--fillslots=FILE]
                          [--log=FILE] [--log-level=INFO|WARN|DEBUG|ERROR] [--pidfile=FILE]
                          [--product_name=NAME] [--product_auth=AUTH] [--session_auth=AUTH]
       kvasir-codis proxy --default-config
       kvasir-codis --version

The proxy of codis 3.2: its proxy.toml, its HTTP interface, its slots. A dashboard pushes the slots, or --fillslots reads
them from a file (a JSON list, as codis-admin --fillslots takes it) and brings the proxy online.
`;

const levels: Readonly<Record<string, number>> = { ERROR: 3, WARN: 2, WARNING: 2, INFO: 1, DEBUG: 0 };
const numbers: Readonly<Record<LogLevel, number>> = { debug: 0, verbose: 0, notice: 1, warning: 2 };
const flagNames = new Set([
  'config',
  'host-admin',
  'host-proxy',
  'fillslots',
  'log',
  'log-level',
  'pidfile',
  'product_name',
  'product_auth',
  'session_auth',
  'ncpu',
  'max-ncpu',
  'ulimit',
]);

function readFlags(words: readonly string[]): Map<string, string> | string {
  const flags = new Map<string, string>();
  for (let index = 0; index < words.length; index++) {
    let word = words[index]!;
    if (word === '-c') word = '--config';
    if (word === '-l') word = '--log';
    const match = /^--([a-z_-]+)(?:=(.*))?$/.exec(word);
    if (match === null || !flagNames.has(match[1]!)) return `unknown flag ${word}`;
    const value = match[2] ?? words[++index];
    if (value === undefined) return `--${match[1]} needs a value`;
    flags.set(match[1]!, value);
  }
  return flags;
}

/** Runs the program; resolves with the exit status when there is nothing to serve. */
export async function runCodis(
  words: readonly string[],
  declarations: readonly CommandDeclaration<never>[],
): Promise<number | undefined> {
  if (words[0] === '--version') {
    process.stdout.write(`version: kvasir ${KVASIR_VERSION}, as codis 3.2\n`);
    return 0;
  }
  if (words[0] !== 'proxy' || words.includes('-h') || words.includes('--help')) {
    const isHelp = words.includes('-h') || words.includes('--help');
    (isHelp ? process.stdout : process.stderr).write(usage);
    return isHelp ? 0 : 1;
  }
  if (words.includes('--default-config')) {
    process.stdout.write(defaultCodisConfig());
    return 0;
  }
  const flags = readFlags(words.slice(1));
  if (typeof flags === 'string') {
    process.stderr.write(`kvasir-codis: ${flags}\n${usage}`);
    return 1;
  }
  let config: CodisConfig;
  try {
    const file = flags.get('config');
    const read = readCodisConfig(file === undefined ? '' : readFileSync(file, 'utf8'));
    for (const { line, text } of read.mistakes) process.stderr.write(`${file}:${line}: ${text}\n`);
    if (read.mistakes.length > 0) return 1;
    config = { ...read.config };
  } catch (error) {
    process.stderr.write(`kvasir-codis: cannot read ${flags.get('config')}: ${systemErrorText(error)}\n`);
    return 1;
  }
  return serve(withFlags(config, flags), flags, declarations);
}

function withFlags(config: CodisConfig, flags: ReadonlyMap<string, string>): CodisConfig {
  const changed: Record<string, string | number | boolean> = { ...config };
  for (const [flag, key] of [
    ['host-admin', 'admin_addr'],
    ['host-proxy', 'proxy_addr'],
    ['product_name', 'product_name'],
    ['product_auth', 'product_auth'],
    ['session_auth', 'session_auth'],
  ] as const) {
    const value = flags.get(flag);
    if (value !== undefined) changed[key] = value;
  }
  return changed;
}

function hardware(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ mac }) => mac));
  return `[${[...new Set(addresses)].filter((mac) => mac !== '00:00:00:00:00:00').join(' ')}]`;
}

async function serve(
  config: CodisConfig,
  flags: ReadonlyMap<string, string>,
  declarations: readonly CommandDeclaration<never>[],
): Promise<number | undefined> {
  let level = levels[(flags.get('log-level') ?? 'INFO').toUpperCase()] ?? 1;
  const logFile = flags.get('log');
  const log = (lineLevel: LogLevel, text: string): void => {
    if (numbers[lineLevel] < level) return;
    const line = `${new Date(systemEnvironment.clock.wallMs()).toISOString()} [${lineLevel.toUpperCase()}] ${text}\n`;
    try {
      if (logFile === undefined) writeSync(2, line);
      else appendFileSync(logFile, line);
    } catch {
      // A full disk or a closed terminal is no reason to stop serving.
    }
  };
  const proxy = new Proxy({
    environment: systemEnvironment,
    log,
    declarations,
    hostName: hostname(),
    memoryBytes: () => process.memoryUsage.rss(),
    readPools: () => ({ pools: [], mistakes: ['the dashboard says what the proxy serves'] }),
    stopped: () => process.exit(0),
  });
  const text = (key: string): string => String(config[key]);
  const pool = codisPoolConfig(config);
  if (typeof pool === 'string') {
    process.stderr.write(`kvasir-codis: ${pool}\n`);
    return 1;
  }
  const router = makeCodisRouter(config, pool, proxy.backendHost(pool), proxy.random);
  const token = tokenOf(hardware(), text('product_name'), text('proxy_addr'), text('admin_addr'));
  const host: ProxyApiHost = {
    router,
    config,
    xauth: xauthOf(text('product_name'), text('product_auth'), token),
    model: {
      token,
      start_time: new Date(systemEnvironment.clock.wallMs()).toString(),
      admin_addr: text('admin_addr'),
      proto_type: text('proto_type'),
      proxy_addr: text('proxy_addr'),
      product_name: text('product_name'),
      pid: process.pid,
      pwd: process.cwd(),
      sys: `${platform()} ${release()}`,
      hostname: hostname(),
      datacenter: text('proxy_datacenter'),
    },
    stats: (withCommands) => ({
      ...proxy.codisStats(withCommands),
      rusage: { now: new Date(systemEnvironment.clock.wallMs()).toString(), cpu: 0, mem: process.memoryUsage.rss() },
      backend: { primary_only: config.backend_primary_only },
    }),
    resetStats: () => proxy.resetStatistics(),
    setLogLevel: (name) => {
      const wanted = levels[name.toUpperCase()];
      if (wanted === undefined) return false;
      level = wanted;
      return true;
    },
    shutdown: () => proxy.shutdown(),
  };
  try {
    const slotsFile = flags.get('fillslots');
    if (slotsFile !== undefined) {
      router.fill(readSlots(readFileSync(slotsFile, 'utf8')));
      router.isOnline = true;
    }
    await proxy.open(pool, router);
    const colon = text('admin_addr').lastIndexOf(':');
    await openHttp(
      text('admin_addr').slice(0, colon),
      Number(text('admin_addr').slice(colon + 1)),
      (method, path, body) => answerProxyApi(host, method, path, body),
    );
    const pidFile = flags.get('pidfile');
    if (pidFile !== undefined) writeFileSync(pidFile, `${process.pid}\n`);
  } catch (error) {
    process.stderr.write(`kvasir-codis: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  log(
    'notice',
    `codis proxy of product ${text('product_name')} listens on ${text('proxy_addr')}, its HTTP interface on ${text('admin_addr')}`,
  );
  process.on('SIGTERM', () => proxy.shutdown());
  process.on('SIGINT', () => process.exit(1));
  return undefined;
}
