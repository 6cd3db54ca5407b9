import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { settings } from './bus.fuzz.js';
import { Bus } from './bus.js';
import { ClusterNode, NodeFlag } from './node.js';
import { ClusterState } from './state.js';
import { step } from './step.js';

test('thousands of nodes that are gone are tried in turn, few at a time', () => {
  const id = (number: number): string => number.toString(16).padStart(40, '0');
  const myself = new ClusterNode(id(1), id(1), NodeFlag.myself | NodeFlag.master, 0);
  const state = new ClusterState(myself);
  const count = 3000;
  for (let number = 2; number < count + 2; number++) {
    const node = new ClusterNode(id(number), id(number), NodeFlag.master, 0);
    node.ip = '127.0.0.1';
    node.port = number;
    node.busPort = number + 10_000;
    state.nodes.set(node.id, node);
  }
  const world = {
    settings,
    random: new Prng(1),
    newId: () => id(0),
    replicationOffset: () => 0,
    dataAgeMs: () => 0,
    isEmpty: () => true,
    keysInSlot: () => 0,
  };
  const bus = new Bus(state, world, 0);
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
