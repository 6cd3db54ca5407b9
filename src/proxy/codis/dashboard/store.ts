// store: the state of one product in its coordinator, read once and written at each change.
//
// Only the dashboard that holds the lock writes, so what is in memory is what is stored. A change is stored before it is kept in
// memory, and before it is sent to anybody: after a crash the next dashboard goes on from there.

import { CODIS_SLOT_COUNT } from '../../../base/codis-slot.js';
import type { Coordinator } from './coordinator.js';
import {
  type DashboardModel,
  emptySlot,
  encode,
  type Group,
  type ProxyEntry,
  type Sentinels,
  type SlotMapping,
} from './models.js';

function padded(id: number): string {
  return String(id).padStart(4, '0');
}

/** JSON of a type that the coordinator's own writers made; throws an Error that names the path. */
function parse<T>(path: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${path} in the coordinator is no JSON`);
  }
}

export class Store {
  slots: SlotMapping[] = [];
  groups = new Map<number, Group>();
  proxies = new Map<string, ProxyEntry>();
  sentinels: Sentinels = { out_of_sync: false };
  readonly root: string;

  constructor(
    readonly coordinator: Coordinator,
    readonly product: string,
  ) {
    this.root = `/codis3/${product}`;
  }

  get lockPath(): string {
    return `${this.root}/topom`;
  }

  async lock(model: DashboardModel): Promise<boolean> {
    return this.coordinator.create(this.lockPath, encode(model));
  }

  async lockHolder(): Promise<DashboardModel | undefined> {
    const text = await this.coordinator.read(this.lockPath);
    return text === undefined ? undefined : parse<DashboardModel>(this.lockPath, text);
  }

  unlock(): Promise<void> {
    return this.coordinator.remove(this.lockPath);
  }

  /** Reads everything anew. */
  async load(): Promise<void> {
    const slots = Array.from({ length: CODIS_SLOT_COUNT }, (_, id) => emptySlot(id));
    for (const slot of await this.readAll<SlotMapping>('slots'))
      if (Number.isInteger(slot.id) && slot.id >= 0 && slot.id < CODIS_SLOT_COUNT)
        slots[slot.id] = { ...slot, action: slot.action ?? {} };
    const groups = new Map<number, Group>();
    for (const group of await this.readAll<Group>('group'))
      groups.set(group.id, { ...group, servers: group.servers ?? [], promoting: group.promoting ?? {} });
    const proxies = new Map<string, ProxyEntry>();
    for (const proxy of await this.readAll<ProxyEntry>('proxy')) proxies.set(proxy.token, proxy);
    const sentinel = await this.coordinator.read(`${this.root}/sentinel`);
    this.slots = slots;
    this.groups = groups;
    this.proxies = proxies;
    this.sentinels =
      sentinel === undefined ? { out_of_sync: false } : parse<Sentinels>(`${this.root}/sentinel`, sentinel);
  }

  private async readAll<T>(kind: string): Promise<T[]> {
    const found: T[] = [];
    for (const path of await this.coordinator.list(`${this.root}/${kind}`)) {
      const text = await this.coordinator.read(path);
      if (text !== undefined && text !== '') found.push(parse<T>(path, text));
    }
    return found;
  }

  async putSlot(slot: SlotMapping): Promise<void> {
    await this.coordinator.update(`${this.root}/slots/slot-${padded(slot.id)}`, encode(slot));
    this.slots[slot.id] = slot;
  }

  async putGroup(group: Group): Promise<void> {
    await this.coordinator.update(`${this.root}/group/group-${padded(group.id)}`, encode(group));
    this.groups.set(group.id, group);
  }

  async removeGroup(id: number): Promise<void> {
    await this.coordinator.remove(`${this.root}/group/group-${padded(id)}`);
    this.groups.delete(id);
  }

  async putProxy(proxy: ProxyEntry): Promise<void> {
    await this.coordinator.update(`${this.root}/proxy/proxy-${proxy.token}`, encode(proxy));
    this.proxies.set(proxy.token, proxy);
  }

  async removeProxy(token: string): Promise<void> {
    await this.coordinator.remove(`${this.root}/proxy/proxy-${token}`);
    this.proxies.delete(token);
  }

  async putSentinels(sentinels: Sentinels): Promise<void> {
    await this.coordinator.update(`${this.root}/sentinel`, encode(sentinels));
    this.sentinels = sentinels;
  }

  // --- what follows from it

  get sortedGroups(): Group[] {
    return [...this.groups.values()].sort((a, b) => a.id - b.id);
  }

  get sortedProxies(): ProxyEntry[] {
    return [...this.proxies.values()].sort((a, b) => a.id - b.id);
  }

  masterOf(group: number): string {
    return this.groups.get(group)?.servers[0]?.server ?? '';
  }

  slotsOf(group: number): SlotMapping[] {
    return this.slots.filter((slot) => slot.group_id === group || slot.action.target_id === group);
  }

  groupOfServer(address: string): { group: Group; index: number } | undefined {
    for (const group of this.groups.values()) {
      const index = group.servers.findIndex(({ server }) => server === address);
      if (index >= 0) return { group, index };
    }
    return undefined;
  }
}
