import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTopology, slotsOfText, slotsText } from './topology.js';

const asked = { host: '10.0.0.9', port: 7000 };

test('of two owners the one with the higher epoch has the slot', () => {
  const a =
    'aa 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-100 [50->-bb]\nbb :7001@17001 master - 0 0 2 connected 101-200';
  const b =
    'bb 10.0.0.2:7001@17001 myself,master - 0 0 3 connected 90-200\naa 10.0.0.1:7000@17000 master - 0 0 1 connected 0-100';
  const { owners, open, addresses } = readTopology([
    { asked, text: a },
    { asked: { host: '10.0.0.2', port: 7001 }, text: b },
  ]);
  assert.equal(owners[89], 'aa');
  assert.equal(owners[90], 'bb');
  assert.equal(owners[201], undefined);
  assert.deepEqual([...open], [50]);
  assert.deepEqual(addresses.get('bb'), { host: '10.0.0.2', port: 7001 });
});

test('ranges of slots go into a text and back', () => {
  assert.equal(slotsText([0, 1, 2, 7, 9, 10]), '0-2,7,9-10');
  assert.deepEqual(slotsOfText('0-2,7,9-10'), [0, 1, 2, 7, 9, 10]);
  assert.deepEqual(slotsOfText(''), []);
  assert.deepEqual(slotsOfText('5-99999,x'), []);
});
