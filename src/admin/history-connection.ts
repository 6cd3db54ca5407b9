// history-connection: opens connections to the Redis in which the history of the servers is kept.

import { Connection } from '../client/connection.js';
import { isError, replyText } from '../client/reply.js';
import type { ServerAddress } from '../transfer/link/address.js';

const CONNECT_MS = 10_000;

export async function openHistoryConnection({
  endpoint,
  user,
  password,
  database,
  name,
}: ServerAddress): Promise<Connection> {
  const connection = await Connection.open({ ...endpoint, timeoutMs: CONNECT_MS });
  const must = async (...words: string[]): Promise<void> => {
    const reply = await connection.call(...words);
    if (!isError(reply)) return;
    connection.close();
    throw new Error(`${name} replies to ${words[0]!}: ${replyText(reply)}`);
  };
  if (password !== undefined) await must('AUTH', ...(user === undefined ? [] : [user]), password);
  if (database !== undefined && database !== 0) await must('SELECT', String(database));
  return connection;
}
