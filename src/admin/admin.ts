// admin: the whole of it: the stores in the data folder, the routes, the door; started and ended by the program.
import { errorCode } from '../base/system-error.js';
import type { Environment } from '../io/environment.js';
import { NameLock, takeName } from '../io/name-lock.js';
import { AdminContext } from './admin-context.js';
import { CommandPolicy } from './access/command-policy.js';
import { LoginLimit } from './access/login-limit.js';
import type { Role } from './access/roles.js';
import { Sessions } from './access/sessions.js';
import { clusterRoutes } from './api/cluster-routes.js';
import { codisRoutes } from './api/codis-routes.js';
import { commandRoutes } from './api/command-routes.js';
import { configRoutes } from './api/config-routes.js';
import { exchangeRoutes } from './api/exchange-routes.js';
import { flushRoutes } from './api/flush-routes.js';
import { historyRoutes } from './api/history-routes.js';
import { jobRoutes } from './api/job-routes.js';
import { keyRoutes } from './api/key-routes.js';
import { serverRoutes } from './api/server-routes.js';
import { newSetupToken, sessionRoutes } from './api/session-routes.js';
import { streamRoutes } from './api/stream-routes.js';
import { userRoutes } from './api/user-routes.js';
import { HttpDoor } from './http/http-door.js';
import { PageFiles } from './http/page-files.js';
import type { Route } from './http/route.js';
import { Jobs } from './jobs/jobs.js';
import { Previews } from './jobs/previews.js';
import { Monitor } from '../monitor/monitor.js';
import { FleetMetrics } from '../monitor/fleet-metrics.js';
import { systemOutlets } from '../monitor/outlets/system-outlets.js';
import { ScrapeDoor } from '../service/metrics/scrape-door.js';
import { WatchedServers } from './watched-servers.js';
import { AuditLog } from './store/audit-log.js';
import { DataFolder } from './store/data-folder.js';
import { FlushCopies } from './store/flush-copies.js';
import { openHistoryConnection } from './history-connection.js';
import { RedisHistory } from '../monitor/history/redis-history.js';
import type { ServerAddress } from '../transfer/link/address.js';
import { SecretBox } from './store/secret-box.js';
import { type ServerFields, Servers } from './store/servers.js';
import { Users } from './store/users.js';

export interface AdminOptions {
  readonly environment: Pick<Environment, 'clock' | 'entropy' | 'files' | 'network'>;
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  /** Where the built page is. */
  readonly pageFolder: string;
  /** In the place of the key file. */
  readonly passphrase?: string | undefined;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly hostNames?: readonly string[] | undefined;
  readonly isReadOnly?: boolean | undefined;
  readonly aclRole?: Role | undefined;
  /** Servers that are in the list as long as the program runs. */
  readonly servers?: readonly { readonly fields: ServerFields; readonly password: string | undefined }[] | undefined;
  /** Samples the servers, keeps their history, and raises alerts. */
  readonly keepsHistory?: boolean | undefined;
  /** Where the samples are kept instead of files in the data folder. */
  readonly historyRedis?: ServerAddress | undefined;
  /** Where `/metrics` of all servers and `/health` are served, on loopback and without a login; none if absent. */
  readonly metricsPort?: number | undefined;
  readonly log: (text: string) => void;
}

export interface Admin {
  readonly port: number;
  readonly url: string;
  /** Opens the page that makes the first user; undefined when there are users. */
  readonly setupUrl: string | undefined;
  readonly routes: readonly Route[];
  close(): Promise<void>;
}

export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const folder = new DataFolder(options.dataFolder);
  const lock = await lockFolder(folder, options.log);
  try {
    folder.sweep();
    const admin = await startIn(folder, options);
    return {
      ...admin,
      close: async () => {
        await admin.close();
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

/** Keeps a second admin out of the data folder, whose writes would break the chain of the audit log and the history. */
async function lockFolder({ path }: DataFolder, log: (text: string) => void): Promise<NameLock | undefined> {
  let got: NameLock | string;
  try {
    got = await takeName(path, '.kvasir-admin');
  } catch (error) {
    log(`No lock keeps another kvasir-admin out of ${path}: ${errorCode(error) || (error as Error).message}`);
    return undefined;
  }
  if (got instanceof NameLock) return got;
  throw new Error(`Another kvasir-admin${got} uses the folder ${path}: end it, or name another folder`);
}

async function startIn(folder: DataFolder, options: AdminOptions): Promise<Admin> {
  const { clock, entropy } = options.environment;
  const box = SecretBox.open(folder, options.passphrase);
  const servers = new Servers(folder, box);
  for (const [index, { fields, password }] of (options.servers ?? []).entries())
    servers.addFixed(`given${index + 1}`, fields, password);
  const users = new Users(folder);
  const monitor = options.keepsHistory === true ? makeMonitor(options, folder, box) : undefined;
  const admin = new AdminContext({
    clock,
    entropy,
    users,
    servers,
    audit: new AuditLog(folder, clock),
    sessions: new Sessions(clock, entropy),
    limit: new LoginLimit(clock),
    policy: new CommandPolicy(),
    jobs: new Jobs(clock),
    previews: new Previews(clock, entropy),
    copies: new FlushCopies(folder, clock),
    monitor,
    isReadOnly: options.isReadOnly === true,
    aclRole: options.aclRole,
    isTls: options.tls !== undefined,
  });
  const watched = monitor === undefined ? undefined : new WatchedServers(monitor, servers, clock, options.log);
  const routes = [
    ...sessionRoutes(admin),
    ...userRoutes(admin),
    ...serverRoutes(admin),
    ...keyRoutes(admin),
    ...commandRoutes(admin),
    ...jobRoutes(admin),
    ...streamRoutes(admin),
    ...exchangeRoutes(admin, folder),
    ...flushRoutes(admin),
    ...clusterRoutes(admin),
    ...codisRoutes(admin),
    ...configRoutes(admin),
    ...historyRoutes(admin),
  ];
  const door = new HttpDoor({
    host: options.host,
    port: options.port,
    tls: options.tls,
    hostNames: (options.hostNames ?? []).map((name) => name.toLowerCase()),
    page: new PageFiles(options.pageFolder),
    routes,
    findSession: (cookie) => admin.parts.sessions.find(cookie),
    rightsOf: (session) => session.rights ?? users.find(session.user),
    log: options.log,
  });
  const port = await door.listen();
  let scrapes: ScrapeDoor | undefined;
  try {
    scrapes = await openScrapes(options, monitor);
  } catch (error) {
    await door.close();
    throw error;
  }
  monitor?.start();
  const url = `${options.tls === undefined ? 'http' : 'https'}://${shownHost(options.host)}:${port}/`;
  if (users.isEmpty) admin.setupToken = newSetupToken();
  return {
    port,
    url,
    // Behind the #, which browsers do not send and logs do not hold.
    setupUrl: admin.setupToken === undefined ? undefined : `${url}#setup=${admin.setupToken}`,
    routes,
    close: async () => {
      admin.close();
      watched?.close();
      scrapes?.close();
      await monitor?.stop();
      await door.close();
    },
  };
}

/** The door of `--metrics-port`; rejects with the system's error when the port is taken. */
async function openScrapes(
  { environment, metricsPort }: AdminOptions,
  monitor: Monitor | undefined,
): Promise<ScrapeDoor | undefined> {
  if (metricsPort === undefined || metricsPort === 0) return undefined;
  if (monitor === undefined) throw new Error('--metrics-port needs the history: leave --no-history out');
  const { clock, network } = environment;
  const door = new ScrapeDoor(network, clock, new FleetMetrics(monitor, () => clock.wallMs()));
  await door.open(['127.0.0.1'], metricsPort);
  return door;
}

function makeMonitor({ environment, log, historyRedis }: AdminOptions, folder: DataFolder, box: SecretBox): Monitor {
  const purpose = 'alert channels';
  const history =
    historyRedis === undefined
      ? {}
      : { history: new RedisHistory(() => openHistoryConnection(historyRedis), environment.clock, log) };
  return new Monitor({
    ...history,
    environment,
    folder: folder.pathOf('monitor'),
    log,
    outlets: systemOutlets,
    secrets: { seal: (text) => box.seal(purpose, text), open: (text) => box.open(purpose, text) ?? '' },
  });
}

function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
