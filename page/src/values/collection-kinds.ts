// collection-kinds: how hashes, lists, sets and sorted sets are read a page at a time, and changed an element at a time.
import { ApiFailure, isCutIn, listIn, type Reply, type ServerApi, textIn } from '../base/api.js';
import { t } from '../base/i18n.js';
import type { ElementField } from './element-dialog.js';

const pageSize = 100;
/** Elements a step of a search looks at: those that fit are few. */
const searchStep = 2000;

export interface Element {
  /** Index, field, member. */
  readonly name: string;
  readonly value: string;
  readonly ttlSeconds?: number | undefined;
  /** Of which the beginning is here only, so that an edit would lose the rest. */
  readonly cut?: 'name' | 'value' | undefined;
}

interface Page {
  readonly elements: readonly Element[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

export interface CollectionKind {
  readonly canMatch: boolean;
  /** Elements have places, so that a page may begin at any of them. */
  readonly hasPlaces: boolean;
  load(server: ServerApi, key: string, from: string, match: string): Promise<Page>;
  fields(element: Element | undefined): ElementField[];
  save(server: ServerApi, key: string, old: Element | undefined, values: Record<string, string>): Promise<void>;
  remove(server: ServerApi, key: string, element: Element): Promise<void>;
}

export const hash: CollectionKind = {
  canMatch: true,
  hasPlaces: false,
  async load(server, key, from, match) {
    const { elements: pairs, next } = await scan(server, 'HSCAN', key, from, match);
    const found = paired(pairs);
    const ttls = await fieldTtls(server, key, found);
    return {
      elements: found.map((element, index) => ({ ...element, ttlSeconds: ttls?.[index] })),
      next,
    };
  },
  fields: (element) => [
    { name: 'field', text: t('Field'), value: element?.name ?? '' },
    { name: 'value', text: t('Value'), value: element?.value ?? '', isLong: true, isOptional: true },
    {
      name: 'ttl',
      text: t('Time to live in seconds'),
      value: element?.ttlSeconds !== undefined && element.ttlSeconds > 0 ? String(element.ttlSeconds) : '',
      isNumber: true,
      isOptional: true,
      help: t('Empty: the field does not expire. Servers since Redis 7.4.'),
    },
  ],
  async save(server, key, old, { field = '', value = '', ttl = '' }) {
    const commands = [['HSET', key, field, value]];
    if (old !== undefined && old.name !== field) commands.push(['HDEL', key, old.name]);
    if (ttl !== '') commands.push(['HEXPIRE', key, ttl, 'FIELDS', '1', field]);
    else if (old?.ttlSeconds !== undefined && old.ttlSeconds > 0)
      commands.push(['HPERSIST', key, 'FIELDS', '1', field]);
    await server.run(commands);
  },
  remove: async (server, key, { name }) => void (await server.one('HDEL', key, name)),
};

export const list: CollectionKind = {
  canMatch: false,
  hasPlaces: true,
  async load(server, key, from) {
    const start = Number(from || 0);
    const values = listIn(await server.one('LRANGE', key, String(start), String(start + pageSize)));
    const elements = values.slice(0, pageSize).map((value, index) => elementOf(String(start + index), value));
    return { elements, next: values.length > pageSize ? String(start + pageSize) : undefined };
  },
  fields: (element) => [
    element === undefined
      ? {
          name: 'index',
          text: t('Index'),
          value: '',
          isOptional: true,
          help: t('Empty: at the end. -1: before the first. A number: before the element that is there.'),
        }
      : { name: 'index', text: t('Index'), value: element.name, isFixed: true },
    { name: 'value', text: t('Value'), value: element?.value ?? '', isLong: true, isOptional: true },
  ],
  async save(server, key, old, { index = '', value = '' }) {
    if (old !== undefined) await requireSame(server, key, old);
    if (old !== undefined) await server.one('LSET', key, old.name, value);
    else if (index === '') await server.one('RPUSH', key, value);
    else if (index === '-1') await server.one('LPUSH', key, value);
    else {
      const marker = markerOf();
      const before = await server.one('LINDEX', key, index);
      // It is written again.
      if (isCutIn(before))
        throw new ApiFailure('conflict', t('The element there is too long: choose another place.'), 409);
      await server.run([
        ['LSET', key, index, marker],
        ['LINSERT', key, 'BEFORE', marker, value],
        ['LSET', key, String(Number(index) + (Number(index) < 0 ? 0 : 1)), textIn(before)],
      ]);
    }
  },
  async remove(server, key, element) {
    await requireSame(server, key, element);
    const marker = markerOf();
    await server.run([
      ['LSET', key, element.name, marker],
      ['LREM', key, '1', marker],
    ]);
  },
};

export const set: CollectionKind = {
  canMatch: true,
  hasPlaces: false,
  async load(server, key, from, match) {
    const { elements, next } = await scan(server, 'SSCAN', key, from, match);
    return { elements: elements.map((name) => elementOf(name, '')), next };
  },
  fields: (element) => [{ name: 'member', text: t('Member'), value: element?.name ?? '', isLong: true }],
  async save(server, key, old, { member = '' }) {
    await server.run([
      ['SADD', key, member],
      ...(old !== undefined && old.name !== member ? [['SREM', key, old.name]] : []),
    ]);
  },
  remove: async (server, key, { name }) => void (await server.one('SREM', key, name)),
};

export const sortedSet: CollectionKind = {
  canMatch: true,
  hasPlaces: true,
  async load(server, key, from, match) {
    if (match !== '') {
      const { elements: pairs, next } = await scan(server, 'ZSCAN', key, from, match);
      return { elements: paired(pairs), next };
    }
    const start = Number(from || 0);
    const pairs = listIn(await server.one('ZRANGE', key, String(start), String(start + pageSize), 'WITHSCORES'));
    const elements = paired(pairs);
    return {
      elements: elements.slice(0, pageSize),
      next: elements.length > pageSize ? String(start + pageSize) : undefined,
    };
  },
  fields: (element) => [
    { name: 'score', text: t('Score'), value: element?.value ?? '0', isNumber: true },
    { name: 'member', text: t('Member'), value: element?.name ?? '', isLong: true },
  ],
  async save(server, key, old, { score = '', member = '' }) {
    await server.run([
      ['ZADD', key, score, member],
      ...(old !== undefined && old.name !== member ? [['ZREM', key, old.name]] : []),
    ]);
  },
  remove: async (server, key, { name }) => void (await server.one('ZREM', key, name)),
};

/** SCAN of a collection until there is a page of elements, or no more. */
async function scan(
  server: ServerApi,
  command: string,
  key: string,
  from: string,
  match: string,
): Promise<{ elements: Reply[]; next: string | undefined }> {
  const elements: Reply[] = [];
  let cursor = from || '0';
  const step = String(match === '' ? pageSize : searchStep);
  for (let calls = 0; calls < 50; calls++) {
    const [next, part] = listIn(
      await server.one(command, key, cursor, 'COUNT', step, ...(match === '' ? [] : ['MATCH', match])),
    );
    elements.push(...listIn(part));
    cursor = textIn(next);
    if (cursor === '0' || elements.length >= pageSize) break;
  }
  return { elements, next: cursor === '0' ? undefined : cursor };
}

function elementOf(name: Reply, value: Reply): Element {
  const cut = isCutIn(name) ? 'name' : isCutIn(value) ? 'value' : undefined;
  return { name: textIn(name), value: textIn(value), ...(cut === undefined ? {} : { cut }) };
}

function paired(pairs: readonly Reply[]): Element[] {
  const elements: Element[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) elements.push(elementOf(pairs[index]!, pairs[index + 1]!));
  return elements;
}

/** Seconds until each field expires; undefined where the server does not know such times. */
async function fieldTtls(server: ServerApi, key: string, found: readonly Element[]): Promise<number[] | undefined> {
  if (found.length === 0) return undefined;
  const fields = found.map(({ name }) => name);
  const [reply] = await server.run([['HTTL', key, 'FIELDS', String(fields.length), ...fields]], { keepsErrors: true });
  if (!Array.isArray(reply)) return undefined;
  const ttls = reply.map((one: Reply) => Number(textIn(one)));
  return ttls.some((ttl) => ttl > 0) ? ttls : undefined;
}

/** An index means another element when somebody else changed the list meanwhile. */
async function requireSame(server: ServerApi, key: string, element: Element): Promise<void> {
  const value = textIn(await server.one('LINDEX', key, element.name));
  if (element.cut === undefined ? value !== element.value : !value.startsWith(element.value))
    throw new ApiFailure('conflict', t('The list changed meanwhile: load it again.'), 409);
}

function markerOf(): string {
  return `kvasir-admin:${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
}
