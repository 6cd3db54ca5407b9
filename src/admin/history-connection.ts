// history-connection: opens connections to the Redis in which the history of the servers is kept.

import type { Connection } from '../client/connection.js';
import { LoginError, openNode } from '../client/open-node.js';
import { isError, replyText } from '../client/reply.js';
import type { ServerAddress } from '../transfer/link/address.js';

const CONNECT_MS = 10_000;

export async function openHistoryConnection(address: ServerAddress): Promise<Connection> {
  const { endpoint, database, name } = address;
  const connection = await openNode({ ...endpoint, timeoutMs: CONNECT_MS }, address).catch((error: unknown) => {
    throw error instanceof LoginError ? new Error(`${name} replies to AUTH: ${error.message}`) : error;
  });
  if (database === undefined || database === 0) return connection;
  const reply = await connection.call('SELECT', String(database));
  if (!isError(reply)) return connection;
  connection.close();
  throw new Error(`${name} replies to SELECT: ${replyText(reply)}`);
}
