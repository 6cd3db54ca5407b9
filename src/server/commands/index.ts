// Commands that need the server itself, beyond the Engine that data commands see.

import type { ServerCommand } from '../server.js';
import { connectionCommands } from './connection.js';
import { transactionCommands } from './transactions.js';

export const serverCommands: readonly ServerCommand[] = [...connectionCommands, ...transactionCommands];
