// info: INFO: the state of the server, in sections.
import { command } from '../../registry/command.js';
import { many, optional, str } from '../../registry/grammar.js';
import type { ServiceCommand } from '../host.js';

export const info: ServiceCommand = command({
  name: 'info',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['loading', 'stale', 'sentinel'],
  categories: ['dangerous'],
  args: [optional(many(str('section')))],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  history: [['7.0.0', 'Several sections in one call.']],
  summary: 'Returns figures about the server.',
  complexity: 'O(1)',
  run(call) {
    const wanted: string[] = [];
    for (let index = 1; index < call.count; index++) wanted.push(call.text(index).toLowerCase());
    call.reply.verbatim(call.host.info.render(wanted));
  },
});
