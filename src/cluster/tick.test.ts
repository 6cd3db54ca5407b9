import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf, quietWorld } from './bus.fuzz.js';
import { Bus } from './bus.js';
import { ClusterNode, NodeFlag } from './node.js';
import { ClusterState } from './state.js';
import { step } from './step.js';

test('thousands of nodes that are gone are tried in turn, few at a time', () => {
  const myself = new ClusterNode(idOf(1), idOf(1), NodeFlag.myself | NodeFlag.master, 0);
  const state = new ClusterState(myself);
  const count = 3000;
  for (let number = 2; number < count + 2; number++) {
    const node = new ClusterNode(idOf(number), idOf(number), NodeFlag.master, 0);
    node.ip = '127.0.0.1';
    node.port = number;
    node.busPort = number + 10_000;
    state.nodes.set(node.id, node);
  }
  const bus = new Bus(state, quietWorld(), 0);
  const tried = new Set<number>();
  let most = 0;
  for (let tick = 1; tick <= 200; tick++) {
    const nowMs = tick * 100;
    let begun = 0;
    for (const action of step(bus, { kind: 'tick' }, { steadyMs: nowMs, wallMs: nowMs }))
      if (action.kind === 'connect') {
        begun++;
        tried.add(action.port);
        step(bus, { kind: 'closed', link: action.link }, { steadyMs: nowMs, wallMs: nowMs });
      }
    most = Math.max(most, begun);
    // A round through all of them, and the next begins.
    if (tick === count / 50) assert.equal(tried.size, count);
  }
  assert.equal(most, 50);
});

test('a replica whose data is being loaded does not take over from its master', () => {
  for (const isLoading of [false, true]) {
    const myself = new ClusterNode(idOf(1), idOf(1), NodeFlag.myself | NodeFlag.master, 0);
    const master = new ClusterNode(idOf(2), idOf(2), NodeFlag.master, 0);
    const state = new ClusterState(myself);
    state.nodes.set(master.id, master);
    state.assign(0, master);
    state.follow(myself, master);
    master.flags |= NodeFlag.failed;
    const bus = new Bus(state, { ...quietWorld(), isLoading: () => isLoading }, 0);
    for (let nowMs = 100; nowMs <= 10_000; nowMs += 100)
      step(bus, { kind: 'tick' }, { steadyMs: nowMs, wallMs: nowMs });
    assert.equal(state.currentEpoch === 0, isLoading);
  }
});
