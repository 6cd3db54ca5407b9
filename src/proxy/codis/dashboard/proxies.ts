// proxies: the proxies of a product: joining, leaving, and telling one everything anew.
import { clientOf, type DashboardCore, slotsFor, textOf } from './core.js';
import type { ProxyEntry } from './models.js';
import { ProxyClient } from './proxy-client.js';

async function meet(address: string): Promise<ProxyEntry> {
  try {
    return await ProxyClient.modelAt(address);
  } catch (error) {
    throw new Error(`proxy@${address} fetch model failed, ${textOf(error)}`, { cause: error });
  }
}

async function checkKey(core: DashboardCore, proxy: ProxyEntry, address: string): Promise<void> {
  try {
    await clientOf(core, proxy).ping();
  } catch (error) {
    throw new Error(`proxy@${address} check xauth failed, ${textOf(error)}`, { cause: error });
  }
}

function nextId(core: DashboardCore): number {
  return Math.max(0, ...core.store.sortedProxies.map(({ id }) => id)) + 1;
}

async function tellAll(core: DashboardCore, proxy: ProxyEntry): Promise<void> {
  const client = clientOf(core, proxy);
  const step = async (what: string, work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      core.log('warning', `proxy-[${proxy.token}] ${what} failed: ${textOf(error)}`);
      throw new Error(`proxy-[${proxy.token}] ${what} failed`, { cause: error });
    }
  };
  await step('fillslots', client.fill(slotsFor(core, core.store.slots, proxy)));
  await step('start', client.start());
  await step('set sentinels', client.setSentinels(core.store.sentinels));
}

export async function createProxy(core: DashboardCore, address: string): Promise<void> {
  const model = await meet(address);
  await checkKey(core, model, address);
  if (core.store.proxies.has(model.token)) throw new Error(`proxy-[${model.token}] already exists`);
  const proxy = { ...model, id: nextId(core) };
  await core.store.putProxy(proxy);
  await tellAll(core, proxy);
}

/** As `createProxy`, for one that may be known already: it has been started again. */
export async function onlineProxy(core: DashboardCore, address: string): Promise<void> {
  const model = await meet(address);
  await checkKey(core, model, address);
  const proxy = { ...model, id: core.store.proxies.get(model.token)?.id ?? nextId(core) };
  await core.store.putProxy(proxy);
  await tellAll(core, proxy);
}

function proxyOf(core: DashboardCore, token: string): ProxyEntry {
  const proxy = core.store.proxies.get(token);
  if (proxy === undefined) throw new Error(`proxy-[${token}] doesn't exist`);
  return proxy;
}

export async function reinitProxy(core: DashboardCore, token: string): Promise<void> {
  await tellAll(core, proxyOf(core, token));
}

export async function removeProxy(core: DashboardCore, token: string, isForced: boolean): Promise<void> {
  const proxy = proxyOf(core, token);
  try {
    await clientOf(core, proxy).shutdown();
  } catch (error) {
    core.log('warning', `proxy-[${token}] shutdown failed, force remove = ${isForced}: ${textOf(error)}`);
    if (!isForced) throw new Error(`proxy-[${token}] shutdown failed`, { cause: error });
  }
  await core.store.removeProxy(token);
}
