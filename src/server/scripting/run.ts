// run: one script or function that runs, from its start to its end.

import type { Execution } from '../../scripting/lua/engine.js';
import type { RedisApi } from '../../scripting/redis-api.js';
import type { Client } from '../../service/clients/client.js';

/** One script from its start to its end. */
export interface Run {
  readonly execution: Execution;
  readonly api: RedisApi;
  /** Digest of a script, name of a function. */
  readonly name: string;
  readonly isFunction: boolean;
  readonly client: Client;
  readonly commandId: number;
  readonly startedMs: number;
}
