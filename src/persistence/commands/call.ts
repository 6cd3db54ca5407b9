// call: the call of a persistence command, which adds `persistence` to the host of every data command.

import type { DataClient, Engine } from '../../commands/engine.js';
import type { Database } from '../../keyspace/database.js';
import type { Call } from '../../registry/call.js';
import type { CommandDeclaration } from '../../registry/command.js';
import type { Persistence } from '../persistence.js';

export interface PersistentEngine extends Engine {
  readonly persistence: Persistence;
}

export type PersistenceCall = Call<Database, PersistentEngine, DataClient>;
export type PersistenceCommand = CommandDeclaration<PersistenceCall>;
