// Real clients in sentinel mode: they find the master by our sentinels, and follow it when it changes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { Fleet, until } from './fleet.js';

describe('clients in sentinel mode', () => {
  test('ioredis and node-redis follow the switch', async () => {
    const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: ['kvasir', 'kvasir', 'kvasir'] });
    const places = fleet.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    const first = new Redis({ sentinels: places, name: 'mymaster', maxRetriesPerRequest: null });
    const second = createSentinel({ name: 'mymaster', sentinelRootNodes: places, scanInterval: 200 });
    first.on('error', () => undefined);
    second.on('error', () => undefined);
    try {
      await fleet.ready();
      await second.connect();
      assert.equal(await first.set('a', '1'), 'OK');
      assert.equal(await second.set('b', '2'), 'OK');
      const before = fleet.servers[0]!;
      process.kill(before.pid, 'SIGKILL');
      const port = await fleet.agreedOther(before.port);
      await until('ioredis writes to the new master', async () => (await first.set('c', '3')) === 'OK');
      await until('node-redis writes to the new master', async () => (await second.set('d', '4')) === 'OK');
      const info = await first.info('server');
      assert.match(info, new RegExp(`tcp_port:${port}\\r`));
      assert.deepEqual(await first.mget('a', 'b', 'c', 'd'), ['1', '2', '3', '4']);
    } finally {
      first.disconnect();
      void second.destroy();
      await fleet.stop();
    }
  });
});
