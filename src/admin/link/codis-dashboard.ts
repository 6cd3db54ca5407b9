// codis-dashboard: a codis dashboard as the page shows it: groups with their servers, slots as ranges, proxies; and its changes.
//
// The dashboard's HTTP interface is codis's own (codis-fe uses it): everything by one GET, changes by PUT with a key that follows
// from the product's name. Its replies are not trusted: each field is checked by itself, and a field that does not fit
// is left out.
import { callApi, pathOf } from '../../proxy/doors/http-client.js';
import { xauthOf } from '../../proxy/codis/identity.js';
import { ApiError } from '../api-error.js';

const answerMsMax = 10_000;
const slotsMax = 1024;

type Fields = Readonly<Record<string, unknown>>;

export interface CodisSlots {
  readonly first: number;
  readonly last: number;
  readonly group: number;
  readonly state: string;
  readonly target: number | undefined;
}

/** A PUT by its words; `:xauth` stands for the key. */
export type CodisChange = readonly (string | number)[];

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const listOf = (value: unknown): readonly Fields[] =>
  Array.isArray(value) ? value.slice(0, 10_000).map(fieldsOf) : [];
const textOf = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 1000) : '');
const numberOf = (value: unknown): number => {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : 0;
};
const causeOf = (watched: Fields): string | undefined => {
  const cause = textOf(fieldsOf(watched.error).Cause);
  return cause !== '' ? cause : watched.timeout === true ? 'timeout' : undefined;
};

export async function readCodis(address: string): Promise<Record<string, unknown>> {
  const overview = fieldsOf(await ask('GET', address, '/topom'));
  const stats = fieldsOf(overview.stats);
  const action = fieldsOf(stats.slot_action);
  const group = fieldsOf(stats.group);
  const proxy = fieldsOf(stats.proxy);
  const sentinels = fieldsOf(stats.sentinels);
  return {
    product: textOf(fieldsOf(overview.model).product_name),
    version: textOf(overview.version),
    groups: listOf(group.models).map((one) => groupOf(one, fieldsOf(group.stats), fieldsOf(sentinels.masters))),
    slots: rangesOf(listOf(stats.slots)),
    proxies: listOf(proxy.models).map((one) => proxyOf(one, fieldsOf(proxy.stats))),
    sentinels: (Array.isArray(fieldsOf(sentinels.model).servers)
      ? (fieldsOf(sentinels.model).servers as unknown[])
      : []
    )
      .slice(0, 1000)
      .map(textOf),
    moving: {
      isDisabled: action.disabled === true,
      status: textOf(fieldsOf(action.progress).status),
      intervalMicros: numberOf(action.interval),
    },
  };
}

function groupOf(group: Fields, stats: Fields, masters: Fields): Record<string, unknown> {
  const id = numberOf(group.id);
  return {
    id,
    promoting: textOf(fieldsOf(group.promoting).state),
    isOutOfSync: group.out_of_sync === true,
    /** The master according to the sentinels. */
    master: textOf(masters[String(id)]),
    servers: listOf(group.servers).map((server, index) => {
      const address = textOf(server.server);
      const watched = fieldsOf(stats[address]);
      const info = fieldsOf(watched.stats);
      return {
        address,
        role: index === 0 ? 'master' : 'replica',
        says: textOf(info.role),
        link: textOf(info.master_link_status),
        dataCenter: textOf(server.datacenter),
        readsReplica: server.replica_group === true,
        action: textOf(fieldsOf(server.action).state),
        keys: [...textOf(info.db0).matchAll(/keys=(\d+)/g)].reduce((sum, [, keys]) => sum + Number(keys), 0),
        memory: numberOf(info.used_memory),
        memoryMax: numberOf(info.maxmemory),
        problem: causeOf(watched),
      };
    }),
  };
}

function proxyOf(proxy: Fields, stats: Fields): Record<string, unknown> {
  const token = textOf(proxy.token);
  const watched = fieldsOf(stats[token]);
  const figures = fieldsOf(watched.stats);
  return {
    id: numberOf(proxy.id),
    token,
    address: textOf(proxy.proxy_addr),
    adminAddress: textOf(proxy.admin_addr),
    isOnline: figures.online === true,
    sessions: numberOf(fieldsOf(figures.sessions).alive),
    commands: numberOf(fieldsOf(figures.ops).total),
    perSecond: numberOf(fieldsOf(figures.ops).qps),
    errors: numberOf(fieldsOf(figures.ops).fails),
    problem: causeOf(watched),
  };
}

/** Neighbouring slots of the same group and state as one range. */
export function rangesOf(slots: readonly Fields[]): CodisSlots[] {
  const ranges: CodisSlots[] = [];
  const sorted = slots.slice(0, slotsMax).map((slot) => {
    const action = fieldsOf(slot.action);
    const state = textOf(action.state);
    return {
      id: numberOf(slot.id),
      group: numberOf(slot.group_id),
      state,
      target: state === '' ? undefined : numberOf(action.target_id),
    };
  });
  for (const { id, group, state, target } of sorted.sort((a, b) => a.id - b.id)) {
    const last = ranges.at(-1);
    if (last?.last === id - 1 && last.group === group && last.state === state && last.target === target)
      ranges[ranges.length - 1] = { ...last, last: id };
    else ranges.push({ first: id, last: id, group, state, target });
  }
  return ranges;
}

export async function changeCodis(address: string, words: CodisChange): Promise<unknown> {
  const model = fieldsOf(await ask('GET', address, '/api/topom/model'));
  const key = xauthOf(textOf(model.product_name));
  return ask('PUT', address, pathOf('api', 'topom', ...words.map((word) => (word === ':xauth' ? key : word))));
}

async function ask(method: 'GET' | 'PUT', address: string, path: string): Promise<unknown> {
  try {
    return await callApi(method, address, path, undefined, answerMsMax);
  } catch (error) {
    throw new ApiError('unreachable', `The dashboard of codis: ${(error as Error).message}`);
  }
}
