// declaration: the commands that only the proxy has: PROXY, and codis's SLOTSMAPPING.
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

export const slotsMappingDeclaration: CommandDeclaration<never> = command<never>({
  name: 'slotsmapping',
  since: '7.4.0',
  group: 'server',
  arity: -1,
  flags: ['loading', 'stale'],
  summary: "Returns which server has which of codis's slots.",
  complexity: 'O(N) where N is the number of slots.',
});

export const ownDeclarations: readonly CommandDeclaration<never>[] = [proxyDeclaration, slotsMappingDeclaration];
