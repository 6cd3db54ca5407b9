// probe: what kind of server an address leads to. A proxy may close the connection when it hears INFO, so this one is not
// used for anything else.

import { isError, replyText } from '../../client/reply.js';
import type { ServerAddress } from './address.js';
import { Pipeline } from './pipeline.js';
import { infoField } from './replies.js';

export interface ProbedServer {
  /** Undefined where nothing tells it: a proxy. */
  readonly version: string | undefined;
  readonly isCluster: boolean;
}

export async function probeServer(address: ServerAddress): Promise<ProbedServer> {
  const pipeline = await Pipeline.open(address);
  try {
    const reply = await pipeline.call('INFO');
    if (isError(reply)) return { version: undefined, isCluster: false };
    const text = replyText(reply);
    return { version: infoField(text, 'redis_version'), isCluster: infoField(text, 'cluster_enabled') === '1' };
  } catch {
    return { version: undefined, isCluster: false };
  } finally {
    pipeline.close();
  }
}
