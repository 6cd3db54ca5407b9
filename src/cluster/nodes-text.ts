// nodes-text: the state as text: the reply of CLUSTER NODES, and the content of nodes.conf, which has a little more.
//
//   <id> <ip>:<port>@<bus port>[,<host name>][,<aux>=<value>...] <flags> <master or -> <ping sent> <pong received> <epoch> <link> <slots...>
//   vars currentEpoch <n> lastVoteEpoch <n> [staged <slots>]
//
// Slots are `5`, `0-9`, and for this node itself `[7->-id]` (migrating) and `[8-<-id]` (importing). Only the file has the aux
// fields (since Redis 7.2: shard-id, nodename, tls-port, tcp-port), after a host name that may then be empty, and the last line.

import { rangesOf, rangesText } from '../base/slot-ranges.js';
import type { Bus } from './bus.js';
import { type ClusterNode, NodeFlag, slotRanges } from './node.js';

const flagNames: readonly (readonly [number, string])[] = [
  [NodeFlag.myself, 'myself'],
  [NodeFlag.master, 'master'],
  [NodeFlag.replica, 'slave'],
  [NodeFlag.suspected, 'fail?'],
  [NodeFlag.failed, 'fail'],
  [NodeFlag.handshake, 'handshake'],
  [NodeFlag.noAddress, 'noaddr'],
  [NodeFlag.noFailover, 'nofailover'],
];

/** Which of a node's ports stands in a line. */
export type LinePort = 'plain' | 'tls';

export function flagsText(flags: number): string {
  const names = flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? 'noflags' : names.join(',');
}

/** One line of CLUSTER NODES, without its end. */
export function nodeLine(bus: Bus, node: ClusterNode, port: LinePort): string {
  return line(bus, node, port === 'tls' ? node.tlsPort : node.port, node.hostname === '' ? '' : `,${node.hostname}`);
}

export function nodesText(bus: Bus, port: LinePort): string {
  let text = '';
  for (const node of bus.state.nodes.values()) text += `${nodeLine(bus, node, port)}\n`;
  return text;
}

/** The content of nodes.conf. Nodes that have not proved who they are are not kept. */
export function fileText(bus: Bus): string {
  const { state } = bus;
  let text = '';
  for (const node of state.nodes.values()) {
    if (node.isInHandshake) continue;
    const name = node.humanName === '' ? '' : `,nodename=${node.humanName}`;
    const more = `,${node.hostname},tls-port=${node.tlsPort}${name},shard-id=${node.shardId}`;
    text += `${line(bus, node, node.port, more)}\n`;
  }
  // Redis passes by variables that it does not know.
  const staged = rangesOf([...state.staged].sort((one, other) => one - other));
  const more = staged.length === 0 ? '' : ` staged ${rangesText(staged).replaceAll(' ', ',')}`;
  return `${text}vars currentEpoch ${state.currentEpoch} lastVoteEpoch ${state.lastVoteEpoch}${more}\n`;
}

function line(bus: Bus, node: ClusterNode, port: number, more: string): string {
  const { master } = node;
  const epoch = node.isReplica && master !== undefined ? master.configEpoch : node.configEpoch;
  const isConnected = node.isMyself || node.link !== undefined;
  const fields = [
    node.id,
    `${node.ip}:${port}@${node.busPort}${more}`,
    flagsText(node.flags),
    master?.id ?? '-',
    bus.wallMs(node.pingSentMs),
    bus.wallMs(node.pongReceivedMs),
    epoch,
    isConnected ? 'connected' : 'disconnected',
  ];
  if (node.slotCount > 0) {
    const ranges = slotRanges(node.slots);
    for (let index = 0; index < ranges.length; index += 2) {
      const first = ranges[index]!;
      const last = ranges[index + 1]!;
      fields.push(first === last ? String(first) : `${first}-${last}`);
    }
  }
  if (node.isMyself) fields.push(...movingSlots(bus));
  return fields.join(' ');
}

function movingSlots({ state }: Bus): string[] {
  const moving: [number, string][] = [];
  for (const [slot, node] of state.migratingTo) moving.push([slot, `[${slot}->-${node.id}]`]);
  for (const [slot, node] of state.importingFrom)
    if (!state.migratingTo.has(slot)) moving.push([slot, `[${slot}-<-${node.id}]`]);
  return moving.sort(([a], [b]) => a - b).map(([, text]) => text);
}
