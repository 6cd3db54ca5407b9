// declarations: every command of the data server, for the server itself and for generated documents.

import { dataCommands } from '../commands/index.js';
import { persistenceCommands } from '../persistence/commands/index.js';
import { serviceCommands } from '../service/commands/index.js';
import { serverCommands } from './commands/index.js';
import type { ServerCommand } from './server.js';

export const allDeclarations: readonly ServerCommand[] = [
  ...(dataCommands as readonly ServerCommand[]),
  ...(persistenceCommands as readonly ServerCommand[]),
  ...(serviceCommands as unknown as readonly ServerCommand[]),
  ...serverCommands,
];
