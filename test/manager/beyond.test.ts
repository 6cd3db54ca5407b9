// beyond: what the manager does that redis-cli does not: dry runs, documents, balance by memory, a cluster in one command.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kvasirCliPath, run, runKvasir, runRedis, type Outcome } from '../cli/programs.js';
import { findClusterPort, joinNodes, startNodes, stopNodes } from '../cluster-peers.js';
import { peerMissing, type RedisPeer } from '../peer.js';

const env = { TERM: 'dumb' };
const manage = (...words: string[]): Promise<Outcome> => runKvasir(['--cluster', ...words], { env });

describe('beyond redis-cli', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let nodes: RedisPeer[];
  let at: string;
  before(async () => {
    nodes = await startNodes(3);
    await joinNodes(nodes);
    at = `127.0.0.1:${nodes[0]!.port}`;
  });
  after(() => stopNodes(nodes));

  const config = (): Promise<string[]> =>
    Promise.all(nodes.map(async (node) => (await node.send('CLUSTER', 'SLOTS')).replace(/\s+/g, ' ')));

  test('a dry run changes nothing', async () => {
    const ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
    const beforeRun = await config();
    const words = [
      ['reshard', at, '--cluster-from', ids[0]!, '--cluster-to', ids[1]!, '--cluster-slots', '10'],
      ['rebalance', at, '--cluster-weight', `${ids[0]}=3`],
      ['set-timeout', at, '3000'],
      ['call', at, 'flushall'],
      ['del-node', at, 'x'],
    ];
    await nodes[0]!.send('SET', 'x', 'y');
    for (const one of words) await manage(...one, '--cluster-dry-run');
    assert.deepEqual(await config(), beforeRun);
    assert.match(await nodes[0]!.send('CONFIG', 'GET', 'cluster-node-timeout'), /15000/);
    const { stdout } = await manage('set-timeout', at, '3000', '--dry-run');
    assert.match(stdout, /\[dry run\] 127\.0\.0\.1:\d+: CONFIG SET cluster-node-timeout 3000\n/);
  });

  test('a reshard as a document', async () => {
    const ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
    const words = ['--cluster-from', ids[0]!, '--cluster-to', ids[1]!, '--cluster-slots', '3', '--cluster-yes'];
    const { stdout, status } = await manage('reshard', at, ...words, '--json');
    const report = JSON.parse(stdout) as { ok: boolean; plan: unknown[]; moved: { slots: number } };
    assert.equal(status, 0);
    assert.deepEqual([report.ok, report.plan.length, report.moved.slots], [true, 3, 3]);
    const bad = JSON.parse(
      (await manage('reshard', at, '--cluster-to', 'x', '--cluster-slots', '1', '--json')).stdout,
    ) as {
      ok: boolean;
      messages: { text: string }[];
    };
    assert.equal(bad.ok, false);
    assert.match(bad.messages[0]!.text, /The specified node \(x\) is not known/);
  });

  test('a reshard waits for a node that has still to hear of a change', async () => {
    const ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
    // The third node learns the owner again from the next message of it.
    const words = ['--cluster-from', ids[0]!, '--cluster-to', ids[2]!, '--cluster-slots', '1', '--cluster-yes'];
    assert.equal(await nodes[2]!.send('CLUSTER', 'DELSLOTS', '100'), 'OK');
    const { stdout, status } = await manage('reshard', at, ...words);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\[OK\] All nodes agree about slots configuration\./);
  });

  test('a balance by memory moves the big keys apart, and then there is nothing to do', async () => {
    // All on the first node, in slots of their own.
    for (let index = 0; index < 40; index++)
      await runRedis(['-c', '-p', String(nodes[0]!.port), 'setrange', `big:${index}`, '20000', 'x']);
    const sizes = async (): Promise<number[]> =>
      Promise.all(nodes.map(async (node) => Number(await node.send('DBSIZE'))));
    const ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
    await manage('rebalance', at, '--cluster-weight', `${ids[0]}=10`, `${ids[1]}=0.1`, `${ids[2]}=0.1`);
    const uneven = await sizes();
    assert.ok(uneven[0]! > 30, String(uneven));
    const words = ['rebalance', at, '--cluster-balance-by', 'memory', '--cluster-threshold', '20'];
    const { stdout, status } = await manage(...words);
    assert.equal(status, 0, stdout);
    const even = await sizes();
    for (const size of even) assert.ok(size >= 10 && size <= 17, String(even));
    assert.equal(
      even.reduce((sum, size) => sum + size, 0),
      uneven.reduce((sum, size) => sum + size, 0),
    );
    assert.match((await manage(...words)).stdout, /No rebalancing needed/);
    assert.equal((await manage('rebalance', at, '--cluster-balance-by', 'load', '--cluster-dry-run')).status, 0);
    const wrong = await manage('rebalance', at, '--cluster-balance-by', 'colour');
    assert.match(wrong.stderr, /takes slots, keys, memory or load/);
  });
});

describe('kvasir-cluster', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-local-'));
  const program = join(kvasirCliPath, '../kvasir-cluster.js');
  const local = (...words: string[]): Promise<Outcome> =>
    run(process.execPath, [program, ...words, '--dir', join(folder, 'c')], { env });
  after(async () => {
    await local('clean');
    rmSync(folder, { recursive: true, force: true });
  });

  test('starts, stops, goes on with its data and cleans up', async () => {
    const port = String(await findClusterPort());
    const how = ['--port', port, '--server', 'redis-server', '--replicas', '0', '--password', 'pw'];
    const started = await local('start', ...how);
    assert.equal(started.status, 0, started.stdout + started.stderr);
    assert.match(started.stdout, /The cluster runs: 3 masters with 0 replicas each/);
    const cli = (...words: string[]): Promise<Outcome> =>
      runKvasir(['-c', '-p', port, '-a', 'pw', '--no-auth-warning', ...words], { env });
    assert.equal((await cli('set', 'k1', 'v')).stdout, 'OK\n');
    assert.match((await local('start', ...how)).stdout, /runs already/);
    const status = await local('status', '--password', 'pw', '--json');
    const report = JSON.parse(status.stdout) as { ok: boolean; nodes: { slots: number; keys: number }[] };
    assert.equal(report.ok, true, status.stdout);
    assert.deepEqual(
      report.nodes.map(({ slots }) => slots),
      [5461, 5462, 5461],
    );
    assert.equal((await local('stop', '--password', 'pw')).status, 0);
    assert.equal((await local('status', '--password', 'pw')).status, 1);
    assert.equal((await local('start', ...how)).status, 0);
    assert.equal((await cli('get', 'k1')).stdout, 'v\n');
    assert.equal((await local('clean', '--password', 'pw')).status, 0);
    assert.equal(existsSync(join(folder, 'c')), false);
  });

  test('a server that does not start, and a file that is damaged', async () => {
    const port = String(await findClusterPort());
    const bad = await local('start', '--port', port, '--server', 'redis-server', '--', '--nosuch', 'x');
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /the server has ended. Its log ends so:[^]*nosuch/);
    const none = await local('start', '--port', port, '--server', '/nosuch/server');
    assert.match(none.stderr, /cannot be started: No such file or directory/);
    mkdirSync(join(folder, 'c'), { recursive: true });
    writeFileSync(join(folder, 'c/cluster.json'), '{"pids":');
    assert.match((await local('start', '--port', port)).stderr, /is damaged/);
    rmSync(join(folder, 'c'), { recursive: true });
  });
});
