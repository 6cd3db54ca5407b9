// declarations: every command of the data server, for the server itself and for generated documents.

import { oldCommands } from '../compat/old-commands.js';
import type { Profile } from '../compat/profile.js';
import { CommandTable } from '../registry/table.js';
import { dataCommands } from '../commands/index.js';
import { persistenceCommands } from '../persistence/commands/index.js';
import { clientCommands, serviceCommands } from '../service/commands/index.js';
import type { CallFor, ServerCall } from './call.js';
import { codisCommands } from './codis/index.js';
import { serverCommands } from './commands/index.js';

/** Each with what it reaches of the server; the server's own file checks that it has all of it. */
export const allDeclarations = [
  ...dataCommands,
  ...persistenceCommands,
  ...serviceCommands,
  ...clientCommands,
  ...serverCommands,
];

/**
 * A table of them all for a server that passes calls on; `isInCodis`: with those of codis-server; `profile`: as an old server
 * had them.
 */
export function makeTable(isInCodis = false, profile?: Profile): CommandTable<ServerCall> {
  const now = isInCodis ? [...allDeclarations, ...codisCommands] : allDeclarations;
  const declarations = profile === undefined ? now : oldCommands<CallFor<never>>(profile, now);
  return new CommandTable<CallFor<never>>(declarations) as unknown as CommandTable<ServerCall>;
}
