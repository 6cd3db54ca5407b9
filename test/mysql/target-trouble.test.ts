// Targets that hang, cannot write now, or are not trusted: kvasir-mysql says what is wrong, and goes on when it is over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { peerMissing, startRedis } from '../peer.js';
import { TlsFiles } from '../sentinel/tls-files.js';
import { mariadbMissing, startMariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';
import { TroubleProxy } from './trouble-proxy.js';

const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli', 'openssl');

const configOf = (mariaPort: number, target: string): string => `
name: w
source: { host: '127.0.0.1:${mariaPort}', user: root, heartbeat_seconds: 0.5 }
target:
${target}
tables:
  - table: w.t
    targets:
      - hash: 't:{id}'
      - stream: changes
`;

describe('a target in trouble', { skip }, () => {
  it('is named with what is wrong, and followed again when it is over', async (t) => {
    const maria = await startMariadb(t);
    const redis = await startRedis();
    t.after(() => redis.stop());
    const proxy = await TroubleProxy.start(t, redis.port);
    await maria.sql('CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY, name VARCHAR(40))');
    const tool = new SyncTool(t, configOf(maria.port, `  address: 127.0.0.1:${proxy.port}\n  timeout_seconds: 2`));
    let rows = 0;
    /** Puts a row into the table while the target is in trouble, waits for the warning, heals, and waits for the row. */
    const trouble = async (begin: () => Promise<unknown> | void, told: RegExp, end: () => unknown): Promise<void> => {
      const seen = tool.log.length;
      await begin();
      await maria.sql(`INSERT INTO w.t VALUES (${++rows}, 'row ${rows}')`);
      await until(
        () => `${told}; log:\n${tool.log.slice(seen)}`,
        () => told.test(tool.log.slice(seen)),
      );
      await end();
      await until(
        () => `row ${rows}; log:\n${tool.log.slice(seen)}`,
        async () => (await redis.send('HGET', `t:${rows}`, 'name')) === `row ${rows}`,
      );
    };

    // From the start: nothing is answered.
    await trouble(
      () => {
        proxy.hang();
        tool.start('--from', 'now');
      },
      /warning: .*no reply for 2 s; connecting again/,
      async () => {
        proxy.heal();
        await until(
          () => tool.log,
          () => tool.log.includes('following'),
        );
        // The row came before the place that --from names: it is read with the next.
        await maria.sql(`UPDATE w.t SET name = CONCAT(name, '!')`);
        await maria.sql(`UPDATE w.t SET name = 'row ${rows}'`);
      },
    );
    await trouble(
      () => proxy.hang(),
      /no reply for 2 s; connecting again/,
      () => proxy.heal(),
    );
    for (const error of [
      'LOADING Redis is loading the dataset in memory',
      'MOVED 866 127.0.0.1:1',
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      "OOM command not allowed when used memory > 'maxmemory'.",
    ])
      await trouble(
        () => proxy.answer(error),
        new RegExp(`warning: .*${error.split(' ')[0]} .*connecting again`),
        () => proxy.heal(),
      );
    await trouble(
      () => redis.send('REPLICAOF', '127.0.0.1', '1'),
      /READONLY .*it is a replica: name its master/,
      () => redis.send('REPLICAOF', 'NO', 'ONE'),
    );
    await trouble(
      () => redis.send('CONFIG', 'SET', 'maxmemory', '1'),
      /OOM .*its memory is full: raise maxmemory/,
      () => redis.send('CONFIG', 'SET', 'maxmemory', '0'),
    );
    // No change was lost or made twice: each row has come once, the first one with its two updates.
    const feed = (await redis.send('XRANGE', 'changes', '-', '+')).split('\n');
    assert.equal(feed.filter((line) => line === 'op').length, rows - 1 + 2, feed.join('\n'));
    assert.equal(await redis.send('EXISTS', 't:1', `t:${rows}`), '2');
  });

  it('that hangs ends --check with an error', async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const proxy = await TroubleProxy.start(t, redis.port);
    proxy.hang();
    const tool = new SyncTool(t, configOf(1, `  address: 127.0.0.1:${proxy.port}\n  timeout_seconds: 0.5`));
    const { status, stdout } = await tool.run('--check');
    assert.equal(status, 1);
    assert.match(stdout, /ERROR +.*no reply for 0\.5 s/);
  });

  it('with a certificate that is not trusted is an error, not a wait', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-tls-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = new TlsFiles(folder);
    files.issue('server');
    const otherFolder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-tls-'));
    t.after(() => rmSync(otherFolder, { recursive: true, force: true }));
    const others = new TlsFiles(otherFolder);
    const server = tls.createServer(
      { cert: readFileSync(files.file('server.crt')), key: readFileSync(files.file('server.key')) },
      (socket) => socket.on('error', () => undefined),
    );
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const target = `  address: rediss://127.0.0.1:${port}\n  tls: { ca: ${others.file('ca.crt')} }`;
    const tool = new SyncTool(t, configOf(1, target));
    for (const words of [['--check'], []]) {
      const { status, stdout, stderr } = await tool.run(...words);
      assert.equal(status, 1, stderr);
      assert.match(stdout + stderr, /certificate (verify failed|signature failure)/);
    }
  });
});
