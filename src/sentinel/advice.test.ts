// A sentinel's warnings about its deployment, before a failover finds the faults.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { describeWatch, findFaults, selfProbeFault } from './advice.js';
import type { SentinelPort } from './port.js';
import { SentinelState } from './state.js';

const silent = { close: () => undefined, event: () => undefined } as unknown as SentinelPort;

function stage(host = '10.0.0.1', ip = host) {
  const state = new SentinelState(silent, new Prng(1), { ip: (name) => name });
  const master = state.addMaster('m', { host, ip, port: 6379 }, 2);
  return { state, master };
}

function address(host: string, port = 26379) {
  return { host, ip: host, port };
}

test('a deployment without a fault is described, and nothing more', () => {
  const { state, master } = stage();
  for (const digit of 'ab') state.addPeer(master, digit.repeat(40), address(`10.0.1.${digit.charCodeAt(0)}`));
  state.addReplica(master, address('10.0.0.2', 6379));
  assert.deepEqual(describeWatch(state), [
    'Watching m at 10.0.0.1:6379: quorum 2, 1 replica and 2 other sentinels known so far',
  ]);
  assert.deepEqual(findFaults(state, true), []);
});

test('each fault is told when it can be known', () => {
  const empty = new SentinelState(silent, new Prng(1), { ip: (name) => name });
  assert.match(findFaults(empty, false).join('\n'), /No master is watched/);

  const alone = stage();
  assert.deepEqual(findFaults(alone.state, false), [], 'the others may be on their way');
  assert.match(findFaults(alone.state, true).join('\n'), /quorum is 2, but only 1 sentinel[^]*no other sentinel/);

  const two = stage();
  two.state.addPeer(two.master, 'a'.repeat(40), address('10.0.1.1'));
  assert.match(findFaults(two.state, true).join('\n'), /there are 2 sentinels: .* Run 3 or more/);

  const nameless = stage('master.example', '');
  assert.match(findFaults(nameless.state, false).join('\n'), /name master\.example does not resolve/);

  const loopback = stage('127.0.0.1');
  loopback.state.addPeer(loopback.master, 'a'.repeat(40), address('10.0.1.1'));
  assert.match(findFaults(loopback.state, false).join('\n'), /127\.0\.0\.1 means another host to each sentinel/);
});

test('replicas that could not take over are told', () => {
  const { state, master } = stage();
  for (const digit of 'ab') state.addPeer(master, digit.repeat(40), address(`10.0.1.${digit.charCodeAt(0)}`));
  master.infoRefreshMs = 1;
  assert.match(findFaults(state, true).join('\n'), /master has no replica/);
  const replica = state.addReplica(master, address('172.17.0.2', 6379))!;
  replica.priority = 0;
  assert.match(findFaults(state, true).join('\n'), /all replicas have replica-priority 0/);
  replica.priority = 100;
  replica.isDown = true;
  master.info = 'slave0:ip=172.17.0.2,port=6379,state=online,offset=1,lag=0\r\n';
  assert.match(findFaults(state, true).join('\n'), /behind NAT .* replica-announce-ip/);
});

test('the probe of the own address tells who answers there', () => {
  assert.equal(selfProbeFault('10.0.0.1:26379', 'reached'), undefined);
  assert.match(selfProbeFault('10.0.0.1:26379', 'other')!, /Another sentinel answers/);
  assert.match(selfProbeFault('10.0.0.1:26379', 'silent')!, /cannot be reached there/);
});
