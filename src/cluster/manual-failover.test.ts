import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, quietWorld } from './bus.fuzz.js';
import { Bus, type BusAction } from './bus.js';
import { failover, replicate } from './commands.js';
import { decodeMessage } from './decode.js';
import { type BusMessage, MessageFlag, type MessageHeader, MessageType } from './message.js';
import { type BusLink, ClusterNode, NodeFlag } from './node.js';
import { ClusterState } from './state.js';
import { change, step } from './step.js';

const TICK_MS = 100;

/** One node, to which links to some others are open. */
class Stage {
  readonly state: ClusterState;
  readonly others: readonly ClusterNode[];
  private readonly bus: Bus;
  private nowMs = 1000;

  constructor(otherCount: number) {
    this.state = new ClusterState(this.node(1, NodeFlag.myself));
    this.others = Array.from({ length: otherCount }, (_, index) => this.node(index + 2));
    for (const node of this.others) this.state.nodes.set(node.id, node);
    this.state.assign(0, this.others[0]!);
    // Nobody answers pings here, and no link is given up for that.
    const world = quietWorld();
    const settings = { ...world.settings, nodeTimeoutMs: 60_000 };
    this.bus = new Bus(this.state, { ...world, settings }, this.nowMs);
    for (const action of this.tick()) if (action.kind === 'connect') this.step({ kind: 'opened', link: action.link });
  }

  private node(number: number, flags = 0): ClusterNode {
    const node = new ClusterNode(idOf(number), idOf(number), NodeFlag.master | flags, 0);
    return Object.assign(node, { ip: '127.0.0.1', port: number, busPort: number + 10_000 });
  }

  private get times(): { steadyMs: number; wallMs: number } {
    return { steadyMs: this.nowMs, wallMs: this.nowMs };
  }

  private step(input: Parameters<typeof step>[1]): readonly BusAction[] {
    return step(this.bus, input, this.times);
  }

  tick(): readonly BusAction[] {
    this.nowMs += TICK_MS;
    return this.step({ kind: 'tick' });
  }

  command(run: (bus: Bus) => string | undefined): readonly BusAction[] {
    const { result, actions } = change(this.bus, this.times, () => run(this.bus));
    assert.equal(result, undefined);
    return actions;
  }

  hear(sender: ClusterNode, type: number, header: Partial<MessageHeader>): readonly BusAction[] {
    const link = this.bus.newInboundLink('127.0.0.1', '127.0.0.1', this.nowMs);
    link.isOpen = true;
    const { id, port, busPort } = sender;
    const whole: MessageHeader = {
      ...{
        type,
        sender: id,
        port,
        otherPort: 0,
        busPort,
        ip: '',
        nodeFlags: sender.flags,
        isOk: true,
        messageFlags: 0,
      },
      ...{ currentEpoch: 0, configEpoch: 0, offset: 0, slots: sender.slots, masterId: '', ...header },
    };
    const isPing = type === MessageType.ping;
    const body: BusMessage['body'] = isPing ? { kind: 'gossip', gossip: [], extensions: {} } : { kind: 'none' };
    return this.step({ kind: 'message', link, message: { header: whole, body } });
  }
}

function sent(actions: readonly BusAction[], type: number): BusLink[] {
  return actions.flatMap((action) =>
    action.kind === 'send' && decodeMessage(action.bytes)?.header.type === type ? [action.link] : [],
  );
}

test('a new replica tells all nodes at once', () => {
  const stage = new Stage(5);
  const [master] = stage.others;
  const actions = stage.command((bus) => replicate(bus, master!.id));
  assert.deepEqual(
    sent(actions, MessageType.pong).map(({ node }) => node),
    stage.others,
  );
});

test('a replica asks each second until its master tells the offset', () => {
  const stage = new Stage(2);
  const [master] = stage.others;
  stage.command((bus) => replicate(bus, master!.id));
  const asks: number[] = [];
  asks.push(
    sent(
      stage.command((bus) => failover(bus, 'plain')),
      MessageType.manualFailoverStart,
    ).length,
  );
  for (let tick = 1; tick <= 20; tick++) asks.push(sent(stage.tick(), MessageType.manualFailoverStart).length);
  assert.deepEqual(
    asks.map((count, tick) => (count > 0 ? tick * TICK_MS : -1)).filter((ms) => ms >= 0),
    [0, 1000, 2000],
  );
  stage.hear(master!, MessageType.ping, { messageFlags: MessageFlag.paused, slots: master!.slots, offset: 7 });
  for (let tick = 1; tick <= 20; tick++) assert.deepEqual(sent(stage.tick(), MessageType.manualFailoverStart), []);
});

test('a replica that has lost the link asks again once it is back, and not after five seconds', () => {
  const stage = new Stage(2);
  const [master] = stage.others;
  stage.command((bus) => replicate(bus, master!.id));
  stage.command((bus) => failover(bus, 'plain'));
  const { link } = master!;
  link!.isOpen = false;
  for (let tick = 1; tick <= 30; tick++) assert.deepEqual(sent(stage.tick(), MessageType.manualFailoverStart), []);
  link!.isOpen = true;
  let count = 0;
  for (let tick = 1; tick <= 60; tick++) count += sent(stage.tick(), MessageType.manualFailoverStart).length;
  assert.equal(count, 2);
});

test('a master pauses for a replica that it still takes for a master, but not for a stranger to it', () => {
  for (const isMine of [true, false]) {
    const stage = new Stage(2);
    const { state, others } = stage;
    const { myself } = state;
    state.assign(1, myself);
    const replica = others[1]!;
    const masterId = isMine ? myself.id : others[0]!.id;
    const actions = stage.hear(replica, MessageType.manualFailoverStart, { masterId, nodeFlags: NodeFlag.replica });
    assert.equal(
      actions.some(({ kind }) => kind === 'pause'),
      isMine,
    );
    assert.equal(replica.master, isMine ? myself : undefined);
  }
});
