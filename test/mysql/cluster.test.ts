// kvasir-mysql with a cluster as its target: slots that are ahead after a kill take nothing twice.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinNodes, startNodes, stopNodes } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { mariadbMissing, startMariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli');

describe('kvasir-mysql with a cluster', { skip }, () => {
  it('keeps all slots equal to the table through kills', async (t) => {
    const maria = await startMariadb(t);
    const nodes = await startNodes(3);
    t.after(() => stopNodes(nodes));
    await joinNodes(nodes);
    await maria.sql(
      'CREATE DATABASE c; CREATE TABLE c.t (id INT PRIMARY KEY, grp INT, v INT); INSERT INTO c.t SELECT seq, seq % 7, 0 FROM c.seq_1_to_500',
    );
    const tool = new SyncTool(
      t,
      `name: c
source: { host: '127.0.0.1:${maria.port}', user: root, heartbeat_seconds: 0.5 }
target: { address: '127.0.0.1:${nodes[0]!.port}' }
limits: { batch_rows: 20 }
tables:
  - table: c.t
    targets:
      - hash: 't:{id}'
      - set: 'grp:{grp}'
        member: '{id}'
      - list: 'last:{grp}'
        element: '{id}'
`,
    );
    tool.start();
    await until(
      () => `the snapshot; log:\n${tool.log}`,
      () => tool.log.includes('following'),
    );
    for (let round = 1; round <= 6; round++) {
      await maria.sql(
        `BEGIN; UPDATE c.t SET v = ${round} WHERE id % 3 = ${round % 3}; UPDATE c.t SET grp = (grp + 1) % 7 WHERE id % 5 = 0; DELETE FROM c.t WHERE id = ${round * 11}; COMMIT; INSERT INTO c.t VALUES (${1000 + round}, 1, ${round})`,
      );
      if (round % 2 === 0) {
        await tool.kill('SIGKILL');
        tool.start();
      }
    }
    const [[file, offset]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
    await until(
      () => `the end; log:\n${tool.log}`,
      async () => {
        assert.equal(tool.child!.exitCode, null, tool.log);
        const text = await nodes[0]!.send('-c', 'HGET', 'kvasir-mysql:{c}', 'position');
        const position = JSON.parse(text.startsWith('{') ? text : '{"file":"","offset":0}') as {
          file: string;
          offset: number;
        };
        return position.file === file && position.offset >= Number(offset);
      },
    );
    await tool.kill('SIGTERM');
    const ran = await tool.run('--verify');
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  });
});
