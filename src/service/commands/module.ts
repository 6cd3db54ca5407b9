// module: MODULE: modules are native code made for another program, so the list is always empty.

import type { LogLevel } from '../../base/log-level.js';
import { command } from '../../registry/command.js';
import { block, many, optional, str } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import type { CallFor, CommandFor } from '../call.js';
import { type Host as ProtectedHost, mayUse } from './protected.js';

/** The part of the server that these commands reach. */
export interface Host extends ProtectedHost {
  log(level: LogLevel, text: string): void;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const facts = { group: 'server', complexity: 'O(1)' } as const;
const guarded = ['admin', 'noscript', 'no_async_loading', 'protected'] as const;

function refuseLoad(call: ServerCall): void {
  if (!mayUse(call, 'MODULE')) return;
  call.host.log(
    'warning',
    `Module ${call.shown(2)} failed to load: modules are native code, which Kvasir does not load`,
  );
  call.reply.error('ERR Error loading the extension. Please check the server logs.');
}

const list: ServerCommand = command({
  ...facts,
  name: 'list',
  since: '4.0.0',
  arity: 2,
  flags: ['admin', 'noscript'],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns the loaded modules: none.',
  run: (call: ServerCall) => call.reply.array(0),
});

const load: ServerCommand = command({
  ...facts,
  name: 'load',
  since: '4.0.0',
  arity: -3,
  flags: guarded,
  args: [str('path'), optional(many(str('arg')))],
  summary: 'Refuses: modules cannot be loaded.',
  run: refuseLoad,
});

const loadex: ServerCommand = command({
  ...facts,
  name: 'loadex',
  since: '7.0.0',
  arity: -3,
  flags: guarded,
  args: [
    str('path'),
    optional({ ...many(block('configs', str('name'), str('value'))), token: 'CONFIG', multipleToken: true }),
    optional(many(str('args', { token: 'ARGS' }))),
  ],
  summary: 'Refuses: modules cannot be loaded.',
  run: refuseLoad,
});

const unload: ServerCommand = command({
  ...facts,
  name: 'unload',
  since: '4.0.0',
  arity: 3,
  flags: guarded,
  args: [str('name')],
  summary: 'Refuses: no module is loaded.',
  run(call: ServerCall) {
    if (mayUse(call, 'MODULE')) call.reply.error('ERR Error unloading module: no such module with that name');
  },
});

const help: ServerCommand = command({
  ...facts,
  name: 'help',
  since: '5.0.0',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Lists the subcommands.',
  run: (call: ServerCall) =>
    replyHelp(call, 'MODULE', [
      ['LIST', 'Return a list of loaded modules.'],
      ['LOAD <path> [<arg> ...]', 'Load a module library from <path>, passing to it any optional arguments.'],
      [
        'LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]',
        'Load a module library from <path>, while passing it module configurations and optional arguments.',
      ],
      ['UNLOAD <name>', 'Unload a module.'],
    ]),
});

export const moduleCommand: ServerCommand = command({
  name: 'module',
  since: '4.0.0',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Commands about modules, of which there are none.',
  complexity: 'Depends on subcommand.',
  subcommands: [list, load, loadex, unload, help],
});
