// trib: kvasir-trib answers as redis-trib.rb does in the guides that know it: create, reshard by a pipe, add and delete nodes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kvasirCliPath, run, runRedis, type Outcome } from '../cli/programs.js';
import { settled, startNodes, stopNodes, untilTrue } from '../cluster-peers.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';

const program = join(kvasirCliPath, '../kvasir-trib.js');

function trib(words: readonly string[], stdin = ''): Promise<Outcome> {
  return run(process.execPath, [program, ...words], { stdin, env: { TERM: 'dumb' } });
}

const at = ({ port }: RedisPeer): string => `127.0.0.1:${port}`;

describe('the command line', () => {
  const cases: [string[], RegExp, number][] = [
    [['help'], /^Usage: redis-trib <command> <options> <arguments \.\.\.>\n\n {2}create {10}host1:port1 /, 0],
    [['nosuch'], /^Unknown redis-trib subcommand 'nosuch'\n$/, 1],
    [['check', '--nosuch', 'a:1'], /^Unknown option 'nosuch' for command 'check'\n$/, 1],
    [['check'], /^\[ERR\] Wrong number of arguments for specified sub command\n$/, 1],
    [['check', 'x'], /^Invalid IP or Port \(given as x\) - use IP:Port format\n$/, 1],
    [['import', 'a:1'], /^Option '--from' is required for subcommand 'import'\n$/, 1],
    [['create', '--replicas'], /^Option '--replicas' needs a value\n$/, 1],
    [
      ['create', '--replicas', '1', '127.0.0.1:1', '127.0.0.1:2'],
      /\[ERR\] Sorry, can't connect to node 127\.0\.0\.1:1\n$/,
      1,
    ],
  ];
  for (const [words, expected, status] of cases) {
    test(words.join(' '), async () => {
      const outcome = await trib(words);
      assert.match(outcome.stdout, expected);
      assert.equal(outcome.status, status);
    });
  }
});

describe('the dialogue', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let nodes: RedisPeer[];
  let ids: string[];
  before(async () => {
    nodes = await startNodes(8);
    ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
  });
  after(() => stopNodes(nodes));

  /** The output with names instead of addresses and ids. */
  function mask(text: string): string {
    let masked = text;
    nodes.forEach((node, index) => {
      masked = masked.replaceAll(at(node), `N${index}`).replaceAll(ids[index]!, `ID${index}`);
    });
    return masked;
  }

  test('create', async () => {
    const words = ['create', '--replicas', '1', ...nodes.slice(0, 6).map(at)];
    assert.match((await trib(words, 'no\n')).stdout, /accept\): \*\*\* Aborting\.\.\.\n$/);
    const { stdout, status } = await trib(words, 'yes\n');
    assert.equal(status, 0);
    const text = mask(stdout);
    assert.ok(
      text.startsWith(
        '>>> Creating cluster\n>>> Performing hash slots allocation on 6 nodes...\nUsing 3 masters:\nN0\nN1\nN2\n' +
          'Adding replica N4 to N0\nAdding replica N5 to N1\nAdding replica N3 to N2\n' +
          '>>> Trying to optimize slaves allocation for anti-affinity\n' +
          '[WARNING] Some slaves are in the same host as their master\n' +
          'M: ID0 N0\n   slots:0-5460 (5461 slots) master\nM: ID1 N1\n   slots:5461-10922 (5462 slots) master\n' +
          'M: ID2 N2\n   slots:10923-16383 (5461 slots) master\nS: ID3 N3\n   replicates ID',
      ),
      text,
    );
    assert.match(
      text,
      /Can I set the above configuration\? \(type 'yes' to accept\): >>> Nodes configuration updated\n>>> Assign a different config epoch to each node\n>>> Sending CLUSTER MEET messages to join the cluster\nWaiting for the cluster to join\.*\n>>> Performing Cluster Check \(using node N0\)\nM: ID0 N0\n {3}slots:0-5460 \(5461 slots\) master\n {3}1 additional replica\(s\)\n/,
    );
    assert.match(
      text,
      /\[OK\] All nodes agree about slots configuration\.\n>>> Check for open slots\.\.\.\n>>> Check slots coverage\.\.\.\n\[OK\] All 16384 slots covered\.\n$/,
    );
  });

  test('add-node, and reshard with answers from a pipe', async () => {
    const added = await trib(['add-node', at(nodes[6]!), at(nodes[0]!)]);
    assert.match(mask(added.stdout), /^>>> Adding node N6 to cluster N0\n/);
    assert.match(
      mask(added.stdout),
      /Send CLUSTER MEET to node N6 to make it join the cluster\.\n\[OK\] New node added correctly\.\n$/,
    );
    await untilTrue(async () => (await nodes[1]!.send('CLUSTER', 'NODES')).includes(ids[6]!));
    await settled(nodes);
    const { stdout, status } = await trib(['reshard', at(nodes[0]!)], `0\n600\nfoo\n${ids[6]}\nbar\nall\nyes\n`);
    assert.equal(status, 0);
    const text = mask(stdout);
    assert.ok(
      text.includes(
        'How many slots do you want to move (from 1 to 16384)? How many slots do you want to move (from 1 to 16384)? ' +
          'What is the receiving node ID? *** The specified node is not known or not a master, please retry.\n' +
          'What is the receiving node ID? Please enter all the source node IDs.\n' +
          "  Type 'all' to use all the nodes as source nodes for the hash slots.\n" +
          "  Type 'done' once you entered all the source nodes IDs.\n" +
          'Source node #1:*** The specified node is not known or not a master, please retry.\nSource node #1:\nReady to move 600 slots.\n  Source nodes:\n    M: ID0 N0\n   slots:0-5460',
      ),
      text,
    );
    assert.match(
      text,
      / {2}Destination node:\n {4}M: ID6 N6\n {3}slots: \(0 slots\) master\n {3}0 additional replica\(s\)\n {2}Resharding plan:\n {4}Moving slot 5461 from ID1\n/,
    );
    assert.match(
      text,
      /Do you want to proceed with the proposed reshard plan \(yes\/no\)\? Moving slot 5461 from N1 to N6: \n/,
    );
    assert.equal(text.match(/^(Do you.*\? )?Moving slot \d+ from N\d to N6: $/gm)!.length, 599);
    await settled(nodes);
  });

  test('answers that end too soon', async () => {
    for (const answers of ['', '3\n', `3\n${ids[6]}\n`, `3\n${ids[6]}\n${ids[0]}\n`]) {
      const { status, stderr } = await trib(['reshard', at(nodes[0]!)], answers);
      assert.equal(status, 1);
      assert.match(stderr, /No answer on standard input/);
    }
    const done = await trib(['reshard', at(nodes[0]!)], `3\n${ids[6]}\ndone\n`);
    assert.match(done.stderr, /\*\*\* No source nodes given, operation aborted/);
  });

  test('info, check and call', async () => {
    const info = await trib(['info', at(nodes[0]!)]);
    assert.match(mask(info.stdout), /^N0 \([0-9a-f]{8}\.\.\.\) -> 0 keys \| 5262 slots \| 1 slaves\.\n/m);
    assert.match(info.stdout, /\[OK\] 0 keys in 4 masters\.\n0\.00 keys per slot on average\.\n$/);
    assert.equal((await trib(['check', '1', at(nodes[0]!)])).status, 0);
    const call = await trib(['call', at(nodes[0]!), 'ping']);
    assert.match(mask(call.stdout), /^>>> Calling PING\nN0: PONG\n/);
  });

  test('rebalance', async () => {
    const balanced = await trib(['rebalance', '--threshold', '600', at(nodes[0]!)]);
    assert.match(balanced.stdout, /\*\*\* No rebalancing needed! All nodes are within the 600\.0% threshold\.\n$/);
    const { stdout } = await trib([
      'rebalance',
      '--simulate',
      '--weight',
      `${ids[0]}=1.5`,
      '--weight',
      `${ids[6]}=1`,
      at(nodes[0]!),
    ]);
    assert.match(
      mask(stdout),
      />>> Rebalancing across 4 nodes\. Total weight = 4\.5\nMoving \d+ slots from N\d to N\d\n#+\n/,
    );
  });

  test('import', async (t) => {
    const source = await startRedis();
    // A process that is left would keep the test file from ending.
    t.after(() => source.stop());
    await source.send('SET', 'k1', 'v');
    const { stdout } = await trib(['import', '--from', at(source), at(nodes[0]!)]);
    assert.match(mask(stdout), /^>>> Importing data from 127\.0\.0\.1:\d+ to cluster \n>>> Performing Cluster Check/);
    assert.match(
      mask(stdout),
      />>> Connecting to the source Redis instance\n\*\*\* Importing 1 keys from DB 0\nMigrating k1 to N\d: OK\n$/,
    );
    assert.equal((await runRedis(['-c', '-p', String(nodes[0]!.port), 'get', 'k1'])).stdout, 'v\n');
  });

  test('del-node shuts the node down', async () => {
    const full = await trib(['del-node', at(nodes[0]!), ids[6]!]);
    assert.match(mask(full.stdout), /\[ERR\] Node N6 is not empty! Reshard data away and try again\.\n$/);
    await trib(['reshard', '--from', ids[6]!, '--to', ids[0]!, '--slots', '599', '--yes', at(nodes[0]!)]);
    await settled(nodes);
    const { stdout, status } = await trib(['del-node', at(nodes[0]!), ids[6]!]);
    assert.equal(status, 0, stdout);
    assert.equal(
      mask(stdout),
      '>>> Removing node ID6 from cluster N0\n>>> Sending CLUSTER FORGET messages to the cluster...\n>>> SHUTDOWN the node.\n',
    );
    await untilTrue(async () => (await runRedis(['-p', String(nodes[6]!.port), 'ping'])).status === 1);
  });
});
