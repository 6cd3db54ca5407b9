// sentinels: the sentinels that watch the masters of a product's groups, under the names PRODUCT-GROUP.
//
// Adding, removing and telling them anew, and what they say: whose master has changed.
import { isAggregate, replyText, type Reply } from '../../../client/reply.js';
import { clientOf, type DashboardCore, textOf } from './core.js';
import { addressOf, type ServerCall, ServerLinks } from './server-link.js';

/** A change of groups is known here and not yet to the sentinels. */
export async function markSentinels(core: DashboardCore): Promise<void> {
  const { sentinels } = core.store;
  if ((sentinels.servers ?? []).length > 0) await core.store.putSentinels({ ...sentinels, out_of_sync: true });
}

export function nameOf(core: DashboardCore, group: number): string {
  return `${core.settings.productName}-${group}`;
}

/** Sentinels have no product password. */
async function ask<T>(core: DashboardCore, address: string, run: (call: ServerCall) => Promise<T>): Promise<T> {
  const links = new ServerLinks(core.clock, [], core.settings.sentinelClientTimeoutMs);
  try {
    return await links.ask(address, run);
  } finally {
    links.close();
  }
}

function fieldsOf(reply: Reply): Record<string, string> {
  const fields: Record<string, string> = {};
  if (!isAggregate(reply)) return fields;
  for (let index = 0; index + 1 < reply.elements.length; index += 2)
    fields[replyText(reply.elements[index])] = replyText(reply.elements[index + 1]);
  return fields;
}

/** Masters of this product that a sentinel watches, by group. */
async function mastersAt(core: DashboardCore, call: ServerCall): Promise<Map<number, Record<string, string>>> {
  const reply = await call('SENTINEL', 'MASTERS');
  const masters = new Map<number, Record<string, string>>();
  if (!isAggregate(reply)) return masters;
  const prefix = `${core.settings.productName}-`;
  for (const entry of reply.elements) {
    const fields = fieldsOf(entry);
    const { name = '' } = fields;
    const group = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : NaN;
    if (Number.isInteger(group)) masters.set(group, fields);
  }
  return masters;
}

/** A group gets another master by us: the sentinels must not take that for a fault. */
export async function forgetGroup(core: DashboardCore, group: number): Promise<void> {
  const servers = core.store.sentinels.servers ?? [];
  if (servers.length === 0) return;
  await markSentinels(core);
  for (const address of servers) {
    try {
      await ask(core, address, async (call) => {
        if ((await mastersAt(core, call)).has(group)) await call('SENTINEL', 'REMOVE', nameOf(core, group));
      });
    } catch (error) {
      core.log('warning', `group-[${group}] remove sentinels failed: ${textOf(error)}`);
    }
  }
}

async function watch(core: DashboardCore, call: ServerCall, group: number, master: string): Promise<void> {
  const { settings } = core;
  const { host, port } = addressOf(master);
  const name = nameOf(core, group);
  await call('SENTINEL', 'MONITOR', name, host, String(port), String(settings.sentinelQuorum));
  const options: [string, string][] = [
    ['parallel-syncs', String(settings.sentinelParallelSyncs)],
    ['down-after-milliseconds', String(settings.sentinelDownAfterMs)],
    ['failover-timeout', String(settings.sentinelFailoverTimeoutMs)],
  ];
  if (settings.productAuth !== '') options.push(['auth-pass', settings.productAuth]);
  if (settings.sentinelNotificationScript !== '')
    options.push(['notification-script', settings.sentinelNotificationScript]);
  if (settings.sentinelReconfigScript !== '') options.push(['client-reconfig-script', settings.sentinelReconfigScript]);
  for (const [option, value] of options) await call('SENTINEL', 'SET', name, option, value);
}

async function tellProxies(core: DashboardCore): Promise<void> {
  for (const proxy of core.store.sortedProxies) {
    try {
      await clientOf(core, proxy).setSentinels(core.store.sentinels);
    } catch (error) {
      throw new Error(`proxy-[${proxy.token}] set sentinels failed: ${textOf(error)}`, { cause: error });
    }
  }
}

export async function addSentinel(core: DashboardCore, address: string): Promise<void> {
  addressOf(address);
  const { sentinels } = core.store;
  const servers = sentinels.servers ?? [];
  if (servers.includes(address)) throw new Error(`sentinel-[${address}] already exists`);
  await ask(core, address, (call) => call('SENTINEL', 'MASTERS'));
  await core.store.putSentinels({ servers: [...servers, address], out_of_sync: true });
}

export async function removeSentinel(core: DashboardCore, address: string, isForced: boolean): Promise<void> {
  const { sentinels } = core.store;
  const servers = sentinels.servers ?? [];
  if (!servers.includes(address)) throw new Error(`sentinel-[${address}] not found`);
  await core.store.putSentinels({ ...sentinels, out_of_sync: true });
  try {
    await ask(core, address, async (call) => {
      for (const group of (await mastersAt(core, call)).keys()) await call('SENTINEL', 'REMOVE', nameOf(core, group));
    });
  } catch (error) {
    core.log('warning', `remove sentinel ${address} failed: ${textOf(error)}`);
    if (!isForced) throw new Error(`remove sentinel ${address} failed`, { cause: error });
  }
  await core.store.putSentinels({ servers: servers.filter((each) => each !== address), out_of_sync: true });
}

/** Tells every sentinel the masters of now, and every proxy the sentinels. */
export async function resyncSentinels(core: DashboardCore): Promise<void> {
  await core.store.putSentinels({ ...core.store.sentinels, out_of_sync: true });
  const groups = core.store.sortedGroups.filter(({ servers }) => servers.length > 0);
  for (const address of core.store.sentinels.servers ?? []) {
    await ask(core, address, async (call) => {
      for (const group of (await mastersAt(core, call)).keys()) await call('SENTINEL', 'REMOVE', nameOf(core, group));
      for (const { id, servers } of groups) await watch(core, call, id, servers[0]!.server);
    });
  }
  await tellProxies(core);
  await core.store.putSentinels({ ...core.store.sentinels, out_of_sync: false });
}

/** The masters of this product that a sentinel watches, with their replicas, by group. */
export async function monitored(core: DashboardCore, address: string): Promise<Record<string, unknown>> {
  return ask(core, address, async (call) => {
    const found: Record<string, unknown> = {};
    for (const [group, master] of await mastersAt(core, call)) {
      const reply = await call('SENTINEL', 'SLAVES', nameOf(core, group));
      found[String(group)] = { master, slaves: isAggregate(reply) ? reply.elements.map(fieldsOf) : [] };
    }
    return found;
  });
}

/** Masters as most sentinels name them, by group; a sentinel that does not answer says nothing. */
export async function mastersBySentinels(core: DashboardCore): Promise<Map<number, string>> {
  const servers = core.store.sentinels.servers ?? [];
  const votes = new Map<string, { group: number; address: string; epoch: number; count: number }>();
  await Promise.all(
    servers.map(async (address) => {
      try {
        for (const [group, fields] of await ask(core, address, (call) => mastersAt(core, call))) {
          const master = `${fields.ip ?? ''}:${fields.port ?? ''}`;
          const vote = votes.get(`${group} ${master}`) ?? { group, address: master, epoch: 0, count: 0 };
          vote.count++;
          vote.epoch = Math.max(vote.epoch, Number(fields['config-epoch'] ?? 0));
          votes.set(`${group} ${master}`, vote);
        }
      } catch (error) {
        core.log('debug', `sentinel ${address} does not list its masters: ${textOf(error)}`);
      }
    }),
  );
  const needed = Math.min(core.settings.sentinelQuorum, Math.floor(servers.length / 2) + 1);
  const masters = new Map<number, { address: string; epoch: number }>();
  for (const { group, address, epoch, count } of votes.values()) {
    const known = masters.get(group);
    if (count >= needed && (known === undefined || epoch > known.epoch)) masters.set(group, { address, epoch });
  }
  return new Map([...masters].map(([group, { address }]) => [group, address]));
}
