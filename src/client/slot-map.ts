// slot-map: which node serves which slot of a cluster, as CLUSTER SLOTS or CLUSTER SHARDS of one node reports it.
//
// A node may not know its own address, or hide it (`cluster-preferred-endpoint-type unknown-endpoint`): then
// the address by which it was asked stands in.
import { keySlot, SLOT_COUNT } from '../base/key-slot.js';
import { isAggregate, isError, replyText, type Reply } from './reply.js';

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

export interface Shard {
  readonly master: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  /** First and last slot of each range. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** The reply is no map of slots; the message says why. */
export class SlotMapError extends Error {}

export const sameAddress = (one: NodeAddress, other: NodeAddress): boolean =>
  one.host === other.host && one.port === other.port;

/** `host:port`, which distinguishes nodes. */
export const addressText = ({ host, port }: NodeAddress): string => `${host}:${port}`;

export class SlotMap {
  private readonly owners: (NodeAddress | undefined)[];
  readonly shards: readonly Shard[];

  constructor(shards: readonly Shard[]) {
    this.shards = shards;
    this.owners = new Array<NodeAddress | undefined>(SLOT_COUNT).fill(undefined);
    for (const { master, ranges } of shards) {
      for (const [first, last] of ranges) this.owners.fill(master, first, last + 1);
    }
  }

  /** The master of a slot; undefined when nobody serves it. */
  ownerOf(slot: number): NodeAddress | undefined {
    return this.owners[slot];
  }

  ownerOfKey(key: Uint8Array): NodeAddress | undefined {
    return this.owners[keySlot(key)];
  }

  /** Notes what a MOVED told, until the whole map is read again. */
  move(slot: number, owner: NodeAddress): void {
    this.owners[slot] = owner;
  }

  /** The shard of a master. */
  shardOf(master: NodeAddress): Shard | undefined {
    return this.shards.find((shard) => sameAddress(shard.master, master));
  }

  /** All nodes, masters first. */
  get nodes(): NodeAddress[] {
    return [...this.shards.map(({ master }) => master), ...this.shards.flatMap(({ replicas }) => replicas)];
  }
}

/** Reads the reply to CLUSTER SLOTS. `asked`: the node that gave it. */
export function readClusterSlots(reply: Reply, asked: NodeAddress): SlotMap {
  const shards = new Map<string, { master: NodeAddress; replicas: NodeAddress[]; ranges: [number, number][] }>();
  for (const entry of elementsOf(reply, 'CLUSTER SLOTS')) {
    const [first, last, master, ...replicas] = elementsOf(entry, 'a range of CLUSTER SLOTS');
    const range: [number, number] = [readSlot(first), readSlot(last)];
    const address = readEndpoint(master, asked);
    const known = shards.get(addressText(address));
    if (known !== undefined) known.ranges.push(range);
    else {
      const others = replicas.map((replica) => readEndpoint(replica, asked));
      shards.set(addressText(address), { master: address, replicas: others, ranges: [range] });
    }
  }
  return new SlotMap([...shards.values()]);
}

/** Reads the reply to CLUSTER SHARDS. `tls`: take the ports for TLS. */
export function readClusterShards(reply: Reply, asked: NodeAddress, tls: boolean): SlotMap {
  const shards: Shard[] = [];
  for (const entry of elementsOf(reply, 'CLUSTER SHARDS')) {
    const fields = readFields(entry);
    const slots = elementsOf(fields.get('slots'), 'the slots of CLUSTER SHARDS').map(readSlot);
    if (slots.length % 2 !== 0) throw new SlotMapError('CLUSTER SHARDS has a range of slots without an end');
    let master: NodeAddress | undefined;
    const replicas: NodeAddress[] = [];
    for (const node of elementsOf(fields.get('nodes'), 'the nodes of CLUSTER SHARDS')) {
      const about = readFields(node);
      const port = readPort((tls ? about.get('tls-port') : undefined) ?? about.get('port') ?? about.get('tls-port'));
      const address = { host: readHost(about.get('endpoint') ?? about.get('ip'), asked), port };
      const isOnline = replyText(about.get('health')) !== 'fail';
      if (replyText(about.get('role')) === 'master' && (master === undefined || isOnline)) master = address;
      else if (isOnline) replicas.push(address);
    }
    const ranges: [number, number][] = [];
    for (let index = 0; index < slots.length; index += 2) ranges.push([slots[index]!, slots[index + 1]!]);
    if (master !== undefined && ranges.length > 0) shards.push({ master, replicas, ranges });
  }
  return new SlotMap(shards);
}

function elementsOf(reply: Reply | undefined, name: string): readonly Reply[] {
  if (reply !== undefined && isError(reply)) throw new SlotMapError(replyText(reply));
  if (reply === undefined || !isAggregate(reply)) throw new SlotMapError(`${name} is not a list`);
  return reply.elements;
}

/** A map, or the flat list that stands for one in RESP2. */
function readFields(reply: Reply): Map<string, Reply> {
  const elements = elementsOf(reply, 'an entry of CLUSTER SHARDS');
  const fields = new Map<string, Reply>();
  for (let index = 0; index + 1 < elements.length; index += 2)
    fields.set(replyText(elements[index]), elements[index + 1]!);
  return fields;
}

function readEndpoint(reply: Reply | undefined, asked: NodeAddress): NodeAddress {
  const [host, port] = elementsOf(reply, 'a node of CLUSTER SLOTS');
  return { host: readHost(host, asked), port: readPort(port) };
}

function readHost(reply: Reply | undefined, asked: NodeAddress): string {
  const host = replyText(reply);
  return host === '' || host === '?' ? asked.host : host;
}

function readSlot(reply: Reply | undefined): number {
  return readWithin(reply, 0, SLOT_COUNT - 1, 'slot');
}

function readPort(reply: Reply | undefined): number {
  return readWithin(reply, 1, 65535, 'port');
}

function readWithin(reply: Reply | undefined, least: number, most: number, name: string): number {
  const value = reply?.kind === 'integer' ? Number(reply.value) : NaN;
  if (!(value >= least && value <= most))
    throw new SlotMapError(`the cluster names a ${name} that is none: '${replyText(reply)}'`);
  return value;
}
