// nodes.conf is what it was after a restart, as Redis writes it, and refused when it is torn or somebody else's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../base/prng.js';
import { Bus, type BusWorld } from './bus.js';
import { ClusterNode, NodeFlag } from './node.js';
import { NodesFileError, parseNodes } from './nodes-parser.js';
import { fileText, nodeLine, nodesText } from './nodes-text.js';
import { ClusterState } from './state.js';

const id = (letter: string): string => letter.repeat(40);
const world = {} as BusWorld;
const options = { nowMs: 5e9, usesTls: false, newId: () => id('0') };

function example(): Bus {
  const myself = new ClusterNode(id('a'), id('1'), NodeFlag.myself | NodeFlag.master, 5e9);
  Object.assign(myself, { ip: '127.0.0.1', port: 7000, busPort: 17000, configEpoch: 3, humanName: 'green' });
  const state = new ClusterState(myself);
  const other = new ClusterNode(id('b'), id('2'), NodeFlag.master | NodeFlag.failed, 5e9);
  Object.assign(other, { ip: '::1', port: 7001, tlsPort: 8001, busPort: 17001, configEpoch: 4, hostname: 'b.example' });
  const replica = new ClusterNode(id('c'), id('9'), NodeFlag.replica | NodeFlag.noFailover, 5e9);
  Object.assign(replica, { ip: '10.1.1.1', port: 7002, busPort: 27002 });
  for (const node of [other, replica]) state.add(node);
  state.follow(replica, other);
  for (const slot of [0, 1, 2, 5, 16383]) state.assign(slot, myself);
  for (const slot of [3, 7]) state.assign(slot, other);
  state.migratingTo.set(5, other);
  state.importingFrom.set(7, other);
  state.currentEpoch = 9;
  state.lastVoteEpoch = 8;
  return new Bus(state, world, 5e9);
}

describe('nodes.conf', () => {
  it('has the lines of Redis 7.2 and later', () => {
    const lines = fileText(example()).split('\n');
    assert.deepEqual(lines, [
      `${id('a')} 127.0.0.1:7000@17000,,tls-port=0,nodename=green,shard-id=${id('1')} myself,master - 0 0 3 connected 0-2 5 16383 [5->-${id('b')}] [7-<-${id('b')}]`,
      `${id('b')} ::1:7001@17001,b.example,tls-port=8001,shard-id=${id('2')} master,fail - 0 0 4 disconnected 3 7`,
      `${id('c')} 10.1.1.1:7002@27002,,tls-port=0,shard-id=${id('2')} slave,nofailover ${id('b')} 0 0 4 disconnected`,
      'vars currentEpoch 9 lastVoteEpoch 8',
      '',
    ]);
  });

  it('is the same after it was read', () => {
    const bus = example();
    const state = parseNodes(fileText(bus), options);
    assert.equal(fileText(new Bus(state, world, 5e9)), fileText(bus));
    assert.equal(state.myself.id, id('a'));
    assert.equal(state.node(id('b'))?.replicas[0]?.id, id('c'));
  });

  it('of Redis 7.0 and older is read too', () => {
    const state = parseNodes(
      [
        `${id('a')} 127.0.0.1:7000@17000 myself,master - 0 0 3 connected 0-5460`,
        `${id('b')} 127.0.0.1:7001@17001,host.b master - 0 1700000000000 4 connected 5461-16383`,
        `${id('c')} 127.0.0.1:7002 slave ${id('b')} 0 0 4 connected`,
        'vars currentEpoch 4 lastVoteEpoch 0 somethingNew 1',
        '',
      ].join('\n'),
      options,
    );
    assert.equal(state.node(id('c'))?.busPort, 17002);
    assert.equal(state.node(id('b'))?.hostname, 'host.b');
    assert.equal(state.owners[16383]?.id, id('b'));
  });

  it('is refused wherever it was torn, with the line', () => {
    const text = fileText(example());
    const random = new Prng(11);
    for (let round = 0; round < 500; round++) {
      const length = 1 + random.below(text.length - 1);
      assert.throws(() => parseNodes(text.slice(0, length), options), NodesFileError, `cut at ${length}`);
    }
  });

  it('that is damaged is refused or read, without any other error', () => {
    const text = fileText(example());
    const random = new Prng(12);
    for (let round = 0; round < 5000; round++) {
      const characters = [...text];
      for (let count = 1 + random.below(3); count > 0; count--)
        characters[random.below(characters.length)] = random.pick([...'0a:@,= -[]<>\nx9']);
      try {
        parseNodes(characters.join(''), options);
      } catch (error) {
        assert.ok(error instanceof NodesFileError, String(error));
      }
    }
  });

  const good = fileText(example());
  for (const [what, text, expected] of [
    ['a file of something else', 'save 900 1\nport 6379\n', /line 1: a node has at least eight fields: "save 900 1"/],
    ['a second myself', good.replace('master,fail', 'myself,master'), /line 2: a second node is flagged myself/],
    ['no myself', good.replace('myself,master', 'master'), /no node of the file is flagged myself/],
    ['a slot of two owners', good.replace('disconnected 3 7', 'disconnected 3 5'), /line 2: slot 5 has another owner/],
    ['a slot that there is not', good.replace('16383', '16384'), /line 1: there is no slot 16384/],
    ['a flag of something else', good.replace('slave,nofailover', 'slave,witness'), /line 3: 'witness' is not a flag/],
    ['a missing last line', good.replace(/vars.*\n/, ''), /ends before its last line/],
  ] as const)
    it(`with ${what} is refused with the line`, () => {
      assert.throws(() => parseNodes(text, options), expected);
    });
});

describe('CLUSTER NODES', () => {
  it('shows no more than Redis 7.0 does', () => {
    const bus = example();
    assert.match(
      nodesText(bus, 'plain'),
      new RegExp(`^${id('b')} ::1:7001@17001,b.example master,fail - 0 0 4 disconnected 3 7$`, 'm'),
    );
    assert.match(nodeLine(bus, bus.state.node(id('b'))!, 'tls'), /::1:8001@17001/);
  });
});
