// migrate: MIGRATE: moves keys to another server. Its arguments are read in full, and where no key is there it is done.

import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import type { CommandFor, ServerCall } from '../call.js';

type ServerCommand = CommandFor<unknown>;

const KEY_INDEX = 3;
const FIRST_OPTION = 6;

/** How many words follow each option; KEYS takes the rest. */
const optionWords: Readonly<Record<string, number>> = { copy: 0, replace: 0, auth: 1, auth2: 2 };

/** The argument indexes of the keys; the text of the error when the options are wrong. */
function keysOf(call: Pick<ServerCall, 'count' | 'lengths' | 'text'>): number[] | string {
  for (let index = FIRST_OPTION; index < call.count; index++) {
    const option = call.text(index).toLowerCase();
    if (option === 'keys') {
      if (call.lengths[KEY_INDEX]! > 0)
        return 'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string';
      return Array.from({ length: call.count - index - 1 }, (_, at) => index + 1 + at);
    }
    const words = Object.hasOwn(optionWords, option) ? optionWords[option]! : -1;
    if (words < 0 || index + words >= call.count) return errors.syntax;
    index += words;
  }
  return [KEY_INDEX];
}

export const migrateCommand: ServerCommand = command({
  name: 'migrate',
  since: '2.6.0',
  group: 'generic',
  arity: -6,
  flags: ['write'],
  categories: ['dangerous'],
  keys: [
    keyAt(KEY_INDEX, ['RW', 'access', 'delete']),
    {
      flags: ['RW', 'access', 'delete', 'incomplete'],
      begin: { keyword: 'KEYS', startFrom: -2 },
      find: { last: -1, step: 1, limit: 0 },
    },
  ],
  args: [
    str('host'),
    int('port'),
    oneof('key_or_empty_string', key('key'), token('', { name: 'empty_string' })),
    int('destination-db'),
    int('timeout'),
    optional(since('3.0.0', token('COPY'))),
    optional(since('3.0.0', token('REPLACE'))),
    optional(
      oneof(
        'authentication',
        optional(since('4.0.7', str('password', { token: 'AUTH' }))),
        optional(since('6.0.0', { ...block('username_password', str('username'), str('password')), token: 'AUTH2' })),
      ),
    ),
    optional(many(since('3.0.6', key('key', { token: 'KEYS', keySpec: 1 })))),
  ],
  history: [
    ['3.0.0', 'Added the `COPY` and `REPLACE` options.'],
    ['3.0.6', 'Added the `KEYS` option.'],
    ['4.0.7', 'Added the `AUTH` option.'],
    ['6.0.0', 'Added the `AUTH2` option.'],
  ],
  tips: ['nondeterministic_output'],
  summary: 'Moves keys to another server.',
  complexity: 'As DUMP and DEL here and RESTORE there, and O(N) to send N bytes.',
  findKeys(call: ServerCall) {
    const keys = keysOf(call);
    // A key beside KEYS is refused whatever it is; with any other fault the one key is the key.
    if (typeof keys === 'string') return keys === errors.syntax ? [KEY_INDEX] : [];
    return keys.length === 0 ? [KEY_INDEX] : keys;
  },
  run(call: ServerCall) {
    const keys = keysOf(call);
    if (typeof keys === 'string') {
      call.reply.error(keys);
      return;
    }
    if (Number.isNaN(call.integer(5)) || Number.isNaN(call.integer(4))) {
      call.reply.error(errors.notInteger);
      return;
    }
    const found = keys.some((index) => call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!) !== 0);
    if (found)
      call.reply.error('ERR MIGRATE is not available in this version of Kvasir: use DUMP here and RESTORE there');
    else call.reply.simple('NOKEY');
  },
});
