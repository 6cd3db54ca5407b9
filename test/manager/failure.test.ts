// failure: nodes that are gone, hang or talk nonsense, and nodes that cannot reach each other: the manager says which, ends,
// and works on with the others.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { runKvasir, type Outcome } from '../cli/programs.js';
import { joinNodes, settled, startNode, startNodes, stopNodes, untilTrue } from '../cluster-peers.js';
import { findFreePort, peerMissing, type RedisPeer } from '../peer.js';

const env = { TERM: 'dumb' };

function manage(...words: string[]): Promise<Outcome> {
  return runKvasir(['--cluster', ...words, '--cluster-answer-timeout', '2'], { env });
}

const at = ({ port }: { port: number }): string => `127.0.0.1:${port}`;

/** A server that answers each chunk with what `answer` makes of it. */
async function startLiar(answer: (request: string) => string | undefined): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const text = answer(bytes.toString('latin1'));
      if (text === '') socket.destroy();
      else if (text !== undefined) socket.write(text, 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

describe('servers that are no nodes', () => {
  const info = bulk('cluster_enabled:1\r\n');
  const cases: [string, (request: string) => string | undefined, RegExp][] = [
    ['hangs', () => undefined, /does not answer: no reply within 2 seconds/],
    ['closes', () => '', /does not answer: /],
    ['speaks something else', () => 'HTTP/1.1 400 Bad Request\r\n\r\n', /does not answer: /],
    ['has no cluster', () => bulk('cluster_enabled:0\r\n'), /is not configured as a cluster node/],
    ['answers with nothing', () => '$-1\r\n', /is not configured as a cluster node/],
    ['wants a login', () => '-NOAUTH Authentication required.\r\n', /NOAUTH Authentication required/],
    ['hangs later', (request) => (/INFO/i.test(request) ? info : undefined), /no reply within 2 seconds/],
    ['tells nonsense of nodes', (request) => (/INFO/i.test(request) ? info : bulk('x y\n')), /invalid CLUSTER NODES/],
    ['knows no nodes', (request) => (/INFO/i.test(request) ? info : bulk('')), /invalid CLUSTER NODES/],
    [
      'knows itself not',
      (request) => (/INFO/i.test(request) ? info : bulk('a :1@2 master - 0 0 1 connected\n')),
      /invalid CLUSTER NODES/,
    ],
    [
      'claims slots that are none',
      (request) => (/INFO/i.test(request) ? info : bulk('a :1@2 myself,master - 0 0 1 connected 0-99999999\n')),
      /invalid CLUSTER NODES/,
    ],
    ['sends a list', (request) => (/INFO/i.test(request) ? info : '*1\r\n:1\r\n'), /invalid CLUSTER NODES/],
  ];
  for (const [name, answer, expected] of cases) {
    test(`a server that ${name}`, async () => {
      const liar = await startLiar(answer);
      try {
        const words = [
          ['check', at(liar)],
          ['create', at(liar), at(liar), at(liar)],
          ['call', at(liar), 'ping'],
        ];
        for (const outcome of await Promise.all(words.map((one) => manage(...one)))) {
          assert.equal(outcome.status, 1, outcome.stdout);
          assert.match(outcome.stdout + outcome.stderr, expected);
          assert.doesNotMatch(outcome.stderr, /\n\s+at /);
        }
      } finally {
        liar.stop();
      }
    });
  }
});

describe('a cluster with nodes that are gone', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let nodes: RedisPeer[];
  before(async () => {
    nodes = await startNodes(4, { nodeTimeoutMs: 600_000, args: ['--cluster-require-full-coverage', 'no'] });
    await joinNodes(nodes.slice(0, 3));
  });
  after(() => stopNodes(nodes));

  test('a stopped master does not keep the others from being checked, resharded and mended', async () => {
    process.kill(nodes[2]!.pid, 'SIGSTOP');
    try {
      const check = await manage('check', at(nodes[0]!));
      assert.equal(check.status, 1);
      assert.match(check.stdout, /Unable to load info for node/);
      assert.match(check.stdout, new RegExp(`master \\w+ at ${at(nodes[2]!)} with 5461 slots does not answer`));
      assert.match(check.stdout, /Not all 16384 slots are covered/);
      const [from, to] = [await nodes[0]!.send('CLUSTER', 'MYID'), await nodes[1]!.send('CLUSTER', 'MYID')];
      const words = ['--cluster-from', from, '--cluster-to', to, '--cluster-slots', '5', '--cluster-yes'];
      const reshard = await manage('reshard', at(nodes[0]!), ...words);
      assert.equal(reshard.status, 0, reshard.stdout + reshard.stderr);
      assert.equal(reshard.stdout.match(/^Moving slot/gm)?.length, 5);
      await nodes[0]!.send('CLUSTER', 'SETSLOT', '100', 'MIGRATING', to);
      const fix = await manage('fix', at(nodes[0]!));
      assert.match(fix.stdout, /Case 4: Closing slot 100/);
      // The slots of the node that does not answer are left to it.
      assert.match(fix.stdout, /Fixing slots coverage with 1 unreachable masters is dangerous/);
      assert.doesNotMatch(fix.stdout, /Covering slot/);
    } finally {
      process.kill(nodes[2]!.pid, 'SIGCONT');
    }
    await untilTrue(async () => (await manage('check', at(nodes[0]!))).status === 0);
  });

  test('a dead node can be forgotten', async () => {
    const dead = nodes[3]!;
    const id = await dead.send('CLUSTER', 'MYID');
    assert.equal((await manage('add-node', at(dead), at(nodes[0]!))).status, 0);
    await untilTrue(async () => (await nodes[1]!.send('CLUSTER', 'NODES')).includes(id));
    await settled(nodes);
    process.kill(dead.pid, 'SIGKILL');
    const { status, stdout } = await manage('del-node', at(nodes[0]!), id);
    assert.equal(status, 0, stdout);
    for (const node of nodes.slice(0, 3)) assert.doesNotMatch(await node.send('CLUSTER', 'NODES'), new RegExp(id));
  });
});

describe('nodes that do not reach each other', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test('create ends, and names the ports', async () => {
    const nodes = await startNodes(2);
    const [closed, other] = [await findFreePort(), await findFreePort()];
    // It listens on one port for its bus and tells the others of another.
    const hidden = await startNode({
      args: ['--cluster-port', String(other), '--cluster-announce-bus-port', String(closed)],
    });
    const all = [...nodes, hidden];
    const words = [...all.map(at), '--cluster-yes', '--cluster-join-timeout', '2'];
    const { status, stdout } = await manage('create', ...words);
    assert.equal(status, 1);
    assert.match(stdout, /The nodes did not become one cluster within 2 seconds/);
    assert.match(
      stdout,
      new RegExp(`${at(nodes[0]!)} cannot reach port ${closed} of 127.0.0.1 \\(the bus of ${at(hidden)}\\)`),
    );
    await stopNodes(all);
  });
});
