// nodes.conf of a running server: kept over a restart and over a change of the program, refused when torn, never shared.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findClusterPort } from '../cluster-peers.js';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';

const args = ['--cluster-enabled', 'yes'];

describe('nodes.conf', () => {
  it('is there after kill -9, with what was decided', async () => {
    const first = await startKvasir({ port: await findClusterPort(), args });
    assert.equal(await first.send('CLUSTER', 'SET-CONFIG-EPOCH', '7'), 'OK');
    assert.equal(await first.send('CLUSTER', 'ADDSLOTS', '1', '2', '16383'), 'OK');
    const id = await first.send('CLUSTER', 'MYID');
    await first.stop({ signal: 'SIGKILL', keepFolder: true });
    const second = await startKvasir({ port: await findClusterPort(), args, folder: first.folder });
    try {
      const nodes = await second.send('CLUSTER', 'NODES');
      assert.match(nodes, new RegExp(`^${id} \\S*:${second.port}@\\d+ myself,master - 0 0 7 connected 1-2 16383`));
    } finally {
      await second.stop();
    }
  });

  it('of redis-server is taken over', { skip: peerMissing('redis-server', 'redis-cli') }, async () => {
    const redis = await startRedis({ port: await findClusterPort(), args });
    await redis.send('CLUSTER', 'ADDSLOTSRANGE', '0', '100');
    await redis.send('CLUSTER', 'BUMPEPOCH');
    const id = await redis.send('CLUSTER', 'MYID');
    await redis.stop({ keepFolder: true });
    const kvasir = await startKvasir({ port: await findClusterPort(), args, folder: redis.folder });
    try {
      assert.match(
        await kvasir.send('CLUSTER', 'NODES'),
        new RegExp(`^${id} .* myself,master - 0 0 1 connected 0-100`),
      );
    } finally {
      await kvasir.stop();
    }
  });

  it('that was torn is refused with the line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-nodes-'));
    try {
      const first = await startKvasir({ port: await findClusterPort(), args, folder });
      await first.stop({ keepFolder: true });
      const path = join(folder, 'nodes.conf');
      const text = readFileSync(path, 'latin1');
      for (const [torn, expected] of [
        [text.slice(0, 50), /line 1: the file ends within this line/],
        [text.replace(/vars.*\n/, ''), /line 2: the file ends before its last line/],
        [`# not mine\n${text}`, /line 1: a node has at least eight fields: "# not mine"/],
      ] as const) {
        writeFileSync(path, torn, 'latin1');
        await assert.rejects(startKvasir({ port: await findClusterPort(), args, folder }), expected);
        assert.equal(readFileSync(path, 'latin1'), torn, 'the file is left as it is');
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is not shared by two servers', async () => {
    const first = await startKvasir({ port: await findClusterPort(), args });
    try {
      const port = await findClusterPort();
      await assert.rejects(startKvasir({ port, args, folder: first.folder }), /Another server .* uses nodes.conf in/);
      const other = [...args, '--cluster-config-file', 'nodes-2.conf'];
      const second = await startKvasir({ port, args: other, folder: first.folder });
      await second.stop({ keepFolder: true });
    } finally {
      await first.stop();
    }
  });
});
