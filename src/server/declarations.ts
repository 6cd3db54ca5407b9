// declarations: every command of the data server, for the server itself and for generated documents.

import { CommandTable } from '../registry/table.js';
import { dataCommands } from '../commands/index.js';
import { persistenceCommands } from '../persistence/commands/index.js';
import { clientCommands, serviceCommands } from '../service/commands/index.js';
import type { CallFor, ServerCall } from './call.js';
import { serverCommands } from './commands/index.js';

/** Each with what it reaches of the server; the server's own file checks that it has all of it. */
export const allDeclarations = [
  ...dataCommands,
  ...persistenceCommands,
  ...serviceCommands,
  ...clientCommands,
  ...serverCommands,
];

/** A table of them all for a server that passes calls on. */
export function makeTable(): CommandTable<ServerCall> {
  return new CommandTable<CallFor<never>>(allDeclarations) as unknown as CommandTable<ServerCall>;
}
