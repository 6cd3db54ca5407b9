// Several masters in one sentinel: links that are shared, and servers that a liar claims for itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, bulk, Stage, status } from '../../test/sentinel/stage.js';
import type { Reply } from '../client/reply.js';
import { changeMaster } from './change-master.js';
import { takeHello } from './hello.js';
import { takeInfo } from './info.js';
import { belongsElsewhere } from './ownership.js';

function address(host: string, port = 6379) {
  return { host, ip: host, port };
}

test('a sentinel that watches two masters with this one is pinged over one link', () => {
  const stage = new Stage();
  const second = stage.state.addMaster('second', address('10.0.0.5'), 2);
  const runId = 'a'.repeat(40);
  stage.state.addPeer(stage.master, runId, address('10.0.1.1', 26379));
  stage.state.addPeer(second, runId, address('10.0.1.1', 26379));
  const [first] = stage.master.peers.values();
  const [other] = second.peers.values();
  assert.equal(first!.link, other!.link);
  assert.equal(first!.link.users, 2);
  stage.state.removeMaster(stage.master);
  assert.equal(other!.link.users, 1);
});

test('a master that fails leaves the other alone', () => {
  const stage = new Stage();
  const second = stage.state.addMaster('second', address('10.0.0.5'), 1);
  stage.master.quorum = 1;
  for (const master of [stage.master, second]) master.downAfterMs = 2000;
  stage.pass(6000, (args, link) => (link === stage.master.link ? undefined : alive(args)));
  assert.ok(stage.events.includes('+odown master m 10.0.0.1 6379 #quorum 1/1'));
  assert.equal(second.isDown, false);
  assert.equal(second.failsOver, false);
});

/** The liar names the good master, and the good master's replica, as replicas of its own. */
function withLiar() {
  const stage = new Stage();
  const liar = stage.state.addMaster('liar', address('10.0.9.1'), 1);
  for (const master of [stage.master, liar]) master.downAfterMs = 2000;
  const orders: string[] = [];
  const answer = (args: readonly string[], link: object): Reply | undefined => {
    const server = [...stage.master.instances(), ...liar.instances()].find((each) => each.link === link)!;
    if (args[0] === 'SLAVEOF') orders.push(`${server.name} ${args.join(' ')}`);
    if (args[0] !== 'INFO') return alive(args) ?? status('OK');
    const { host } = server.address;
    if (host === '10.0.9.1')
      return bulk(
        'role:master\r\nslave0:ip=10.0.0.1,port=6379,state=online\r\nslave1:ip=10.0.0.2,port=6379,state=online\r\n',
      );
    if (host === '10.0.0.1') return bulk('role:master\r\nslave0:ip=10.0.0.2,port=6379,state=online\r\n');
    return bulk(
      'role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave_priority:100\r\nmaster_link_status:up\r\n',
    );
  };
  return { stage, liar, orders, answer };
}

test('servers of another deployment that a master claims are neither reconfigured nor promoted', () => {
  const { stage, liar, orders, answer } = withLiar();
  stage.master.failoverTimeoutMs = liar.failoverTimeoutMs = 3000;
  stage.pass(40_000, answer);
  assert.equal(liar.replicas.size, 2);
  for (const replica of liar.replicas.values()) assert.ok(belongsElsewhere(stage.state, replica), replica.name);
  for (const replica of stage.master.replicas.values()) assert.ok(!belongsElsewhere(stage.state, replica));
  stage.pass(30_000, (args, link) => (link === liar.link ? undefined : answer(args, link)));
  assert.ok(stage.happened('-failover-abort-no-good-slave'), stage.events.join('\n'));
  assert.deepEqual(orders, []);
});

test('one deployment may be watched under two names, which fail over one after the other', () => {
  const stage = new Stage();
  const alias = stage.state.addMaster('alias', address('10.0.0.1'), 1);
  for (const master of [stage.master, alias]) stage.state.addReplica(master, address('10.0.0.2'));
  // The alias has seen the failover.
  stage.state.addReplica(alias, address('10.0.0.1'));
  alias.address = address('10.0.0.2');
  const [replica] = stage.master.replicas.values();
  assert.equal(belongsElsewhere(stage.state, replica!), false);
});

test('over the servers of one master nobody speaks of another', () => {
  const stage = new Stage();
  const second = stage.state.addMaster('second', address('10.0.0.5'), 2);
  const hello = `10.0.1.1,26379,${'a'.repeat(40)},1,second,10.0.6.6,6379,1`;
  stage.machine.pubSubMessage(stage.master.link, hello, stage.nowMs);
  assert.equal(second.peers.size, 0);
  assert.equal(second.address.host, '10.0.0.5');
  stage.machine.pubSubMessage(second.link, hello, stage.nowMs);
  assert.equal(second.peers.size, 1);
  assert.equal(second.address.host, '10.0.6.6');
});

/** The good deployment has failed over to 10.0.0.2, and its old master, which is away, still believes to be one. */
function withOldMaster() {
  const { stage, liar } = withLiar();
  stage.state.addReplica(stage.master, address('10.0.0.2'));
  changeMaster(stage.state, stage.master, address('10.0.0.2'));
  const [old] = stage.master.replicas.values();
  assert.equal(old!.address.host, '10.0.0.1');
  return { stage, liar, old: old! };
}

test('a hello message makes no server of another deployment the master', () => {
  const { stage, liar } = withOldMaster();
  const say = (host: string, epoch: number): void =>
    takeHello(stage.state, `10.0.9.7,26379,${'e'.repeat(40)},${epoch},liar,${host},6379,${epoch}`, liar);
  say('10.0.0.2', 5);
  assert.equal(liar.address.host, '10.0.9.1', 'the good master');
  say('10.0.0.1', 6);
  assert.equal(liar.address.host, '10.0.9.1', 'the old one');
  say('10.0.9.3', 7);
  assert.equal(liar.address.host, '10.0.9.3', 'a host that nobody else has');
  assert.equal(liar.configEpoch, 7);
});

test('the old master of another deployment is not promoted, and stays a server of its own', () => {
  const { stage, liar, old } = withOldMaster();
  const claimed = stage.state.addReplica(liar, address('10.0.0.1'))!;
  for (const replica of [claimed, old]) replica.roleReported = 'master';
  assert.ok(belongsElsewhere(stage.state, claimed));
  assert.ok(!belongsElsewhere(stage.state, old));
});

test('a replica that has moved to another watched master belongs there', () => {
  const { stage, liar } = withLiar();
  const info = (host: string): Reply => bulk(`role:slave\r\nmaster_host:${host}\r\nmaster_port:6379\r\n`);
  const here = stage.state.addReplica(stage.master, address('10.0.0.7'))!;
  const there = stage.state.addReplica(liar, address('10.0.0.7'))!;
  takeInfo(stage.state, here, info('10.0.0.1'));
  takeInfo(stage.state, there, info('10.0.0.1'));
  assert.deepEqual([here.isProven, there.isProven], [true, false]);
  for (const replica of [here, there]) takeInfo(stage.state, replica, info('10.0.9.1'));
  assert.deepEqual([here.isProven, there.isProven], [false, true]);
});
