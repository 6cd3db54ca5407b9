// run-codis-proxy: `kvasir-codis proxy`: codis-proxy as a process, with its flags, its proxy.toml and its HTTP interface.
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemErrorText } from '../../base/system-error.js';
import { KVASIR_VERSION } from '../../base/version.js';
import { systemEnvironment } from '../../io/environment.js';
import type { CommandDeclaration } from '../../registry/command.js';
import { codisPoolConfig, makeCodisRouter } from '../codis/codis-pool.js';
import { type CodisConfig, defaultCodisConfig, readCodisConfig } from '../codis/codis-config.js';
import { tokenOf, xauthOf } from '../codis/identity.js';
import { joinDashboard } from '../codis/join-dashboard.js';
import { answerProxyApi, readSlots, type ProxyApiHost } from '../codis/proxy-api.js';
import { openHttp } from '../doors/http-door.js';
import { Proxy } from '../proxy.js';
import { type FlagGrammar, readCodisFlags } from './codis-flags.js';
import { CodisLog } from './codis-log.js';
import { hardware, placeOfProcess, reachable } from './codis-place.js';

const usage = `Usage: kvasir-codis proxy [--ncpu=N] [--config=CONF] [--log=FILE] [--log-level=LEVEL] [--host-admin=ADDR]
                          [--host-proxy=ADDR] [--dashboard=ADDR | --filesystem=ROOT | --redis=ADDR | --fillslots=FILE]
                          [--ulimit=NLIMIT] [--pidfile=FILE] [--product_name=NAME] [--product_auth=AUTH]
                          [--session_auth=AUTH]
       kvasir-codis proxy --default-config
       kvasir-codis proxy --version

Options:
  -c CONF, --config=CONF   run with the specific configuration.
  -l FILE, --log=FILE      set path/name of the log file.
  --log-level=LEVEL        set the log-level, should be INFO, WARN, DEBUG or ERROR, default is INFO.
  --dashboard=ADDR         join this dashboard, and go online.
  --filesystem=ROOT        join the dashboard that has the product's lock in this folder.
  --redis=HOST:PORT[/DB]   join the dashboard that has the product's lock in this Redis (--redis-auth=AUTH).
  --fillslots=FILE         take the slots from a file (a JSON list, as codis-admin --fillslots takes it), and go online.
  --ncpu, --max-ncpu, --ulimit are read and have no effect.
`;

const grammar: FlagGrammar = {
  valued: new Set(
    (
      'config host-admin host-proxy fillslots log log-level pidfile product_name product_auth session_auth ncpu max-ncpu ' +
      'ulimit dashboard filesystem redis redis-auth zookeeper zookeeper-auth etcd etcd-auth'
    ).split(' '),
  ),
  bare: new Set(['default-config', 'version', 'help']),
  short: { c: 'config', l: 'log', h: 'help' },
  words: new Set(),
};

/** Runs the program; resolves with the exit status when there is nothing to serve. */
export async function runCodisProxy(
  args: readonly string[],
  declarations: readonly CommandDeclaration<never>[],
): Promise<number | undefined> {
  const flags = readCodisFlags(args, grammar);
  if (typeof flags === 'string') {
    process.stderr.write(`kvasir-codis proxy: ${flags}\n${usage}`);
    return 1;
  }
  const { values } = flags;
  if (values.has('help') || values.has('version') || values.has('default-config')) {
    const version = `version: kvasir ${KVASIR_VERSION}, as codis 3.2\n`;
    process.stdout.write(values.has('help') ? usage : values.has('version') ? version : defaultCodisConfig());
    return 0;
  }
  for (const kind of ['zookeeper', 'etcd']) {
    if (!values.has(kind)) continue;
    process.stderr.write(`kvasir-codis proxy: ${kind} is not spoken: use --dashboard, --filesystem or --redis\n`);
    return 1;
  }
  let config: CodisConfig;
  const file = values.get('config');
  try {
    const read = readCodisConfig(file === undefined ? '' : readFileSync(file, 'utf8'));
    for (const { line, text } of read.mistakes) process.stderr.write(`${file}:${line}: ${text}\n`);
    if (read.mistakes.length > 0) return 1;
    config = withFlags(read.config, values);
  } catch (error) {
    process.stderr.write(`kvasir-codis proxy: cannot read ${file}: ${systemErrorText(error)}\n`);
    return 1;
  }
  return serve(config, values, declarations);
}

function withFlags(config: CodisConfig, flags: ReadonlyMap<string, string>): CodisConfig {
  const changed: Record<string, string | number | boolean> = { ...config };
  for (const [flag, key] of [
    ['product_name', 'product_name'],
    ['product_auth', 'product_auth'],
    ['session_auth', 'session_auth'],
  ] as const) {
    const value = flags.get(flag);
    if (value !== undefined) changed[key] = value;
  }
  return changed;
}

async function serve(
  config: CodisConfig,
  flags: ReadonlyMap<string, string>,
  declarations: readonly CommandDeclaration<never>[],
): Promise<number | undefined> {
  const log = new CodisLog(flags.get('log'), flags.get('log-level') ?? 'INFO');
  const proxy = new Proxy({
    environment: systemEnvironment,
    log: log.write,
    declarations,
    hostName: hostname(),
    memoryBytes: () => process.memoryUsage.rss(),
    readPools: () => ({ pools: [], mistakes: ['the dashboard says what the proxy serves'] }),
    stopped: () => process.exit(0),
  });
  const text = (key: string): string => String(config[key]);
  const pool = codisPoolConfig(config);
  if (typeof pool === 'string') {
    process.stderr.write(`kvasir-codis proxy: ${pool}\n`);
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
      ...placeOfProcess(),
      admin_addr: reachable(text('admin_addr'), flags.get('host-admin')),
      proto_type: text('proto_type'),
      proxy_addr: text('proto_type').startsWith('unix')
        ? text('proxy_addr')
        : reachable(text('proxy_addr'), flags.get('host-proxy')),
      product_name: text('product_name'),
      datacenter: text('proxy_datacenter'),
    },
    stats: (withCommands) => ({
      ...proxy.codisStats(withCommands),
      rusage: { now: new Date(systemEnvironment.clock.wallMs()).toString(), cpu: 0, mem: process.memoryUsage.rss() },
      backend: { primary_only: config.backend_primary_only },
    }),
    resetStats: () => proxy.resetStatistics(),
    setLogLevel: log.setLevel,
    shutdown: () => proxy.shutdown(),
  };
  try {
    const slotsFile = flags.get('fillslots');
    if (slotsFile !== undefined) {
      await router.fill(readSlots(readFileSync(slotsFile, 'utf8')));
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
    process.stderr.write(`kvasir-codis proxy: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  log.write(
    'notice',
    `codis proxy of product ${text('product_name')} listens on ${text('proxy_addr')}, its HTTP interface on ${text('admin_addr')}`,
  );
  joinDashboard(host.model.admin_addr, text('product_name'), flags, systemEnvironment.clock, log.write);
  process.on('SIGTERM', () => proxy.shutdown());
  process.on('SIGINT', () => process.exit(1));
  return undefined;
}
