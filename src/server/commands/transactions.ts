// transactions: MULTI, EXEC, DISCARD, WATCH and UNWATCH; what they do is in ../transactions.

import type { Transactions } from '../transactions.js';
import { command, keysFrom } from '../../registry/command.js';
import { key, many } from '../../registry/grammar.js';
import type { CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly transactions: Transactions;
}

type ServerCommand = CommandFor<Host>;

const multi: ServerCommand = command({
  name: 'multi',
  since: '1.2.0',
  group: 'transactions',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  summary: 'Begins a transaction: commands are queued until EXEC.',
  complexity: 'O(1)',
  run(call) {
    if (call.host.transactions.of(call.client)?.active === true) {
      call.reply.error('ERR MULTI calls can not be nested');
      return;
    }
    call.host.transactions.begin(call.client);
    call.reply.ok();
  },
});

const exec: ServerCommand = command({
  name: 'exec',
  since: '1.2.0',
  group: 'transactions',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
  summary: 'Runs the queued commands, all at one moment.',
  complexity: 'That of the commands.',
  run: (call) => call.host.transactions.exec(call),
});

const discard: ServerCommand = command({
  name: 'discard',
  since: '2.0.0',
  group: 'transactions',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  summary: 'Drops the queued commands.',
  complexity: 'O(N) where N is the number of queued commands.',
  run: (call) => call.host.transactions.discard(call),
});

const watch: ServerCommand = command({
  name: 'watch',
  since: '2.2.0',
  group: 'transactions',
  arity: -2,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  keys: [keysFrom(1, -1, 1, ['RO'])],
  args: [many(key('key'))],
  summary: 'Makes the next EXEC depend on these keys staying as they are.',
  complexity: 'O(1) for every key.',
  run: (call) => call.host.transactions.watch(call),
});

const unwatch: ServerCommand = command({
  name: 'unwatch',
  since: '2.2.0',
  group: 'transactions',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'allow_busy'],
  summary: 'Lets go of all watched keys.',
  complexity: 'O(1)',
  run(call) {
    call.host.transactions.unwatch(call.client);
    call.reply.ok();
  },
});

export const transactionCommands: readonly ServerCommand[] = [multi, exec, discard, watch, unwatch];
