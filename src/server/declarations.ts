// declarations: every command of the data server, for the server itself and for generated documents.

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

/** A table of them all for a server that passes calls on; `isInCodis`: with those of codis-server. */
export function makeTable(isInCodis = false): CommandTable<ServerCall> {
  const declarations = isInCodis ? [...allDeclarations, ...codisCommands] : allDeclarations;
  return new CommandTable<CallFor<never>>(declarations) as unknown as CommandTable<ServerCall>;
}
