// The machine with a port that records: what it does with time, replies, hello messages and lies.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import type { Reply } from '../client/reply.js';
import { noNames } from './address.js';
import { vote } from './election.js';
import type { Link } from './instance.js';
import { Machine } from './machine.js';
import type { SentinelPort } from './port.js';
import { PEERS_MAX, SentinelState } from './state.js';

interface Sent {
  readonly link: Link;
  readonly args: readonly string[];
  readonly answered: (reply: Reply) => void;
}

const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text) });
const status = (text: string): Reply => ({ kind: 'status', bytes: Buffer.from(text) });

class Stage {
  readonly events: string[] = [];
  readonly sent: Sent[] = [];
  readonly scripts: string[][] = [];
  saves = 0;
  readonly state: SentinelState;
  readonly machine: Machine;
  nowMs = 1_000_000;

  constructor() {
    const port: SentinelPort = {
      open: () => undefined,
      close: () => undefined,
      send: (link, _channel, args, answered) => void this.sent.push({ link, args, answered }),
      localHost: () => '10.0.0.9',
      event: ({ type, text }) => void this.events.push(`${type} ${text}`),
      log: () => undefined,
      save: () => ++this.saves > 0,
      runScript: (path, args) => void this.scripts.push([path, ...args]),
      masterMoved: () => undefined,
      crash: () => undefined,
    };
    this.state = new SentinelState(port, new Prng(1), noNames);
    this.machine = new Machine(this.state);
    this.state.nowMs = this.nowMs;
    this.state.myId = 'f'.repeat(40);
    this.state.addMaster('m', { host: '10.0.0.1', ip: '10.0.0.1', port: 6379 }, 2);
  }

  get master() {
    return this.state.master('m')!;
  }

  /** Lets time pass in ticks of a tenth of a second; `answer` gives replies. */
  pass(ms: number, answer: (args: readonly string[], link: Link) => Reply | undefined = () => undefined): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 100;
      this.machine.tick(this.nowMs, this.nowMs);
      for (const { link, args, answered } of this.sent.splice(0)) {
        const reply = answer(args, link);
        if (reply !== undefined) answered(reply);
      }
    }
  }

  hello(digit: string, more: { epoch?: number; config?: number; port?: number; master?: string } = {}): void {
    const { epoch = 0, config = 0, port = 26380, master = '10.0.0.1,6379' } = more;
    this.machine.pubSubMessage(
      this.master.link,
      `10.0.1.${digit.charCodeAt(0)},${port},${digit.repeat(40)},${epoch},m,${master},${config}`,
      this.nowMs,
    );
  }

  happened(type: string): boolean {
    return this.events.some((event) => event.startsWith(`${type} `));
  }
}

const alive = (args: readonly string[]): Reply | undefined => (args[0] === 'PING' ? status('PONG') : undefined);

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
