// Entries that are gone for good: forgotten once all others agree, and by no means before.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, bulk, error, lists, Stage, status } from '../../test/sentinel/stage.js';
import type { Reply } from '../client/reply.js';
import type { Link } from './instance.js';

const AFTER_MS = 20_000;
const info = 'role:master\r\nslave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\n';

/** Entries as the others show them; the flags of one that is seen down hold s_down. */
const seen = (runId: string, flags: string): string[] => [
  'name',
  runId,
  'runid',
  runId,
  'port',
  '26380',
  'flags',
  flags,
];
const seenReplica = (ip: string, flags: string): string[] => ['name', 'x', 'ip', ip, 'port', '6379', 'flags', flags];

/** Three other sentinels, the last of which falls silent, and two replicas, the second of which does. */
function deployment() {
  const stage = new Stage();
  stage.master.downAfterMs = 2000;
  stage.master.staleAfterMs = AFTER_MS;
  for (const digit of 'abc') stage.hello(digit);
  for (const host of ['10.0.0.2', '10.0.0.3']) stage.state.addReplica(stage.master, { host, ip: host, port: 6379 });
  const gone = [...stage.master.peers.values()][2]!;
  const goneReplica = [...stage.master.replicas.values()][1]!;
  const says: { sentinels: Reply; replicas: Reply; silent: Set<Link> } = {
    sentinels: lists([seen('c'.repeat(40), 's_down,sentinel,disconnected')]),
    replicas: lists([seenReplica('10.0.0.3', 's_down,slave')]),
    silent: new Set([gone.link, goneReplica.link]),
  };
  const answer = (args: readonly string[], link: Link): Reply | undefined => {
    if (says.silent.has(link)) return undefined;
    if (args[0] === 'INFO') return bulk(link === stage.master.link ? info : 'role:slave\r\n');
    if (args[0] === 'SENTINEL') return args[1] === 'SENTINELS' ? says.sentinels : says.replicas;
    return alive(args) ?? status('OK');
  };
  return { stage, gone, goneReplica, says, pass: (ms: number) => stage.pass(ms, answer) };
}

test('a sentinel and a replica that all see down for long are forgotten, with an event and a save', () => {
  const { stage, gone, goneReplica, pass } = deployment();
  pass(AFTER_MS);
  assert.ok(gone.isDown && goneReplica.isDown);
  assert.equal(stage.master.peers.size, 3);
  const { saves } = stage;
  pass(AFTER_MS * 3);
  assert.deepEqual([...stage.master.peers.keys()], ['a'.repeat(40), 'b'.repeat(40)]);
  assert.deepEqual([...stage.master.replicas.keys()], ['10.0.0.2:6379']);
  assert.ok(stage.happened('-stale-sentinel') && stage.happened('-stale-slave'));
  assert.ok(stage.saves > saves);
});

test('nobody is forgotten while one of the others sees it, is silent itself, or answers no list', () => {
  for (const spoil of [
    ({ says }: ReturnType<typeof deployment>) => {
      says.sentinels = lists([seen('c'.repeat(40), 'sentinel')]);
      says.replicas = lists([seenReplica('10.0.0.3', 'slave')]);
    },
    ({ says, stage }: ReturnType<typeof deployment>) => says.silent.add([...stage.master.peers.values()][1]!.link),
    ({ says }: ReturnType<typeof deployment>) => {
      says.sentinels = error('ERR no');
      says.replicas = bulk('text');
    },
    ({ stage }: ReturnType<typeof deployment>) => (stage.master.staleAfterMs = 0),
  ]) {
    const all = deployment();
    all.pass(2000);
    spoil(all);
    all.pass(AFTER_MS * 5);
    assert.equal(all.stage.master.peers.size, 3, String(spoil));
    assert.equal(all.stage.master.replicas.size, 2);
  }
});

test('the smaller side of a partition forgets nobody', () => {
  const { stage, says, pass } = deployment();
  stage.hello('d');
  for (const digit of 'cd') says.silent.add(stage.master.peers.get(digit.repeat(40))!.link);
  says.silent.add(stage.master.peers.get('b'.repeat(40))!.link);
  pass(AFTER_MS * 5);
  assert.equal(stage.master.peers.size, 4, 'two of five are no majority');
});

test('a replica that the master still names stays, and so does all while the master is down', () => {
  const first = deployment();
  first.stage.state.removeReplica([...first.stage.master.replicas.values()][0]!);
  first.stage.state.addReplica(first.stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  const named = [...first.stage.master.replicas.values()].find(({ name }) => name.startsWith('10.0.0.2'))!;
  first.says.silent.add(named.link);
  first.pass(AFTER_MS * 5);
  assert.ok(first.stage.master.replicas.has('10.0.0.2:6379'));
  const second = deployment();
  second.stage.master.quorum = 9;
  second.says.silent.add(second.stage.master.link);
  second.pass(AFTER_MS * 5);
  assert.equal(second.stage.master.replicas.size, 2);
  assert.equal(second.stage.master.peers.size, 3);
});

test('one that was forgotten is met again by its hello', () => {
  const { stage, says, pass } = deployment();
  pass(AFTER_MS * 4);
  assert.equal(stage.master.peers.size, 2);
  stage.hello('c');
  assert.equal(stage.master.peers.size, 3);
  says.silent.clear();
  pass(AFTER_MS);
  assert.equal(stage.master.peers.get('c'.repeat(40))!.isDown, false);
});
