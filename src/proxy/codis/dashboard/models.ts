// models: the state of a codis dashboard, in the JSON of codis's coordinator.
//
//   /codis3/P/topom                 the lock: which dashboard it is
//   /codis3/P/slots/slot-0000 ...   the group of each slot, and where it moves
//   /codis3/P/group/group-0001 ...  the servers of each group, its master first
//   /codis3/P/proxy/proxy-TOKEN     the proxies
//   /codis3/P/sentinel              the sentinels

export const ACTIONS = ['', 'pending', 'preparing', 'prepared', 'migrating', 'finished'] as const;
export type ActionState = (typeof ACTIONS)[number];

export interface SlotAction {
  index?: number;
  state?: ActionState;
  target_id?: number;
}

export interface SlotMapping {
  id: number;
  group_id: number;
  action: SlotAction;
}

export interface GroupServer {
  server: string;
  datacenter: string;
  action: { index?: number; state?: string };
  replica_group: boolean;
}

export interface Group {
  id: number;
  servers: GroupServer[];
  promoting: { index?: number; state?: ActionState };
  out_of_sync: boolean;
}

export interface ProxyEntry {
  id: number;
  token: string;
  start_time: string;
  admin_addr: string;
  proto_type: string;
  proxy_addr: string;
  jodis_path?: string;
  product_name: string;
  pid: number;
  pwd: string;
  sys: string;
  hostname: string;
  datacenter: string;
}

export interface Sentinels {
  servers?: string[];
  out_of_sync: boolean;
}

export interface DashboardModel {
  token: string;
  start_time: string;
  admin_addr: string;
  product_name: string;
  pid: number;
  pwd: string;
  sys: string;
}

export const GROUP_ID_MAX = 9999;

/** A slot that no group has. */
export function emptySlot(id: number): SlotMapping {
  return { id, group_id: 0, action: {} };
}

export function stateOf(slot: SlotMapping): ActionState {
  return slot.action.state ?? '';
}

/** JSON as codis writes it. */
export function encode(value: unknown): string {
  return JSON.stringify(value, undefined, 4);
}
