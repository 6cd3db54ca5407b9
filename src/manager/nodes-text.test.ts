import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, readNodeWords } from './address.js';
import { configSignature, NodesTextError, parseNodesText } from './nodes-text.js';

const line = 'a1 10.0.0.1:7000@17001,host.example myself,master - 0 5 7 connected 0-2 5 [7->-b2] [8-<-c3]';

test('a line tells all of a node', () => {
  const [node] = parseNodesText(`${line}\n`);
  assert.deepEqual(node, {
    id: 'a1',
    place: '10.0.0.1:7000@17001,host.example',
    host: '10.0.0.1',
    port: 7000,
    busPort: 17001,
    flags: ['myself', 'master'],
    masterId: undefined,
    epoch: 7,
    isConnected: true,
    ranges: [
      [0, 2],
      [5, 5],
    ],
    migrating: new Map([[7, 'b2']]),
    importing: new Map([[8, 'c3']]),
  });
});

test('old nodes, IPv6, replicas and nodes without an address', () => {
  const text = ['a ::1:7000 slave b 0 0 1 connected', 'b :0@0 master,fail,noaddr - 1 1 2 disconnected 3'].join('\n');
  const [replica, gone] = parseNodesText(text);
  assert.deepEqual([replica!.host, replica!.port, replica!.busPort, replica!.masterId], ['::1', 7000, 17000, 'b']);
  assert.deepEqual([gone!.host, gone!.isConnected, gone!.ranges], ['', false, [[3, 3]]]);
});

test('what is no text of CLUSTER NODES is refused', () => {
  const bad = [
    'x',
    'a b',
    'a b c d',
    'a h:1 master - 0 0 1 connected 16384',
    'a h:1 master - 0 0 1 connected 5-3',
    'a h:1 master - 0 0 1 connected 1-x',
    'a h:1 master - 0 0 1 connected 999999999999',
  ];
  for (const text of bad) assert.throws(() => parseNodesText(text), NodesTextError, text);
});

test('nodes that own the same have the same signature, in whatever order', () => {
  const lines = [
    'a h:1 master - 0 0 1 connected 0-5',
    'b h:2 master - 9 9 2 connected 6 [5->-a]',
    'c h:3 slave a 0 0 1 connected',
  ];
  const one = configSignature(parseNodesText(lines.join('\n')));
  assert.equal(one, configSignature(parseNodesText([...lines].reverse().join('\n'))));
  assert.notEqual(one, configSignature(parseNodesText(lines.slice(0, 1).join('\n'))));
});

test('addresses as people write them', () => {
  assert.deepEqual(parseAddress('a:7000@17000'), { host: 'a', port: 7000 });
  assert.deepEqual(parseAddress('[::1]:7000'), { host: '::1', port: 7000 });
  assert.deepEqual(readNodeWords(['a', '7000']), { host: 'a', port: 7000 });
  for (const words of [[], ['a'], ['a:x'], ['a', '0'], [':7000'], ['a:70000']])
    assert.equal(readNodeWords(words), undefined);
});
