// slowlog: SLOWLOG and COMMANDLOG: the last commands that were slow, or had a large request or reply.
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int, oneof, optional, token } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import type { ServiceCall, ServiceCommand } from '../host.js';
import type { CommandLog } from '../watch/command-log.js';
import { unknownSubcommand } from './replies.js';

const guarded = ['admin', 'loading', 'stale'] as const;
const onAllNodes = ['request_policy:all_nodes', 'nondeterministic_output'] as const;
const summed = ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'] as const;
const succeeded = ['request_policy:all_nodes', 'response_policy:all_succeeded'] as const;

function replyEntries(call: ServiceCall, log: CommandLog, count: number): void {
  const entries = log.latest(count);
  const { reply } = call;
  reply.array(entries.length);
  for (const entry of entries) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.timeSeconds);
    reply.integer(entry.value);
    reply.array(entry.args.length);
    for (const arg of entry.args) reply.bulk(arg, 0, arg.length);
    reply.bulkText(entry.peer);
    reply.bulkText(entry.clientName);
  }
}

/** The count at argument `index`: at least -1, which means all. Undefined after an error reply. */
function readCount(call: ServiceCall, index: number): number | undefined {
  const count = call.integer(index);
  if (count >= -1) return count;
  call.reply.error('ERR count should be greater than or equal to -1');
  return undefined;
}

export const slowlog: ServiceCommand = command({
  name: 'slowlog',
  since: '2.2.12',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Shows the commands that were slow.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'get',
      since: '2.2.12',
      group: 'server',
      arity: -2,
      flags: guarded,
      args: [optional(int('count'))],
      tips: onAllNodes,
      history: [['4.0.0', 'Address and name of the client.']],
      summary: 'Returns the newest entries.',
      complexity: 'O(N) where N is the number of entries returned',
      run(call) {
        if (call.count > 3) {
          unknownSubcommand(call, 'SLOWLOG');
          return;
        }
        const count = call.count === 3 ? readCount(call, 2) : 10;
        if (count !== undefined) replyEntries(call, call.host.slowLog, count);
      },
    },
    {
      name: 'len',
      since: '2.2.12',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: summed,
      summary: 'Returns how many entries there are.',
      complexity: 'O(1)',
      run: (call) => call.reply.integer(call.host.slowLog.length),
    },
    {
      name: 'reset',
      since: '2.2.12',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: succeeded,
      summary: 'Forgets all entries.',
      complexity: 'O(N) where N is the number of entries in the slowlog',
      run(call) {
        call.host.slowLog.reset();
        call.reply.ok();
      },
    },
    {
      name: 'help',
      since: '6.2.0',
      group: 'server',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'SLOWLOG', [
          [
            'GET [<count>]',
            'Return top <count> entries from the slowlog (default: 10, -1 mean all).',
            'Entries are made of:',
            'id, timestamp, time in microseconds, arguments array, client IP and port,',
            'client name',
          ],
          ['LEN', 'Return the length of the slowlog.'],
          ['RESET', 'Reset the slowlog.'],
        ]),
    },
  ],
});

const logType = oneof('type', token('slow'), token('large-request'), token('large-reply'));

/** The log that the argument at `index` names; undefined after an error reply. */
function logOf(call: ServiceCall, index: number): CommandLog | undefined {
  if (call.is(index, 'slow')) return call.host.slowLog;
  if (call.is(index, 'large-request')) return call.host.largeRequests;
  if (call.is(index, 'large-reply')) return call.host.largeReplies;
  call.reply.error('ERR type should be one of the following: slow, large-request, large-reply');
  return undefined;
}

export const commandlog: ServiceCommand = command({
  name: 'commandlog',
  since: '8.1.0',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Shows the commands that were slow, or had a large request or reply.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'get',
      since: '8.1.0',
      group: 'server',
      arity: 4,
      flags: guarded,
      args: [int('count'), logType],
      tips: onAllNodes,
      summary: 'Returns the newest entries of a log.',
      complexity: 'O(N) where N is the number of entries returned',
      run(call) {
        const count = call.integer(2);
        if (Number.isNaN(count)) {
          call.reply.error(errors.notInteger);
          return;
        }
        if (readCount(call, 2) === undefined) return;
        const log = logOf(call, 3);
        if (log !== undefined) replyEntries(call, log, count);
      },
    },
    {
      name: 'len',
      since: '8.1.0',
      group: 'server',
      arity: 3,
      flags: guarded,
      args: [logType],
      tips: summed,
      summary: 'Returns how many entries a log has.',
      complexity: 'O(1)',
      run(call) {
        const log = logOf(call, 2);
        if (log !== undefined) call.reply.integer(log.length);
      },
    },
    {
      name: 'reset',
      since: '8.1.0',
      group: 'server',
      arity: 3,
      flags: guarded,
      args: [logType],
      tips: succeeded,
      summary: 'Forgets all entries of a log.',
      complexity: 'O(N) where N is the number of entries in the log',
      run(call) {
        const log = logOf(call, 2);
        if (log === undefined) return;
        log.reset();
        call.reply.ok();
      },
    },
    {
      name: 'help',
      since: '8.1.0',
      group: 'server',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'COMMANDLOG', [
          [
            'GET <count> <type>',
            'Return the newest <count> entries of a log (-1 for all): slow, large-request or large-reply.',
          ],
          ['LEN <type>', 'Return the length of a log.'],
          ['RESET <type>', 'Reset a log.'],
        ]),
    },
  ],
});
