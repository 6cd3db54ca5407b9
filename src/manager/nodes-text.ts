// nodes-text: the text of CLUSTER NODES, which is also that of nodes.conf:
//
//   id host:port@bus,hostname flags master ping pong epoch link slot slot-slot [slot->-id] [slot-<-id]
import { readLeadingInteger } from '../base/c-numbers.js';
import { SLOT_COUNT } from '../base/key-slot.js';
import { parseAddress } from './address.js';

export interface NodeLine {
  readonly id: string;
  /** In the node's words, with the bus port. */
  readonly place: string;
  readonly host: string;
  readonly port: number;
  readonly busPort: number;
  readonly flags: readonly string[];
  /** Of a replica: its master's id. */
  readonly masterId: string | undefined;
  readonly epoch: number;
  readonly isConnected: boolean;
  readonly ranges: readonly (readonly [number, number])[];
  /** Slots on their way, with the id of the other node. */
  readonly migrating: ReadonlyMap<number, string>;
  readonly importing: ReadonlyMap<number, string>;
}

/** The text is none of CLUSTER NODES. */
export class NodesTextError extends Error {
  constructor() {
    super('invalid CLUSTER NODES reply');
  }
}

export function parseNodesText(text: string): NodeLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

function parseLine(line: string): NodeLine {
  const [id, place, flagText, master, , , epoch, link, ...slots] = line.split(' ');
  if (id === undefined || place === undefined || flagText === undefined || master === undefined)
    throw new NodesTextError();
  const [endpoint] = place.split(',');
  const address = parseAddress(endpoint!);
  if (address === undefined) throw new NodesTextError();
  const flags = flagText.split(',');
  const busText = /@(\d+)$/.exec(endpoint!)?.[1];
  const ranges: [number, number][] = [];
  const migrating = new Map<number, string>();
  const importing = new Map<number, string>();
  for (const word of slots) {
    if (word === '') continue;
    const moving = /^\[(\d+)-([<>])-(.+?)\]?$/.exec(word);
    if (moving !== null) {
      (moving[2] === '>' ? migrating : importing).set(readSlot(moving[1]!), moving[3]!);
      continue;
    }
    const [first, last = first] = word.split('-');
    const range: [number, number] = [readSlot(first!), readSlot(last!)];
    if (range[0] > range[1]) throw new NodesTextError();
    ranges.push(range);
  }
  return {
    id,
    place,
    host: address.host,
    port: address.port,
    busPort: busText === undefined ? address.port + 10_000 : Number(busText),
    flags,
    masterId: flags.includes('slave') && master !== '-' ? master : undefined,
    epoch: readLeadingInteger(epoch ?? ''),
    isConnected: link !== 'disconnected' && !flags.includes('handshake'),
    ranges,
    migrating,
    importing,
  };
}

function readSlot(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) >= SLOT_COUNT) throw new NodesTextError();
  return Number(text);
}

/** The owners of all slots as one text: equal for nodes that agree. Nodes without slots do not count. */
export function configSignature(lines: readonly NodeLine[]): string {
  return lines
    .filter(({ ranges }) => ranges.length > 0)
    .map(({ id, ranges }) => `${id}:${ranges.map((range) => range.join('-')).join(',')}`)
    .sort()
    .join('|');
}
