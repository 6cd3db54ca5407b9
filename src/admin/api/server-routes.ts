// server-routes: the list of servers: shown, changed, tried out, and found through a sentinel or a node of a cluster.
import { isAggregate, isError, type Reply, replyText } from '../../client/reply.js';
import { type Clock, delay } from '../../io/clock.js';
import type { TlsOptions } from '../../client/open-stream.js';
import { parseAddress } from '../../transfer/link/address.js';
import { hasRole, reachesServer } from '../access/roles.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import { shownUndo } from './flush-routes.js';
import type { Route, Visit } from '../http/route.js';
import type { Input } from '../input.js';
import { infoField, ServerLink } from '../link/server-link.js';
import type { ServerEntry, ServerFields } from '../store/servers.js';

/** A page that shows the list asks for it every few seconds. */
const sizeMsMax = 1000;

export function serverRoutes(admin: AdminContext): Route[] {
  const { servers } = admin.parts;
  return [
    {
      method: 'GET',
      path: '/api/servers',
      role: 'viewer',
      run: (visit) => ({
        servers: servers.all
          .filter(({ id }) => reachesServer(visit.rights, id))
          .map((entry) => shown(entry, hasRole(visit.rights.role, 'admin'))),
      }),
    },
    { method: 'GET', path: '/api/servers/:id/about', role: 'viewer', run: (visit) => about(admin, visit) },
    {
      method: 'POST',
      path: '/api/servers',
      role: 'admin',
      run: (visit) => {
        const entry = servers.add(readFields(visit.input), visit.input.optionalText('password', 1000));
        admin.record(visit, entry, 'add server', 'ok', { detail: entry.nodes.join(' ') });
        return { id: entry.id };
      },
    },
    {
      method: 'POST',
      path: '/api/servers/:id',
      role: 'admin',
      run: (visit) => {
        if (servers.find(visit.params.id!)?.isFixed === true)
          throw new ApiError('conflict', 'This server is given on the command line.');
        const entry = servers.change(
          visit.params.id!,
          readFields(visit.input),
          visit.input.optionalText('password', 1000),
        );
        admin.record(visit, entry, 'change server', 'ok', { detail: entry.nodes.join(' ') });
        return { id: entry.id };
      },
    },
    {
      method: 'POST',
      path: '/api/servers/:id/delete',
      role: 'admin',
      run: (visit) => {
        const entry = servers.remove(visit.params.id!);
        admin.record(visit, entry, 'remove server', 'ok');
        return {};
      },
    },
    { method: 'POST', path: '/api/servers/try', role: 'admin', run: (visit) => tryOut(admin, visit) },
    { method: 'POST', path: '/api/servers/discover', role: 'admin', run: (visit) => discover(admin, visit) },
  ];
}

function shown(entry: ServerEntry, all: boolean): Record<string, unknown> {
  const { id, name, nodes, user, sentinelMaster, codisDashboard, tls, readOnly, separator, group, isFixed } = entry;
  const more = all ? { user, hasPassword: entry.password !== undefined, tls, isFixed } : {};
  return {
    id,
    name,
    nodes,
    sentinelMaster,
    codisDashboard,
    readOnly: readOnly === true,
    separator: separator ?? ':',
    group,
    ...more,
  };
}

async function about(admin: AdminContext, visit: Visit): Promise<unknown> {
  const link = admin.link(visit, visit.params.id!);
  const { kind, role, version, product, info } = await link.ask();
  const databases =
    kind === 'cluster' ? [{ index: 0, keys: await clusterKeys(link, admin.parts.clock) }] : databasesIn(info);
  return {
    id: link.entry.id,
    name: link.name,
    separator: link.entry.separator ?? ':',
    kind,
    role,
    version,
    product,
    info,
    databases,
    databaseCount: kind === 'standalone' ? await databaseCount(link) : 1,
    readOnlyReason: await admin.readOnlyReason(link),
    undo: shownUndo(admin, visit),
  };
}

function databasesIn(info: string): { index: number; keys: number }[] {
  return [...info.matchAll(/^db(\d+):keys=(\d+)/gm)].map(([, index, keys]) => ({
    index: Number(index),
    keys: Number(keys),
  }));
}

/** Keys of all masters; one that does not answer soon is left out, and its connection, on which others wait, stays. */
async function clusterKeys(link: ServerLink, clock: Clock): Promise<number> {
  const nodes = await link.dataNodes().catch(() => []);
  const late = delay(clock, sizeMsMax).then(() => 0);
  const sizeOf = async (node: (typeof nodes)[number]): Promise<number> => {
    const reply = await link.callNode(node, 0, ['DBSIZE']);
    return reply.kind === 'integer' ? Number(reply.value) : 0;
  };
  const counts = await Promise.all(nodes.map((node) => Promise.race([sizeOf(node).catch(() => 0), late])));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function databaseCount(link: ServerLink): Promise<number> {
  const reply = await link.call(0, ['CONFIG', 'GET', 'databases']);
  const value = isAggregate(reply) && reply.elements.length === 2 ? Number(replyText(reply.elements[1])) : NaN;
  return value >= 1 ? value : 16;
}

function readFields(input: Input): ServerFields {
  const nodes = input
    .texts('nodes', 100, 300)
    .map((node) => node.trim())
    .filter((node) => node !== '');
  if (nodes.length === 0) throw new ApiError('bad-input', 'A server needs an address: host:port.');
  for (const node of nodes) readNode(node);
  const optional = (name: string, max: number): string | undefined => input.optionalText(name, max) || undefined;
  return {
    name: seenName(input.text('name', { min: 1, max: 100 }).trim()),
    nodes,
    user: optional('user', 200),
    sentinelMaster: optional('sentinelMaster', 200),
    codisDashboard: readDashboard(optional('codisDashboard', 300)),
    tls: readTls(input),
    readOnly: input.flag('readOnly'),
    separator: input.optionalText('separator', 10) ?? ':',
    group: seenName(optional('group', 100)),
  };
}

/** Names are typed before what is dangerous: no character of one may be unseen, or turn the others around. */
function seenName<Name extends string | undefined>(name: Name): Name {
  if (/[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u.test(name ?? ''))
    throw new ApiError('bad-input', 'A name must not have characters that nobody sees.');
  return name;
}

function readNode(text: string): void {
  try {
    const { password } = parseAddress(text);
    if (password !== undefined)
      throw new ApiError('bad-input', 'Enter the password in its own field, not in the address.');
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError('bad-input', (error as Error).message);
  }
}

function readDashboard(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w.:[\]-]{1,255}:\d{1,5}$/.test(text))
    throw new ApiError('bad-input', 'The dashboard of codis must be host:port.');
  return text;
}

function readTls(input: Input): TlsOptions | undefined {
  const value = input.value('tls');
  if (value === undefined || value === false) return undefined;
  const words = ['caFile', 'certFile', 'keyFile', 'serverName'] as const;
  const given = value === true ? {} : (value as Record<string, unknown>);
  const tls: Record<string, string | boolean> = {};
  for (const word of words) if (typeof given[word] === 'string' && given[word] !== '') tls[word] = given[word];
  if (given.insecure === true) tls.insecure = true;
  return tls;
}

function temporaryLink(admin: AdminContext, { input }: Visit): ServerLink {
  const fields = readFields(input);
  const known = admin.parts.servers.find(input.optionalText('id', 64) ?? '');
  const typed = input.optionalText('password', 1000);
  // The stored password goes to the place that it was entered for only.
  const isSamePlace = known !== undefined && known.nodes.join() === fields.nodes.join() && known.user === fields.user;
  const password = typed ?? (isSamePlace ? admin.parts.servers.passwordOf(known) : undefined);
  return new ServerLink(
    { ...fields, id: 'new' },
    { user: fields.user, password: password === '' ? undefined : password },
    admin.parts.clock,
  );
}

async function tryOut(admin: AdminContext, visit: Visit): Promise<unknown> {
  const link = temporaryLink(admin, visit);
  try {
    const { kind, role, version, product } = await link.ask();
    return { kind, role, version, product };
  } finally {
    link.close();
  }
}

interface Found {
  readonly name: string;
  readonly nodes: string[];
  readonly sentinelMaster?: string;
  readonly kind: string;
}

async function discover(admin: AdminContext, visit: Visit): Promise<{ found: Found[] }> {
  const link = temporaryLink(admin, visit);
  try {
    const { kind, info } = await link.ask();
    if (kind === 'sentinel') return { found: await bySentinel(link) };
    if (kind === 'cluster') return { found: await byCluster(link) };
    return { found: byReplication(link, info) };
  } finally {
    link.close();
  }
}

function fieldsOf(reply: Reply): Map<string, string> {
  const fields = new Map<string, string>();
  if (!isAggregate(reply)) return fields;
  for (let index = 0; index + 1 < reply.elements.length; index += 2)
    fields.set(replyText(reply.elements[index]), replyText(reply.elements[index + 1]));
  return fields;
}

async function bySentinel(link: ServerLink): Promise<Found[]> {
  const list = async (...words: string[]): Promise<Map<string, string>[]> => {
    const reply = await link.call(0, ['SENTINEL', ...words]);
    if (isError(reply)) throw new ApiError('server-error', replyText(reply));
    return isAggregate(reply) ? reply.elements.map(fieldsOf) : [];
  };
  const address = (fields: Map<string, string>): string => `${fields.get('ip') ?? ''}:${fields.get('port') ?? ''}`;
  const found: Found[] = [{ name: `sentinel ${link.entry.nodes[0]!}`, nodes: [...link.entry.nodes], kind: 'sentinel' }];
  for (const master of (await list('MASTERS')).slice(0, 100)) {
    const name = master.get('name') ?? '';
    const others = (await list('SENTINELS', name)).map(address);
    found.push({ name, nodes: [...link.entry.nodes, ...others], sentinelMaster: name, kind: 'master' });
    for (const replica of await list('REPLICAS', name))
      found.push({ name: `${name} replica ${address(replica)}`, nodes: [address(replica)], kind: 'replica' });
  }
  return found;
}

async function byCluster(link: ServerLink): Promise<Found[]> {
  const { shards } = await link.slotMap();
  const masters = shards.map(({ master }) => `${master.host}:${master.port}`);
  const found: Found[] = [{ name: `cluster ${masters[0] ?? ''}`, nodes: masters, kind: 'cluster' }];
  for (const { master, replicas } of shards)
    for (const replica of replicas)
      found.push({
        name: `replica ${replica.host}:${replica.port} of ${master.host}:${master.port}`,
        nodes: [`${replica.host}:${replica.port}`],
        kind: 'replica',
      });
  return found;
}

function byReplication(link: ServerLink, info: string): Found[] {
  const found: Found[] = [{ name: link.entry.nodes[0]!, nodes: [...link.entry.nodes], kind: 'standalone' }];
  const masterHost = infoField(info, 'master_host');
  if (masterHost !== undefined)
    found.push({
      name: `master ${masterHost}:${infoField(info, 'master_port') ?? ''}`,
      nodes: [`${masterHost}:${infoField(info, 'master_port') ?? ''}`],
      kind: 'master',
    });
  for (const [, host, port] of info.matchAll(/^slave\d+:ip=([^,]+),port=(\d+)/gm))
    found.push({ name: `replica ${host!}:${port!}`, nodes: [`${host!}:${port!}`], kind: 'replica' });
  return found;
}
