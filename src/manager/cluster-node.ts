// cluster-node: one node of the cluster as the manager knows it.
import { SLOT_COUNT } from '../base/key-slot.js';
import type { Connection } from '../client/connection.js';
import type { NodeAddress } from '../client/slot-map.js';
import type { NodeLine } from './nodes-text.js';

export class ClusterNode {
  readonly host: string;
  readonly port: number;
  id = '';
  busPort: number;
  flags: readonly string[] = [];
  epoch = 0;
  /** Of a replica: its master's id. */
  replicates: string | undefined;
  replicaCount = 0;
  /** 1 for each slot that the node says it owns. */
  readonly slots = new Uint8Array(SLOT_COUNT);
  readonly migrating = new Map<number, string>();
  readonly importing = new Map<number, string>();
  /** The node must still get the decisions of `create`. */
  isChanged = false;
  /** The node knows its replicas. */
  knowsReplicas = false;
  /** It can move slots in one step; undefined: not asked yet. */
  movesAtOnce: boolean | undefined;
  connection: Connection | undefined;

  constructor({ host, port }: NodeAddress) {
    this.host = host;
    this.port = port;
    this.busPort = port + 10_000;
  }

  /** host:port */
  get name(): string {
    return `${this.host}:${this.port}`;
  }

  get isReplica(): boolean {
    return this.flags.includes('slave');
  }

  get slotCount(): number {
    let count = 0;
    for (const owned of this.slots) count += owned;
    return count;
  }

  /** Its slots, lowest first. */
  get slotList(): number[] {
    const list: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.slots[slot] === 1) list.push(slot);
    return list;
  }

  /** Takes over the node's line of CLUSTER NODES. */
  learn(line: NodeLine): void {
    this.id = line.id;
    this.busPort = line.busPort;
    this.flags = line.flags;
    this.epoch = line.epoch;
    this.replicates = line.masterId;
    this.slots.fill(0);
    for (const [first, last] of line.ranges) this.slots.fill(1, first, last + 1);
    this.migrating.clear();
    this.importing.clear();
    for (const [slot, id] of line.migrating) this.migrating.set(slot, id);
    for (const [slot, id] of line.importing) this.importing.set(slot, id);
    this.isChanged = false;
  }
}

/** First and last slot of each run of ones. */
export function slotRanges(slots: Uint8Array): [number, number][] {
  const ranges: [number, number][] = [];
  let first = -1;
  for (let slot = 0; slot <= slots.length; slot++) {
    const owned = slots[slot] === 1;
    if (owned && first < 0) first = slot;
    if (!owned && first >= 0) {
      ranges.push([first, slot - 1]);
      first = -1;
    }
  }
  return ranges;
}
