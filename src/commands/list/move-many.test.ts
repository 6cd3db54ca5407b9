import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Local } from '../../../test/differential/side-by-side.js';

function bulks(...values: string[]): string {
  return `*${values.length}\r\n${values.map((value) => `$${value.length}\r\n${value}\r\n`).join('')}`;
}

function filled(): Local {
  const local = new Local(1);
  local.run(['RPUSH', 'a', '1', '2', '3', '4']);
  local.run(['RPUSH', 'b', 'x']);
  return local;
}

const all = (local: Local, key: string): string => local.run(['LRANGE', key, '0', '-1']);

test('elements come in the order that the ends and the ordering give', () => {
  for (const [from, to, ordering, moved, target] of [
    ['LEFT', 'LEFT', 'OBO', ['2', '1'], ['2', '1', 'x']],
    ['LEFT', 'LEFT', 'BULK', ['1', '2'], ['1', '2', 'x']],
    ['LEFT', 'RIGHT', 'OBO', ['1', '2'], ['x', '1', '2']],
    ['RIGHT', 'RIGHT', 'OBO', ['4', '3'], ['x', '4', '3']],
    ['RIGHT', 'RIGHT', 'BULK', ['3', '4'], ['x', '3', '4']],
    ['RIGHT', 'LEFT', 'OBO', ['3', '4'], ['3', '4', 'x']],
  ] as const) {
    const local = filled();
    assert.equal(
      local.run(['LMOVEM', 'a', 'b', from, to, 'COUNT', '2', ordering]),
      bulks(...moved),
      `${from} ${to} ${ordering}`,
    );
    assert.equal(all(local, 'b'), bulks(...target));
    assert.equal(all(local, 'a'), from === 'LEFT' ? bulks('3', '4') : bulks('1', '2'));
  }
});

test('without a count one element is moved; all of them leave no list behind', () => {
  const local = filled();
  assert.equal(local.run(['LMOVEM', 'a', 'b', 'RIGHT', 'LEFT']), bulks('4'));
  assert.equal(local.run(['LMOVEM', 'a', 'new', 'LEFT', 'RIGHT', 'COUNT', '99', 'BULK']), bulks('1', '2', '3'));
  assert.equal(local.run(['EXISTS', 'a']), ':0\r\n');
  assert.equal(local.run(['LMOVEM', 'a', 'new', 'LEFT', 'RIGHT', 'COUNT', '2', 'OBO']), '*-1\r\n');
});

test('nothing moved is nil, in every form of the command', () => {
  const local = filled();
  for (const how of [
    [],
    ['COUNT', '2', 'BULK'],
    ['COUNT', '2', 'OBO'],
    ['EXACTLY', '2', 'BULK'],
    ['EXACTLY', '2', 'OBO'],
  ])
    for (const protocol of [2, 3] as const) {
      local.protocol = protocol;
      const nil = protocol === 2 ? '*-1\r\n' : '_\r\n';
      assert.equal(local.run(['LMOVEM', 'none', 'b', 'LEFT', 'RIGHT', ...how]), nil, how.join(' '));
      assert.equal(local.run(['BLMOVEM', 'none', 'b', 'LEFT', 'RIGHT', '0', ...how]), nil, how.join(' '));
    }
  local.protocol = 2;
  assert.equal(all(local, 'b'), bulks('x'));
});

test('EXACTLY moves all or nothing, and one list can be both', () => {
  const local = filled();
  assert.equal(local.run(['LMOVEM', 'a', 'b', 'LEFT', 'LEFT', 'EXACTLY', '5', 'BULK']), '*-1\r\n');
  assert.equal(local.run(['BLMOVEM', 'a', 'b', 'LEFT', 'LEFT', '0', 'EXACTLY', '5', 'BULK']), '*-1\r\n');
  assert.equal(local.run(['LMOVEM', 'a', 'a', 'LEFT', 'LEFT', 'EXACTLY', '4', 'OBO']), bulks('4', '3', '2', '1'));
  assert.equal(all(local, 'a'), bulks('4', '3', '2', '1'));
  assert.equal(local.run(['LMOVEM', 'a', 'a', 'LEFT', 'LEFT', 'EXACTLY', '4', 'BULK']), bulks('4', '3', '2', '1'));
  assert.equal(all(local, 'a'), bulks('4', '3', '2', '1'));
  assert.equal(local.run(['BLMOVEM', 'a', 'b', 'LEFT', 'LEFT', '0']), bulks('4'));
});

test('malformed requests are refused', () => {
  const local = filled();
  const syntax = '-ERR syntax error\r\n';
  for (const words of [
    ['COUNT', '2'],
    ['COUNT', '2', 'WHAT'],
    ['OBO'],
    ['COUNT', '2', 'OBO', 'x'],
    ['EXACT', '2', 'OBO'],
  ]) {
    assert.equal(local.run(['LMOVEM', 'a', 'b', 'LEFT', 'LEFT', ...words]), syntax);
  }
  assert.match(local.run(['LMOVEM', 'a', 'b', 'LEFT', 'LEFT', 'COUNT', '0', 'OBO']), /^-ERR/);
  local.run(['SET', 's', 'x']);
  assert.match(local.run(['LMOVEM', 'a', 's', 'LEFT', 'LEFT']), /^-WRONGTYPE/);
  assert.equal(local.run(['LLEN', 'a']), ':4\r\n');
});
