import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const embedded = embedServer({ stringNumbers: true });
const { call } = embedded;

/** INCREX of a key that holds `value` (null: is missing): the reply, and the key's value afterwards. */
async function increx(value: string | null, ...options: (string | number)[]): Promise<unknown> {
  await (value === null ? call('del', 'k') : call('set', 'k', value));
  return [await call('increx', 'k', ...options), await call('get', 'k')];
}

const MAX = '9223372036854775807';
const MIN = '-9223372036854775808';

test('integers: what comes out and what was added', async () => {
  assert.deepEqual(await increx(null), [['1', '1'], '1']);
  assert.deepEqual(await increx('10', 'byint', -15), [['-5', '-15'], '-5']);
  assert.deepEqual(await increx('10', 'byint', 0), [['10', '0'], '10']);
  assert.deepEqual(await increx('5', 'byint', 5, 'ubound', 10), [['10', '5'], '10'], 'a bound may be reached');
  assert.deepEqual(await increx('5', 'byint', 6, 'ubound', 10), [['5', '0'], '5']);
  assert.deepEqual(await increx('5', 'byint', -6, 'lbound', 0, 'ubound', 10), [['5', '0'], '5']);
  assert.deepEqual(await increx('5', 'byint', 6, 'ubound', 10, 'saturate'), [['10', '5'], '10']);
  assert.deepEqual(
    await increx('50', 'byint', 5, 'ubound', 30, 'saturate'),
    [['30', '-20'], '30'],
    'it was out of bounds before',
  );
  assert.deepEqual(await increx('50', 'byint', -25, 'ubound', 30), [['25', '-25'], '25'], 'and comes back');
  assert.deepEqual(await increx(null, 'byint', 5, 'lbound', 10), [['0', '0'], null], 'nothing is made');
  assert.deepEqual(await increx(MAX, 'byint', 1), [[MAX, '0'], MAX]);
  assert.deepEqual(await increx('9223372036854775800', 'byint', MAX, 'saturate'), [[MAX, '7'], MAX]);
  assert.deepEqual(await increx('-9223372036854775800', 'byint', MIN, 'saturate'), [[MIN, '-8'], MIN]);
  assert.deepEqual(await increx('1', 'byint', 1, 'ubound', MIN, 'saturate'), [
    'ERR applied increment would overflow',
    '1',
  ]);
});

test('floats', async () => {
  assert.deepEqual(await increx('1.5', 'byfloat', '0.25'), [['1.75', '0.25'], '1.75']);
  assert.deepEqual(await increx('10', 'byfloat', 100, 'ubound', '42.5', 'saturate'), [['42.5', '32.5'], '42.5']);
  assert.deepEqual(
    await increx('10.0', 'byfloat', 10, 'ubound', '15.5'),
    [['10', '0'], '10.0'],
    'what is there stays as it is',
  );
  assert.deepEqual(await increx('0', 'byfloat', -100, 'lbound', '-5.5', 'saturate'), [['-5.5', '-5.5'], '-5.5']);
  assert.deepEqual(await increx(null, 'byfloat', '-0.5', 'ubound', '-1.5'), [['0', '0'], null]);
  assert.equal(
    ((await increx('1e4932', 'byfloat', '1e4932')) as string[])[1],
    '1e4932',
    'the sum is too large for the type',
  );
  assert.deepEqual(await increx('inf', 'byfloat', 1), ['ERR value cannot be Infinity', 'inf']);
  assert.deepEqual(await increx('1', 'byfloat', '-inf'), ['ERR BYFLOAT increment cannot be Infinity', '1']);
  assert.deepEqual(await increx('x', 'byfloat', 1), ['ERR value is not a valid float', 'x']);
});

test('expiry', async () => {
  await increx('1', 'ex', 100);
  assert.equal(await call('ttl', 'k'), '100');
  await call('increx', 'k', 'ex', 500, 'enx');
  assert.equal(await call('ttl', 'k'), '100', 'it had a time already');
  await call('increx', 'k', 'exat', 1, 'enx');
  assert.equal(await call('get', 'k'), '4', 'and so is not deleted');
  await call('increx', 'k');
  assert.equal(await call('ttl', 'k'), '100');
  await call('increx', 'k', 'byint', 1, 'ubound', 1, 'persist');
  assert.equal(await call('ttl', 'k'), '100', 'out of bounds nothing happens');
  await call('increx', 'k', 'persist');
  assert.equal(await call('ttl', 'k'), '-1');
  await call('increx', 'k', 'px', 70_000, 'enx', 'byint', 2);
  assert.equal(await call('ttl', 'k'), '70');
  assert.deepEqual(await call('increx', 'k', 'pxat', 1), ['9', '1']);
  assert.equal(await call('exists', 'k'), '0', 'a time in the past deletes');
  assert.deepEqual(await increx(null, 'exat', 1), [['1', '1'], null]);
});

test('bad input', async () => {
  const syntax = [
    ['foo'],
    ['byint'],
    ['byint', 1, 'byfloat', 1],
    ['byint', 1, 'byint', 1],
    ['ex', 10, 'px', 10],
    ['ex', 10, 'persist'],
    ['persist', 'enx'],
    ['enx', 'persist'],
    ['enx', 'enx', 'ex', 10],
    ['lbound', 0, 'lbound', 1],
    ['saturate', 'saturate'],
    ['persist', 'persist'],
  ];
  for (const options of syntax)
    assert.deepEqual(await increx('1', ...options), ['ERR syntax error', '1'], options.join(' '));
  const wrong: [string, (string | number)[]][] = [
    ['ERR ENX flag requires an expiration (EX, PX, EXAT or PXAT)', ['enx']],
    ['ERR Increment is not an integer or out of range', ['byint', '1.5']],
    ['ERR Increment is not a valid float', ['byfloat', 'abc']],
    ['ERR value is not an integer or out of range', ['lbound', '1.5']],
    ['ERR value is not a valid float', ['byfloat', 1, 'lbound', 'x']],
    ["ERR LBOUND can't be greater than UBOUND", ['lbound', 10, 'ubound', 5]],
    ["ERR LBOUND can't be greater than UBOUND", ['byfloat', 1, 'lbound', '10.5', 'ubound', '1.5']],
    ["ERR invalid expire time in 'increx' command", ['ex', 0]],
  ];
  for (const [error, options] of wrong)
    assert.deepEqual(await increx('1', ...options), [error, '1'], options.join(' '));
  assert.deepEqual(await increx('1.5'), ['ERR value is not an integer or out of range', '1.5']);
  await call('del', 'k');
  await call('rpush', 'k', 'x');
  assert.match(String(await call('increx', 'k', 'byint', 1)), /^WRONGTYPE/);
});

test('events, and floats as doubles in RESP3', async () => {
  const listener = embedded.connect();
  await call('config', 'set', 'notify-keyspace-events', 'KEA');
  await call('set', 'k', '1', 'ex', 100);
  const events: string[] = [];
  await listener.psubscribe('__keyevent@0__:*');
  const done = new Promise<void>((resolve) => {
    listener.on('pmessage', (_pattern: string, channel: string, key: string) => {
      events.push(channel.slice('__keyevent@0__:'.length));
      if (key === 'end') resolve();
    });
  });
  for (const options of [
    ['persist'],
    ['byfloat', '0.5'],
    ['byfloat', 1, 'ex', 10],
    ['byfloat', 1, 'ubound', 0],
    ['byfloat', 1, 'exat', 1],
  ])
    await call('increx', 'k', ...options);
  await call('set', 'end', '1');
  await done;
  assert.deepEqual(events, ['incrby', 'persist', 'incrbyfloat', 'incrbyfloat', 'expire', 'del', 'set']);
  await call('config', 'set', 'notify-keyspace-events', '');
  const socket = createConnection(embedded.server.port, embedded.server.host);
  const replies = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      if (text.endsWith('+PONG\r\n')) resolve(text);
    });
    socket.write('HELLO 3\r\nINCREX f BYFLOAT 1.5\r\nPING\r\n');
  });
  assert.match(replies, /\*2\r\n,1\.5\r\n,1\.5\r\n\+PONG\r\n$/);
  socket.destroy();
  listener.disconnect();
});
