// bus.fuzz: random and damaged messages to one node, which must stay consistent, loadable from its file, and understood by others.

import { SLOT_COUNT } from '../base/key-slot.js';
import assert from 'node:assert/strict';
import type { Fuzzer } from '../base/fuzzer.js';
import { Prng } from '../base/prng.js';
import { Bus, type BusAction, type BusSettings, type BusWorld } from './bus.js';
import { BusFormatError, decodeMessage } from './decode.js';
import { encodeMessage } from './encode.js';
import { NODES_MAX } from './handshake.js';
import type { BusMessage, Extensions, GossipEntry, MessageBody, MessageHeader } from './message.js';
import { type BusLink, ClusterNode, hasSlot, NodeFlag, SLOT_BITMAP_BYTES } from './node.js';
import { parseNodes } from './nodes-parser.js';
import { fileText } from './nodes-text.js';
import { ClusterState } from './state.js';
import { type BusInput, step } from './step.js';

const IDS = [...'0123456789abcdef'].map((letter) => letter.repeat(40));
const MYSELF = IDS[8]!;
const EPOCHS = [0, 1, 2, 3, 7, 1000, 2 ** 32, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
const ADDRESSES = ['', '127.0.0.1', '10.0.0.7', '::1', 'host-1.example', 'x'.repeat(45)];
const PORTS = [0, 1, 7000, 65535];

/** Settings of a node with nothing special. */
export const settings: BusSettings = {
  nodeTimeoutMs: 1000,
  pingIntervalMs: 500,
  replicaValidityFactor: 0,
  replicationPingMs: 1000,
  migrationBarrier: 1,
  allowsReplicaMigration: true,
  requiresFullCoverage: true,
  replicaNoFailover: false,
  usesTls: false,
  announcedIp: '',
  announcedPort: 7000,
  announcedTlsPort: 0,
  announcedBusPort: 17000,
  hostname: '',
  humanName: '',
};

/** The id of a node by a number. */
export function idOf(number: number): string {
  return number.toString(16).padStart(40, '0');
}

/** A server with nothing special around a node: no data, and nothing to load. */
export function quietWorld(): BusWorld {
  return {
    settings,
    random: new Prng(1),
    newId: () => idOf(0),
    replicationOffset: () => 0,
    dataAgeMs: () => 0,
    isLoading: () => false,
    isEmpty: () => true,
    keysInSlot: () => 0,
  };
}

function randomSlots(prng: Prng): Uint8Array {
  const slots = new Uint8Array(SLOT_BITMAP_BYTES);
  const kind = prng.below(6);
  if (kind === 1) slots.fill(0xff);
  else if (kind === 2) for (let index = 0; index < slots.length; index++) slots[index] = prng.below(256);
  else if (kind >= 3) {
    const first = prng.below(SLOT_BITMAP_BYTES);
    slots.fill(0xff, first, first + prng.below(400));
  }
  return slots;
}

function randomEntry(prng: Prng): GossipEntry {
  return {
    id: prng.chance(80) ? prng.pick(IDS) : randomId(prng),
    pingSentSeconds: prng.chance(50) ? 0 : prng.uint32(),
    pongReceivedSeconds: prng.chance(50) ? 0 : prng.uint32(),
    ip: prng.pick(ADDRESSES),
    port: prng.pick(PORTS),
    otherPort: prng.pick(PORTS),
    busPort: prng.pick(PORTS),
    nodeFlags: prng.chance(50) ? prng.pick([1, 2, 4, 8, 9, 10]) : prng.below(0x10000) & ~prng.pick([1, 2, 3]),
  };
}

function randomId(prng: Prng): string {
  let id = '';
  while (id.length < 40) id += prng.below(16).toString(16);
  return id;
}

function randomExtensions(prng: Prng): Extensions {
  const extensions: { -readonly [Key in keyof Extensions]: Extensions[Key] } = {};
  if (prng.chance(20)) extensions.hostname = prng.pick(['a.b', '', 'two words', 'x,y=z', 'line\nend', 'y'.repeat(300)]);
  if (prng.chance(20)) extensions.humanName = prng.pick(['n1', 'two words', 'a,b', 'x=y', 'line\nvars']);
  if (prng.chance(20)) extensions.shardId = prng.pick(IDS);
  if (prng.chance(10)) extensions.forgotten = [{ id: prng.pick(IDS), seconds: prng.pick([0, 1, 60, 2 ** 40]) }];
  return extensions;
}

function randomBody(prng: Prng, type: number): MessageBody {
  switch (type) {
    case 0:
    case 1:
    case 2: {
      const gossip = Array.from({ length: prng.below(6) }, () => randomEntry(prng));
      return { kind: 'gossip', gossip, extensions: prng.chance(50) ? randomExtensions(prng) : {} };
    }
    case 3:
      return { kind: 'fail', id: prng.pick(IDS) };
    case 4:
    case 10:
      return { kind: 'publish', channel: new Uint8Array(prng.below(9)), payload: new Uint8Array(prng.below(99)) };
    case 7:
      return { kind: 'update', id: prng.pick(IDS), configEpoch: prng.pick(EPOCHS), slots: randomSlots(prng) };
    case 9:
      return { kind: 'module', payload: new Uint8Array(prng.below(50)) };
    default:
      return { kind: 'none' };
  }
}

function randomMessage(prng: Prng, sender: string): BusMessage {
  const type = prng.chance(60) ? prng.below(3) : prng.below(11);
  const header: MessageHeader = {
    type,
    sender,
    port: prng.pick(PORTS),
    otherPort: prng.pick(PORTS),
    busPort: prng.pick(PORTS),
    ip: prng.pick(ADDRESSES),
    nodeFlags: prng.chance(70) ? prng.pick([1, 2]) : prng.below(0x10000) & ~prng.pick([0, 1, 2, 3]),
    isOk: prng.chance(50),
    messageFlags: prng.chance(70) ? 4 : prng.below(256),
    currentEpoch: prng.pick(EPOCHS),
    configEpoch: prng.pick(EPOCHS),
    offset: prng.pick(EPOCHS),
    slots: randomSlots(prng),
    masterId: prng.chance(60) ? '' : prng.pick(IDS),
  };
  return { header, body: randomBody(prng, type) };
}

/** One node with nothing around it but what the fuzzer says. */
class Victim {
  readonly bus: Bus;
  readonly links: BusLink[] = [];
  private nowMs = 1e9;

  constructor(readonly prng: Prng) {
    const myself = new ClusterNode(MYSELF, MYSELF, NodeFlag.myself | NodeFlag.master, this.nowMs);
    this.bus = new Bus(
      new ClusterState(myself),
      {
        settings,
        random: prng,
        newId: () => randomId(prng),
        replicationOffset: () => prng.pick([0, 7, 1000]),
        dataAgeMs: () => 0,
        isLoading: () => false,
        isEmpty: () => prng.chance(50),
        keysInSlot: () => prng.below(2),
      },
      this.nowMs,
    );
  }

  input(input: BusInput): void {
    this.nowMs += this.prng.pick([0, 1, 100, 100, 3000]);
    const actions = step(this.bus, input, { steadyMs: this.nowMs, wallMs: this.nowMs + 1e12 });
    for (const action of actions) this.take(action);
  }

  private take(action: BusAction): void {
    if (action.kind === 'connect') this.links.push(action.link);
    else if (action.kind === 'close') this.gone(action.link);
    // Another node must be able to read it.
    else if (action.kind === 'send') assert.ok(decodeMessage(action.bytes.slice()) !== undefined);
  }

  gone(link: BusLink): void {
    const index = this.links.indexOf(link);
    if (index >= 0) this.links.splice(index, 1);
  }

  newInbound(): BusLink {
    const link = this.bus.newInboundLink('127.0.0.1', '127.0.0.1', this.nowMs);
    link.isOpen = true;
    this.links.push(link);
    return link;
  }

  verify(): void {
    const { state } = this.bus;
    assert.ok(state.nodes.size <= NODES_MAX);
    const counts = new Map<ClusterNode, number>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = state.owners[slot];
      if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    for (const [id, node] of state.nodes) {
      assert.equal(node.id, id);
      assert.equal(node.isMyself, node === state.myself, 'only one node is this one');
      assert.equal(node.slotCount, counts.get(node) ?? 0, 'the count of slots is right');
      counts.delete(node);
      if (node.slotCount > 0)
        for (let slot = 0; slot < SLOT_COUNT; slot++)
          if (hasSlot(node.slots, slot) !== (state.owners[slot] === node)) assert.fail('bitmap and owners agree');
      if (node.master !== undefined) {
        assert.equal(state.nodes.get(node.master.id), node.master, 'a master is a known node');
        assert.ok(node.master.replicas.includes(node), 'a master knows its replica');
      }
      for (const replica of node.replicas) assert.equal(replica.master, node, 'a replica knows its master');
      assert.ok(!(node.isMaster && node.isReplica), 'a node has one role');
      assert.ok(!node.isMaster || node.master === undefined, 'a master has no master');
      assert.ok(Number.isSafeInteger(node.configEpoch) && node.configEpoch >= 0, 'an epoch is a whole number');
    }
    assert.equal(counts.size, 0, 'owners are known nodes');
    assert.ok(Number.isSafeInteger(state.currentEpoch), 'the epoch is a whole number');
    const { myself } = state;
    assert.ok(myself.isMaster !== myself.isReplica, 'this node is a master or a replica');
    assert.ok(myself.isMaster || myself.master !== undefined, 'this node has a master if it is a replica');
  }

  verifyFile(): void {
    const { state } = this.bus;
    const loaded = parseNodes(fileText(this.bus), { nowMs: this.nowMs, usesTls: false, newId: () => MYSELF });
    for (let slot = 0; slot < SLOT_COUNT; slot++) assert.equal(loaded.owners[slot]?.id, state.owners[slot]?.id);
    assert.equal(loaded.myself.master?.id, state.myself.master?.id);
    assert.equal(loaded.lastVoteEpoch, state.lastVoteEpoch);
  }
}

function damage(prng: Prng, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  for (let count = 1 + prng.below(4); count > 0; count--) {
    const at = prng.chance(50) ? prng.below(Math.min(bytes.length, 80)) : prng.below(bytes.length);
    if (prng.chance(50)) bytes[at] = prng.below(256);
    else if (at + 4 <= bytes.length) view.setUint32(at, prng.pick([0, 1, 0xffff, 0x7fffffff, 0xffffffff]));
  }
  // Most damage would end at the length otherwise.
  if (prng.chance(70)) view.setUint32(4, bytes.length);
}

function oneStep(prng: Prng, victim: Victim): void {
  if (prng.chance(15)) {
    victim.input({ kind: 'tick' });
    return;
  }
  if (victim.links.length === 0 || (victim.links.length < 30 && prng.chance(10))) victim.newInbound();
  const link = prng.pick(victim.links);
  if (!link.isInbound && !link.isOpen) {
    victim.input({ kind: 'opened', link });
    return;
  }
  if (prng.chance(2)) {
    victim.gone(link);
    victim.input({ kind: 'closed', link });
    return;
  }
  const expected = link.node === undefined || link.node.isInHandshake ? prng.pick(IDS) : link.node.id;
  let bytes = encodeMessage(randomMessage(prng, prng.chance(95) ? expected : prng.pick(IDS)));
  if (prng.chance(15)) {
    damage(prng, bytes);
    if (prng.chance(20)) bytes = bytes.slice(0, prng.below(bytes.length));
  }
  let message: BusMessage | undefined;
  try {
    message = decodeMessage(bytes);
  } catch (error) {
    assert.ok(error instanceof BusFormatError, `only a BusFormatError may come of damage: ${(error as Error).stack}`);
    victim.gone(link);
    victim.input({ kind: 'closed', link });
    return;
  }
  if (message !== undefined) victim.input({ kind: 'message', link, message });
}

export const fuzzers: Fuzzer[] = [
  {
    name: 'a node of a cluster stays consistent whatever comes by the bus',
    steps: 300,
    run(seed, steps) {
      const prng = new Prng(seed);
      let victim = new Victim(prng);
      for (let number = 0; number < steps; number++) {
        if (number % 200 === 199) victim = new Victim(prng);
        try {
          oneStep(prng, victim);
          victim.verify();
          if (number % 10 === 0) victim.verifyFile();
        } catch (error) {
          throw new Error(`seed ${seed}, step ${number}: ${(error as Error).stack}`, { cause: error });
        }
      }
    },
  },
];
