// A cluster with TLS on its bus, of Kvasir and redis-server: it comes up, and keys and slots move over TLS in every direction.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { MixedCluster, type MixedNode } from './mixed-cluster.js';

function makeCertificates(folder: string): string[] {
  const openssl = (...words: string[]): void =>
    void execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const make = (name: string): string[] => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-x509', ...make('ca'), '-out', 'ca.crt', '-days', '2', '-subj', '/CN=authority');
  openssl('req', ...make('node'), '-out', 'node.csr', '-subj', '/CN=node');
  openssl(
    'x509',
    '-req',
    '-in',
    'node.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-out',
    'node.crt',
  );
  return [
    ...['--tls-ca-cert-file', join(folder, 'ca.crt'), '--tls-cert-file', join(folder, 'node.crt')],
    ...['--tls-key-file', join(folder, 'node.key'), '--tls-cluster', 'yes', '--tls-replication', 'yes'],
  ];
}

const speaksTls = (): boolean =>
  execFileSync('redis-cli', ['--help'], { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] }).includes('--tls');

test('nodes talk over TLS', { skip: peerMissing('redis-server', 'redis-cli', 'openssl') }, async (t) => {
  if (!speaksTls()) {
    t.skip('this redis-server was built without TLS');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-cluster-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const args = [...makeCertificates(folder), '--cluster-node-timeout', '15000', '--save', ''];
  const cluster = await MixedCluster.start(['kvasir', 'redis', 'kvasir'], args, (port) => [
    '--tls-port',
    String(port - 2500),
  ]);
  t.after(() => cluster.stop());
  const tlsPort = (node: MixedNode): string => String(node.port - 2500);
  for (const [index, node] of cluster.nodes.entries()) {
    await node.ok('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    const first = Math.ceil((index * 16384) / 3);
    await node.ok('CLUSTER', 'ADDSLOTSRANGE', String(first), String(Math.ceil(((index + 1) * 16384) / 3) - 1));
    if (index > 0)
      await node.ok(
        'CLUSTER',
        'MEET',
        '127.0.0.1',
        tlsPort(cluster.nodes[0]!),
        String(Number(tlsPort(cluster.nodes[0]!)) + 10_000),
      );
  }
  await cluster.settle();
  const [ours, redis, other] = cluster.nodes as [MixedNode, MixedNode, MixedNode];
  /** A key that belongs to neither, so that MIGRATE needs an open slot. */
  const move = async (from: MixedNode, to: MixedNode, key: string): Promise<void> => {
    const slot = String(keySlot(Buffer.from(key)));
    await from.ok('SET', key, 'value');
    await to.ok('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.ok('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    await from.ok('MIGRATE', '127.0.0.1', tlsPort(to), key, '0', '20000');
    for (const node of [to, from]) await node.ok('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    assert.equal(await to.send('GET', key), 'value');
  };
  const keyOf = (index: number): string => {
    for (let number = 0; ; number++)
      if (Math.floor((keySlot(Buffer.from(`k${number}`)) * 3) / 16384) === index) return `k${number}`;
  };
  const key = keyOf(0);
  await move(ours, redis, key);
  await move(redis, ours, key);
  await cluster.settle();
  await ours.ok('SET', key, 'again');
  const id = await other.send('CLUSTER', 'MIGRATION', 'IMPORT', '0', '5000');
  assert.match(id, /^[0-9a-f]{40}$/);
  await untilTrue(
    async () => (await other.send('CLUSTER', 'MIGRATION', 'STATUS', 'ID', id)).includes('completed'),
    'the move of slots',
  );
  await cluster.settle();
});
