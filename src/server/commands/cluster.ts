// cluster: CLUSTER and its subcommands, as they are declared.
//
// A server alone has no cluster: Redis then answers every subcommand, HELP included, with one error, and so does this.
//
// Not here: what they do (cluster-slots, cluster-nodes, cluster-views, cluster-slot-stats).

import { errors } from '../../protocol/errors.js';
import { type CommandFlag, command } from '../../registry/command.js';
import { type Argument, block, int, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import type { CommandFor } from '../call.js';
import type { ClusterCall, ClusterHost, ClusterRun } from './cluster-host.js';
import { help } from './cluster-help.js';
import * as nodes from './cluster-nodes.js';
import * as slots from './cluster-slots.js';
import * as migration from './cluster-migration.js';
import { slotStats } from './cluster-slot-stats.js';
import * as views from './cluster-views.js';

type ServerCommand = CommandFor<ClusterHost>;

/** Of what changes the cluster. */
const changing: readonly CommandFlag[] = ['admin', 'stale', 'no_async_loading'];
const inspecting: readonly CommandFlag[] = ['admin', 'stale'];
const open: readonly CommandFlag[] = ['stale'];
/** Clients find the other nodes by these, also through one that loads. */
const openAlways: readonly CommandFlag[] = ['loading', 'stale'];

const nodeId = str('node-id');
const someMoves = (): Argument => oneof('tasks', str('id', { token: 'ID' }), token('ALL'));
const slotRanges = many(block('start-slot_end-slot', int('start-slot'), int('end-slot')));

interface Facts {
  readonly since?: string;
  readonly args?: readonly Argument[];
  readonly complexity?: string;
  /** Replies differ from call to call. */
  readonly varies?: true;
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly deprecatedSince?: string;
  readonly replacedBy?: string;
}

function subcommand(
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  summary: string,
  run: ClusterRun,
  { varies, ...facts }: Facts = {},
): ServerCommand {
  return command({
    since: '3.0.0',
    group: 'cluster',
    complexity: 'O(1)',
    ...(varies === true ? { tips: ['nondeterministic_output'] } : {}),
    ...(facts.deprecatedSince === undefined ? {} : { docFlags: ['deprecated'] as const }),
    ...facts,
    name,
    arity,
    flags,
    summary,
    run(call: ClusterCall) {
      const { cluster } = call.host;
      if (cluster === undefined) call.reply.error(errors.noCluster);
      else run(call, cluster);
    },
  });
}

const perSlot = 'O(N), N slots';
const perNode = 'O(N), N nodes of the cluster';

const slotCommands: readonly ServerCommand[] = [
  subcommand('addslots', -3, changing, 'Gives hash slots to this node.', slots.addSlots, {
    args: [many(int('slot'))],
    complexity: perSlot,
  }),
  subcommand('addslotsrange', -4, changing, 'Gives ranges of hash slots to this node.', slots.addSlotRanges, {
    since: '7.0.0',
    args: [slotRanges],
    complexity: perSlot,
  }),
  subcommand('delslots', -3, changing, 'Takes hash slots from their nodes, as this node sees it.', slots.deleteSlots, {
    args: [many(int('slot'))],
    complexity: perSlot,
  }),
  subcommand(
    'delslotsrange',
    -4,
    changing,
    'Takes ranges of hash slots from their nodes, as this node sees it.',
    slots.deleteSlotRanges,
    {
      since: '7.0.0',
      args: [slotRanges],
      complexity: perSlot,
    },
  ),
  subcommand('flushslots', 2, changing, 'Takes all hash slots from this node.', slots.flushSlots),
  subcommand('setslot', -4, changing, 'Binds a hash slot to a node, or marks it as moving.', slots.setSlot, {
    args: [
      int('slot'),
      oneof(
        'subcommand',
        str('node-id', { token: 'IMPORTING' }),
        str('node-id', { token: 'MIGRATING' }),
        str('node-id', { token: 'NODE' }),
        token('STABLE'),
      ),
    ],
  }),
  subcommand('countkeysinslot', 3, open, 'Counts the keys of a hash slot on this node.', slots.countKeysInSlot, {
    args: [int('slot')],
  }),
  subcommand('getkeysinslot', 4, open, 'Returns keys of a hash slot on this node.', slots.getKeysInSlot, {
    args: [int('slot'), int('count')],
    complexity: 'O(N), N keys asked for',
    varies: true,
  }),
  subcommand('keyslot', 3, open, 'Returns the hash slot of a key.', slots.keySlotOf, {
    args: [str('key')],
    complexity: 'O(N), N bytes of the key',
  }),
  subcommand('slot-stats', -4, ['readonly', ...open], "Returns figures about this node's hash slots.", slotStats, {
    since: '8.2.0',
    args: [
      oneof(
        'filter',
        block('slotsrange', int('start-slot', { token: 'SLOTSRANGE' }), int('end-slot')),
        block(
          'orderby',
          str('metric', { token: 'ORDERBY' }),
          optional(int('limit', { token: 'LIMIT' })),
          optional(oneof('order', token('ASC'), token('DESC'))),
        ),
      ),
    ],
    complexity: 'O(N log(N)) with ORDERBY, else O(N); N slots',
    varies: true,
  }),
  subcommand(
    'migration',
    -4,
    changing,
    'Begins, cancels or shows moves of hash slots to this node.',
    migration.migration,
    {
      since: '8.4.0',
      args: [
        oneof(
          'subcommand',
          block('import', ...[slotRanges].map((ranges) => ({ ...ranges, token: 'IMPORT' }))),
          block('cancel', token('CANCEL'), someMoves()),
          block('status', token('STATUS'), someMoves()),
          block('pause', token('PAUSE'), someMoves()),
          block('resume', token('RESUME'), someMoves()),
          block('throttle', int('bytes-per-second', { token: 'THROTTLE' }), someMoves()),
        ),
      ],
      complexity: perSlot,
      varies: true,
    },
  ),
  subcommand(
    'migrateslots',
    -4,
    changing,
    'Begins to move hash slots of this node to others.',
    migration.migrateSlots,
    {
      since: '9.0.0',
      args: [
        many(
          block(
            'migration',
            ...[slotRanges].map((ranges) => ({ ...ranges, token: 'SLOTSRANGE' })),
            str('node-id', { token: 'NODE' }),
          ),
        ),
      ],
      complexity: perSlot,
    },
  ),
  subcommand(
    'getslotmigrations',
    2,
    inspecting,
    'Returns the moves of hash slots from and to this node.',
    migration.getSlotMigrations,
    { since: '9.0.0', complexity: 'O(N), N moves', varies: true },
  ),
  subcommand(
    'cancelslotmigrations',
    2,
    changing,
    'Cancels all moves of hash slots from this node.',
    migration.cancelSlotMigrations,
    { since: '9.0.0', complexity: 'O(N), N moves' },
  ),
  subcommand('syncslots', -3, changing, 'Used by nodes that move hash slots.', migration.syncSlots, {
    since: '8.4.0',
    args: [many(str('word'))],
    complexity: perSlot,
  }),
];

const nodeCommands: readonly ServerCommand[] = [
  subcommand('meet', -4, changing, 'Brings another node into the cluster.', nodes.meet, {
    args: [str('ip'), int('port'), optional(since('4.0.0', int('cluster_bus_port')))],
    history: [['4.0.0', 'Added the optional `cluster_bus_port` argument.']],
  }),
  subcommand('forget', 3, changing, 'Forgets another node.', nodes.forget, { args: [nodeId] }),
  subcommand('replicate', 3, changing, 'Makes this node a replica of another.', nodes.replicate, { args: [nodeId] }),
  subcommand('failover', -2, changing, 'Makes this replica take the place of its master.', nodes.failover, {
    args: [optional(oneof('options', token('FORCE'), token('TAKEOVER')))],
  }),
  subcommand('reset', -2, ['admin', 'noscript', 'stale'], 'Forgets the cluster.', nodes.reset, {
    args: [optional(oneof('hard_soft', token('HARD'), token('SOFT')))],
    complexity: `${perNode}; a replica's keys are deleted too`,
  }),
  subcommand('bumpepoch', 2, changing, 'Raises the configuration epoch.', nodes.bumpEpoch, { varies: true }),
  subcommand('set-config-epoch', 3, changing, 'Sets the configuration epoch of a new node.', nodes.setConfigEpoch, {
    args: [int('config-epoch')],
  }),
  subcommand('saveconfig', 2, changing, 'Writes the state of the cluster to disk.', nodes.saveConfig),
];

const viewCommands: readonly ServerCommand[] = [
  subcommand('info', 2, open, 'Returns the state of the cluster.', views.info, { varies: true }),
  subcommand('nodes', 2, open, 'Returns all nodes as this one sees them.', views.nodes, {
    complexity: perNode,
    varies: true,
  }),
  subcommand('shards', 2, openAlways, 'Returns the shards: slots and their nodes.', views.shards, {
    since: '7.0.0',
    complexity: perNode,
    varies: true,
  }),
  subcommand('slots', 2, openAlways, 'Returns which nodes serve which ranges of slots.', views.slots, {
    complexity: perNode,
    varies: true,
    history: [
      ['4.0.0', 'Added node IDs.'],
      ['7.0.0', 'Added additional networking metadata field.'],
    ],
    deprecatedSince: '7.0.0',
    replacedBy: '`CLUSTER SHARDS`',
  }),
  subcommand('links', 2, open, 'Returns the connections between this node and the others.', views.links, {
    since: '7.0.0',
    complexity: perNode,
    varies: true,
  }),
  subcommand('myid', 2, open, 'Returns the id of this node.', views.myId),
  subcommand('myshardid', 2, open, "Returns the id of this node's shard.", views.myShardId, {
    since: '7.2.0',
    varies: true,
  }),
  subcommand('replicas', 3, inspecting, 'Returns the replicas of a master.', nodes.replicas, {
    since: '5.0.0',
    args: [nodeId],
    varies: true,
  }),
  subcommand('slaves', 3, inspecting, 'Returns the replicas of a master.', nodes.replicas, {
    args: [nodeId],
    varies: true,
    deprecatedSince: '5.0.0',
    replacedBy: '`CLUSTER REPLICAS`',
  }),
  subcommand(
    'count-failure-reports',
    3,
    inspecting,
    'Counts the nodes that say a node has failed.',
    nodes.countFailureReports,
    {
      args: [nodeId],
      complexity: 'O(N), N reports',
      varies: true,
    },
  ),
  subcommand('help', 2, ['loading', 'stale'], 'Lists the subcommands.', help, { since: '5.0.0' }),
];

export const clusterCommand: ServerCommand = command({
  name: 'cluster',
  since: '3.0.0',
  group: 'cluster',
  arity: -2,
  flags: [],
  summary: 'Commands about the cluster that the server belongs to.',
  complexity: 'Depends on subcommand.',
  subcommands: [...slotCommands, ...nodeCommands, ...viewCommands],
});
