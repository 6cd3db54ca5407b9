import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, quietWorld } from './bus.fuzz.js';
import { Bus } from './bus.js';
import { type MessageHeader, MessageType } from './message.js';
import { ClusterNode, NodeFlag } from './node.js';
import { ClusterState } from './state.js';
import { step } from './step.js';

/** A master that knows two others, and hears one of them. */
class Stage {
  readonly state: ClusterState;
  readonly master = this.node(2);
  readonly sender = this.node(3);
  private readonly bus: Bus;
  private nowMs = 1000;

  constructor() {
    const myself = new ClusterNode(idOf(1), idOf(1), NodeFlag.myself | NodeFlag.master, 0);
    this.state = new ClusterState(myself);
    for (const node of [this.master, this.sender]) this.state.nodes.set(node.id, node);
    this.bus = new Bus(this.state, quietWorld(), this.nowMs);
  }

  private node(number: number): ClusterNode {
    const node = new ClusterNode(idOf(number), idOf(number), NodeFlag.master, 0);
    Object.assign(node, { ip: '127.0.0.1', port: number, busPort: number + 10_000 });
    return node;
  }

  /** The sender says what it is. */
  says({ masterId, configEpoch, shardId }: { masterId: string; configEpoch: number; shardId?: string }): void {
    const { sender, master, bus } = this;
    const link = bus.newInboundLink('127.0.0.1', '127.0.0.1', this.nowMs);
    link.isOpen = true;
    const header: MessageHeader = {
      type: MessageType.ping,
      sender: sender.id,
      port: sender.port,
      otherPort: 0,
      busPort: sender.busPort,
      ip: '',
      nodeFlags: masterId === '' ? NodeFlag.master : NodeFlag.replica,
      isOk: true,
      messageFlags: 0,
      currentEpoch: 9,
      configEpoch,
      offset: 0,
      slots: masterId === '' ? new Uint8Array(2048) : master.slots,
      masterId,
    };
    const extensions = shardId === undefined ? {} : { shardId };
    this.nowMs += 100;
    step(
      bus,
      { kind: 'message', link, message: { header, body: { kind: 'gossip', gossip: [], extensions } } },
      { steadyMs: this.nowMs, wallMs: this.nowMs },
    );
  }
}

test('a replica is one again after an older message in which it was an empty master with a greater epoch', () => {
  const stage = new Stage();
  const { state, master, sender } = stage;
  state.assign(0, master);
  master.configEpoch = 2;
  const asReplica = { masterId: master.id, configEpoch: 2, shardId: master.shardId };
  stage.says(asReplica);
  assert.equal(sender.master, master);
  // It came on the other connection, and was sent before the extensions were known to be understood.
  stage.says({ masterId: '', configEpoch: 5 });
  assert.ok(sender.isMaster);
  stage.says(asReplica);
  assert.ok(sender.isReplica);
  assert.equal(sender.master, master);
});

test('an old message does not take the slots of a replica that was promoted since', () => {
  const stage = new Stage();
  const { state, master, sender } = stage;
  state.assign(0, sender);
  Object.assign(sender, { configEpoch: 5, shardId: master.shardId });
  stage.says({ masterId: master.id, configEpoch: 2, shardId: master.shardId });
  assert.ok(sender.isMaster);
  assert.equal(state.owners[0], sender);
});
