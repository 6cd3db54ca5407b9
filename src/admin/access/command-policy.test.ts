import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandPolicy, type CommandMeaning } from './command-policy.js';

const policy = new CommandPolicy();

function meaningOf(words: string): CommandMeaning {
  return policy.meaningOf(words.split(' ').map((word) => Buffer.from(word)));
}

test('a word after the subcommand counts: who may look at moves of slots may not begin one', () => {
  const status = meaningOf('cluster MIGRATION Status ALL');
  assert.deepEqual([status.role, status.changes], ['viewer', false]);
  for (const words of ['IMPORT 0 100', 'CANCEL ALL', 'PAUSE ALL', 'THROTTLE 1 ALL', '']) {
    const { role, changes } = meaningOf(`CLUSTER MIGRATION ${words}`.trim());
    assert.deepEqual([role, changes], ['operator', true], words);
  }
});

test('a question to a sentinel that makes it vote is a change', () => {
  const { role, changes } = meaningOf('SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 6379 99 someone');
  assert.deepEqual([role, changes], ['operator', true]);
});

test('names that every object has are commands that nobody knows', () => {
  for (const words of ['__proto__', 'constructor x', 'toString', 'client constructor', 'config __proto__']) {
    const { role, changes, refusal } = meaningOf(words);
    assert.deepEqual([role, changes, refusal], ['operator', true, undefined], words);
  }
});
