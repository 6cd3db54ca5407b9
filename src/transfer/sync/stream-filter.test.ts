// What of a master's stream goes on to a target.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filters } from '../filters.js';
import type { CommandRecord } from '../record/record.js';
import { StreamFilter, type StreamTarget } from './stream-filter.js';

const everything = {
  passesDatabase: () => true,
  passesName: () => true,
  newDatabase: (database: number) => database,
  newName: (key: Uint8Array) => key,
} as unknown as Filters;

function goesOn(target: StreamTarget, ...words: string[]): string[] {
  const args = words.map((word) => Buffer.from(word));
  const record: CommandRecord = { what: 'command', database: 0, args };
  return new StreamFilter(everything, target)
    .apply(record)
    .map((each) => each.args.map((word) => Buffer.from(word).toString()).join(' '));
}

test('what a master tells its replicas of slots that move stays with them', () => {
  for (const target of ['server', 'cluster', 'proxy', 'old-proxy'] as const) {
    assert.deepEqual(goesOn(target, 'CLUSTER', 'SYNCSLOTS', 'CONF', '1000', '2000'), [], target);
    assert.deepEqual(goesOn(target, 'cluster', 'syncslots', 'trim'), [], target);
    assert.deepEqual(goesOn(target, 'SET', 'cluster', 'syncslots'), ['SET cluster syncslots'], target);
  }
  assert.deepEqual(goesOn('server', 'PUBLISH', 'channel', 'text'), ['PUBLISH channel text']);
  assert.deepEqual(goesOn('proxy', 'PUBLISH', 'channel', 'text'), []);
});
