// run-dashboard: `kvasir-codis dashboard`: codis-dashboard as a process, with its flags, its dashboard.toml and its HTTP interface.
import { readFileSync, writeFileSync } from 'node:fs';
import { systemErrorText } from '../../base/system-error.js';
import { KVASIR_VERSION } from '../../base/version.js';
import { systemEnvironment } from '../../io/environment.js';
import { Dashboard } from '../codis/dashboard/dashboard.js';
import { answerDashboardApi, type DashboardApiHost } from '../codis/dashboard/dashboard-api.js';
import { defaultDashboardConfig, readDashboardConfig, settingsOf } from '../codis/dashboard/dashboard-config.js';
import { makeCoordinator } from '../codis/dashboard/make-coordinator.js';
import { Store } from '../codis/dashboard/store.js';
import { tokenOf, xauthOf } from '../codis/identity.js';
import type { TomlSettings } from '../codis/toml-settings.js';
import type { TomlValue } from '../codis/toml.js';
import { openHttp } from '../doors/http-door.js';
import { readCodisFlags, type FlagGrammar } from './codis-flags.js';
import { CodisLog } from './codis-log.js';
import { hardware, placeOfProcess, reachable } from './codis-place.js';

const usage = `Usage: kvasir-codis dashboard [--ncpu=N] [--config=CONF] [--log=FILE] [--log-level=LEVEL] [--host-admin=ADDR]
                              [--pidfile=FILE] [--filesystem=ROOT | --redis=ADDR] [--product_name=NAME]
                              [--product_auth=AUTH] [--remove-lock]
       kvasir-codis dashboard --default-config
       kvasir-codis dashboard --version

Options:
  -c CONF, --config=CONF   run with the specific configuration.
  -l FILE, --log=FILE      set path/name of the log file.
  --log-level=LEVEL        set the log-level, should be INFO, WARN, DEBUG or ERROR, default is INFO.
  --redis=HOST:PORT[/DB]   keep the state in this Redis (coordinator_name "redis").
  --remove-lock            take the lock away that a dead dashboard has left.
`;

const grammar: FlagGrammar = {
  valued: new Set([
    'ncpu',
    'config',
    'log',
    'log-level',
    'host-admin',
    'pidfile',
    'zookeeper',
    'zookeeper-auth',
    'etcd',
    'etcd-auth',
    'filesystem',
    'redis',
    'product_name',
    'product_auth',
  ]),
  bare: new Set(['remove-lock', 'default-config', 'version', 'help']),
  short: { c: 'config', l: 'log', h: 'help' },
  words: new Set(),
};

function withFlags(config: TomlSettings, values: ReadonlyMap<string, string>): TomlSettings {
  const changed: Record<string, TomlValue> = { ...config };
  for (const key of ['product_name', 'product_auth'] as const) {
    const value = values.get(key);
    if (value !== undefined) changed[key] = value;
  }
  for (const kind of ['zookeeper', 'etcd', 'filesystem', 'redis']) {
    const value = values.get(kind);
    if (value === undefined) continue;
    changed.coordinator_name = kind;
    changed.coordinator_addr = value;
  }
  return changed;
}

/** Runs the program; resolves with the exit status when there is nothing to serve. */
export async function runDashboard(args: readonly string[]): Promise<number | undefined> {
  const flags = readCodisFlags(args, grammar);
  if (typeof flags === 'string') {
    process.stderr.write(`kvasir-codis dashboard: ${flags}\n${usage}`);
    return 1;
  }
  const { values } = flags;
  if (values.has('help') || values.has('version') || values.has('default-config')) {
    const version = `version: kvasir ${KVASIR_VERSION}, as codis 3.2\n`;
    process.stdout.write(values.has('help') ? usage : values.has('version') ? version : defaultDashboardConfig());
    return 0;
  }
  let config: TomlSettings;
  const file = values.get('config');
  try {
    const read = readDashboardConfig(file === undefined ? '' : readFileSync(file, 'utf8'));
    for (const { line, text } of read.mistakes) process.stderr.write(`${file}:${line}: ${text}\n`);
    if (read.mistakes.length > 0) return 1;
    config = withFlags(read.config, values);
  } catch (error) {
    process.stderr.write(`kvasir-codis dashboard: cannot read ${file}: ${systemErrorText(error)}\n`);
    return 1;
  }
  try {
    await serve(config, values);
    return undefined;
  } catch (error) {
    process.stderr.write(`kvasir-codis dashboard: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function serve(config: TomlSettings, values: ReadonlyMap<string, string>): Promise<void> {
  const log = new CodisLog(values.get('log'), values.get('log-level') ?? 'INFO');
  const product = String(config.product_name);
  const address = String(config.admin_addr);
  const { clock } = systemEnvironment;
  const coordinator = makeCoordinator(
    clock,
    String(config.coordinator_name),
    String(config.coordinator_addr),
    String(config.coordinator_auth),
  );
  if (values.has('remove-lock')) await new Store(coordinator, product).unlock();
  const { start_time, pid, pwd, sys } = placeOfProcess();
  const dashboard = new Dashboard({
    clock,
    coordinator,
    settings: settingsOf(config),
    model: {
      token: tokenOf(hardware(), product, address, ''),
      start_time,
      pid,
      pwd,
      sys,
      admin_addr: reachable(address, values.get('host-admin')),
      product_name: product,
    },
    log: log.write,
  });
  await dashboard.start();
  const end = (): void => {
    void dashboard.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.write('warning', `the lock stays: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  };
  const host: DashboardApiHost = {
    dashboard,
    xauth: xauthOf(product),
    config,
    setLogLevel: log.setLevel,
    // The answer goes out first.
    shutdown: () => void clock.after(50, end, true),
  };
  const colon = address.lastIndexOf(':');
  try {
    await openHttp(address.slice(0, colon), Number(address.slice(colon + 1)), (method, path, body) =>
      answerDashboardApi(host, method, path, body),
    );
  } catch (error) {
    await dashboard.close();
    throw error;
  }
  const pidFile = values.get('pidfile');
  if (pidFile !== undefined) writeFileSync(pidFile, `${process.pid}\n`);
  log.write('notice', `codis dashboard of product ${product} answers on ${address}`);
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}
