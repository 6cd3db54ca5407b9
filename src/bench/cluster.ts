// cluster: the masters of a Redis cluster with their slots, and a hash tag for each slot.
import { crc16 } from '../base/crc16.js';
import type { Address } from './connection.js';
import { ErrorReply, QueryConnection } from './query.js';

const slotCount = 16384;
const tagAlphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

export interface ClusterNode {
  id: string;
  address: Address;
  slots: Int32Array;
}

/** Masters with slots, as the node at `address` sees them. Throws an Error whose message is ready for stderr. */
export async function fetchNodes(address: Address, auth: string[]): Promise<ClusterNode[]> {
  const query = await QueryConnection.open(address);
  try {
    const place = address.path ?? `${address.host}:${address.port}`;
    if (auth.length > 0) {
      const reply = await query.ask('AUTH', ...auth);
      if (reply instanceof ErrorReply) throw new Error(`Node ${place} replied with error:\n${reply.message}`);
    }
    const reply = await query.ask('CLUSTER', 'NODES');
    if (reply instanceof ErrorReply) throw new Error(`Cluster node ${place} replied with error:\n${reply.message}`);
    if (typeof reply !== 'string') throw new Error('Invalid CLUSTER NODES reply: missing flags.');
    return parseNodes(reply, address);
  } finally {
    query.close();
  }
}

/** Reads the text of CLUSTER NODES. `asked` is the node it came from: it may not know its own address. */
export function parseNodes(text: string, asked: Address): ClusterNode[] {
  const nodes: ClusterNode[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [id, place, flags, master, , , , , ...ranges] = line.split(' ');
    if (id === undefined || place === undefined || flags === undefined) {
      throw new Error(`Invalid CLUSTER NODES reply: missing ${flags === undefined ? 'flags' : 'addr'}.`);
    }
    if (flags.includes('slave') || (master !== undefined && !master.startsWith('-'))) continue;
    const endpoint = place.split(',')[0]!.split('@')[0]!;
    const colon = endpoint.lastIndexOf(':');
    const host = endpoint.slice(0, colon) || asked.host;
    const port = Number(endpoint.slice(colon + 1));
    const slots: number[] = [];
    for (const range of ranges) {
      if (range.startsWith('[')) continue; // a slot on the move
      const [first, last = first] = range.split('-').map(Number);
      for (let slot = first!; slot <= last! && slot < slotCount; slot++) slots.push(slot);
    }
    if (slots.length === 0) process.stderr.write(`WARNING: Master node ${host}:${port} has no slots, skipping...\n`);
    else nodes.push({ id, address: { host, port, tls: asked.tls }, slots: Int32Array.from(slots) });
  }
  return nodes;
}

let tags: Uint8Array[] | undefined;

/** Three bytes to put between the braces of `{tag}` so that the key falls into the slot. */
export function tagOfSlot(slot: number): Uint8Array {
  tags ??= makeTags();
  return tags[slot]!;
}

function makeTags(): Uint8Array[] {
  const found: Uint8Array[] = new Array<Uint8Array>(slotCount);
  const codes = Buffer.from(tagAlphabet);
  for (const first of codes) {
    for (const second of codes) {
      for (const third of codes) {
        const tag = Uint8Array.of(first, second, third);
        found[crc16(tag) % slotCount] ??= tag;
      }
    }
  }
  return found;
}
