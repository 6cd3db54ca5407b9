// save: SAVE, BGSAVE, LASTSAVE and BGREWRITEAOF.

import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { optional, token } from '../../registry/grammar.js';
import type { PersistenceCall, PersistenceCommand } from './call.js';

function replyState(call: PersistenceCall, text: string): void {
  if (text.startsWith('-')) call.reply.error(text.slice(1));
  else call.reply.simple(text);
}

export const save: PersistenceCommand = command({
  name: 'save',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  summary: 'Writes all keys to the RDB file; nothing else is served meanwhile.',
  complexity: 'O(N), N keys in all databases',
  run(call) {
    const failure = call.host.persistence.save();
    if (failure === undefined) call.reply.ok();
    else call.reply.error(failure);
  },
});

export const bgsave: PersistenceCommand = command({
  name: 'bgsave',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  args: [optional(token('SCHEDULE', { since: '3.2.2' }))],
  summary: 'Writes all keys, as they are now, to the RDB file while clients are served.',
  complexity: 'O(1) for the reply; the snapshot costs O(N)',
  history: [['3.2.2', 'SCHEDULE']],
  run(call) {
    const schedule = call.count > 1;
    if (call.count > 2 || (schedule && !call.is(1, 'schedule'))) {
      call.reply.error(errors.syntax);
      return;
    }
    replyState(call, call.host.persistence.backgroundSave(schedule));
  },
});

export const lastsave: PersistenceCommand = command({
  name: 'lastsave',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  categories: ['admin', 'dangerous'],
  tips: ['nondeterministic_output'],
  summary: 'The time of the last successful snapshot, in seconds since 1970.',
  complexity: 'O(1)',
  run(call) {
    call.reply.integer(Math.floor(call.host.persistence.rdb.lastSaveMs / 1000));
  },
});

export const bgrewriteaof: PersistenceCommand = command({
  name: 'bgrewriteaof',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  summary: 'Makes the append-only file as short as the data allows, while clients are served.',
  complexity: 'O(1) for the reply; the rewrite costs O(N)',
  run(call) {
    replyState(call, call.host.persistence.backgroundRewrite());
  },
});
