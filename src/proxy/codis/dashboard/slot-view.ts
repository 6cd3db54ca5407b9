// slot-view: a slot as a proxy gets it, in each state of its move.
//
//   '' pending preparing   the group has it; locked while the group gets a new master
//   prepared               locked: every proxy must have heard before the first key may go
//   migrating              the target has it, keys are fetched from the source
//   finished               the target has it

import type { CodisSlot } from '../slot.js';
import { stateOf, type ProxyEntry, type SlotMapping } from './models.js';
import type { Store } from './store.js';

/** The group's old master must get no more writes, and the new one is none yet. */
function isGroupLocked(store: Store, id: number): boolean {
  return store.groups.get(id)?.promoting.state === 'prepared';
}

export function isGroupPromoting(store: Store, id: number): boolean {
  return (store.groups.get(id)?.promoting.state ?? '') !== '';
}

function isLocked(store: Store, slot: SlotMapping): boolean {
  const target = slot.action.target_id ?? 0;
  switch (stateOf(slot)) {
    case 'prepared':
      return true;
    case 'migrating':
      return isGroupLocked(store, slot.group_id) || isGroupLocked(store, target);
    case 'finished':
      return isGroupLocked(store, target);
    default:
      return isGroupLocked(store, slot.group_id);
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** Servers to read from, nearest first: the proxy's host, its data centre, the others. */
function replicaGroups(store: Store, id: number, proxy: ProxyEntry | undefined): string[][] | undefined {
  const group = store.groups.get(id);
  if (group === undefined || (group.promoting.state ?? '') !== '' || group.servers.length <= 1) return undefined;
  const groups: [string[], string[], string[]] = [[], [], []];
  for (const { server, datacenter, replica_group: isReplica } of group.servers) {
    if (!isReplica) continue;
    const isNear = proxy !== undefined && proxy.datacenter === datacenter;
    groups[!isNear ? 2 : hostOf(proxy.admin_addr) === hostOf(server) ? 0 : 1].push(server);
  }
  const filled = groups.filter((list) => list.length > 0);
  return filled.length === 0 ? undefined : filled;
}

/** A slot in the words of the proxies' interface; `proxy` decides which replicas are near. */
export function slotFor(store: Store, slot: SlotMapping, method: number, proxy: ProxyEntry | undefined): CodisSlot {
  const target = slot.action.target_id ?? 0;
  const state = stateOf(slot);
  const isTarget = state === 'prepared' || state === 'migrating' || state === 'finished';
  const owner = isTarget ? target : slot.group_id;
  const master = store.masterOf(owner);
  const source = store.masterOf(slot.group_id);
  const groups = state === '' || state === 'pending' ? replicaGroups(store, slot.group_id, proxy) : undefined;
  return {
    id: slot.id,
    ...(isLocked(store, slot) ? { locked: true } : {}),
    ...(master === '' ? {} : { backend_addr: master }),
    ...(owner === 0 ? {} : { backend_addr_group_id: owner }),
    ...(isTarget && state !== 'finished' && source !== ''
      ? { migrate_from: source, migrate_from_group_id: slot.group_id }
      : {}),
    ...(method === 0 ? {} : { forward_method: method }),
    ...(groups === undefined ? {} : { replica_groups: groups }),
  };
}
