// incr: sums that keep their count of digits take the place of the old ones; the others, and those beyond 2^52, do not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const { call } = embedServer({ stringNumbers: true });

async function after(command: string, value: string, ...by: string[]): Promise<unknown[]> {
  await call('set', 'k', value);
  return [
    await call(command, 'k', ...by),
    await call('get', 'k'),
    await call('object', 'encoding', 'k'),
    await call('strlen', 'k'),
  ];
}

test('digits carry over', async () => {
  for (const value of [
    '0',
    '1',
    '8',
    '9',
    '10',
    '19',
    '99',
    '100',
    '109',
    '199',
    '999',
    '1099',
    '99999999',
    '4503599627370495',
    '4503599627370496',
    '9223372036854775806',
  ]) {
    const sum = String(BigInt(value) + 1n);
    assert.deepEqual(await after('incr', value), [sum, sum, 'int', String(sum.length)], value);
    assert.deepEqual(await after('decr', sum), [value, value, 'int', String(value.length)], sum);
  }
  for (const value of ['-1', '-2', '-9', '-10', '-11', '-100', '-1000', '-9223372036854775808']) {
    const sum = String(BigInt(value) + 1n);
    assert.deepEqual(await after('incr', value), [sum, sum, 'int', String(sum.length)], value);
  }
});

test('steps of any size', async () => {
  for (const [value, by] of [
    ['95', '5'],
    ['95', '-86'],
    ['5', '-10'],
    ['-5', '10'],
    ['1000', '-1'],
    ['999', '1'],
    ['123456', '1000000'],
    ['1', '9007199254740993'],
  ] as const) {
    const sum = String(BigInt(value) + BigInt(by));
    assert.deepEqual(await after('incrby', value, by), [sum, sum, 'int', String(sum.length)], `${value} + ${by}`);
  }
});

test('what is no integer stays as it was', async () => {
  for (const value of ['', '01', '+1', '1 ', '1.0', '-0', '9223372036854775808', '99999999999999999999', 'x']) {
    await call('set', 'k', value);
    assert.match(String(await call('incr', 'k')), /value is not an integer or out of range/, value);
    assert.equal(await call('get', 'k'), value);
  }
  await call('set', 'k', '9223372036854775807');
  assert.match(String(await call('incr', 'k')), /increment or decrement would overflow/);
  assert.equal(await call('get', 'k'), '9223372036854775807');
});
