// kvasir-mysql through kvasir-proxy: in front of one server it is a target like any other, and in front of several it is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashFunctions } from '../../src/base/hash-functions.js';
import { Prng } from '../../src/base/prng.js';
import { PROBED_KEYS, probedKey } from '../../src/mysql/engine/check.js';
import { makeDistribution } from '../../src/proxy/placement/distribution.js';
import { findFreePort, peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { type RunningProxy, startKvasirProxy } from '../proxy/nutcracker.js';
import { mariadbMissing, startMariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli');

function startPool(port: number, servers: readonly RedisPeer[]): Promise<RunningProxy> {
  const lines = servers.map((server) => `   - 127.0.0.1:${server.port}:1\n`).join('');
  return startKvasirProxy(
    `alpha:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n  servers:\n${lines}`,
    port,
  );
}

describe('the keys that --check asks a proxy for', () => {
  // CRC-32 as twemproxy has it gives 15 bits, which are one point of the circle: it spreads nothing.
  const names = [...hashFunctions.keys()].filter((name) => name !== 'crc32');
  for (const name of names)
    it(`lie on both of two servers under ketama and ${name}`, () => {
      const hash = hashFunctions.get(name)!;
      for (let port = 10_000; port < 60_000; port += 499) {
        const servers = [port, port + 1].map((one) => ({ name: `127.0.0.1:${one}:1`, weight: 1 }));
        const places = makeDistribution('ketama', servers, [0, 1], new Prng(1))!;
        const found = new Set<number>();
        for (let index = 0; index < PROBED_KEYS; index++) {
          const key = Buffer.from(probedKey(index));
          found.add(places.indexOf(hash(key, 0, key.length)));
        }
        assert.equal(found.size, 2, `ports ${port} and ${port + 1}`);
      }
    });
});

describe('kvasir-mysql with a proxy', { skip }, () => {
  it('follows through one server behind it, and says why several will not do', async (t) => {
    const maria = await startMariadb(t);
    const servers = [await startRedis(), await startRedis()];
    for (const server of servers) t.after(() => server.stop());
    const ports = [await findFreePort(), await findFreePort()];
    const one = await startPool(ports[0]!, servers.slice(0, 1));
    t.after(() => one.stop());
    const both = await startPool(ports[1]!, servers);
    t.after(() => both.stop());
    await maria.sql(
      "CREATE DATABASE p; CREATE TABLE p.t (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO p.t SELECT seq, 'first' FROM p.seq_1_to_100",
    );
    const configOf = (port: number): string =>
      `name: p\nsource: { host: '127.0.0.1:${maria.port}', user: root, heartbeat_seconds: 0.5 }\ntarget: { address: '127.0.0.1:${port}' }\ntables:\n  - table: p.t\n    targets:\n      - hash: 't:{id}'\n      - set: 'named:{name}'\n        member: '{id}'\n`;
    const spread = new SyncTool(t, configOf(ports[1]!));
    const checked = await spread.run('--check');
    assert.equal(checked.status, 1, checked.stdout);
    assert.match(checked.stdout, /ERROR .*spreads keys over several servers, and a transaction takes one/);
    const refused = await spread.run('--snapshot-only');
    assert.equal(refused.status, 1, refused.stderr);
    assert.match(refused.stderr, /^kvasir-mysql: .*spreads keys over several servers/m);
    for (const server of servers) await server.send('FLUSHALL');

    const tool = new SyncTool(t, configOf(ports[0]!));
    const good = await tool.run('--check');
    assert.doesNotMatch(good.stdout, /several servers/);
    tool.start();
    await until(
      () => tool.log,
      () => tool.log.includes('following'),
    );
    const [redis] = servers as [RedisPeer];
    const has = (id: number, name: string) => async () => (await redis.send('HGET', `t:${id}`, 'name')) === name;
    for (let round = 1; round <= 3; round++) {
      await maria.sql(
        `UPDATE p.t SET name = 'round${round}' WHERE id <= 50; DELETE FROM p.t WHERE id = ${100 - round}`,
      );
      await tool.kill('SIGKILL');
      tool.start();
      await until(() => `round ${round}; log:\n${tool.log}`, has(50, `round${round}`));
    }
    // A proxy that comes back is found again.
    await one.restart();
    await maria.sql("UPDATE p.t SET name = 'again' WHERE id = 1");
    await until(() => `the restart; log:\n${tool.log}`, has(1, 'again'));
    await tool.kill('SIGTERM');
    const ran = await tool.run('--verify');
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  });
});
