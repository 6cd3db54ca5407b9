// topology: who serves which slot of a cluster, put together from what its nodes say (CLUSTER NODES).
//
// Nodes learn of changes one after the other; of several owners the one with the highest epoch is right, and its own word counts
// before that of others. A slot that is being moved key by key (`[slot->-id]`, `[slot-<-id]`) is open.

import { SLOT_COUNT } from '../../base/key-slot.js';
import type { NodeAddress } from '../../client/slot-map.js';

export interface Topology {
  /** Id of the owner of each slot. */
  readonly owners: readonly (string | undefined)[];
  readonly open: ReadonlySet<number>;
  readonly addresses: ReadonlyMap<string, NodeAddress>;
}

export interface NodeView {
  readonly asked: NodeAddress;
  readonly text: string;
}

export function readTopology(views: readonly NodeView[]): Topology {
  const owners = new Array<string | undefined>(SLOT_COUNT).fill(undefined);
  const epochs = new Float64Array(SLOT_COUNT).fill(-1);
  const open = new Set<number>();
  const addresses = new Map<string, NodeAddress>();
  for (const { asked, text } of views) {
    for (const line of text.split('\n')) {
      const [id, address = '', flags = '', , , , epoch = '', , ...slots] = line.trim().split(' ');
      const match = /^(.*):(\d{1,5})@/.exec(address);
      if (id === undefined || match === null) continue;
      const isSelf = flags.includes('myself');
      const host = match[1] === '' || isSelf ? asked.host : match[1]!;
      addresses.set(id, { host, port: Number(match[2]) });
      if (!flags.includes('master')) continue;
      // Half a step, so that the owner itself comes before others of the same epoch.
      const weight = Number(epoch) + (isSelf ? 0.5 : 0);
      for (const word of slots) {
        const moving = /^\[(\d{1,5})-[<>]-/.exec(word);
        if (moving !== null) open.add(Number(moving[1]));
        const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word);
        if (range === null) continue;
        const last = Math.min(Number(range[2] ?? range[1]), SLOT_COUNT - 1);
        for (let slot = Number(range[1]); slot <= last; slot++) {
          if (weight <= epochs[slot]!) continue;
          epochs[slot] = weight;
          owners[slot] = id;
        }
      }
    }
  }
  return { owners, open, addresses };
}

/** Ranges of slots as text: 0-5460,12706. */
export function slotsText(slots: Iterable<number>): string {
  const ranges: [number, number][] = [];
  for (const slot of slots) {
    const last = ranges[ranges.length - 1];
    if (last?.[1] === slot - 1) last[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

export function slotsOfText(text: string): number[] {
  const slots: number[] = [];
  for (const range of text.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (range === '' || !(first! >= 0 && last! < SLOT_COUNT)) continue;
    for (let slot = first!; slot <= last!; slot++) slots.push(slot);
  }
  return slots;
}
