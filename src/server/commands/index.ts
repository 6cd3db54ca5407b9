// Commands that need the server itself, beyond the Engine that data commands see.

import { clientCommand } from './client.js';
import { databaseCommands } from './connection.js';
import { clusterCommand } from './cluster.js';
import { debugCommand } from './debug.js';
import { functionCommands } from './functions.js';
import { hotkeysCommand } from './hotkeys.js';
import { keyspaceCommands } from './keyspace.js';
import { memoryCommand } from './memory.js';
import { migrateCommand } from './migrate.js';
import { prefixesCommand } from './prefixes.js';
import { replicationCommands } from './replication.js';
import { scriptingCommands } from './scripting.js';
import { wholeServerCommands } from './server.js';
import { transactionCommands } from './transactions.js';
import { waitCommands } from './wait.js';

export const serverCommands = [
  clientCommand,
  clusterCommand,
  debugCommand,
  hotkeysCommand,
  memoryCommand,
  prefixesCommand,
  migrateCommand,
  ...databaseCommands,
  ...functionCommands,
  ...keyspaceCommands,
  ...replicationCommands,
  ...scriptingCommands,
  ...transactionCommands,
  ...waitCommands,
  ...wholeServerCommands,
];
