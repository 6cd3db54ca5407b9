// probe: what kind of server an address leads to. A proxy may close the connection when it hears INFO, so this one is not
// used for anything else.

import { isError, replyText } from '../../client/reply.js';
import type { ServerAddress } from './address.js';
import { Pipeline } from './pipeline.js';
import { infoField } from './replies.js';

export interface ProbedServer {
  /** Undefined where it is unknown: a proxy. */
  readonly version: string | undefined;
  readonly isCluster: boolean;
  /** The server says that it is a proxy. */
  readonly isProxy: boolean;
  /** It says of its databases that none has a key. */
  readonly isEmpty: boolean;
}

const unknown: ProbedServer = { version: undefined, isCluster: false, isProxy: false, isEmpty: false };

export async function probeServer(address: ServerAddress): Promise<ProbedServer> {
  const pipeline = await Pipeline.open(address);
  try {
    const reply = await pipeline.call('INFO');
    if (isError(reply)) return unknown;
    const text = replyText(reply);
    return {
      version: infoField(text, 'redis_version'),
      isCluster: infoField(text, 'cluster_enabled') === '1',
      isProxy: infoField(text, 'proxy') !== undefined,
      isEmpty: /^# Keyspace/m.test(text) && !/^db\d+:/m.test(text),
    };
  } catch {
    return unknown;
  } finally {
    pipeline.close();
  }
}

/** Whether the server takes MULTI. twemproxy closes the connection, and a codis replies with an error. */
export async function takesTransactions(address: ServerAddress): Promise<boolean> {
  const pipeline = await Pipeline.open(address);
  try {
    const [begun] = await Promise.all([pipeline.call('MULTI'), pipeline.call('DISCARD')]);
    return !isError(begun);
  } catch {
    return false;
  } finally {
    pipeline.close();
  }
}
