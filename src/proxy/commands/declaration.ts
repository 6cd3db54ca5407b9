// declaration: PROXY, the command that only the proxy has.
import { command, type CommandDeclaration } from '../../registry/command.js';

export const proxyDeclaration: CommandDeclaration<never> = command<never>({
  name: 'proxy',
  since: '7.4.0',
  group: 'server',
  arity: -1,
  flags: ['admin', 'loading', 'stale'],
  summary: 'Asks the proxy about itself: statistics, servers, reload, shutdown.',
  complexity: 'O(1)',
});
