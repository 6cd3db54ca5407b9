// proxy-api: the HTTP interface of codis-proxy, by which the dashboard pushes slots and codis-admin and codis-fe ask.
//
// A failure has status 800 and JSON with Cause and Stack, as codis's clients expect. Requests that change or tell something carry the
// key that follows from the product's name, its password and the proxy's token.

import { CODIS_SLOT_COUNT } from '../../base/codis-slot.js';
import type { CodisRouter } from './codis-router.js';
import type { CodisSlot } from './slot.js';
import { withoutSecrets } from './toml-settings.js';

export interface ProxyModel {
  readonly token: string;
  readonly start_time: string;
  readonly admin_addr: string;
  readonly proto_type: string;
  readonly proxy_addr: string;
  readonly product_name: string;
  readonly pid: number;
  readonly pwd: string;
  readonly sys: string;
  readonly hostname: string;
  readonly datacenter: string;
}

export interface ProxyApiHost {
  readonly router: CodisRouter;
  readonly model: ProxyModel;
  readonly xauth: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The counters of `stats`, without those of the router. */
  stats(withCommands: boolean): Readonly<Record<string, unknown>>;
  resetStats(): void;
  setLogLevel(level: string): boolean;
  shutdown(): void;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Where else to look. */
  readonly location?: string;
}

const FAILURE_STATUS = 800;

class ApiError extends Error {}

/** The slots of a `fillslots`; throws an ApiError for anything that is none. */
export function readSlots(body: string): CodisSlot[] {
  let slots: unknown;
  try {
    slots = JSON.parse(body);
  } catch {
    throw new ApiError('invalid json');
  }
  if (!Array.isArray(slots)) throw new ApiError('invalid json: a list of slots is wanted');
  return (slots as unknown[]).map((slot) => {
    if (typeof slot !== 'object' || slot === null) throw new ApiError('invalid slot');
    return readSlot(slot as Readonly<Record<string, unknown>>);
  });
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'string' || value === '') return value === '';
  const port = /^.+:(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) <= 65535;
}

function isListOf(value: unknown, isRight: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isRight);
}

const slotFields: Readonly<Record<string, (value: unknown) => boolean>> = {
  backend_addr: isAddress,
  migrate_from: isAddress,
  locked: (value) => typeof value === 'boolean',
  forward_method: (value) => value === 0 || value === 1,
  backend_addr_group_id: Number.isSafeInteger,
  migrate_from_group_id: Number.isSafeInteger,
  replica_groups: (value) => isListOf(value, (group) => isListOf(group, isAddress)),
};

/** The fields that are known; one of null counts as left out, as for codis itself. */
function readSlot(slot: Readonly<Record<string, unknown>>): CodisSlot {
  const { id } = slot;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= CODIS_SLOT_COUNT)
    throw new ApiError('invalid slot id');
  const read: Record<string, unknown> = {};
  for (const [name, isRight] of Object.entries(slotFields)) {
    const value = slot[name];
    if (value === undefined || value === null) continue;
    if (!isRight(value)) throw new ApiError(`invalid ${name} of slot ${id}`);
    read[name] = value;
  }
  return { id, ...read };
}

function checkAuth(host: ProxyApiHost, xauth: string | undefined): void {
  if (xauth === undefined || xauth === '') throw new ApiError('missing xauth, please check product name & auth');
  if (xauth !== host.xauth) throw new ApiError('invalid xauth, please check product name & auth');
}

function statsOf(host: ProxyApiHost, withCommands: boolean): unknown {
  return { online: host.router.isOnline, closed: false, sentinels: {}, ...host.stats(withCommands) };
}

function overview(host: ProxyApiHost): unknown {
  return {
    version: 'kvasir',
    compile: 'kvasir',
    config: withoutSecrets(host.config),
    model: host.model,
    stats: statsOf(host, true),
    slots: host.router.slots,
  };
}

async function put(host: ProxyApiHost, words: readonly string[], body: string): Promise<unknown> {
  const [action, first, second] = words;
  const xauth = action === 'stats' ? second : first;
  checkAuth(host, xauth);
  switch (action) {
    case 'start':
      host.router.isOnline = true;
      return 'OK';
    case 'stats':
      if (first !== 'reset') throw new ApiError('not found');
      host.resetStats();
      return 'OK';
    case 'forcegc':
      return 'OK';
    case 'shutdown':
      host.shutdown();
      return 'OK';
    case 'loglevel':
      if (!host.setLogLevel(second ?? '')) throw new ApiError('invalid loglevel');
      return 'OK';
    case 'fillslots':
      await host.router.fill(readSlots(body));
      return 'OK';
    case 'sentinels':
      return 'OK';
    default:
      throw new ApiError('not found');
  }
}

function get(host: ProxyApiHost, words: readonly string[]): unknown {
  const [action, xauth, flags] = words;
  if (action === 'model') return host.model;
  checkAuth(host, xauth);
  switch (action) {
    case 'xping':
      return 'OK';
    case 'stats':
      return statsOf(host, flags === undefined || (Number(flags) & 1) !== 0);
    case 'slots':
      return host.router.slots;
    default:
      throw new ApiError('not found');
  }
}

/** Answers one request; rejects only by a fault of ours. */
export async function answerProxyApi(
  host: ProxyApiHost,
  method: string,
  path: string,
  body: string,
): Promise<ApiAnswer> {
  const words = path
    .split('?')[0]!
    .split('/')
    .filter((word) => word !== '')
    .map((word) => decodeURIComponentSafely(word));
  try {
    if (words.length === 0) return { status: 302, body: '', location: '/proxy' };
    if (words[0] === 'proxy' && method === 'GET') {
      const parts: Readonly<Record<string, () => unknown>> = {
        overview: () => overview(host),
        model: () => host.model,
        stats: () => statsOf(host, true),
        slots: () => host.router.slots,
      };
      const name = words[1] ?? 'overview';
      const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
      if (part === undefined) throw new ApiError('not found');
      return { status: 200, body: part() };
    }
    if (words[0] !== 'api' || words[1] !== 'proxy') throw new ApiError('not found');
    const rest = words.slice(2);
    return { status: 200, body: method === 'PUT' ? await put(host, rest, body) : get(host, rest) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { status: FAILURE_STATUS, body: { Cause: error.message, Stack: '' } };
  }
}

function decodeURIComponentSafely(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
