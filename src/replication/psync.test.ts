import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decidePsync, type History, NO_ID } from './psync.js';

const ID = 'a'.repeat(40);
const SECOND = 'b'.repeat(40);
const history: History = { id: ID, secondId: SECOND, secondOffset: 501, backlog: { first: 101, next: 1001 } };

function kind(id: string, offset: number, of: History = history): string {
  return decidePsync(of, id, offset).kind;
}

test('a replica of this history goes on wherever the backlog reaches', () => {
  assert.equal(kind(ID, 101), 'continue');
  assert.equal(kind(ID, 1001), 'continue');
  assert.equal(kind(ID.toUpperCase(), 700), 'continue');
  assert.equal(kind(ID, 100), 'full');
  assert.equal(kind(ID, 1002), 'full');
  assert.equal(kind(ID, -1), 'full');
  assert.equal(kind(ID, NaN), 'full');
});

test('the second id is good up to its offset', () => {
  assert.equal(kind(SECOND, 501), 'continue');
  assert.equal(kind(SECOND, 502), 'full');
  assert.equal(kind(NO_ID, 200, { ...history, secondId: NO_ID, secondOffset: -1 }), 'full');
});

test('without a backlog or with another id everything is sent', () => {
  assert.equal(kind('?', -1), 'full');
  assert.equal(kind('c'.repeat(40), 500), 'full');
  assert.equal(kind(ID, 500, { ...history, backlog: undefined }), 'full');
});

test('the reason says what is missing and what would have helped', () => {
  const gone = decidePsync(history, ID, 51);
  assert.ok(gone.kind === 'full');
  assert.match(gone.cause, /50 bytes are missing/);
  assert.match(gone.advice!, /repl-backlog-size of at least 950 bytes/);
  const hostile = decidePsync(history, 'x'.repeat(1_000_000), 1);
  assert.ok(hostile.kind === 'full' && hostile.cause.length < 300);
});
