// declared-hints tests: our own declarations give the hints that a server's COMMAND DOCS would.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { block, int, key, oneof, str, token } from '../../registry/grammar.js';
import { hintForLine } from './command-hints.js';
import { hintsFromDeclarations } from './declared-hints.js';

test('declarations and subcommands become hints', () => {
  const shared = { since: '1.0.0', group: 'sorted_set', summary: 'A command.' };
  const hints = hintsFromDeclarations([
    {
      ...shared,
      name: 'set',
      args: [key('key'), str('value'), { ...oneof('condition', token('NX'), token('XX')), optional: true }],
    },
    {
      ...shared,
      name: 'config',
      subcommands: [
        { ...shared, name: 'set', args: [{ ...block('data', str('parameter'), int('value')), multiple: true }] },
      ],
    },
  ]);
  assert.deepEqual(
    hints.commands.map(({ name, group }) => `${name} ${group}`),
    ['CONFIG sorted-set', 'CONFIG SET sorted-set', 'SET sorted-set'],
  );
  assert.equal(hintForLine(hints, 'set k v '), '[NX|XX]');
  assert.equal(hintForLine(hints, 'config set '), 'parameter value [parameter value ...]');
  assert.equal(hintForLine(hints, 'nonsense '), undefined);
});
