// The machine with a port that records: what it does with time, replies, hello messages and lies.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, bulk, error, Stage, status } from '../../test/sentinel/stage.js';
import type { Reply } from '../client/reply.js';
import { chooseReplica } from './choose-replica.js';
import { vote } from './election.js';
import { startFailover } from './failover.js';
import { sendReplicaOf } from './requests.js';
import { PEERS_MAX } from './state.js';

test('a master that does not answer is down after its time, and up again when it answers', () => {
  const stage = new Stage();
  stage.master.downAfterMs = 3000;
  stage.pass(2000, alive);
  assert.equal(stage.master.isDown, false);
  stage.pass(3500);
  assert.equal(stage.events.filter((event) => event === '+sdown master m 10.0.0.1 6379').length, 1);
  assert.equal(stage.happened('+odown'), false, 'one of two is no quorum');
  stage.pass(1500, alive);
  assert.ok(stage.happened('-sdown'));
});

test('LOADING and MASTERDOWN are signs of life, BUSY is not and gets SCRIPT KILL once', () => {
  for (const text of ['LOADING', 'MASTERDOWN x']) {
    const stage = new Stage();
    stage.master.downAfterMs = 3000;
    stage.pass(8000, (args) => (args[0] === 'PING' ? { kind: 'error', bytes: Buffer.from(text) } : undefined));
    assert.equal(stage.master.isDown, false, text);
  }
  const stage = new Stage();
  stage.master.downAfterMs = 3000;
  let kills = 0;
  stage.pass(8000, (args) => {
    if (args[0] === 'SCRIPT') kills++;
    return args[0] === 'PING' ? { kind: 'error', bytes: Buffer.from('BUSY script') } : undefined;
  });
  assert.equal(stage.master.isDown, true);
  assert.equal(kills, 1);
});

test('a vote is given once in an epoch, and saved before it is told', () => {
  const stage = new Stage();
  const { state, master } = stage;
  const before = stage.saves;
  assert.deepEqual(vote(state, master, 5, 'a'.repeat(40)), { leader: 'a'.repeat(40), epoch: 5 });
  assert.ok(stage.saves > before);
  assert.equal(vote(state, master, 5, 'b'.repeat(40)).leader, 'a'.repeat(40));
  assert.equal(vote(state, master, 4, 'b'.repeat(40)).leader, 'a'.repeat(40));
  assert.equal(vote(state, master, 6, 'b'.repeat(40)).leader, 'b'.repeat(40));
});

test('the quorum makes a failover begin, and the votes of a majority make a leader', () => {
  const stage = new Stage();
  stage.master.downAfterMs = 2000;
  stage.hello('a');
  stage.hello('b');
  stage.pass(1000, alive);
  stage.state.addReplica(stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  const replica = [...stage.master.replicas.values()][0]!;
  let isMaster = false;
  stage.pass(9000, (args, link) => {
    if (link === stage.master.link) return undefined;
    if (args[0] === 'PING') return status('PONG');
    if (args[0] === 'SLAVEOF') isMaster = args[1] === 'NO';
    if (args[0] === 'INFO' && link === replica.link)
      return bulk(
        isMaster
          ? 'role:master\r\n'
          : 'role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave_priority:100\r\n',
      );
    if (args[0] !== 'SENTINEL') return undefined;
    return {
      kind: 'array',
      elements: [
        { kind: 'integer', value: 1 },
        args[5] === '*' ? bulk('*') : bulk(args[5]!),
        { kind: 'integer', value: Number(args[4]) },
      ],
    };
  });
  assert.ok(stage.events.includes('+switch-master m 10.0.0.1 6379 10.0.0.2 6379'), stage.events.join('\n'));
  assert.equal(stage.master.address.host, '10.0.0.2');
  assert.equal(stage.master.configEpoch, 1);
  assert.deepEqual([...stage.master.replicas.keys()], ['10.0.0.1:6379']);
});

test('without the votes of a majority the failover is given up', () => {
  const stage = new Stage();
  stage.master.quorum = 1;
  stage.master.downAfterMs = 1000;
  stage.hello('a');
  stage.hello('b');
  stage.pass(15_000);
  assert.ok(stage.happened('+try-failover'));
  assert.ok(stage.happened('-failover-abort-not-elected'));
  assert.equal(stage.happened('+elected-leader'), false);
});

test('the greater configuration epoch wins, an older one changes nothing', () => {
  const stage = new Stage();
  stage.hello('a', { config: 7, master: '10.0.0.5,6379' });
  assert.equal(stage.master.address.host, '10.0.0.5');
  stage.hello('b', { config: 6, master: '10.0.0.6,6379' });
  assert.equal(stage.master.address.host, '10.0.0.5');
  assert.equal(stage.master.configEpoch, 7);
});

test('a sentinel that moves or changes its id replaces what was known', () => {
  const stage = new Stage();
  stage.hello('a');
  stage.hello('a', { port: 26999 });
  assert.ok(stage.happened('+sentinel-address-switch'));
  assert.deepEqual(
    [...stage.master.peers.values()].map(({ address }) => address.port),
    [26999],
  );
  stage.machine.pubSubMessage(stage.master.link, `10.0.1.97,26999,${'c'.repeat(40)},0,m,10.0.0.1,6379,0`, stage.nowMs);
  assert.ok(stage.happened('+sentinel-invalid-addr'));
  assert.equal(stage.master.peers.get('a'.repeat(40))?.address.port, 0);
});

test('a flood of sentinels and replicas fills no more than its bound', () => {
  const stage = new Stage();
  for (let index = 0; index < 3 * PEERS_MAX; index++)
    stage.machine.pubSubMessage(
      stage.master.link,
      `10.1.${index >> 8}.${index & 255},26379,${index.toString(16).padStart(40, '0')},0,m,10.0.0.1,6379,0`,
      stage.nowMs,
    );
  assert.equal(stage.master.peers.size, PEERS_MAX);
});

test('after a gap in time, or a clock that was set, the sentinel only looks for a while', () => {
  const stage = new Stage();
  stage.pass(500, alive);
  stage.machine.tick((stage.nowMs += 100), stage.nowMs - 3_600_000);
  assert.ok(stage.state.isTilted);
  assert.equal(stage.state.tiltCount, 1);
  stage.events.length = 0;
  stage.master.downAfterMs = 1000;
  stage.pass(5000);
  assert.equal(stage.happened('+sdown'), false);
});

test('replies of an instance that is forgotten change nothing', () => {
  const stage = new Stage();
  stage.machine.tick((stage.nowMs += 100), stage.nowMs);
  const late = stage.sent.splice(0);
  stage.state.removeMaster(stage.master);
  for (const { answered } of late) answered(bulk('role:master\r\nslave0:ip=1.1.1.1,port=1\r\n'));
  assert.equal(stage.state.masters.size, 0);
});

test('epochs that nobody can have reached are not believed', () => {
  const stage = new Stage();
  stage.hello('a', { epoch: 2 ** 52 });
  assert.equal(stage.state.currentEpoch, 0);
  assert.equal(stage.master.peers.size, 0);
  stage.hello('a', { epoch: 5000, config: 5001, master: '10.0.0.5,6379' });
  assert.equal(stage.master.address.host, '10.0.0.1', 'no configuration is newer than its epoch');
  stage.hello('a', { epoch: 5000, config: 4999, master: '10.0.0.5,6379' });
  assert.equal(stage.master.address.host, '10.0.0.5');
  assert.equal(stage.state.currentEpoch, 5000);
});

test('a flood of news costs one save a tick, and a disk that fails is tried again', () => {
  const stage = new Stage();
  stage.pass(100, alive);
  const { saves } = stage;
  for (let index = 1; index <= 1000; index++) stage.hello('a', { port: 26380 + (index % 2), epoch: index });
  assert.equal(stage.saves, saves);
  stage.pass(100, alive);
  assert.equal(stage.saves, saves + 1);
  stage.canSave = false;
  stage.hello('a', { epoch: 2000 });
  stage.pass(500, alive);
  assert.equal(stage.saves, saves + 2, 'not at every tick');
  stage.canSave = true;
  stage.pass(2000, alive);
  assert.equal(stage.saves, saves + 3);
  stage.pass(3000, alive);
  assert.equal(stage.saves, saves + 3);
});

test('a master that has another run id and does not answer is down after master-reboot-down-after-period', () => {
  const stage = new Stage();
  stage.master.downAfterMs = 60_000;
  stage.master.rebootDownAfterMs = 3000;
  let runId = 'a'.repeat(40);
  let ping: Reply = status('PONG');
  const answer = (args: readonly string[]): Reply | undefined =>
    args[0] === 'INFO' ? bulk(`role:master\r\nrun_id:${runId}\r\n`) : args[0] === 'PING' ? ping : status('OK');
  stage.pass(2000, answer);
  runId = 'b'.repeat(40);
  ping = error('LOADING');
  stage.pass(11_000, answer);
  assert.ok(stage.happened('+reboot'));
  stage.pass(4000, answer);
  assert.equal(stage.master.isDown, true);
  ping = status('PONG');
  stage.pass(2000, answer);
  assert.equal(stage.master.isDown, false);
});

test('commands that the servers know by another name are sent under that', () => {
  const stage = new Stage();
  stage.master.renamed.set('ping', 'HELLO-THERE');
  const sent = new Set<string>();
  stage.pass(3000, (args) => void sent.add(args[0]!));
  assert.ok(sent.has('HELLO-THERE') && !sent.has('PING'));
});

test('a silent server whose name means another host now is connected to there at once', () => {
  let ip = '10.0.0.1';
  const stage = new Stage({ ip: (host) => (host === 'master.example' ? ip : host) });
  stage.state.settings.resolveHostnames = true;
  stage.master.address = { host: 'master.example', ip, port: 6379 };
  stage.pass(3000, alive);
  assert.deepEqual(
    new Set(stage.opened),
    new Set(['commands master.example 10.0.0.1 6379', 'pubsub master.example 10.0.0.1 6379']),
  );
  // The name server has failed, the server has not: nothing is opened anew.
  stage.opened.length = 0;
  ip = '';
  stage.pass(3000, alive);
  assert.deepEqual(stage.opened, []);
  ip = '10.0.0.7';
  stage.pass(1500, alive);
  assert.deepEqual(stage.opened, [], 'one that answers stays');
  stage.pass(3000);
  assert.match(stage.opened.join('\n'), /^commands master\.example 10\.0\.0\.7 6379$/m);
});

test('a coordinated failover asks the master, and lets it go on when it takes too long', () => {
  const stage = new Stage();
  stage.master.quorum = 1;
  stage.master.failoverTimeoutMs = 3000;
  stage.state.addReplica(stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  const orders: string[] = [];
  let refusal = '';
  const answer = (args: readonly string[], link: object): Reply | undefined => {
    if (args[0] === 'FAILOVER') {
      orders.push(args.join(' '));
      return refusal === '' ? status('OK') : error(refusal);
    }
    if (args[0] !== 'INFO') return alive(args) ?? status('OK');
    return bulk(
      link === stage.master.link
        ? 'role:master\r\n'
        : 'role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave_priority:1\r\n',
    );
  };
  stage.pass(2000, answer);
  startFailover(stage.state, stage.master, 'coordinated');
  stage.pass(6000, answer);
  assert.deepEqual(orders, ['FAILOVER TO 10.0.0.2 6379 TIMEOUT 3000', 'FAILOVER ABORT']);
  assert.ok(stage.happened('-failover-abort-slave-timeout'));
  refusal = "ERR unknown command 'FAILOVER'";
  startFailover(stage.state, stage.master, 'coordinated');
  stage.pass(1000, answer);
  assert.ok(stage.happened('-failover-abort-master-refused'));
  assert.equal(stage.master.failsOver, false);
  assert.ok([...stage.master.replicas.values()].every(({ isPromoted }) => !isPromoted));
});

test('replicas with replica-priority 0 are never chosen, among the others the lower number is, then the greater offset', () => {
  const stage = new Stage();
  const add = (host: string, priority: number, offset: number) => {
    const replica = stage.state.addReplica(stage.master, { host, ip: host, port: 6379 })!;
    Object.assign(replica, { priority, offset, infoRefreshMs: stage.nowMs });
    Object.assign(replica.link, { disconnected: false, lastAvailableMs: stage.nowMs });
  };
  add('10.0.0.2', 0, 1000);
  assert.equal(chooseReplica(stage.state, stage.master), undefined);
  add('10.0.0.3', 100, 5);
  add('10.0.0.4', 100, 9);
  assert.equal(chooseReplica(stage.state, stage.master)?.address.host, '10.0.0.4');
  add('10.0.0.5', 10, 1);
  assert.equal(chooseReplica(stage.state, stage.master)?.address.host, '10.0.0.5');
});

test('replicas of a master that has become a replica are not too old, however late it is found down', () => {
  const stage = new Stage();
  const { state, master } = stage;
  master.downAfterMs = 1000;
  const replica = state.addReplica(master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 })!;
  const choose = () => {
    Object.assign(replica, { infoRefreshMs: stage.nowMs });
    Object.assign(replica.link, { disconnected: false, lastAvailableMs: stage.nowMs });
    return chooseReplica(state, master);
  };
  stage.pass(600_000, alive);
  // A master that fails counts as down after a second, and a replica may be without it for ten more.
  Object.assign(master, { isDown: true, downSinceMs: stage.nowMs - 100_000 });
  replica.masterLinkDownMs = 125_000;
  assert.equal(choose(), undefined);
  // One that follows another counts as down after 21 seconds.
  Object.assign(master, { roleReported: 'slave', roleReportedSinceMs: stage.nowMs - 121_000 });
  assert.equal(choose(), replica);
  // To a sentinel that has just started, its own link says how long it is so.
  Object.assign(master, { downSinceMs: stage.nowMs, roleReportedSinceMs: stage.nowMs });
  assert.equal(choose(), undefined);
  master.masterLinkDownMs = 120_000;
  assert.equal(choose(), replica);
});

test('SIMULATE-FAILURE ends the process after the election, or after the promotion', () => {
  for (const [simulate, event] of [
    ['crashesAfterElection', '+elected-leader'],
    ['crashesAfterPromotion', '+promoted-slave'],
  ] as const) {
    const stage = new Stage();
    stage.master.quorum = 1;
    stage.master.downAfterMs = 2000;
    stage.state[simulate] = true;
    const replica = stage.state.addReplica(stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 })!;
    let isMaster = false;
    stage.pass(8000, (args, link) => {
      if (link !== replica.link) return undefined;
      if (args[0] === 'SLAVEOF') isMaster = true;
      const role = isMaster ? 'master' : 'slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave_priority:100';
      return args[0] === 'INFO' ? bulk(`role:${role}\r\n`) : (alive(args) ?? status('OK'));
    });
    assert.ok(stage.crashes > 0, simulate);
    assert.ok(stage.happened(event));
  }
});

test('a server that was found by its address while its name did not resolve is one replica again when it does', () => {
  let ip = '';
  const stage = new Stage({ ip: (host) => (host === 'replica.example' ? ip : host) });
  stage.state.settings.resolveHostnames = true;
  stage.state.addReplica(stage.master, { host: 'replica.example', ip, port: 6379 });
  stage.state.addReplica(stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  stage.pass(3000, alive);
  assert.equal(stage.master.replicas.size, 2);
  ip = '10.0.0.2';
  const named = [...stage.master.replicas.values()][0]!;
  named.link.disconnected = true;
  stage.pass(2000, alive);
  assert.deepEqual([...stage.master.replicas.keys()], ['replica.example:6379']);
  assert.ok(stage.happened('-dup-slave'));
  // The same with the master's own address.
  ip = '10.0.0.1';
  named.link.disconnected = true;
  stage.pass(2000, alive);
  assert.equal(stage.master.replicas.size, 0);
});

test('a server that is known under two addresses is not told to follow itself', () => {
  const stage = new Stage();
  const server = stage.state.addReplica(stage.master, { host: '192.168.0.1', ip: '192.168.0.1', port: 6379 })!;
  stage.pass(500, alive);
  stage.sent.length = 0;
  server.runId = stage.master.runId = 'a'.repeat(40);
  sendReplicaOf(stage.state, server, stage.master.address);
  sendReplicaOf(stage.state, server, server.address);
  assert.deepEqual(stage.sent, []);
  server.runId = 'b'.repeat(40);
  sendReplicaOf(stage.state, server, stage.master.address);
  assert.equal(stage.sent.length, 6);
});
