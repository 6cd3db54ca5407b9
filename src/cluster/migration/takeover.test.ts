import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLOT_COUNT } from '../../base/key-slot.js';
import { Prng } from '../../base/prng.js';
import { settings } from '../bus.fuzz.js';
import { Bus } from '../bus.js';
import { decodeMessage } from '../decode.js';
import { bumpEpoch } from '../epochs.js';
import { broadcastPong } from '../messages.js';
import { type BusLink, ClusterNode, NodeFlag } from '../node.js';
import { parseNodes } from '../nodes-parser.js';
import { fileText } from '../nodes-text.js';
import { ClusterState } from '../state.js';
import { type BusInput, change, step } from '../step.js';
import { giveUp, grant, reclaim, takeOver, withdrawGrant } from './takeover.js';

const NODES = 3;
const FIRST_EPOCH = 10;

function id(number: number): string {
  return (number + 1).toString(16).padStart(40, '0');
}

/** Three masters, their messages to each other, and the moves between them, all in the order that a test chooses. */
class Stage {
  private readonly buses: Bus[] = [];
  /** Sent and not yet received, by sender and receiver. */
  private readonly wires = new Map<string, Uint8Array[]>();
  private nowMs = 1e9;
  /** At every node. */
  keysInSlot = 0;

  constructor(private readonly seed = 1) {
    for (let number = 0; number < NODES; number++) this.buses.push(this.newBus(number, this.newState(number)));
    for (const [number, bus] of this.buses.entries()) this.connect(number, bus);
  }

  private newState(number: number): ClusterState {
    const nodes = Array.from({ length: NODES }, (_, other) => {
      const node = new ClusterNode(id(other), id(other), NodeFlag.master, this.nowMs);
      if (other === number) node.flags |= NodeFlag.myself;
      Object.assign(node, { ip: `10.0.0.${other}`, port: 7000, busPort: 17_000, configEpoch: FIRST_EPOCH + other });
      return node;
    });
    const state = new ClusterState(nodes[number]!);
    for (const node of nodes) state.nodes.set(node.id, node);
    state.currentEpoch = FIRST_EPOCH + NODES - 1;
    for (let slot = 0; slot < SLOT_COUNT; slot++) state.assign(slot, nodes[slot % NODES]!);
    return state;
  }

  private newBus(number: number, state: ClusterState): Bus {
    const world = {
      settings,
      random: new Prng(this.seed + number),
      newId: () => id(99),
      replicationOffset: () => 0,
      dataAgeMs: () => 0,
      isLoading: () => false,
      isEmpty: () => false,
      keysInSlot: () => this.keysInSlot,
    };
    return new Bus(state, world, this.nowMs);
  }

  /** All links of a node stand, each to one other. */
  private connect(number: number, bus: Bus): void {
    for (let other = 0; other < NODES; other++)
      if (other !== number) bus.state.node(id(other))!.link = this.newLink(bus, other, bus.state.node(id(other)));
  }

  private newLink(bus: Bus, other: number, node: ClusterNode | undefined): BusLink {
    return {
      number: ++bus.linkNumber,
      isInbound: node === undefined,
      createdMs: this.nowMs,
      remoteAddress: `10.0.0.${other}`,
      localAddress: '',
      node,
      isOpen: true,
    };
  }

  state(number: number): ClusterState {
    return this.buses[number]!.state;
  }

  /** Does something at a node; what it sends is on its way then. */
  at<Result>(number: number, run: (bus: Bus) => Result): Result {
    this.nowMs++;
    const { result, actions } = change(this.buses[number]!, { steadyMs: this.nowMs, wallMs: this.nowMs }, () =>
      run(this.buses[number]!),
    );
    this.send(number, actions);
    return result;
  }

  private send(from: number, actions: ReturnType<typeof step>): void {
    for (const action of actions) {
      if (action.kind !== 'send') continue;
      const to = this.buses.findIndex((_, other) => action.link.node?.id === id(other));
      const key = `${from}>${to}`;
      this.wires.set(key, [...(this.wires.get(key) ?? []), action.bytes]);
    }
  }

  get waiting(): string[] {
    return [...this.wires.keys()].filter((key) => this.wires.get(key)!.length > 0);
  }

  /** The next message of one node comes to another. */
  deliver(key: string): void {
    const [from, to] = key.split('>').map(Number);
    const bytes = this.wires.get(key)!.shift()!;
    const bus = this.buses[to!]!;
    const message = decodeMessage(bytes)!;
    const link = bus.state.node(id(from!))!.inboundLink ?? this.newLink(bus, from!, undefined);
    const input: BusInput = { kind: 'message', link, message };
    this.nowMs++;
    this.send(to!, step(bus, input, { steadyMs: this.nowMs, wallMs: this.nowMs }));
  }

  /** Everything that is on its way arrives, and then what each has to say. */
  settle(): void {
    for (let round = 0; round < 4; round++) {
      for (let number = 0; number < NODES; number++) this.at(number, (bus) => broadcastPong(bus, 'all'));
      for (let key = this.waiting[0]; key !== undefined; key = this.waiting[0]) this.deliver(key);
    }
  }

  /** Comes back with what its file holds; what was on its way to it and from it is lost. */
  crash(number: number): void {
    const text = fileText(this.buses[number]!);
    const options = { nowMs: this.nowMs, usesTls: false, newId: () => id(99) };
    for (const key of this.wires.keys()) if (key.includes(String(number))) this.wires.delete(key);
    const bus = this.newBus(number, parseNodes(text, options));
    this.buses[number] = bus;
    this.connect(number, bus);
    for (let other = 0; other < NODES; other++)
      if (other !== number) this.state(other).node(id(number))!.inboundLink = undefined;
  }

  /** Every node has the same owner for each slot: returns their numbers. */
  owners(): number[] {
    const numbers: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const views = this.buses.map(({ state }) => state.owners[slot]?.id);
      assert.ok(views[0] !== undefined && views.every((view) => view === views[0]), `slot ${slot}: ${views.join()}`);
      numbers.push(parseInt(views[0], 16) - 1);
    }
    const epochs = this.buses.map(({ state }) => state.myself.configEpoch);
    assert.equal(new Set(epochs).size, NODES, `epochs ${epochs.join()}`);
    return numbers;
  }
}

/** A move as its two sides do it, one step after the other. */
class Move {
  private told = 0;
  private epoch = 0;
  phase: 'copying' | 'offered' | 'taken' | 'over' = 'copying';
  isMoved = false;

  constructor(
    private readonly stage: Stage,
    readonly slots: readonly number[],
    readonly from: number,
    readonly to: number,
  ) {}

  /** The source hands over, if it may. */
  offer(): boolean {
    if (this.phase !== 'copying' || this.stage.state(this.from).isHandingOver) return false;
    this.told = this.stage.at(this.from, (bus) => grant(bus, this.slots, bus.state.node(id(this.to))!));
    this.phase = 'offered';
    return true;
  }

  /** The destination has the offer: false, it can do nothing yet. */
  take(): boolean {
    if (this.phase !== 'offered') return false;
    const taken = this.stage.at(this.to, (bus) => takeOver(bus, this.slots, bus.state.node(id(this.from))!, this.told));
    if (taken === 'later') return false;
    if (taken === 'never') {
      this.stage.at(this.from, (bus) => withdrawGrant(bus, this.slots));
      this.phase = 'over';
      return true;
    }
    this.isMoved = true;
    this.epoch = taken;
    this.phase = 'taken';
    return true;
  }

  /** The source hears that they were taken. */
  confirm(): boolean {
    if (this.phase !== 'taken') return false;
    this.stage.at(this.from, (bus) => giveUp(bus, this.slots, bus.state.node(id(this.to))!, this.epoch));
    this.phase = 'over';
    return true;
  }
}

/** Slots of a node: those whose number leaves it as the remainder. */
function slotsOf(number: number, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => number + NODES * (first + index));
}

/** As one node sees it, the slots are with `to`. */
function assertOwner({ owners }: ClusterState, { slots, to }: Move): void {
  for (const slot of slots) assert.equal(owners[slot]?.id, id(to));
}

/** The slots are with `to` in every view. */
function assertMoved(stage: Stage, ...moves: Move[]): void {
  const owners = stage.owners();
  for (const { slots, to } of moves) for (const slot of slots) assert.equal(owners[slot], to);
}

test('slots stay with their new owner when the source took a new epoch before it handed over', () => {
  const stage = new Stage();
  // The destination has the greatest epoch, as far as it knows.
  const there = new Move(stage, slotsOf(0, 100, 50), 0, 2);
  const fromThird = new Move(stage, slotsOf(1, 100, 50), 1, 0);
  assert.ok(fromThird.offer() && fromThird.take());
  assert.ok(there.offer() && there.take());
  // The source's message about its new slots, which still claims those that have gone.
  for (const key of ['0>1', '0>2']) stage.deliver(key);
  assert.ok(there.confirm() && fromThird.confirm());
  stage.settle();
  assertMoved(stage, there, fromThird);
});

for (const [first, second] of [
  [0, 1],
  [1, 0],
] as const)
  test(`moves that cross end at their targets when node ${first} hands over first`, () => {
    for (const delivered of [[], ['0>1', '0>2'], ['1>0', '1>2'], ['0>1', '1>0', '0>2', '1>2']]) {
      const stage = new Stage();
      const there = new Move(stage, slotsOf(first, 100, 50), first, second);
      const back = new Move(stage, slotsOf(second, 200, 50), second, first);
      assert.ok(there.offer() && back.offer());
      // The node with the greater epoch takes its slots at once, the other one when its own have gone.
      const [quick, slow] = first === 1 ? [back, there] : [there, back];
      const isQuickDone = [quick.take(), slow.take()];
      assert.deepEqual(isQuickDone, [true, false]);
      for (const number of [0, 1]) stage.at(number, (bus) => broadcastPong(bus, 'all'));
      for (const key of delivered) while (stage.waiting.includes(key)) stage.deliver(key);
      assert.ok(quick.confirm());
      assert.ok(slow.take());
      for (const key of delivered) while (stage.waiting.includes(key)) stage.deliver(key);
      assert.ok(slow.confirm());
      stage.settle();
      assertMoved(stage, there, back);
    }
  });

test('slots that a node has given away are not claimed for it with the epoch with which it took others', () => {
  const stage = new Stage();
  const away = new Move(stage, slotsOf(0, 100, 50), 0, 1);
  const next = new Move(stage, slotsOf(2, 100, 50), 2, 0);
  assert.ok(away.offer() && away.take() && away.confirm());
  // Node 2 hears of the greater epoch before it hears that the first slots have gone.
  assert.ok(next.offer() && next.take() && next.confirm());
  assert.ok(stage.state(0).myself.configEpoch > stage.state(1).myself.configEpoch);
  stage.deliver('1>2');
  while (stage.waiting.includes('2>1')) stage.deliver('2>1');
  assertOwner(stage.state(1), away);
  stage.settle();
  assertMoved(stage, away, next);
});

test('a node does not raise its epoch while its slots are on their way to their new owner', () => {
  const stage = new Stage();
  // Another master has the same epoch, and a greater id.
  const epoch = FIRST_EPOCH + NODES - 1;
  stage.at(0, ({ state }) => (state.myself.configEpoch = epoch));
  const move = new Move(stage, slotsOf(0, 100, 50), 0, 1);
  assert.ok(move.offer());
  assert.equal(stage.at(0, bumpEpoch), false);
  stage.at(2, (bus) => broadcastPong(bus, 'all'));
  stage.deliver('2>0');
  assert.equal(stage.state(0).myself.configEpoch, epoch);
  assert.ok(move.take() && move.confirm());
  stage.settle();
  assertMoved(stage, move);
  assert.ok(stage.state(0).myself.configEpoch > epoch);
});

test('slots of a source with the same epoch are taken with another one, or declined', () => {
  const stage = new Stage();
  for (let number = 0; number < NODES; number++)
    stage.at(number, ({ state }) => {
      state.node(id(0))!.configEpoch = state.node(id(1))!.configEpoch = FIRST_EPOCH + NODES - 1;
      state.node(id(2))!.configEpoch = 1;
    });
  const there = new Move(stage, slotsOf(0, 100, 50), 0, 1);
  const back = new Move(stage, slotsOf(1, 200, 50), 1, 0);
  assert.ok(there.offer() && back.offer() && back.take());
  assert.equal(back.isMoved, false);
  assert.ok(there.take() && there.confirm());
  stage.settle();
  assertMoved(stage, there);
});

test('a source that crashes before it knows of the new owner learns of it, and so does a new owner that crashes', () => {
  for (const crashed of [0, 1]) {
    const stage = new Stage();
    const move = new Move(stage, slotsOf(0, 100, 50), 0, 1);
    stage.at(0, bumpEpoch);
    assert.ok(move.offer() && move.take());
    stage.crash(crashed);
    stage.settle();
    assertMoved(stage, move);
    assert.ok(!stage.state(1).isHandingOver);
  }
});

test('keys that a source has not deleted yet when it crashes are not its own', () => {
  const stage = new Stage();
  stage.keysInSlot = 1;
  const move = new Move(stage, slotsOf(0, 100, 50), 0, 1);
  assert.ok(move.offer() && move.take() && move.confirm());
  stage.crash(0);
  assert.deepEqual([...stage.state(0).staged], move.slots);
});

test('a source that reclaims its slots is believed, and raises its epoch for it', () => {
  const stage = new Stage();
  const move = new Move(stage, slotsOf(0, 100, 50), 0, 1);
  assert.ok(move.offer());
  stage.at(0, (bus) => reclaim(bus, move.slots));
  assert.ok(stage.state(0).myself.configEpoch > FIRST_EPOCH + NODES - 1);
  stage.settle();
  for (const slot of move.slots) assert.equal(stage.owners()[slot], 0);
});

test('moves in any direction and order, with messages between them, leave each slot with one owner', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const stage = new Stage(seed);
    const random = new Prng(seed);
    const moves: Move[] = [];
    for (let number = 0; number < 12; number++) {
      const from = random.below(NODES);
      const to = (from + 1 + random.below(NODES - 1)) % NODES;
      moves.push(new Move(stage, slotsOf(from, 100 * number, 50), from, to));
    }
    let isOver = false;
    for (let count = 0; !isOver; count++) {
      assert.ok(count < 10_000, `seed ${seed}: moves wait for each other`);
      const dice = random.below(10);
      const move = random.pick(moves);
      if (dice < 3) move.offer();
      else if (dice < 5) move.take();
      else if (dice < 7) move.confirm();
      else if (dice < 8)
        stage.at(random.below(NODES), (bus) => {
          if (random.chance(50)) bumpEpoch(bus);
          broadcastPong(bus, 'all');
        });
      else if (stage.waiting.length > 0) stage.deliver(random.pick(stage.waiting));
      isOver = moves.every(({ phase }) => phase === 'over');
    }
    stage.settle();
    // Epochs may have collided on the way; then a move may have been declined.
    const owners = stage.owners();
    for (const { slots, from, to, isMoved } of moves)
      for (const slot of slots) assert.equal(owners[slot], isMoved ? to : from, `seed ${seed}: slot ${slot}`);
  }
});
