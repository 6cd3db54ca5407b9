// transcript: the cluster manager prints what redis-cli prints, line by line, and ends with the same status: commands that
// look on one cluster of redis-servers, commands that change on a pair of equal clusters. Ids and ports are masked.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runKvasir, runRedis, type Outcome } from '../cli/programs.js';
import { joinNodes, settled, startNode, startNodes, stopNodes, untilTrue } from '../cluster-peers.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';

/** The program's output with ids numbered by their first appearance and ports by their place in the cluster. */
function mask(text: string, nodes: readonly RedisPeer[]): string {
  let masked = text.replace(/\([0-9a-f]{8}\.\.\.\)/g, '(id)');
  nodes.forEach(({ port }, index) => {
    masked = masked.replaceAll(`:${port}`, `:port${index}`).replaceAll(`-${port}-`, `-port${index}-`);
  });
  return masked.replace(/^\.*\n/gm, '').replace(/\b[0-9a-f]{40}\b/g, 'id');
}

/** A node block and other lines whose order a node's hash table decides. */
function sorted(text: string): string {
  return text.split('\n').sort().join('\n');
}

const plain = { env: { TERM: 'dumb' } };

describe('commands that look', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let nodes: RedisPeer[];
  let folder: string;
  before(async () => {
    nodes = await startNodes(6);
    await joinNodes(nodes, { replicas: 1 });
    folder = join(tmpdir(), `kvasir-manager-${process.pid}`);
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await stopNodes(nodes);
  });

  const at = (index: number): string => `127.0.0.1:${nodes[index]!.port}`;

  async function compare(words: readonly string[], env: Record<string, string> = { TERM: 'dumb' }): Promise<void> {
    const [ours, theirs] = [
      await runKvasir(['--cluster', ...words], { env }),
      await runRedis(['--cluster', ...words], { env }),
    ];
    assert.equal(ours.stdout, theirs.stdout, words.join(' '));
    assert.equal(ours.stderr, theirs.stderr, words.join(' '));
    assert.equal(ours.status, theirs.status, words.join(' '));
  }

  const cases: [string, () => string[]][] = [
    ['check', () => ['check', at(0)]],
    ['check of a replica, with a space', () => ['check', '127.0.0.1', String(nodes[4]!.port)]],
    ['check for several owners', () => ['check', at(1), '--cluster-search-multiple-owners']],
    ['info', () => ['info', at(2)]],
    ['fix without faults', () => ['fix', at(0)]],
    ['call', () => ['call', at(0), 'dbsize']],
    ['call with a list', () => ['call', at(0), 'config', 'get', 'maxmemory*']],
    ['call with an error', () => ['call', at(0), 'nosuch', 'a b']],
    ['call of masters', () => ['call', at(0), 'ping', '--cluster-only-masters']],
    ['call of replicas', () => ['call', at(0), 'role', '--cluster-only-replicas']],
    ['set-timeout', () => ['set-timeout', at(0), '20000']],
    ['set-timeout that is too short', () => ['set-timeout', at(0), '99']],
    ['rebalance that is not needed', () => ['rebalance', at(0)]],
    [
      'a simulated rebalance',
      () => ['rebalance', at(0), '--cluster-simulate', '--verbose', '--cluster-weight', `${idOf(0)}=2.5`],
    ],
    [
      'a rebalance to empty a node',
      () => ['rebalance', at(0), '--cluster-simulate', '--cluster-weight', `${idOf(1).slice(0, 8)}=0`, `${idOf(2)}=1`],
    ],
    [
      'a rebalance with a threshold',
      () => [
        'rebalance',
        at(0),
        '--cluster-simulate',
        '--cluster-threshold',
        '60',
        '--cluster-weight',
        `${idOf(0)}=1.5`,
      ],
    ],
    ['a rebalance with a node that is none', () => ['rebalance', at(0), '--cluster-weight', 'zz=3']],
    [
      'reshard to a node that is none',
      () => ['reshard', at(0), '--cluster-to', 'zz', '--cluster-from', 'all', '--cluster-slots', '5'],
    ],
    [
      'reshard from a replica',
      () => ['reshard', at(0), '--cluster-to', idOf(0), '--cluster-from', idOf(4), '--cluster-slots', '5'],
    ],
    [
      'reshard from the target',
      () => ['reshard', at(0), '--cluster-to', idOf(0), '--cluster-from', idOf(0), '--cluster-slots', '5'],
    ],
    ['del-node of a node that is none', () => ['del-node', at(0), 'abc']],
    ['del-node of a master with slots', () => ['del-node', at(0), idOf(1)]],
    ['add-node of a node that is in', () => ['add-node', at(1), at(0)]],
    [
      'add-node with a master that is none',
      () => ['add-node', at(1), at(0), '--cluster-slave', '--cluster-master-id', 'x'],
    ],
    ['create with nodes that are in', () => ['create', at(0), at(1), at(2)]],
    ['create without a node', () => ['create', '127.0.0.1:1', '127.0.0.1:2']],
    ['create with a word', () => ['create', 'x', 'y']],
    ['import without a source', () => ['import', at(0)]],
    ['import from nowhere', () => ['import', at(0), '--cluster-from', 'x']],
    ['import from the cluster', () => ['import', at(0), '--cluster-from', at(1)]],
    ['an address without a port', () => ['check', '127.0.0.1']],
    ['a port that is none', () => ['check', '127.0.0.1:x']],
    ['no server', () => ['info', '127.0.0.1:1']],
    ['too few words', () => ['del-node', at(0)]],
    ['a command that is none', () => ['nosuch', at(0)]],
  ];
  const ids = new Map<number, string>();
  const idOf = (index: number): string => ids.get(index)!;
  before(async () => {
    for (let index = 0; index < 6; index++) ids.set(index, await nodes[index]!.send('CLUSTER', 'MYID'));
  });
  for (const [name, words] of cases) test(name, () => compare(words()));

  test('colours', () => compare(['check', at(0)], { TERM: 'xterm', FAKETTY: '1' }));

  test('help begins with that of redis-cli', async () => {
    const ours = await runKvasir(['--cluster', 'help'], plain);
    const theirs = await runRedis(['--cluster', 'help'], plain);
    assert.equal(ours.stdout.slice(0, theirs.stdout.length), theirs.stdout);
    assert.equal(ours.status, theirs.status);
  });

  test('backup', async () => {
    const outcomes: Outcome[] = [];
    const files: Record<string, unknown>[] = [];
    for (const program of [runKvasir, runRedis]) {
      rmSync(folder, { recursive: true, force: true });
      // redis-cli does not make the folder.
      if (program === runRedis) mkdirSync(folder);
      outcomes.push(await program(['--cluster', 'backup', at(0), folder], plain));
      files.push({
        names: readdirSync(folder).sort(),
        nodes: readFileSync(join(folder, 'nodes.json'), 'utf8'),
        magic: readdirSync(folder)
          .filter((name) => name.endsWith('.rdb'))
          .map((name) => readFileSync(join(folder, name)).toString('latin1', 0, 5)),
      });
    }
    const [ours, theirs] = outcomes;
    assert.equal(ours!.stdout, theirs!.stdout);
    const bytes = /(?<=writing )\d+(?= bytes)/g;
    assert.equal(ours!.stderr.replace(bytes, 'N'), theirs!.stderr.replace(bytes, 'N'));
    assert.deepEqual(files[0], files[1]);
  });

  test('a document for other programs', async () => {
    const { stdout, stderr, status } = await runKvasir(['--cluster', 'check', at(0), '--json'], plain);
    const report = JSON.parse(stdout) as { ok: boolean; nodes: { role: string; slotCount: number }[]; keys: number };
    assert.equal(status, 0);
    assert.equal(report.ok, true);
    assert.deepEqual(report.nodes.map(({ slotCount }) => slotCount).sort(), [0, 0, 0, 5461, 5461, 5462]);
    assert.match(stderr, /All 16384 slots covered/);
  });
});

describe('commands that change', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  /** One cluster for each program. */
  let clusters: [RedisPeer[], RedisPeer[]];
  const programs = [runKvasir, runRedis] as const;
  before(async () => {
    clusters = [await startNodes(6), await startNodes(6)];
  });
  after(async () => {
    for (const nodes of clusters ?? []) await stopNodes(nodes);
  });

  /** Runs a command on each cluster, and compares. */
  async function both(
    words: (nodes: readonly RedisPeer[]) => Promise<string[]> | string[],
    options: { stdin?: string; inOrder?: boolean } = {},
  ): Promise<string> {
    const outcomes: Outcome[] = [];
    for (const [index, nodes] of clusters.entries()) {
      const own = await words(nodes);
      outcomes.push(await programs[index]!(['--cluster', ...own], { ...plain, stdin: options.stdin ?? '' }));
      await settled(nodes);
    }
    const [ours, theirs] = outcomes.map(({ stdout, stderr, status }, index) => {
      const text = mask(stdout, clusters[index]!);
      return { stdout: options.inOrder === true ? text : sorted(text), stderr: mask(stderr, clusters[index]!), status };
    });
    assert.deepEqual(ours, theirs);
    return outcomes[0]!.stdout;
  }

  const id = (node: RedisPeer): Promise<string> => node.send('CLUSTER', 'MYID');
  const at = (node: RedisPeer): string => `127.0.0.1:${node.port}`;

  test('create, refused', async () => {
    await both((nodes) => ['create', ...nodes.map(at), '--cluster-replicas', '2'], { inOrder: true });
    await both((nodes) => ['create', ...nodes.slice(0, 3).map(at)], { stdin: 'no\n', inOrder: true });
  });

  test('create with a dry run changes nothing', async () => {
    const [nodes] = clusters;
    const { stdout, status } = await runKvasir(
      ['--cluster', 'create', ...nodes.map(at), '--cluster-replicas', '1', '--cluster-dry-run'],
      plain,
    );
    assert.equal(status, 0);
    assert.match(stdout, /\[dry run\] 127\.0\.0\.1:\d+: CLUSTER MEET/);
    assert.match(await nodes[0]!.send('CLUSTER', 'INFO'), /slots_assigned:0\r[^]*known_nodes:1\r/);
  });

  test('create with three masters', async () => {
    const stdout = await both((nodes) => ['create', ...nodes.slice(0, 3).map(at)], { stdin: 'yes\n' });
    assert.match(stdout, /Slots 0 - 5460\n.*Slots 5461 - 10922\n.*Slots 10923 - 16383\n/);
  });

  test('add-node as a master, and as a replica', async () => {
    await both((nodes) => ['add-node', at(nodes[3]!), at(nodes[0]!)]);
    await both(async (nodes) => {
      const masterId = await id(nodes[3]!);
      return ['add-node', at(nodes[4]!), at(nodes[0]!), '--cluster-slave', '--cluster-master-id', masterId];
    });
  });

  test('reshard: 600 from all are 599', async () => {
    for (const nodes of clusters)
      await runRedis(['-c', '-p', String(nodes[0]!.port)], {
        stdin: 'set k1 a\nset k2 b\nset k3 c\nset k4 d\nset {k2}5 e\n',
      });
    const stdout = await both(async (nodes) => {
      const words = ['--cluster-from', 'all', '--cluster-to', await id(nodes[3]!), '--cluster-slots', '600'];
      return ['reshard', at(nodes[0]!), ...words, '--cluster-yes'];
    });
    assert.equal(stdout.match(/^Moving slot/gm)!.length, 599);
    const counts = [0, 1, 2].map((index) => {
      const source = clusters[0][index]!.port;
      return stdout.match(new RegExp(`^Moving slot \\d+ from 127.0.0.1:${source} `, 'gm'))!.length;
    });
    assert.deepEqual(counts.sort(), [199, 199, 201]);
  });

  test('reshard to where the slots came from, and a refused plan', async () => {
    await both(async (nodes) => {
      const [from, to] = [await id(nodes[3]!), await id(nodes[1]!)];
      return [
        'reshard',
        at(nodes[0]!),
        '--cluster-from',
        from,
        '--cluster-to',
        to,
        '--cluster-slots',
        '599',
        '--cluster-yes',
      ];
    });
    await both(
      async (nodes) => {
        const words = [
          '--cluster-from',
          await id(nodes[1]!),
          '--cluster-to',
          await id(nodes[3]!),
          '--cluster-slots',
          '4',
        ];
        return ['reshard', at(nodes[0]!), ...words];
      },
      { stdin: 'no\n' },
    );
  });

  test('fix of a slot that moves, one that nobody serves, and one without a source', async () => {
    for (const nodes of clusters) {
      const [first, second] = [await id(nodes[0]!), await id(nodes[1]!)];
      await nodes[1]!.send('CLUSTER', 'SETSLOT', '2000', 'IMPORTING', first);
      await nodes[0]!.send('CLUSTER', 'SETSLOT', '2000', 'MIGRATING', second);
    }
    await both((nodes) => ['check', at(nodes[0]!)]);
    await both((nodes) => ['fix', at(nodes[0]!)]);
    for (const nodes of clusters) await nodes[0]!.send('CLUSTER', 'SETSLOT', '2001', 'MIGRATING', await id(nodes[1]!));
    await both((nodes) => ['fix', at(nodes[0]!)]);
    for (const nodes of clusters) await nodes[1]!.send('CLUSTER', 'SETSLOT', '2002', 'IMPORTING', await id(nodes[0]!));
    await both((nodes) => ['fix', at(nodes[0]!)]);
    for (const nodes of clusters) {
      await runRedis(['-c', '-p', String(nodes[0]!.port), 'set', 'k2', 'b']); // slot 449
      for (const node of nodes.slice(0, 5)) await node.send('CLUSTER', 'DELSLOTS', '449');
    }
    await both((nodes) => ['fix', at(nodes[0]!)], { stdin: 'yes\n' });
    for (const nodes of clusters)
      assert.equal((await runRedis(['-c', '-p', String(nodes[2]!.port), 'get', 'k2'])).stdout, 'b\n');
  });

  test('del-node of a replica and of an empty master', async () => {
    await both(async (nodes) => ['del-node', at(nodes[0]!), await id(nodes[4]!)]);
    await both(async (nodes) => ['del-node', at(nodes[0]!), await id(nodes[3]!)]);
  });

  test('import', async () => {
    const source = await startRedis();
    for (const keys of [['a', 'b', 'c d'], []]) {
      for (const key of keys) await source.send('SET', key, `v${key}`);
      await both((nodes) => [
        'import',
        at(nodes[0]!),
        '--cluster-from',
        at(source),
        '--cluster-copy',
        '--cluster-replace',
      ]);
    }
    await source.stop();
    assert.equal((await runRedis(['-c', '-p', String(clusters[0][0]!.port), 'get', 'c d'])).stdout, 'vc d\n');
  });

  test('a node that is no member', async () => {
    const other = await startRedis();
    const lonely = await startNode();
    await lonely.send('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await untilTrue(async () => (await lonely.send('SET', 'x', 'y')) === 'OK');
    for (const address of [at(other), at(lonely)]) await both((nodes) => ['add-node', address, at(nodes[0]!)]);
    await other.stop();
    await lonely.stop();
    assert.equal(existsSync(other.folder), false);
  });
});
