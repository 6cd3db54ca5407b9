// dashboard-api: the HTTP interface of codis-dashboard, with the paths and the JSON that codis-admin and codis-fe use.
import { replyText } from '../../../client/reply.js';
import { KVASIR_VERSION } from '../../../base/version.js';
import type { ApiAnswer } from '../proxy-api.js';
import { withoutSecrets } from '../toml-settings.js';
import { slotsFor, textOf } from './core.js';
import type { Dashboard } from './dashboard.js';
import * as groups from './groups.js';
import * as proxies from './proxies.js';
import * as sentinels from './sentinels.js';
import { addressOf, infoFields, ServerLinks } from './server-link.js';
import * as slots from './slots.js';

const FAILURE_STATUS = 800;
const INFO_TIMEOUT_MS = 1000;
const INTERVAL_MICROS_MAX = 1_000_000;

export interface DashboardApiHost {
  readonly dashboard: Dashboard;
  readonly xauth: string;
  readonly config: Readonly<Record<string, unknown>>;
  setLogLevel(level: string): boolean;
  shutdown(): void;
}

type Params = Readonly<Record<string, string>>;
type Handler = (host: DashboardApiHost, params: Params, body: string) => Promise<unknown>;

function number(params: Params, name: string): number {
  const text = params[name] ?? '';
  if (text === '') throw new Error(`missing ${name}`);
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new Error(`invalid ${name}`);
  return Number(text);
}

/** An operation that answers OK. */
function operation(run: (dashboard: Dashboard, params: Params, body: string) => Promise<unknown>): Handler {
  return async ({ dashboard }, params, body) => {
    await dashboard.alone(() => run(dashboard, params, body));
    return 'OK';
  };
}

const changes: Readonly<Record<string, Handler>> = {
  'reload/:xauth': async ({ dashboard }) => {
    await dashboard.reload();
    return 'OK';
  },
  'shutdown/:xauth': (host) => {
    host.shutdown();
    return Promise.resolve('OK');
  },
  'loglevel/:xauth/:value': (host, { value = '' }) =>
    host.setLogLevel(value) ? Promise.resolve('OK') : Promise.reject(new Error('invalid loglevel')),
  'proxy/create/:xauth/:addr': operation((core, { addr = '' }) => proxies.createProxy(core, addr)),
  'proxy/online/:xauth/:addr': operation((core, { addr = '' }) => proxies.onlineProxy(core, addr)),
  'proxy/reinit/:xauth/:token': operation((core, { token = '' }) => proxies.reinitProxy(core, token)),
  'proxy/remove/:xauth/:token/:force': operation((core, params) =>
    proxies.removeProxy(core, params.token ?? '', number(params, 'force') !== 0),
  ),
  'group/create/:xauth/:gid': operation((core, params) => groups.createGroup(core, number(params, 'gid'))),
  'group/remove/:xauth/:gid': operation((core, params) => groups.removeGroup(core, number(params, 'gid'))),
  'group/resync/:xauth/:gid': operation((core, params) => groups.resyncGroup(core, number(params, 'gid'))),
  'group/resync-all/:xauth': operation((core) => groups.resyncAllGroups(core)),
  'group/add/:xauth/:gid/:addr': addServer,
  'group/add/:xauth/:gid/:addr/:datacenter': addServer,
  'group/del/:xauth/:gid/:addr': operation((core, params) =>
    groups.removeServer(core, number(params, 'gid'), params.addr ?? ''),
  ),
  'group/promote/:xauth/:gid/:addr': operation((core, params) =>
    groups.promoteServer(core, number(params, 'gid'), params.addr ?? ''),
  ),
  'group/replica-groups/:xauth/:gid/:addr/:value': operation((core, params) =>
    groups.setReplicaGroups(core, number(params, 'gid'), params.addr ?? '', number(params, 'value') !== 0),
  ),
  'group/replica-groups-all/:xauth/:value': operation((core, params) =>
    groups.setAllReplicaGroups(core, number(params, 'value') !== 0),
  ),
  'group/action/create/:xauth/:addr': operation((core, { addr = '' }) => groups.createSync(core, addr)),
  'group/action/remove/:xauth/:addr': operation((core, { addr = '' }) => groups.removeSync(core, addr)),
  'slots/action/create/:xauth/:sid/:gid': operation((core, params) =>
    slots.createAction(core, number(params, 'sid'), number(params, 'gid')),
  ),
  'slots/action/create-some/:xauth/:src/:dst/:num': operation((core, params) =>
    slots.createSomeActions(core, number(params, 'src'), number(params, 'dst'), number(params, 'num')),
  ),
  'slots/action/create-range/:xauth/:beg/:end/:gid': operation((core, params) =>
    slots.createRangeOfActions(core, number(params, 'beg'), number(params, 'end'), number(params, 'gid')),
  ),
  'slots/action/remove/:xauth/:sid': operation((core, params) => slots.removeAction(core, number(params, 'sid'))),
  'slots/action/interval/:xauth/:value': operation((core, params) => {
    core.intervalMicros = Math.min(INTERVAL_MICROS_MAX, Math.max(0, number(params, 'value')));
    return Promise.resolve();
  }),
  'slots/action/disabled/:xauth/:value': operation((core, params) => {
    core.isDisabled = number(params, 'value') !== 0;
    return Promise.resolve();
  }),
  'slots/assign/:xauth': operation((core, _params, body) => slots.assign(core, slots.readMappings(body))),
  'slots/assign/:xauth/offline': operation((core, _params, body) =>
    slots.assignOffline(core, slots.readMappings(body)),
  ),
  'slots/rebalance/:xauth/:confirm': async ({ dashboard }, params) => {
    const isConfirmed = number(params, 'confirm') !== 0;
    return Object.fromEntries(await dashboard.alone(() => slots.rebalance(dashboard, isConfirmed)));
  },
  'sentinels/add/:xauth/:addr': operation((core, { addr = '' }) => sentinels.addSentinel(core, addr)),
  'sentinels/del/:xauth/:addr/:force': operation((core, params) =>
    sentinels.removeSentinel(core, params.addr ?? '', number(params, 'force') !== 0),
  ),
  'sentinels/resync-all/:xauth': operation((core) => sentinels.resyncSentinels(core)),
};

async function addServer(host: DashboardApiHost, params: Params): Promise<unknown> {
  const { dashboard } = host;
  const { addr = '', datacenter = '' } = params;
  addressOf(addr);
  await groups.checkServer(dashboard, addr);
  await dashboard.alone(() => groups.addServer(dashboard, number(params, 'gid'), addr, datacenter));
  return 'OK';
}

const questions: Readonly<Record<string, Handler>> = {
  model: ({ dashboard }) => Promise.resolve(dashboard.model),
  'xping/:xauth': () => Promise.resolve('OK'),
  'stats/:xauth': ({ dashboard }) => Promise.resolve(dashboard.stats()),
  'slots/:xauth': ({ dashboard }) => Promise.resolve(slotsFor(dashboard, dashboard.store.slots, undefined)),
  'group/info/:addr': ({ dashboard }, { addr = '' }) => infoOf(dashboard.links, addr),
  'sentinels/info/:addr': async ({ dashboard }, { addr = '' }) => {
    const links = new ServerLinks(dashboard.clock, [], INFO_TIMEOUT_MS);
    try {
      return await infoOf(links, addr);
    } finally {
      links.close();
    }
  },
  'sentinels/info/:addr/monitored': ({ dashboard }, { addr = '' }) => sentinels.monitored(dashboard, addr),
};

function infoOf(links: ServerLinks, address: string): Promise<unknown> {
  return links.ask(address, async (call) => infoFields(replyText(await call('INFO'))), INFO_TIMEOUT_MS);
}

const pages: Readonly<Record<string, (host: DashboardApiHost) => unknown>> = {
  '': (host) => ({
    version: `kvasir ${KVASIR_VERSION}`,
    compile: 'kvasir',
    config: withoutSecrets(host.config),
    model: host.dashboard.model,
    stats: host.dashboard.stats(),
  }),
  model: ({ dashboard }) => dashboard.model,
  stats: ({ dashboard }) => dashboard.stats(),
  slots: ({ dashboard }) => slotsFor(dashboard, dashboard.store.slots, undefined),
};

/** The handler whose pattern fits the words, with what its `:names` stand for. */
function find(table: Readonly<Record<string, Handler>>, words: readonly string[]): [Handler, Params] | undefined {
  for (const [pattern, handler] of Object.entries(table)) {
    const parts = pattern.split('/');
    if (parts.length !== words.length) continue;
    const params: Record<string, string> = {};
    const fits = parts.every((part, index) => {
      if (!part.startsWith(':')) return part === words[index];
      params[part.slice(1)] = words[index]!;
      return true;
    });
    if (fits) return [handler, params];
  }
  return undefined;
}

function checkKey(host: DashboardApiHost, params: Params): void {
  if (params.xauth === undefined) return;
  if (params.xauth === '') throw new Error('missing xauth, please check product name & auth');
  if (params.xauth !== host.xauth) throw new Error('invalid xauth, please check product name & auth');
}

/** Answers one request; never rejects. */
export async function answerDashboardApi(
  host: DashboardApiHost,
  method: string,
  path: string,
  body: string,
): Promise<ApiAnswer> {
  try {
    const words = path
      .split('?')[0]!
      .split('/')
      .filter((word) => word !== '')
      .map((word) => decodeURIComponent(word));
    if (words.length === 0) return { status: 302, body: '', location: '/topom' };
    if (words[0] === 'topom' && method === 'GET' && words.length <= 2) {
      const page = Object.hasOwn(pages, words[1] ?? '') ? pages[words[1] ?? ''] : undefined;
      if (page !== undefined) return { status: 200, body: page(host) };
    }
    const isApi = words[0] === 'api' && words[1] === 'topom';
    const found = isApi ? find(method === 'PUT' ? changes : questions, words.slice(2)) : undefined;
    if (found === undefined) return { status: 404, body: { Cause: 'not found', Stack: null } };
    const [handler, params] = found;
    checkKey(host, params);
    return { status: 200, body: await handler(host, params, body) };
  } catch (error) {
    return { status: FAILURE_STATUS, body: { Cause: textOf(error), Stack: null } };
  }
}
