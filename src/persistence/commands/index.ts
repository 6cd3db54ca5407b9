// index: the commands of persistence.

import type { PersistenceCommand } from './call.js';
import { dump, restore, restoreAsking } from './dump.js';
import { bgrewriteaof, bgsave, lastsave, save } from './save.js';

export const persistenceCommands: readonly PersistenceCommand[] = [
  save,
  bgsave,
  lastsave,
  bgrewriteaof,
  dump,
  restore,
  restoreAsking,
];
