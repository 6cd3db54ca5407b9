import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../index.js';

let server: EmbeddedServer;
let client: Redis;

before(async () => {
  server = await startServer();
  client = new Redis(server.port, server.host);
});

after(async () => {
  client.disconnect();
  await server.close();
});

function call(...words: (string | number)[]): Promise<unknown> {
  return client.call(String(words[0]), words.slice(1)).catch((error: Error) => error.message);
}

test('SET IFEQ and IFNE compare with what is there', async () => {
  await call('flushall');
  assert.equal(await call('set', 'k', 'new', 'ifeq', 'old'), null, 'nothing is there to be equal');
  assert.equal(await call('set', 'k', 'a', 'ifne', 'x'), 'OK', 'nothing is not equal to anything');
  assert.equal(await call('set', 'k', 'b', 'ifne', 'a'), null);
  assert.equal(await call('set', 'k', 'b', 'ifeq', 'a', 'ex', '100'), 'OK');
  assert.equal(await call('get', 'k'), 'b');
  assert.equal(await call('set', 'k', 'c', 'ifeq', 'b', 'get'), 'b');
  assert.equal(await call('ttl', 'k'), -1);
  assert.equal(await call('set', 'k', 'd', 'nx', 'ifeq', 'c'), 'ERR syntax error');
  assert.equal(await call('set', 'k', 'd', 'ifeq'), 'ERR syntax error');
  await call('rpush', 'l', 'x');
  assert.match(String(await call('set', 'l', 'd', 'ifeq', 'x')), /^WRONGTYPE/);
});

test('DELEX and DELIFEQ delete only what is as believed', async () => {
  await call('flushall');
  await call('set', 'lock', 'token');
  assert.equal(await call('delex', 'lock', 'ifeq', 'other'), 0);
  assert.equal(await call('delifeq', 'lock', 'other'), 0);
  assert.equal(await call('delex', 'lock', 'ifne', 'token'), 0);
  assert.equal(await call('delex', 'lock', 'ifeq', 'token'), 1);
  assert.equal(await call('exists', 'lock'), 0);
  assert.equal(await call('delex', 'lock'), 0);
  await call('rpush', 'l', 'x');
  assert.match(String(await call('delifeq', 'l', 'x')), /^WRONGTYPE/);
  assert.equal(await call('delex', 'l'), 1);
  assert.equal(await call('delex', 'l', 'ifxx', 'x'), 'ERR syntax error');
});

test('MSETEX sets all or none, with one expiry', async () => {
  await call('flushall');
  assert.equal(await call('msetex', 2, 'a', '1', 'b', '2', 'ex', 100), 1);
  assert.deepEqual(await call('mget', 'a', 'b'), ['1', '2']);
  assert.equal(await call('ttl', 'b'), 100);
  assert.equal(await call('msetex', 2, 'a', '3', 'c', '4', 'xx'), 0);
  assert.equal(await call('msetex', 2, 'a', '3', 'c', '4', 'nx'), 0);
  assert.equal(await call('msetex', 1, 'a', '3', 'keepttl'), 1);
  assert.equal(await call('ttl', 'a'), 100);
  assert.equal(await call('msetex', 0, 'a', '3'), 'ERR invalid numkeys value');
  assert.equal(await call('msetex', 3, 'a', '3', 'b', '4'), 'ERR wrong number of key-value pairs');
  assert.equal(await call('msetex', 1, 'a', '3', 'ex', 0), "ERR invalid expire time in 'msetex' command");
});
