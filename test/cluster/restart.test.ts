// A master that comes back while another node has its slots: it loads its own file whole before it takes the data of the new
// master, so that nothing of the file is applied on top of that.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { replyText } from '../../src/client/reply.js';
import { untilTrue } from '../cluster-peers.js';
import { MixedCluster, type MixedNode } from './mixed-cluster.js';

const keyCount = 1000;
/** Microseconds a key: a load of seconds, in which the node hears of its new role. */
const loadDelay = 3000;

test('a master that lost its slots while it was down loads its AOF before it follows', async (t) => {
  // The timeout is so long that no failover can come about by itself.
  const args = ['--cluster-node-timeout', '60000', '--appendonly', 'yes', '--enable-debug-command', 'yes'];
  const cluster = await MixedCluster.start(['kvasir', 'kvasir'], [...args, '--key-load-delay', String(loadDelay)]);
  t.after(() => cluster.stop());
  await cluster.join();
  const [master, replica] = cluster.nodes as [MixedNode, MixedNode];
  const connection = await Connection.open({ host: '127.0.0.1', port: master.port });
  for (let number = 0; number < keyCount; number++) connection.send(['RPUSH', `list:${number}`, 'element']);
  for (let number = 0; number < keyCount; number++) assert.equal(replyText(await connection.readReply()), '1');
  connection.close();
  await untilTrue(async () => (await replica.send('DBSIZE')) === String(keyCount), 'the keys at the replica');
  const digest = await replica.send('DEBUG', 'DIGEST');
  await master.kill();
  await replica.ok('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await master.start();
  await cluster.settle();
  assert.match(await master.send('ROLE'), /^slave/);
  const log = readFileSync(join(master.peer!.folder, 'peer.log'), 'utf8');
  const restart = log.slice(log.lastIndexOf('Server initialized'));
  const steps = restart.match(/DB loaded from append only file|Connecting to MASTER/g);
  assert.deepEqual(steps?.slice(0, 2), ['DB loaded from append only file', 'Connecting to MASTER'], restart);
  assert.equal(await master.send('DEBUG', 'DIGEST'), digest);
  assert.equal(await replica.send('DEBUG', 'DIGEST'), digest);
});
