// nodes-parser: reads nodes.conf as Redis of any version writes it, and refuses a torn or foreign file, naming the
// line.

import { SLOT_COUNT } from '../base/key-slot.js';
import { parseRanges, type SlotRange, slotsOf } from '../base/slot-ranges.js';
import { ClusterNode, isNodeId, NodeFlag, BUS_PORT_OFFSET } from './node.js';
import { ClusterState } from './state.js';

export class NodesFileError extends Error {
  constructor(
    readonly lineNumber: number,
    readonly line: string,
    readonly reason: string,
  ) {
    super(`line ${lineNumber}: ${reason}: "${line.length > 200 ? `${line.slice(0, 200)}...` : line}"`);
  }
}

const flagBits: Readonly<Record<string, number>> = {
  myself: NodeFlag.myself,
  master: NodeFlag.master,
  slave: NodeFlag.replica,
  'fail?': NodeFlag.suspected,
  fail: NodeFlag.failed,
  handshake: NodeFlag.handshake,
  noaddr: NodeFlag.noAddress,
  nofailover: NodeFlag.noFailover,
  noflags: 0,
};

const FIELDS_MIN = 8;

export interface NodesParserOptions {
  readonly nowMs: number;
  readonly usesTls: boolean;
  newId(): string;
}

/** Everything that the file says; throws a NodesFileError. */
export function parseNodes(text: string, options: NodesParserOptions): ClusterState {
  return new NodesParser(options).parse(text);
}

class NodesParser {
  private readonly nodes = new Map<string, ClusterNode>();
  private readonly described = new Set<ClusterNode>();
  private readonly slots: [number, number, ClusterNode, number, string][] = [];
  private readonly moving: [number, string, ClusterNode][] = [];
  private readonly masters: [ClusterNode, ClusterNode][] = [];
  private readonly shards = new Set<ClusterNode>();
  private myself: ClusterNode | undefined;
  private currentEpoch = 0;
  private lastVoteEpoch = 0;
  private staged: readonly SlotRange[] = [];
  private hasVars = false;
  private lineNumber = 0;
  private line = '';

  constructor(private readonly options: NodesParserOptions) {}

  parse(text: string): ClusterState {
    const lines = text.split('\n');
    const rest = lines.pop()!;
    for (const line of lines) {
      this.lineNumber++;
      this.line = line;
      if (line.trim() !== '') this.takeLine(line.trim().split(/\s+/));
    }
    this.lineNumber++;
    this.line = rest;
    if (rest !== '') this.refuse('the file ends within this line');
    if (!this.hasVars) this.refuse('the file ends before its last line, which begins with vars');
    const { myself } = this;
    if (myself === undefined) this.refuse('no node of the file is flagged myself');
    if ((myself.flags & (NodeFlag.master | NodeFlag.replica)) === 0) this.refuse('myself is neither master nor slave');
    return this.finish(myself);
  }

  private refuse(reason: string): never {
    throw new NodesFileError(this.lineNumber, this.line, reason);
  }

  private takeLine(fields: readonly string[]): void {
    if (fields[0] === 'vars') {
      this.takeVars(fields);
      return;
    }
    if (this.hasVars) this.refuse('the line with vars is not the last');
    if (fields.length < FIELDS_MIN) this.refuse('a node has at least eight fields');
    const [id, address, flags, masterId, pingSent, pongReceived, epoch] = fields as [string, ...string[]];
    const node = this.nodeOf(id);
    if (this.described.has(node)) this.refuse('the node was described before');
    this.described.add(node);
    this.takeAddress(node, address!);
    this.takeFlags(node, flags!);
    if (masterId !== '-') this.masters.push([node, this.nodeOf(masterId!)]);
    const { nowMs } = this.options;
    if (this.number(pingSent!) > 0) node.pingSentMs = nowMs;
    if (this.number(pongReceived!) > 0) node.pongReceivedMs = nowMs;
    node.configEpoch = masterId !== '-' && node.isReplica ? 0 : this.number(epoch!);
    for (const word of fields.slice(FIELDS_MIN)) this.takeSlots(node, word);
  }

  private takeVars(fields: readonly string[]): void {
    if (fields.length % 2 === 0) this.refuse('a variable has no value');
    this.hasVars = true;
    for (let index = 1; index < fields.length; index += 2) {
      const name = fields[index];
      const text = fields[index + 1]!;
      if (name === 'currentEpoch') this.currentEpoch = this.number(text);
      else if (name === 'lastVoteEpoch') this.lastVoteEpoch = this.number(text);
      else if (name === 'staged') this.staged = parseRanges(text) ?? this.refuse(`'${text}' are no ranges of slots`);
    }
  }

  private number(text: string): number {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) this.refuse(`'${text}' is not a number`);
    return value;
  }

  private nodeOf(id: string): ClusterNode {
    if (!isNodeId(id)) this.refuse(`'${id}' is not a node id`);
    let node = this.nodes.get(id);
    if (node === undefined) {
      node = new ClusterNode(id, this.options.newId(), 0, this.options.nowMs);
      this.nodes.set(id, node);
    }
    return node;
  }

  private takeAddress(node: ClusterNode, text: string): void {
    const [address, hostname = '', ...aux] = text.split(',') as [string, ...string[]];
    const match = /^(.*):([0-9]{1,5})(?:@([0-9]{1,5}))?$/.exec(address);
    if (match === null) this.refuse(`'${address}' is not an address`);
    const [, ip = '', portText = '', busPortText] = match;
    if (!/^[0-9A-Za-z.:%_-]*$/.test(ip)) this.refuse(`'${ip}' is not an address`);
    const port = this.port(portText);
    let tcpPort: number | undefined;
    let tlsPort: number | undefined;
    for (const field of aux) {
      const [name, value, more] = field.split('=');
      if (value === undefined || more !== undefined) this.refuse(`'${field}' is not a field with a value`);
      if (name === 'shard-id') {
        if (!isNodeId(value)) this.refuse(`'${value}' is not a shard id`);
        node.shardId = value;
        this.shards.add(node);
      } else if (name === 'nodename') node.humanName = value;
      else if (name === 'tcp-port') tcpPort = this.port(value);
      else if (name === 'tls-port') tlsPort = this.port(value);
      else this.refuse(`'${name}' is not a field that Redis writes`);
    }
    node.ip = ip;
    node.hostname = hostname;
    // The port of the line is the one that no field names.
    if (tcpPort === undefined && tlsPort === undefined && this.options.usesTls) node.tlsPort = port;
    else {
      node.port = tcpPort ?? port;
      node.tlsPort = tlsPort ?? (tcpPort === undefined ? 0 : port);
    }
    node.busPort = busPortText === undefined ? port + BUS_PORT_OFFSET : this.port(busPortText);
  }

  private port(text: string): number {
    const port = this.number(text);
    if (port > 65535) this.refuse(`'${text}' is not a port`);
    return port;
  }

  private takeFlags(node: ClusterNode, text: string): void {
    for (const name of text.split(',')) {
      const bit = Object.hasOwn(flagBits, name) ? flagBits[name] : undefined;
      if (bit === undefined) this.refuse(`'${name}' is not a flag`);
      node.flags |= bit;
    }
    if (node.isMaster && node.isReplica) this.refuse('a node is both master and slave');
    if (node.hasFailed) node.failedMs = this.options.nowMs;
    if (!node.isMyself) return;
    if (this.myself !== undefined) this.refuse('a second node is flagged myself');
    this.myself = node;
  }

  private takeSlots(node: ClusterNode, word: string): void {
    const moves = /^\[([0-9]+)(->-|-<-)([0-9a-f]{40})\]$/.exec(word);
    if (moves !== null) {
      this.moving.push([this.slot(moves[1]!), moves[2]!, this.nodeOf(moves[3]!)]);
      return;
    }
    const range = /^([0-9]+)(?:-([0-9]+))?$/.exec(word);
    if (range === null) this.refuse(`'${word}' is not a range of slots`);
    const first = this.slot(range[1]!);
    const last = this.slot(range[2] ?? range[1]!);
    if (first > last) this.refuse(`'${word}' is not a range of slots`);
    this.slots.push([first, last, node, this.lineNumber, this.line]);
  }

  private slot(text: string): number {
    const slot = this.number(text);
    if (slot >= SLOT_COUNT) this.refuse(`there is no slot ${text}`);
    return slot;
  }

  private finish(myself: ClusterNode): ClusterState {
    const state = new ClusterState(myself);
    for (const node of this.nodes.values()) if (node !== myself) state.add(node);
    for (const [node, master] of this.masters) {
      if (node === master) this.refuse('a node is its own master');
      const { shardId } = node;
      state.follow(node, master);
      // An older file says nothing of shards: the master's counts.
      if (this.shards.has(node) && !this.shards.has(master)) master.shardId = node.shardId = shardId;
    }
    for (const [first, last, node, lineNumber, line] of this.slots) {
      for (let slot = first; slot <= last; slot++) {
        if (state.owners[slot] !== undefined)
          throw new NodesFileError(lineNumber, line, `slot ${slot} has another owner already`);
        state.assign(slot, node);
      }
    }
    for (const [slot, direction, node] of this.moving)
      (direction === '->-' ? state.migratingTo : state.importingFrom).set(slot, node);
    for (const slot of slotsOf(this.staged)) state.staged.add(slot);
    if (myself.isReplica && myself.master === undefined) this.refuse('myself is a slave without a master');
    state.currentEpoch = this.currentEpoch;
    state.lastVoteEpoch = this.lastVoteEpoch;
    state.currentEpoch = state.maxEpoch;
    return state;
  }
}
