import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Local } from '../../../test/differential/side-by-side.js';

function integers(...values: number[]): string {
  return `*${values.length}\r\n${values.map((value) => `:${value}\r\n`).join('')}`;
}

/** A stream of three entries that two groups have read. */
function readByTwo(): Local {
  const local = new Local(1);
  for (const id of ['1-0', '2-0', '3-0']) local.run(['XADD', 's', id, 'f', 'v']);
  for (const group of ['g1', 'g2']) {
    local.run(['XGROUP', 'CREATE', 's', group, '0']);
    local.run(['XREADGROUP', 'GROUP', group, 'c', 'STREAMS', 's', '>']);
  }
  return local;
}

test('XDELEX deletes as told and says what became of each id', () => {
  const local = readByTwo();
  assert.equal(local.run(['XDELEX', 'none', 'IDS', '2', '1-0', '2-0']), integers(-1, -1));
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '2', '1-0', '9-0']), integers(2, -1));
  local.run(['XACK', 's', 'g1', '1-0']);
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '1-0', 'ACKED']), integers(2));
  local.run(['XACK', 's', 'g2', '1-0']);
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '1', '1-0']), integers(1));
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '2-0']), integers(1));
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:2\r\n/, 'what was deleted is still pending');
  assert.equal(local.run(['XDELEX', 's', 'DELREF', 'IDS', '2', '2-0', '3-0']), integers(-1, 1));
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:0\r\n/);
  assert.equal(local.run(['XLEN', 's']), ':0\r\n');
});

test('XDELEX ACKED deletes where there is no group that could want the entry', () => {
  const local = new Local(1);
  local.run(['XADD', 's', '1-0', 'f', 'v']);
  assert.equal(local.run(['XDELEX', 's', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(1, -1));
  assert.equal(local.run(['XLEN', 's']), ':0\r\n');
});

test('XACKDEL acknowledges, and deletes when nobody else needs the entry', () => {
  const local = readByTwo();
  assert.equal(local.run(['XACKDEL', 's', 'nogroup', 'IDS', '1', '1-0']), integers(-1));
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(2, 2));
  assert.equal(local.run(['XACKDEL', 's', 'g2', 'ACKED', 'IDS', '2', '1-0', '2-0']), integers(1, 1));
  assert.equal(local.run(['XLEN', 's']), ':1\r\n');
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'DELREF', 'IDS', '1', '3-0']), integers(1));
  assert.equal(local.run(['XACKDEL', 's', 'g2', 'DELREF', 'IDS', '1', '3-0']), integers(-1));
  assert.match(local.run(['XPENDING', 's', 'g2']), /^\*4\r\n:0\r\n/);
});

test('malformed requests are refused before anything changes', () => {
  const local = readByTwo();
  const positive = '-ERR Number of IDs must be a positive integer\r\n';
  for (const count of ['abc', '0', '-5']) assert.equal(local.run(['XDELEX', 's', 'IDS', count, '1-0']), positive);
  assert.equal(
    local.run(['XDELEX', 's', 'IDS', '3', '1-0']),
    '-ERR The `numids` parameter must match the number of arguments\r\n',
  );
  const syntax = '-ERR syntax error\r\n';
  assert.equal(local.run(['XDELEX', 's', 'IDS', '1', '1-0', '2-0']), syntax);
  assert.equal(local.run(['XACKDEL', 's', 'g1', 'DELREF', 'ACKED', 'IDS', '1', '1-0']), syntax);
  assert.equal(
    local.run(['XACKDEL', 's', 'g1', 'KEEPREF', 'IDS', '1']),
    '-ERR The `numids` parameter must match the number of arguments\r\n',
  );
  assert.equal(
    local.run(['XDELEX', 's', 'IDS', '1', 'x']),
    '-ERR Invalid stream ID specified as stream command argument\r\n',
  );
  assert.equal(local.run(['XLEN', 's']), ':3\r\n');
});

test('XADD and XTRIM cut with an eye on the groups', () => {
  const local = readByTwo();
  local.run(['XACK', 's', 'g1', '1-0']);
  local.run(['XACK', 's', 'g2', '1-0']);
  assert.equal(local.run(['XTRIM', 's', 'MAXLEN', '=', '0', 'ACKED']), ':1\r\n');
  local.run(['XADD', 's', 'DELREF', 'MAXLEN', '1', '4-0', 'f', 'v']);
  assert.equal(local.run(['XLEN', 's']), ':1\r\n');
  assert.match(local.run(['XPENDING', 's', 'g1']), /^\*4\r\n:0\r\n/);
});
