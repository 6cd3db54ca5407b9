import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const { call } = embedServer();

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

test('DIGEST prints 16 digits, and IFDEQ and IFDNE compare them in any case', async () => {
  await call('flushall');
  // A digest that begins with zeros.
  const value = 'v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd';
  const digest = '00006c38adf31777';
  const other = '10006c38adf31777';
  assert.equal(await call('digest', 'k'), null);
  await call('set', 'k', value);
  assert.equal(await call('digest', 'k'), digest);
  assert.equal(await call('set', 'k', 'x', 'ifdeq', other), null);
  assert.equal(await call('set', 'k', 'x', 'ifdne', digest.toUpperCase()), null);
  assert.equal(await call('set', 'k', 'x', 'ifdeq', '6c38adf31777'), 'ERR must be exactly 16 hexadecimal characters');
  assert.equal(
    await call('set', 'k', 'x', 'ifdeq', `${digest}0`, 'get'),
    'ERR must be exactly 16 hexadecimal characters',
  );
  assert.equal(await call('set', 'k', value, 'ifdeq', digest, 'get'), value);
  assert.equal(await call('set', 'k', 'x', 'ifdeq', digest, 'ifeq', 'x'), 'ERR syntax error');
  assert.equal(await call('delex', 'k', 'ifdne', digest), 0);
  assert.equal(await call('delex', 'k', 'ifdeq', other), 0);
  assert.equal(await call('delex', 'k', 'ifdeq', 'zz'), 'ERR must be exactly 16 hexadecimal characters');
  assert.equal(await call('delex', 'k', 'ifdeq', digest.toUpperCase()), 1);
  assert.equal(await call('delex', 'k', 'ifdne', digest), 0, 'there is nothing to delete');
  assert.equal(await call('set', 'k', 'x', 'ifdeq', digest), null, 'nothing is there to be equal');
  assert.equal(await call('set', 'k', 'x', 'ifdne', digest), 'OK');
  await call('rpush', 'l', 'x');
  for (const words of [
    ['digest', 'l'],
    ['delex', 'l', 'ifdeq', digest],
    ['set', 'l', 'x', 'ifdne', digest],
  ])
    assert.match(String(await call(...words)), /^WRONGTYPE/);
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
  assert.equal(await call('msetex', 1, 'a', '3', 'keepttl', 'ex', 5), 'ERR syntax error');
  assert.equal(await call('msetex', 1, 'a', '3', 'ex'), 'ERR syntax error');
  assert.equal(await call('msetex', 0, 'a', '3'), 'ERR invalid numkeys value');
  assert.equal(await call('msetex', 3, 'a', '3', 'b', '4'), 'ERR wrong number of key-value pairs');
  assert.equal(await call('msetex', 1, 'a', '3', 'ex', 0), "ERR invalid expire time in 'msetex' command");
});
