// Sessions of web servers: connect-redis on node-redis, called as express-session calls it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import { createClient } from 'redis';
import { startServer } from '../../src/embed/start-server.js';

const HOUR_MS = 3_600_000;

function session(name: string): SessionData {
  return {
    cookie: { originalMaxAge: HOUR_MS, maxAge: HOUR_MS, expires: new Date(Date.now() + HOUR_MS) },
    name,
  } as unknown as SessionData;
}

describe('connect-redis', () => {
  it('keeps, prolongs, lists and ends sessions', { timeout: 600_000 }, async () => {
    const server = await startServer({ port: 0 });
    const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
    try {
      await client.connect();
      const store = new RedisStore({ client, prefix: 'web:', scanCount: 10 });
      for (let count = 0; count < 250; count++) await store.set(`s${count}`, session(`user ${count}`));
      assert.equal(((await store.get('s7')) as { name: string }).name, 'user 7');
      assert.equal(await store.length(), 250);
      assert.equal(new Set((await store.ids()) as string[]).size, 250);
      assert.ok((await client.ttl('web:s7')) > 3590);
      await client.expire('web:s7', 10);
      await store.touch('s7', session('user 7'));
      assert.ok((await client.ttl('web:s7')) > 3590, 'touch prolongs');
      await store.destroy('s7');
      assert.ok(!(await store.get('s7')));
      assert.equal(((await store.all()) as unknown[]).length, 249);
      await client.set('other', 'stays');
      await store.clear();
      assert.deepEqual(await client.keys('*'), ['other']);
    } finally {
      client.destroy();
      await server.close();
    }
  });
});
