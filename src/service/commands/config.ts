// config: CONFIG GET, SET, REWRITE, RESETSTAT and HELP.
import { systemErrorText } from '../../base/system-error.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { block, many, str } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import { rewriteConfigFile } from '../config/rewrite.js';
import { fromByteString } from '../config/special-settings.js';
import type { ServiceCall, ServiceCommand } from '../host.js';
import { replyBytes } from './replies.js';

const guarded = ['admin', 'noscript', 'loading', 'stale'] as const;
const everywhere = ['request_policy:all_nodes', 'response_policy:all_succeeded'] as const;

function runSet(call: ServiceCall): void {
  if (call.count % 2 !== 0) {
    call.reply.error(errors.syntax);
    return;
  }
  const pairs: [string, string][] = [];
  for (let index = 2; index < call.count; index += 2) pairs.push([call.text(index), call.text(index + 1)]);
  const { host } = call;
  const result = host.config.set(pairs, { loading: host.loading, local: call.client.isLocal });
  const write = (reply: ServiceCall['reply'], text: string | undefined): void => {
    if (text === undefined) reply.ok();
    else reply.error(fromByteString(text));
  };
  if (!(result instanceof Promise)) {
    write(call.reply, result);
    return;
  }
  const late = host.suspend(call);
  result.then(
    (text) => late.resume((reply) => write(reply, text)),
    (error: unknown) => late.resume((reply) => reply.error(`ERR CONFIG SET failed - ${systemErrorText(error)}`)),
  );
}

function runRewrite(call: ServiceCall): void {
  const { host } = call;
  if (host.config.file === undefined) {
    call.reply.error(errors.noConfigFile);
    return;
  }
  try {
    const users = host.config.text('aclfile').value === '' ? host.acl.describe() : undefined;
    rewriteConfigFile(host.files, host.config, users, host.processTag);
    host.log('notice', 'CONFIG REWRITE executed with success.');
    call.reply.ok();
  } catch (error) {
    host.log('warning', `CONFIG REWRITE failed: ${systemErrorText(error)}`);
    call.reply.error(`ERR Rewriting config file: ${systemErrorText(error)}`);
  }
}

export const config: ServiceCommand = command({
  name: 'config',
  since: '2.0.0',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Reads and changes the configuration.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'get',
      since: '2.0.0',
      group: 'server',
      arity: -3,
      flags: guarded,
      args: [many(str('parameter'))],
      history: [['7.0.0', 'Several patterns in one call.']],
      summary: 'Returns directives and their values, by names and patterns.',
      complexity: 'O(N) when N is the number of configuration parameters provided',
      run(call) {
        const patterns: string[] = [];
        for (let index = 2; index < call.count; index++) patterns.push(call.text(index));
        const found = call.host.config.get(patterns);
        call.reply.map(found.size);
        for (const [name, value] of found) {
          replyBytes(call, name);
          replyBytes(call, value);
        }
      },
    },
    {
      name: 'set',
      since: '2.0.0',
      group: 'server',
      arity: -4,
      flags: guarded,
      args: [many(block('data', str('parameter'), str('value')))],
      tips: everywhere,
      history: [['7.0.0', 'Several directives in one call.']],
      summary: 'Changes directives, all of them or none.',
      complexity: 'O(N) when N is the number of configuration parameters provided',
      run: runSet,
    },
    {
      name: 'rewrite',
      since: '2.8.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: everywhere,
      summary: 'Writes the present configuration to the config file.',
      complexity: 'O(1)',
      run: runRewrite,
    },
    {
      name: 'resetstat',
      since: '2.0.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: everywhere,
      summary: 'Sets the statistics of INFO back to zero.',
      complexity: 'O(1)',
      run(call) {
        call.host.resetStatistics();
        call.reply.ok();
      },
    },
    {
      name: 'help',
      since: '5.0.0',
      group: 'server',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'CONFIG', [
          ['GET <pattern>', 'Return parameters matching the glob-like <pattern> and their values.'],
          ['SET <directive> <value>', 'Set the configuration <directive> to <value>.'],
          ['RESETSTAT', 'Reset statistics reported by the INFO command.'],
          ['REWRITE', 'Rewrite the configuration file.'],
        ]),
    },
  ],
});
