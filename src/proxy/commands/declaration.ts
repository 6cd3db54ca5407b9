// declaration: the commands that only the proxy has: PROXY, its replies as a Sentinel, and codis's questions about
// slots.
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

/** A question about codis's slots, which the proxy answers or sends on to the server that it names. */
function slotCommand(name: string, summary: string): CommandDeclaration<never> {
  return command<never>({
    name,
    since: '7.4.0',
    group: 'server',
    arity: -1,
    flags: ['loading', 'stale'],
    summary,
    complexity: 'O(N) where N is the number of slots.',
  });
}

/** The command that clients send to find a master by Sentinel. */
const sentinelDeclaration: CommandDeclaration<never> = command<never>({
  name: 'sentinel',
  since: '2.8.4',
  group: 'sentinel',
  arity: -2,
  flags: ['admin', 'loading', 'stale'],
  summary: 'Answers as a Sentinel whose every master is this pool.',
  complexity: 'O(1)',
});

export const ownDeclarations: readonly CommandDeclaration<never>[] = [
  proxyDeclaration,
  sentinelDeclaration,
  slotCommand('slotshashkey', "Returns codis's slots of keys."),
  slotCommand('slotsinfo', 'Asks a server of a codis how many keys its slots have.'),
  slotCommand('slotsmapping', "Returns which server has which of codis's slots."),
  slotCommand('slotsscan', 'Walks over the keys of a codis slot.'),
];
