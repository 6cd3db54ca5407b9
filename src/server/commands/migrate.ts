// migrate: MIGRATE: moves keys to another server; the client waits, the others do not.
//
// Not here: how the keys get there (migrations).

import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { TIMER_MS_MAX } from '../../io/clock.js';
import type { LateReply } from '../../service/host.js';
import type { CommandStats } from '../../service/watch/command-stats.js';
import type { CallFor, CommandFor } from '../call.js';
import type { MigrationRequest, Migrations } from '../migrations.js';

/** The part of the server that MIGRATE reaches. */
export interface Host {
  readonly migrations: Migrations;
  readonly stats: CommandStats;
  suspend(call: ServerCall): LateReply;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const KEY_INDEX = 3;
const FIRST_OPTION = 6;

/** How many words follow each option; KEYS takes the rest. */
const optionWords: Readonly<Record<string, number>> = { copy: 0, replace: 0, auth: 1, auth2: 2 };

const TIMEOUT_MS = 1000;

interface Options {
  copies: boolean;
  replaces: boolean;
  credentials: readonly number[];
  /** Argument indexes. */
  keys: readonly number[];
}

/** The options; the text of the error when they are wrong. */
function optionsOf(call: Pick<ServerCall, 'count' | 'lengths' | 'text'>): Options | string {
  const options: Options = { copies: false, replaces: false, credentials: [], keys: [KEY_INDEX] };
  for (let index = FIRST_OPTION; index < call.count; index++) {
    const option = call.text(index).toLowerCase();
    if (option === 'keys') {
      if (call.lengths[KEY_INDEX]! > 0)
        return 'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string';
      options.keys = Array.from({ length: call.count - index - 1 }, (_, at) => index + 1 + at);
      return options;
    }
    const words = Object.hasOwn(optionWords, option) ? optionWords[option]! : -1;
    if (words < 0 || index + words >= call.count) return errors.syntax;
    if (option === 'copy') options.copies = true;
    else if (option === 'replace') options.replaces = true;
    else options.credentials = Array.from({ length: words }, (_, at) => index + 1 + at);
    index += words;
  }
  return options;
}

/** The request of a call whose keys exist; undefined after the reply. */
function requestOf(call: ServerCall): MigrationRequest | undefined {
  const options = optionsOf(call);
  if (typeof options === 'string') {
    call.reply.error(options);
    return undefined;
  }
  const timeoutMs = call.integer(5);
  const database = call.integer(4);
  if (Number.isNaN(timeoutMs) || Number.isNaN(database)) {
    call.reply.error(errors.notInteger);
    return undefined;
  }
  const keys = options.keys.filter(
    (index) => call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!) !== 0,
  );
  if (keys.length === 0) {
    call.reply.simple('NOKEY');
    return undefined;
  }
  const port = call.integer(2);
  return {
    host: call.text(1),
    port: port > 0 && port < 65536 ? port : 0,
    database,
    timeoutMs: timeoutMs > 0 ? Math.min(timeoutMs, TIMER_MS_MAX) : TIMEOUT_MS,
    copies: options.copies,
    replaces: options.replaces,
    credentials: options.credentials.map((index) => call.copy(index)),
    source: call.db,
    keys: keys.map((index) => call.copy(index)),
  };
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
    const options = optionsOf(call);
    // A key beside KEYS is refused whatever it is; with any other fault the one key is the key.
    if (typeof options === 'string') return options === errors.syntax ? [KEY_INDEX] : [];
    return options.keys.length === 0 ? [KEY_INDEX] : [...options.keys];
  },
  run(call: ServerCall) {
    const request = requestOf(call);
    if (request === undefined) return;
    if (call.denyBlocking) {
      call.reply.error('ERR MIGRATE is not allowed in a transaction or a script: it waits for the other server');
      return;
    }
    const { stats, migrations } = call.host;
    const { id } = call.command;
    const late = call.host.suspend(call);
    migrations.start(request, (error) => {
      stats.count(id);
      if (error !== undefined) stats.countError(id, error);
      late.resume((reply) => (error === undefined ? reply.ok() : reply.error(error)));
    });
  },
});
