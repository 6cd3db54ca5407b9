import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const embedded = embedServer();
const { call } = embedded;

const NO_FIELDSET = 'ERR no such fieldset';

test('a hash is made of values alone', async () => {
  assert.equal(await call('himport', 'prepare', 'user', 'name', 'email', ''), 'OK');
  assert.equal(await call('himport', 'set', 'u:1', 'user', 'alice', 'a@example.com', '30'), 'OK');
  assert.deepEqual(await call('hgetall', 'u:1'), { name: 'alice', email: 'a@example.com', '': '30' });
  assert.equal(await call('object', 'encoding', 'u:1'), 'listpack');
  assert.equal(await call('himport', 'prepare', 'user', 'city'), 'OK', 'another with the same name takes its place');
  await call('expire', 'u:1', 100);
  assert.equal(await call('himport', 'set', 'u:1', 'user', 'x'.repeat(100)), 'OK', 'and another hash that of this one');
  assert.deepEqual(await call('hgetall', 'u:1'), { city: 'x'.repeat(100) });
  assert.equal(await call('object', 'encoding', 'u:1'), 'hashtable');
  assert.equal(await call('ttl', 'u:1'), -1);
  const many = Array.from({ length: 600 }, (_, index) => `f${index}`);
  await call('himport', 'prepare', 'many', ...many);
  assert.equal(await call('himport', 'set', 'u:2', 'many', ...many), 'OK');
  assert.equal(await call('hget', 'u:2', 'f599'), 'f599');
});

test('fieldsets belong to the connection', async () => {
  const other = embedded.connect();
  await other.call('HIMPORT', 'PREPARE', 'own', 'a');
  assert.equal(await call('himport', 'set', 'k', 'own', '1'), NO_FIELDSET);
  await other.call('RESET');
  await assert.rejects(other.call('HIMPORT', 'SET', 'k', 'own', '1'), { message: NO_FIELDSET });
  other.disconnect();
  await call('himport', 'discardall');
  assert.equal(await call('himport', 'discardall'), 0);
  await call('himport', 'prepare', 'p', 'a');
  await call('himport', 'prepare', 'q', 'a', 'b');
  assert.equal(await call('himport', 'discard', 'p'), 1);
  assert.equal(await call('himport', 'discard', 'p'), 0);
  await call('himport', 'prepare', 'p', 'a');
  assert.equal(await call('himport', 'discardall'), 2);
  assert.equal(await call('himport', 'set', 'k', 'q', '1', '2'), NO_FIELDSET);
});

test('only a key that was not there is new', async () => {
  await call('flushall');
  await call('config', 'set', 'notify-keyspace-events', 'KEAn');
  const listener = embedded.connect();
  const events: string[] = [];
  await listener.subscribe('__keyspace@0__:k', '__keyspace@0__:end');
  const ended = new Promise<void>((resolve) =>
    listener.on('message', (channel: string, event: string) =>
      channel.endsWith('end') ? resolve() : events.push(event),
    ),
  );
  await call('himport', 'prepare', 'one', 'a');
  await call('himport', 'set', 'k', 'one', '1');
  await call('himport', 'set', 'k', 'one', '2');
  await call('set', 'end', '');
  await ended;
  listener.disconnect();
  await call('config', 'set', 'notify-keyspace-events', '');
  assert.deepEqual(events, ['new', 'hset', 'hset']);
  assert.equal(await call('hget', 'k', 'a'), '2');
});

test('a script has its own, and forgets them at its end', async () => {
  await call('himport', 'prepare', 'mine', 'a');
  assert.match(
    String(await call('eval', "return redis.call('HIMPORT', 'SET', KEYS[1], 'mine', '1')", 1, 'k')),
    /no such fieldset/,
  );
  await call('eval', "return redis.call('HIMPORT', 'PREPARE', 'its', 'a')", 0);
  assert.match(
    String(await call('eval', "return redis.call('HIMPORT', 'SET', KEYS[1], 'its', '1')", 1, 'k')),
    /no such fieldset/,
  );
  const both =
    "redis.call('HIMPORT', 'PREPARE', 'its', 'a') redis.call('HIMPORT', 'SET', KEYS[1], 'its', '1') return redis.call('HGET', KEYS[1], 'a')";
  assert.equal(await call('eval', both, 1, 'k'), '1');
});

test('what they take counts as the memory of the client', async () => {
  const total = async (): Promise<number> => Number(/ tot-mem=(\d+)/.exec(String(await call('client', 'info')))![1]);
  await call('himport', 'discardall');
  const before = await total();
  for (let index = 0; index < 100; index++)
    await call('himport', 'prepare', `fs${index}`, 'x'.repeat(1000), 'y'.repeat(1000));
  await call('himport', 'prepare', 'fs0', 'x');
  assert.ok((await total()) - before > 190_000);
  await call('himport', 'discard', 'fs1');
  await call('himport', 'discardall');
  assert.equal(await total(), before);
});

test('bad input', async () => {
  assert.match(String(await call('himport')), /wrong number of arguments/);
  assert.match(String(await call('himport', 'foobar')), /unknown subcommand/);
  for (const words of [
    ['prepare'],
    ['prepare', 'p'],
    ['set', 'k', 'p'],
    ['discard'],
    ['discard', 'a', 'b'],
    ['discardall', 'x'],
  ]) {
    assert.match(String(await call('himport', ...words)), /wrong number of arguments/, words.join(' '));
  }
  assert.equal(await call('himport', 'prepare', 'p', 'a', 'b', 'a'), "ERR duplicate field name 'a'");
  assert.equal(await call('himport', 'set', 'k', 'p', '1', '2', '3'), NO_FIELDSET);
  await call('himport', 'prepare', 'p', 'a', 'b');
  for (const values of [['1'], ['1', '2', '3']]) {
    assert.equal(
      await call('himport', 'set', 'k', 'p', ...values),
      'ERR value count does not match the number of fields in the fieldset',
    );
  }
  await call('set', 's', 'text');
  assert.match(String(await call('himport', 'set', 's', 'p', '1', '2')), /^WRONGTYPE/);
  assert.equal(await call('get', 's'), 'text');
});
