// cluster-layout: the nodes.conf of each node of a cluster in which all nodes know each other from the start.
//
// A manager would join the nodes by CLUSTER MEET and wait for gossip: some hundred messages, which cost more than all the rest of
// a start. The files say what the nodes would have agreed on, so that each starts as after a restart.
//
// Not here: what a line means (cluster/nodes-text).

import { latin1Bytes } from '../base/bytes.js';
import { SLOT_COUNT } from '../base/key-slot.js';

/** A node that is about to start. */
export interface PlannedNode {
  readonly id: string;
  /** Of the master and its replicas. */
  readonly shardId: string;
  readonly port: number;
  readonly busPort: number;
  /** Number of the master from 0, of this node or of the one that it follows. */
  readonly masterIndex: number;
  /** Undefined: it is a master. */
  readonly masterId: string | undefined;
}

/** First and last slot of a master. */
function slotsOf(masterIndex: number, masterCount: number): string {
  const from = Math.round((masterIndex * SLOT_COUNT) / masterCount);
  const to = Math.round(((masterIndex + 1) * SLOT_COUNT) / masterCount) - 1;
  return from === to ? String(from) : `${from}-${to}`;
}

function lineOf(node: PlannedNode, isMyself: boolean, masterCount: number): string {
  const { id, shardId, port, busPort, masterIndex, masterId } = node;
  const role = masterId === undefined ? 'master' : 'slave';
  const fields = [
    id,
    `127.0.0.1:${port}@${busPort},,tls-port=0,shard-id=${shardId}`,
    isMyself ? `myself,${role}` : role,
    masterId ?? '-',
    0,
    1,
    masterIndex + 1,
    'connected',
  ];
  if (masterId === undefined) fields.push(slotsOf(masterIndex, masterCount));
  return `${fields.join(' ')}\n`;
}

/** The content of nodes.conf for `myself`, one of `nodes`. */
export function nodesFileOf(myself: PlannedNode, nodes: readonly PlannedNode[]): Uint8Array {
  const masterCount = nodes.filter(({ masterId }) => masterId === undefined).length;
  const lines = nodes.map((node) => lineOf(node, node === myself, masterCount));
  return latin1Bytes(`${lines.join('')}vars currentEpoch ${masterCount} lastVoteEpoch 0\n`);
}
