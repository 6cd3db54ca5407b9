// The commands of a sentinel: SENTINEL, and those of any server that Redis leaves in a sentinel.

import { command } from '../../registry/command.js';
import { replyHelp } from '../../registry/help.js';
import { errors } from '../../protocol/errors.js';
import { type Host as ClientHost, makeClientCommand } from '../../service/commands/client.js';
import { clientCommands, serviceCommands } from '../../service/commands/index.js';
import type { CallFor } from '../../service/call.js';
import { takeHello } from '../hello.js';
import { HELLO_CHANNEL } from '../requests.js';
import { changeCommands } from './change.js';
import { configureCommands } from './configure.js';
import { adminFlags, type SentinelCall, type SentinelCommand } from './host.js';
import { sentinelHelp } from './help-lines.js';
import { showCommands } from './show.js';

const help: SentinelCommand = command({
  name: 'help',
  since: '6.2.0',
  group: 'sentinel',
  arity: 2,
  flags: ['loading', 'stale', 'sentinel', 'only_sentinel'],
  complexity: 'O(1)',
  summary: 'Tells about the subcommands.',
  run: (call) => replyHelp(call, 'SENTINEL', sentinelHelp),
});

const sentinel: SentinelCommand = command({
  name: 'sentinel',
  since: '2.8.4',
  group: 'sentinel',
  arity: -2,
  flags: adminFlags,
  summary: 'Commands of a sentinel.',
  complexity: 'Depends on subcommand.',
  subcommands: [...showCommands, ...changeCommands, ...configureCommands, help],
});

const role: SentinelCommand = command({
  name: 'role',
  since: '2.8.12',
  group: 'server',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast', 'sentinel'],
  categories: ['admin', 'dangerous'],
  summary: 'Returns the role: sentinel, and the masters that it watches.',
  complexity: 'O(1)',
  run({ reply, host: { state } }: SentinelCall) {
    reply.array(2);
    reply.bulkText('sentinel');
    reply.array(state.masters.size);
    for (const name of state.masters.keys()) reply.bulkLatin1(name);
  },
});

const publish: SentinelCommand = command({
  name: 'publish',
  since: '2.0.0',
  group: 'pubsub',
  arity: 3,
  flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate', 'sentinel'],
  summary: 'Takes the hello message of another sentinel.',
  complexity: 'O(1)',
  run(call: SentinelCall) {
    if (call.text(1) !== HELLO_CHANNEL) {
      call.reply.error('ERR Only HELLO messages are accepted by Sentinel instances.');
      return;
    }
    takeHello(call.host.state, call.text(2));
    call.reply.integer(1);
  },
});

const shutdown: SentinelCommand = command({
  name: 'shutdown',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy', 'sentinel'],
  summary: 'Ends the sentinel.',
  complexity: 'O(1)',
  run(call: SentinelCall) {
    const words = ['nosave', 'save', 'now', 'force'];
    for (let index = 1; index < call.count; index++) {
      if (call.count === 2 && call.is(index, 'abort')) return call.reply.error(errors.noShutdown);
      if (!words.some((word) => call.is(index, word))) return call.reply.error(errors.syntax);
    }
    call.host.shutdown();
  },
});

/** Nothing in a sentinel is touched. */
const whole = makeClientCommand<CallFor<ClientHost>>([]);
const clientCommand = { ...whole, subcommands: whole.subcommands!.filter(({ name }) => name !== 'no-touch') };

/** Redis leaves these of its other commands. */
const kept = [
  'acl',
  'info',
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ping',
  'hello',
  'auth',
  'command',
];

export const sentinelCommands = [
  sentinel,
  role,
  publish,
  shutdown,
  clientCommand,
  ...serviceCommands.filter(({ name }) => kept.includes(name)),
  ...clientCommands.filter(({ name }) => kept.includes(name)),
];
