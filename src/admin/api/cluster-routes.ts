// cluster-routes: a cluster's nodes and slots, and what reshapes it: each change shows its plan first and runs as a job.
import { isError, replyText } from '../../client/reply.js';
import { addressText, type NodeAddress } from '../../client/slot-map.js';
import { parseNodesText } from '../../manager/nodes-text.js';
import type { AdminContext } from '../admin-context.js';
import { refuseLimited } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';
import { infoField, type ServerLink } from '../link/server-link.js';
import { type ManagerOrder, runManagerJob } from '../jobs/manager-job.js';

const answerMsMax = 3000;
const nodeIdPattern = /^[0-9a-f]{40}$/;
const addressPattern = /^[\w.:[\]-]{1,255}:\d{1,5}$/;

export function clusterRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'GET', path: '/api/servers/:id/cluster', role: 'viewer', run: (visit) => nodes(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/cluster', role: 'operator', run: (visit) => reshape(admin, visit) },
    {
      method: 'POST',
      path: '/api/servers/:id/cluster/failover',
      role: 'operator',
      run: (visit) => failover(admin, visit),
    },
  ];
}

/** All nodes, as the node that is asked knows them, and what each tells of itself. */
async function nodes(admin: AdminContext, visit: Visit): Promise<unknown> {
  const link = admin.link(visit, visit.params.id!);
  const [text, state] = await Promise.all([link.call(0, ['CLUSTER', 'NODES']), link.call(0, ['CLUSTER', 'INFO'])]);
  if (isError(text)) throw new ApiError('server-error', replyText(text));
  const lines = parseNodesText(replyText(text));
  const infos = await Promise.all(lines.map(({ host, port }) => aboutNode(link, { host, port })));
  return {
    info: replyText(state),
    nodes: lines.map((line, index) => ({
      id: line.id,
      address: addressText(line),
      flags: line.flags,
      masterId: line.masterId,
      epoch: line.epoch,
      ranges: line.ranges,
      migrating: [...line.migrating],
      importing: [...line.importing],
      ...infos[index]!,
    })),
  };
}

async function aboutNode(link: ServerLink, node: NodeAddress): Promise<Record<string, unknown>> {
  if (node.host === '' || node.port === 0) return { problem: 'no address' };
  try {
    const reply = await link.callNode(node, 0, ['INFO'], answerMsMax);
    const info = replyText(reply);
    const number = (name: string): number => Number(infoField(info, name) ?? NaN);
    return {
      version: infoField(info, 'kvasir_version') ?? infoField(info, 'redis_version'),
      usedMemory: number('used_memory'),
      opsPerSecond: number('instantaneous_ops_per_sec'),
      clients: number('connected_clients'),
      keys: Number(/^db0:keys=(\d+)/m.exec(info)?.[1] ?? 0),
      offset: number(infoField(info, 'role') === 'slave' ? 'slave_repl_offset' : 'master_repl_offset'),
      linkStatus: infoField(info, 'master_link_status'),
    };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

async function reshape(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input, rights } = visit;
  const link = admin.link(visit, visit.params.id!);
  refuseLimited(visit);
  const isPlan = input.flag('plan');
  if (!isPlan) {
    if (admin.parts.isReadOnly || link.entry.readOnly === true)
      throw new ApiError('read-only', (await admin.readOnlyReason(link))!);
    admin.checkTyped(link.entry, 'This changes the cluster', input.optionalText('confirm', 200));
  }
  const order = await readOrder(link, visit, isPlan);
  const detail = [
    order.command,
    ...order.words.slice(0, 2),
    ...[...order.options].map(([name, values]) => `${name}=${values.join(',')}`),
  ].join(' ');
  if (!isPlan) admin.record(visit, link.entry, `cluster ${order.command}`, 'started', { detail });
  const job = admin.parts.jobs.start(
    {
      owner: rights.name,
      serverId: link.entry.id,
      kind: isPlan ? 'plan' : 'cluster',
      title: detail,
      onEnd: (ended) => {
        if (!isPlan)
          admin.record(visit, link.entry, `cluster ${order.command}`, ended.message ?? ended.state, { detail });
      },
    },
    (running) => runManagerJob(link, admin.parts.clock, order, running),
  );
  return { job: job.id };
}

async function readOrder(link: ServerLink, { input }: Visit, isPlan: boolean): Promise<ManagerOrder> {
  const command = input.choice('command', ['check', 'fix', 'reshard', 'rebalance', 'add-node', 'del-node']);
  const [seed] = await link.dataNodes();
  if (seed === undefined) throw new ApiError('bad-input', `${link.name} is no cluster.`);
  const here = addressText(seed);
  const options = new Map<string, string[]>([['yes', ['']]]);
  if (isPlan) options.set('dry-run', ['']);
  const nodeId = (name: string): string => {
    const id = input.text(name, { max: 40 });
    if (!nodeIdPattern.test(id)) throw new ApiError('bad-input', `${name} must be the id of a node.`);
    return id;
  };
  switch (command) {
    case 'reshard':
      options.set('slots', [String(input.integer('slots', 1, 16384))]);
      options.set('to', [nodeId('to')]);
      options.set('from', [
        input.text('from', { max: 2000 }) === 'all'
          ? 'all'
          : input
              .text('from')
              .split(',')
              .filter((id) => nodeIdPattern.test(id))
              .join(','),
      ]);
      return { command, words: [here], options };
    case 'rebalance':
      if (input.flag('useEmptyMasters')) options.set('use-empty-masters', ['']);
      options.set('threshold', [String(input.integer('threshold', 0, 100, 2))]);
      options.set('balance-by', [input.choice('by', ['slots', 'keys', 'memory', 'load'], 'slots')]);
      return { command, words: [here], options };
    case 'add-node': {
      const address = input.text('address', { max: 300 });
      if (!addressPattern.test(address)) throw new ApiError('bad-input', 'The address must be host:port.');
      if (input.has('masterId')) {
        options.set('slave', ['']);
        options.set('master-id', [nodeId('masterId')]);
      }
      return { command, words: [address, here], options };
    }
    case 'del-node':
      return { command, words: [here, nodeId('node')], options };
    default:
      return { command, words: [here], options };
  }
}

/** CLUSTER FAILOVER is sent to a replica, which takes its master's place without losing writes. */
async function failover(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input } = visit;
  const link = admin.link(visit, visit.params.id!);
  refuseLimited(visit);
  if (link.entry.readOnly === true || admin.parts.isReadOnly)
    throw new ApiError('read-only', (await admin.readOnlyReason(link))!);
  const address = input.text('address', { max: 300 });
  admin.checkTyped(link.entry, `Failover to ${address}`, input.optionalText('confirm', 200));
  const text = replyText(await link.call(0, ['CLUSTER', 'NODES']));
  const node = parseNodesText(text).find((line) => addressText(line) === address);
  if (node === undefined) throw new ApiError('not-found', 'There is no such node.');
  const how = input.choice('how', ['', 'FORCE', 'TAKEOVER'], '');
  const reply = await link.callNode(node, 0, ['CLUSTER', 'FAILOVER', ...(how === '' ? [] : [how])]);
  admin.record(visit, link.entry, 'cluster|failover', isError(reply) ? replyText(reply) : 'ok', {
    detail: `${address} ${how}`,
  });
  if (isError(reply)) throw new ApiError('server-error', replyText(reply));
  return {};
}
