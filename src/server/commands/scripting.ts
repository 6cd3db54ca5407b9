// scripting: EVAL and its kin, SCRIPT: scripts that clients bring; what runs them is in ../scripting.

import type { Scripting } from '../scripting/scripting.js';
import { command, type CommandFlag, keysCounted } from '../../registry/command.js';
import { int, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly scripting: Scripting;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const reading: readonly CommandFlag[] = ['readonly', 'noscript', 'stale', 'skip_monitor', 'no_mandatory_keys'];
const running: readonly CommandFlag[] = ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys'];
const writtenKeys = [keysCounted(2, ['RW', 'access', 'update'])];
const readKeys = [keysCounted(2, ['RO', 'access'])];
const keysAndArguments = [int('numkeys'), optional(many(key('key'))), optional(many(str('arg')))];
const complexity = 'Depends on the script that is executed.';

const evalCommand: ServerCommand = command({
  name: 'eval',
  since: '2.6.0',
  group: 'scripting',
  arity: -3,
  flags: running,
  keys: [
    { ...writtenKeys[0]!, notes: 'We cannot tell how the keys will be used so we assume the worst, RW and UPDATE' },
  ],
  args: [str('script'), ...keysAndArguments],
  summary: 'Runs a Lua script on the server.',
  complexity,
  run: (call) => call.host.scripting.evaluate(call, false),
});

const evalReadOnly: ServerCommand = command({
  name: 'eval_ro',
  since: '7.0.0',
  group: 'scripting',
  arity: -3,
  flags: reading,
  keys: [{ ...readKeys[0]!, notes: 'We cannot tell how the keys will be used so we assume the worst, RO and ACCESS' }],
  args: [str('script'), ...keysAndArguments],
  summary: 'Runs a Lua script on the server that may not write.',
  complexity,
  run: (call) => call.host.scripting.evaluate(call, true),
});

const evalsha: ServerCommand = command({
  name: 'evalsha',
  since: '2.6.0',
  group: 'scripting',
  arity: -3,
  flags: running,
  keys: writtenKeys,
  args: [str('sha1'), ...keysAndArguments],
  summary: 'Runs a cached Lua script, named by its SHA1 digest.',
  complexity,
  run: (call) => call.host.scripting.evaluateDigest(call, false),
});

const evalshaReadOnly: ServerCommand = command({
  name: 'evalsha_ro',
  since: '7.0.0',
  group: 'scripting',
  arity: -3,
  flags: reading,
  keys: readKeys,
  args: [str('sha1'), ...keysAndArguments],
  summary: 'Runs a cached Lua script that may not write, named by its SHA1 digest.',
  complexity,
  run: (call) => call.host.scripting.evaluateDigest(call, true),
});

/** Whether argument 2 says when to free: ASYNC or SYNC, or is absent. */
export function isFlushMode(call: ServerCall): boolean {
  return call.count === 2 || (call.count === 3 && (call.is(2, 'async') || call.is(2, 'sync')));
}

export const flushModes = optional(since('6.2.0', oneof('flush-type', token('ASYNC'), token('SYNC'))));

const script: ServerCommand = command({
  name: 'script',
  since: '2.6.0',
  group: 'scripting',
  arity: -2,
  flags: [],
  summary: 'Manages cached Lua scripts.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'flush',
      since: '2.6.0',
      group: 'scripting',
      arity: -2,
      flags: ['noscript'],
      args: [flushModes],
      tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
      history: [['6.2.0', 'Added the `ASYNC` and `SYNC` modes.']],
      summary: 'Forgets all cached scripts.',
      complexity: 'O(N), N scripts in the cache',
      run(call) {
        if (!isFlushMode(call)) {
          call.reply.error('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
          return;
        }
        call.host.scripting.cache.clear();
        call.reply.ok();
      },
    },
    {
      name: 'exists',
      since: '2.6.0',
      group: 'scripting',
      arity: -3,
      flags: ['noscript'],
      args: [many(str('sha1'))],
      tips: ['request_policy:all_shards', 'response_policy:agg_logical_and'],
      summary: 'Tells which scripts are in the cache.',
      complexity: 'O(N), N digests to look for',
      run(call) {
        const { cache } = call.host.scripting;
        call.reply.array(call.count - 2);
        for (let index = 2; index < call.count; index++) {
          call.reply.integer(cache.find(call.bytes, call.starts[index]!, call.lengths[index]!) === undefined ? 0 : 1);
        }
      },
    },
    {
      name: 'load',
      since: '2.6.0',
      group: 'scripting',
      arity: 3,
      flags: ['noscript', 'stale'],
      args: [str('script')],
      tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
      summary: 'Puts a script in the cache without running it.',
      complexity: 'O(N), N bytes of the script',
      run(call) {
        const loaded = call.host.scripting.load(call);
        if (loaded !== undefined) call.reply.bulkText(loaded.sha);
      },
    },
    {
      name: 'kill',
      since: '2.6.0',
      group: 'scripting',
      arity: 2,
      flags: ['noscript', 'allow_busy'],
      tips: ['request_policy:all_shards', 'response_policy:one_succeeded'],
      summary: 'Ends the script that is running.',
      complexity: 'O(1)',
      run(call) {
        const refusal = call.host.scripting.parked.kill(false);
        if (refusal === undefined) call.reply.ok();
        else call.reply.error(refusal);
      },
    },
    {
      name: 'debug',
      since: '3.2.0',
      group: 'scripting',
      arity: 3,
      flags: ['noscript'],
      args: [oneof('mode', token('YES'), token('SYNC'), token('NO'))],
      summary: 'Sets the debug mode for scripts that are run next.',
      complexity: 'O(1)',
      run(call) {
        const mode = call.is(2, 'no') ? 'no' : call.is(2, 'yes') ? 'yes' : call.is(2, 'sync') ? 'sync' : undefined;
        if (mode === undefined) {
          call.reply.error('ERR Use SCRIPT DEBUG YES/SYNC/NO');
          return;
        }
        call.host.scripting.debugNext(call.client, mode);
        call.reply.ok();
      },
    },
    {
      name: 'help',
      since: '5.0.0',
      group: 'scripting',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run(call) {
        replyHelp(call, 'SCRIPT', [
          ['DEBUG (YES|SYNC|NO)', 'Set the debug mode for subsequent scripts executed.'],
          ['EXISTS <sha1> [<sha1> ...]', 'Return information about the existence of the scripts in the script cache.'],
          ['FLUSH [ASYNC|SYNC]', 'Forget all cached scripts, by default as lazyfree-lazy-user-flush says.'],
          ['KILL', 'Kill the currently executing Lua script.'],
          ['LOAD <script>', 'Load a script into the scripts cache without executing it.'],
        ]);
      },
    },
  ],
});

export const scriptingCommands: readonly ServerCommand[] = [
  evalCommand,
  evalReadOnly,
  evalsha,
  evalshaReadOnly,
  script,
];
