// groups: groups of servers: making and removing them, their servers, their master, and the commands to replicas.
import { isError, replyText } from '../../../client/reply.js';
import { type DashboardCore, groupOf, pushSlots, textOf } from './core.js';
import { type Group, GROUP_ID_MAX } from './models.js';
import { forgetGroup, markSentinels } from './sentinels.js';
import { addressOf } from './server-link.js';

const CHECK_TIMEOUT_MS = 1000;
const SYNC_TIMEOUT_MS = 30 * 60_000;

export async function createGroup(core: DashboardCore, id: number): Promise<void> {
  if (!(id > 0 && id <= GROUP_ID_MAX)) throw new Error(`invalid group id = ${id}, out of range`);
  if (core.store.groups.has(id)) throw new Error(`group-[${id}] already exists`);
  await core.store.putGroup({ id, servers: [], promoting: {}, out_of_sync: false });
}

export async function removeGroup(core: DashboardCore, id: number): Promise<void> {
  if (groupOf(core, id).servers.length > 0) throw new Error(`group-[${id}] isn't empty`);
  await core.store.removeGroup(id);
}

export async function resyncGroup(core: DashboardCore, id: number): Promise<void> {
  const group = groupOf(core, id);
  await pushSlots(core, core.store.slotsOf(id));
  await core.store.putGroup({ ...group, out_of_sync: false });
}

export async function resyncAllGroups(core: DashboardCore): Promise<void> {
  for (const { id } of core.store.sortedGroups) await resyncGroup(core, id);
}

function refusePromoting(group: Group): void {
  if ((group.promoting.state ?? '') !== '') throw new Error(`group-[${group.id}] is promoting`);
}

function indexOf(group: Group, address: string): number {
  const index = group.servers.findIndex(({ server }) => server === address);
  if (index < 0) throw new Error(`group-[${group.id}] doesn't have server-[${address}]`);
  return index;
}

/** The server must be there and speak codis's commands; checked before the operation, as it may take a while. */
export async function checkServer(core: DashboardCore, address: string): Promise<void> {
  await core.links.ask(address, (call) => call('SLOTSINFO', '0', '1'), CHECK_TIMEOUT_MS);
}

export async function addServer(core: DashboardCore, id: number, address: string, datacenter: string): Promise<void> {
  addressOf(address);
  if (core.store.groupOfServer(address) !== undefined) throw new Error(`server-[${address}] already exists`);
  const group = groupOf(core, id);
  refusePromoting(group);
  await markSentinels(core);
  const server = { server: address, datacenter, action: {}, replica_group: false };
  await core.store.putGroup({ ...group, servers: [...group.servers, server] });
}

function isInUse(core: DashboardCore, id: number): boolean {
  return core.store.slotsOf(id).length > 0;
}

export async function removeServer(core: DashboardCore, id: number, address: string): Promise<void> {
  const group = groupOf(core, id);
  const index = indexOf(group, address);
  refusePromoting(group);
  if (index === 0 && (group.servers.length !== 1 || isInUse(core, id)))
    throw new Error(`group-[${id}] can't remove master, still in use`);
  await markSentinels(core);
  const servers = group.servers.filter((_, place) => place !== index);
  const isOut = servers.length > 0 && (group.out_of_sync || (index !== 0 && group.servers[index]!.replica_group));
  await core.store.putGroup({ ...group, servers, out_of_sync: isOut });
}

/** Makes a server master, or the replica of one. As codis-admin does it, in one transaction. */
export async function setMaster(core: DashboardCore, address: string, master: string | undefined): Promise<void> {
  const { host, port } = master === undefined ? { host: 'NO', port: 'ONE' } : addressOf(master);
  await core.links.ask(
    address,
    async (call) => {
      await call('MULTI');
      await call('CONFIG', 'SET', 'masterauth', core.settings.productAuth);
      await call('SLAVEOF', host, String(port));
      await call('CLIENT', 'KILL', 'TYPE', 'normal');
      const reply = await call('EXEC');
      if (reply.kind === 'array')
        for (const each of reply.elements) if (isError(each)) throw new Error(replyText(each));
      return reply;
    },
    master === undefined ? CHECK_TIMEOUT_MS * 5 : SYNC_TIMEOUT_MS,
  );
  // A server that was started without a file cannot rewrite it.
  await core.links.ask(address, (call) => call('CONFIG', 'REWRITE')).catch(() => undefined);
}

/** Gives a group another master: locks its slots on all proxies, changes the order, makes the server master, unlocks. */
export async function promoteServer(core: DashboardCore, id: number, address: string): Promise<void> {
  let group = groupOf(core, id);
  const index = indexOf(group, address);
  const state = group.promoting.state ?? '';
  if (state !== '' && state !== 'finished' && index !== (group.promoting.index ?? 0))
    throw new Error(`group-[${id}] is promoting index = ${group.promoting.index ?? 0}`);
  if (state === '' && index === 0) throw new Error(`group-[${id}] can't promote master`);
  if (core.movingCount > 0) throw new Error(`slots-migration is running = ${core.movingCount}`);
  if (state === '') {
    core.log('warning', `group-[${id}] will promote index = ${index}`);
    group = { ...group, promoting: { index, state: 'preparing' } };
    await core.store.putGroup(group);
  }
  if (group.promoting.state === 'preparing') group = await lockGroup(core, group);
  if (group.promoting.state === 'prepared') group = await reorder(core, group);
  await pushSlots(core, core.store.slotsOf(id));
  await core.store.putGroup({ id, servers: group.servers, promoting: {}, out_of_sync: false });
}

async function lockGroup(core: DashboardCore, group: Group): Promise<Group> {
  const locked: Group = { ...group, promoting: { ...group.promoting, state: 'prepared' } };
  // The proxies get the state before it is stored: after a crash in between, preparing begins anew.
  core.store.groups.set(group.id, locked);
  try {
    await pushSlots(core, core.store.slotsOf(group.id));
  } catch (error) {
    core.store.groups.set(group.id, group);
    core.log('warning', `group-[${group.id}] resync-rollback to preparing`);
    await pushSlots(core, core.store.slotsOf(group.id)).catch(() => undefined);
    throw error;
  }
  await core.store.putGroup(locked);
  return locked;
}

async function reorder(core: DashboardCore, group: Group): Promise<Group> {
  await forgetGroup(core, group.id);
  const index = group.promoting.index ?? 0;
  const [old] = group.servers;
  const others = group.servers.filter((_, place) => place !== index && place !== 0);
  const servers = [group.servers[index]!, ...others, old!].map((server) => ({ ...server, action: {} }));
  const finished: Group = { ...group, servers, promoting: { state: 'finished' } };
  await core.store.putGroup(finished);
  try {
    await setMaster(core, servers[0]!.server, undefined);
  } catch (error) {
    core.log('warning', `redis ${servers[0]!.server} set master to NO:ONE failed: ${textOf(error)}`);
  }
  return finished;
}

export async function setReplicaGroups(core: DashboardCore, id: number, address: string, isOn: boolean): Promise<void> {
  const group = groupOf(core, id);
  const index = indexOf(group, address);
  refusePromoting(group);
  const isOut = group.out_of_sync || (group.servers.length !== 1 && isInUse(core, id));
  const servers = group.servers.map((server, place) => (place === index ? { ...server, replica_group: isOn } : server));
  await core.store.putGroup({ ...group, servers, out_of_sync: isOut });
}

export async function setAllReplicaGroups(core: DashboardCore, isOn: boolean): Promise<void> {
  for (const group of core.store.sortedGroups) refusePromoting(group);
  for (const group of core.store.sortedGroups)
    for (const { server, replica_group: is } of group.servers)
      if (is !== isOn) await setReplicaGroups(core, group.id, server, isOn);
}

// --- SLAVEOF, one server after the other

function serverOf(core: DashboardCore, address: string): { group: Group; index: number } {
  const found = core.store.groupOfServer(address);
  if (found === undefined) throw new Error(`server-[${address}] doesn't exist`);
  refusePromoting(found.group);
  return found;
}

async function putAction(
  core: DashboardCore,
  address: string,
  action: { index?: number; state?: string },
): Promise<void> {
  const { group, index } = serverOf(core, address);
  const servers = group.servers.map((server, place) => (place === index ? { ...server, action } : server));
  await core.store.putGroup({ ...group, servers });
}

export async function createSync(core: DashboardCore, address: string): Promise<void> {
  const { group, index } = serverOf(core, address);
  if (group.servers[index]!.action.state === 'pending') throw new Error(`server-[${address}] action already exist`);
  const all = core.store.sortedGroups.flatMap(({ servers }) => servers);
  const last = Math.max(0, ...all.map(({ action }) => (action.state === 'pending' ? (action.index ?? 0) : 0)));
  await putAction(core, address, { index: last + 1, state: 'pending' });
}

export async function removeSync(core: DashboardCore, address: string): Promise<void> {
  const { group, index } = serverOf(core, address);
  if ((group.servers[index]!.action.state ?? '') === '') throw new Error(`server-[${address}] action doesn't exist`);
  await putAction(core, address, {});
}

/** Runs the next SLAVEOF that waits; whether there was one. The work itself holds nobody up. */
export async function runNextSync(core: DashboardCore): Promise<boolean> {
  const next = await core.alone(async () => {
    const waiting = core.store.sortedGroups
      .filter(({ promoting }) => (promoting.state ?? '') === '')
      .flatMap(({ servers }) => servers)
      .filter(({ action }) => action.state === 'pending')
      .sort((a, b) => (a.action.index ?? 0) - (b.action.index ?? 0))[0];
    if (waiting === undefined) return undefined;
    await putAction(core, waiting.server, { state: 'syncing' });
    const { group, index } = serverOf(core, waiting.server);
    return { address: waiting.server, master: index === 0 ? undefined : group.servers[0]!.server };
  });
  if (next === undefined) return false;
  let state = 'synced';
  try {
    await setMaster(core, next.address, next.master);
  } catch (error) {
    core.log('warning', `redis ${next.address} set master to ${next.master ?? 'NO:ONE'} failed: ${textOf(error)}`);
    state = 'synced_failed';
  }
  await core.alone(async () => {
    const found = core.store.groupOfServer(next.address);
    if (found?.group.servers[found.index]!.action.state !== 'syncing' || (found.group.promoting.state ?? '') !== '')
      return;
    await putAction(core, next.address, { state });
  });
  return true;
}

/** Sentinel has made another server of a group its master. */
export async function switchMaster(core: DashboardCore, id: number, master: string): Promise<void> {
  const group = core.store.groups.get(id);
  if (group === undefined || (group.promoting.state ?? '') !== '') return;
  const index = group.servers.findIndex(({ server }) => server === master);
  if (index <= 0) return;
  core.log('warning', `group-[${id}] will switch master to server[${index}] = ${master}`);
  const servers = [...group.servers];
  [servers[0], servers[index]] = [servers[index]!, servers[0]!];
  await core.store.putGroup({ ...group, servers, out_of_sync: true });
  // Proxies hear of it at once, so nobody has to press a button.
  try {
    await resyncGroup(core, id);
  } catch (error) {
    core.log('warning', `group-[${id}] stays out of sync: ${textOf(error)}`);
  }
}
