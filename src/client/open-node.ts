// open-node: a connection to a server that has logged in, which is what pools and cluster clients hand out.
import { Connection } from './connection.js';
import type { Endpoint } from './open-stream.js';
import { isError, replyText } from './reply.js';

export interface Login {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** The server refused the login, in its own words. */
export class LoginError extends Error {}

export async function openNode(endpoint: Endpoint, { user, password }: Login = {}): Promise<Connection> {
  const connection = await Connection.open(endpoint);
  try {
    await logIn(connection, { user, password });
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/** Sends AUTH if there is a password. */
export async function logIn(connection: Connection, { user, password }: Login): Promise<void> {
  if (password === undefined) return;
  const reply = await connection.call('AUTH', ...(user === undefined ? [] : [user]), password);
  if (isError(reply)) throw new LoginError(replyText(reply));
}
