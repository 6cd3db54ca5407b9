// Results of BITOP that are made where they are to lie: the same bits as of a loop over bytes, whatever the target was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import { Local, type Words } from '../../../test/differential/side-by-side.js';

const BYTES = (1 << 20) + 77;

type Combine = (first: number, others: readonly number[]) => number;
const or = (bytes: readonly number[]): number => bytes.reduce((sum, byte) => sum | byte, 0);
const operations: Readonly<Record<string, Combine>> = {
  AND: (first, others) => others.reduce((sum, byte) => sum & byte, first),
  OR: (first, others) => first | or(others),
  XOR: (first, others) => others.reduce((sum, byte) => sum ^ byte, first),
  NOT: (first) => ~first,
  DIFF: (first, others) => first & ~or(others),
  DIFF1: (first, others) => ~first & or(others),
  ANDOR: (first, others) => first & or(others),
  ONE: (first, others) => {
    const all = [first, ...others];
    return or(all.map((byte, index) => byte & ~or(all.filter((_, other) => other !== index))));
  },
};

function randomText(seed: number, length: number): string {
  const prng = new Prng(seed);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = prng.below(256);
  return latin1(bytes);
}

const sources = { a: randomText(1, BYTES), b: randomText(2, BYTES - 5000), c: randomText(3, 300) };
type Source = keyof typeof sources;

function expected(operation: string, names: readonly Source[]): string {
  const all = names.map((name) => latin1Bytes(sources[name]));
  const result = new Uint8Array(Math.max(...all.map((bytes) => bytes.length)));
  const combine = operations[operation]!;
  for (let at = 0; at < result.length; at++) {
    const [first = 0, ...others] = all.map((bytes) => bytes[at] ?? 0);
    result[at] = combine(first, others);
  }
  return latin1(result);
}

/** The target before, by the commands that make it. */
const targets: Readonly<Record<string, readonly Words[]>> = {
  missing: [],
  'a short string that expires': [['SET', 'to', 'short', 'EX', '100']],
  'a long string that expires': [['SET', 'to', 'x'.repeat(2 * BYTES), 'EX', '100']],
  'a string of the same length': [['SET', 'to', 'x'.repeat(BYTES)]],
  'a list': [['RPUSH', 'to', ...Array.from({ length: 3000 }, String)]],
};

function prepared(): Local {
  const local = new Local(1);
  for (const [name, text] of Object.entries(sources)) local.run(['SET', name, text]);
  return local;
}

function valueOf(local: Local, key: string): string {
  const reply = local.run(['GET', key]);
  return reply.slice(reply.indexOf('\n') + 1, -2);
}

for (const operation of Object.keys(operations)) {
  test(`${operation} of long strings, into any target`, () => {
    const names: readonly Source[] = operation === 'NOT' ? ['a'] : ['b', 'a', 'c'];
    const result = expected(operation, names);
    for (const [target, commands] of Object.entries(targets)) {
      const local = prepared();
      for (const command of commands) local.run(command);
      const reply = local.run(['BITOP', operation, 'to', ...names]);
      assert.equal(reply, `:${BYTES}\r\n`, target);
      assert.ok(valueOf(local, 'to') === result, target);
      assert.equal(local.run(['TTL', 'to']), ':-1\r\n', target);
      for (const name of names) assert.ok(valueOf(local, name) === sources[name], `${target}: ${name}`);
      local.keyspace.verify();
    }
    // The target is a source.
    const local = prepared();
    local.run(['BITOP', operation, names.at(-1)!, ...names]);
    assert.ok(valueOf(local, names.at(-1)!) === result, 'a source');
    local.keyspace.verify();
  });
}

test('a missing source counts as zeros, also when the target is missing', () => {
  const local = prepared();
  assert.equal(local.run(['BITOP', 'OR', 'to', 'none', 'a']), `:${BYTES}\r\n`);
  assert.ok(valueOf(local, 'to') === sources.a);
  local.run(['BITOP', 'AND', 'to', 'a', 'to2']);
  assert.ok(valueOf(local, 'to') === '\0'.repeat(BYTES));
});
