// run-admin: `kvasir-codis admin`: codis-admin: proxies and dashboards by their HTTP interfaces, and a product's state in its coordinator.
import { readFileSync } from 'node:fs';
import { systemEnvironment } from '../../io/environment.js';
import { makeCoordinator } from '../codis/dashboard/make-coordinator.js';
import type { Coordinator } from '../codis/dashboard/coordinator.js';
import { encode, type Group, type ProxyEntry, type SlotMapping } from '../codis/dashboard/models.js';
import { Store } from '../codis/dashboard/store.js';
import { productMistake } from '../codis/toml-settings.js';
import { adminDashboard } from './codis-admin-dashboard.js';
import { adminProxy } from './codis-admin-proxy.js';
import { type FlagGrammar, readCodisFlags } from './codis-flags.js';

const usage = `Usage:
  kvasir-codis admin [-v] --proxy=ADDR [--auth=AUTH] [config|model|stats|slots]
  kvasir-codis admin [-v] --proxy=ADDR [--auth=AUTH] (--start | --shutdown | --log-level=LEVEL | --reset-stats | --forcegc)
  kvasir-codis admin [-v] --proxy=ADDR [--auth=AUTH] --fillslots=FILE [--locked]
  kvasir-codis admin [-v] --dashboard=ADDR [config|model|stats|slots|group|proxy]
  kvasir-codis admin [-v] --dashboard=ADDR (--shutdown | --reload | --log-level=LEVEL)
  kvasir-codis admin [-v] --dashboard=ADDR --slots-assign --beg=ID --end=ID (--gid=ID|--offline) [--confirm]
  kvasir-codis admin [-v] --dashboard=ADDR (--slots-status | --list-proxy | --proxy-status | --list-group | --group-status)
  kvasir-codis admin [-v] --dashboard=ADDR (--create-proxy | --online-proxy) --addr=ADDR
  kvasir-codis admin [-v] --dashboard=ADDR --remove-proxy (--addr=ADDR|--token=TOKEN|--pid=ID) [--force]
  kvasir-codis admin [-v] --dashboard=ADDR --reinit-proxy (--addr=ADDR|--token=TOKEN|--pid=ID|--all) [--force]
  kvasir-codis admin [-v] --dashboard=ADDR (--create-group | --remove-group) --gid=ID
  kvasir-codis admin [-v] --dashboard=ADDR --resync-group (--gid=ID | --all)
  kvasir-codis admin [-v] --dashboard=ADDR --group-add --gid=ID --addr=ADDR [--datacenter=DATACENTER]
  kvasir-codis admin [-v] --dashboard=ADDR (--group-del | --promote-server) --gid=ID --addr=ADDR
  kvasir-codis admin [-v] --dashboard=ADDR --replica-groups --gid=ID --addr=ADDR (--enable|--disable)
  kvasir-codis admin [-v] --dashboard=ADDR --sync-action (--create|--remove) --addr=ADDR
  kvasir-codis admin [-v] --dashboard=ADDR --slot-action --create --sid=ID --gid=ID
  kvasir-codis admin [-v] --dashboard=ADDR --slot-action --remove --sid=ID
  kvasir-codis admin [-v] --dashboard=ADDR --slot-action --create-some --gid-from=ID --gid-to=ID --num-slots=N
  kvasir-codis admin [-v] --dashboard=ADDR --slot-action --create-range --beg=ID --end=ID --gid=ID
  kvasir-codis admin [-v] --dashboard=ADDR --slot-action (--interval=VALUE | --disabled=VALUE)
  kvasir-codis admin [-v] --dashboard=ADDR --rebalance [--confirm]
  kvasir-codis admin [-v] --dashboard=ADDR (--sentinel-add --addr=ADDR | --sentinel-del --addr=ADDR [--force] | --sentinel-resync)
  kvasir-codis admin [-v] (--remove-lock | --config-dump) --product=NAME (--filesystem=ROOT|--redis=ADDR [--redis-auth=AUTH])
  kvasir-codis admin [-v] --config-restore=FILE --product=NAME (--filesystem=ROOT|--redis=ADDR [--redis-auth=AUTH]) [--confirm]
  kvasir-codis admin [-v] --dashboard-list (--filesystem=ROOT|--redis=ADDR [--redis-auth=AUTH])

Options:
  -a AUTH, --auth=AUTH
  -x ADDR, --addr=ADDR
  -t TOKEN, --token=TOKEN
  -g ID, --gid=ID
`;

const grammar: FlagGrammar = {
  valued: new Set(
    (
      'proxy auth log-level fillslots dashboard beg end gid addr token pid datacenter sid gid-from gid-to num-slots ' +
      'interval disabled product zookeeper zookeeper-auth etcd etcd-auth filesystem redis redis-auth config-restore ' +
      'config-convert'
    ).split(' '),
  ),
  bare: new Set(
    (
      'start shutdown locked reset-stats forcegc reload slots-assign offline confirm slots-status list-proxy ' +
      'create-proxy online-proxy remove-proxy force reinit-proxy all proxy-status list-group create-group remove-group ' +
      'resync-group group-add group-del group-status replica-groups enable disable promote-server sync-action create ' +
      'remove slot-action create-some create-range rebalance sentinel-add sentinel-del sentinel-resync remove-lock ' +
      'config-dump dashboard-list verbose help one'
    ).split(' '),
  ),
  short: { a: 'auth', x: 'addr', t: 'token', g: 'gid', v: 'verbose', h: 'help', '1': 'one' },
  words: new Set(['config', 'model', 'stats', 'slots', 'group', 'proxy']),
};

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs the program; resolves with the exit status. */
export async function runAdmin(args: readonly string[]): Promise<number> {
  const flags = readCodisFlags(args, grammar);
  if (typeof flags === 'string') {
    process.stderr.write(`kvasir-codis admin: ${flags}\n${usage}`);
    return 1;
  }
  const { values, words } = flags;
  if (values.has('help') || args.length === 0) {
    (values.has('help') ? process.stdout : process.stderr).write(usage);
    return values.has('help') ? 0 : 1;
  }
  try {
    if (values.has('proxy')) await adminProxy(values, words, print);
    else if (values.has('dashboard')) await adminDashboard(values, words, print);
    else await adminCoordinator(values);
    return 0;
  } catch (error) {
    process.stderr.write(`kvasir-codis admin: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function coordinatorOf(values: ReadonlyMap<string, string>): Coordinator {
  for (const kind of ['filesystem', 'redis', 'zookeeper', 'etcd']) {
    const place = values.get(kind);
    if (place !== undefined)
      return makeCoordinator(systemEnvironment.clock, kind, place, values.get(`${kind}-auth`) ?? '');
  }
  throw new Error('--filesystem=ROOT or --redis=ADDR is missing');
}

interface Dump {
  readonly slots?: SlotMapping[];
  readonly group?: Group[];
  readonly proxy?: ProxyEntry[];
}

async function adminCoordinator(values: ReadonlyMap<string, string>): Promise<void> {
  if (values.has('config-convert') || values.has('one'))
    throw new Error('configurations of codis 1 are not read: dump them with the codis-admin that belongs to them');
  if (!['remove-lock', 'config-dump', 'config-restore', 'dashboard-list'].some((name) => values.has(name)))
    throw new Error('--proxy=ADDR, --dashboard=ADDR, or what is to be done with a coordinator is missing');
  const coordinator = coordinatorOf(values);
  try {
    if (values.has('dashboard-list')) {
      print(encode(await dashboards(coordinator)));
      return;
    }
    const product = values.get('product') ?? '';
    const mistake = productMistake(product);
    if (mistake !== undefined) throw new Error(mistake);
    const store = new Store(coordinator, product);
    if (values.has('remove-lock')) await store.unlock();
    else if (values.has('config-dump')) print(encode(await dump(store)));
    else await restore(store, values.get('config-restore')!, values.has('confirm'));
  } finally {
    coordinator.close();
  }
}

async function dashboards(coordinator: Coordinator): Promise<unknown> {
  const found: { name: string; dashboard: string }[] = [];
  for (const path of await coordinator.list('/codis3')) {
    const name = path.slice('/codis3/'.length);
    const holder = await new Store(coordinator, name).lockHolder();
    if (holder !== undefined) found.push({ name, dashboard: holder.admin_addr });
  }
  return found;
}

async function dump(store: Store): Promise<Dump> {
  await store.load();
  if (store.groups.size === 0 && store.proxies.size === 0)
    throw new Error(`can't find product = ${store.product} [v3]`);
  return { slots: store.slots, group: store.sortedGroups, proxy: store.sortedProxies };
}

async function restore(store: Store, file: string, isConfirmed: boolean): Promise<void> {
  let read: Dump;
  try {
    read = JSON.parse(readFileSync(file, 'utf8')) as Dump;
  } catch (error) {
    throw new Error(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!isConfirmed) {
    print(encode(read));
    return;
  }
  if ((await store.lockHolder()) !== undefined)
    throw new Error(`product ${store.product} has a dashboard: end it first`);
  await store.load();
  if (store.groups.size > 0 || store.proxies.size > 0) throw new Error(`product ${store.product} exists already`);
  for (const group of read.group ?? []) await store.putGroup(group);
  for (const proxy of read.proxy ?? []) await store.putProxy(proxy);
  for (const slot of read.slots ?? []) await store.putSlot(slot);
}
