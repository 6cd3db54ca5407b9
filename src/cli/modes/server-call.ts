// server-call: one command and its reply for the modes; a lost connection ends the program with redis-cli's words.
import { Connection, ConnectionLost } from '../../client/connection.js';
import type { CommandArgument } from '../../client/encode-command.js';
import { ConnectError } from '../../client/open-stream.js';
import { isError, replyText, type Reply } from '../../client/reply.js';
import { isTlsAlert } from '../../client/tls-words.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Exit } from '../exit.js';
import type { ServerSession } from '../server-session.js';

/** What a command prints whose connection was lost. */
export function lostText(error: ConnectionLost): string {
  return isTlsAlert(error) ? `Error: ${error.message}\n` : '\nI/O error\n';
}

export async function call(session: ServerSession, ...args: CommandArgument[]): Promise<Reply> {
  try {
    return await session.connection!.call(...args);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    session.console.complain(lostText(error));
    throw new Exit(1);
  }
}

/** Sends the commands together and gives their replies in order. */
export async function callAll(
  session: ServerSession,
  commands: readonly (readonly CommandArgument[])[],
): Promise<Reply[]> {
  const connection = session.connection!;
  try {
    for (const command of commands) connection.send(command);
    const replies: Reply[] = [];
    for (let index = 0; index < commands.length; index++) replies.push(await connection.readAnswer());
    return replies;
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    session.console.complain(`Error: ${error.message}\n`);
    throw new Exit(1);
  }
}

/** As `call`, trying again every second when the server is gone: for figures that run for days. */
export async function callReconnecting(session: ServerSession, ...args: CommandArgument[]): Promise<Reply> {
  const { console } = session;
  for (let tries = 0; ;) {
    if (session.connection !== undefined && session.connection.lost === undefined) {
      try {
        const reply = await session.connection.call(...args);
        if (tries > 0) console.write('\r\x1b[0K');
        return reply;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        if (error.how === 'protocol' || isTlsAlert(error)) {
          console.complain(`Error: ${error.message}\n`);
          throw new Exit(1);
        }
      }
    }
    console.write(`\r\x1b[0KReconnecting... ${++tries}\r`);
    console.flush();
    session.connection?.close();
    try {
      session.connection = await Connection.open(session.endpoint);
      await logInAgain(session);
    } catch (error) {
      if (error instanceof ConnectError && error.stage === 'tls') {
        console.complain(`TLS Error: ${error.message}\n`);
        throw new Exit(1);
      }
      if (!(error instanceof ConnectError || error instanceof ConnectionLost)) throw error;
    }
    await sleep(1000);
  }
}

async function logInAgain(session: ServerSession): Promise<void> {
  const { password, user } = session.options;
  if (password !== undefined) await session.connection!.call('AUTH', ...(user === undefined ? [] : [user]), password);
}

/** DBSIZE, for progress and totals. */
export async function readDatabaseSize(session: ServerSession): Promise<number> {
  const { console } = session;
  const reply = await call(session, 'DBSIZE');
  if (reply.kind === 'integer') return Number(reply.value);
  if (isError(reply)) console.complainBytes(`Couldn't determine DBSIZE: ${replyText(reply)}\n`);
  else console.complain('Non INTEGER response from DBSIZE!\n');
  throw new Exit(1);
}

/** Lets a replica of a cluster answer for its keys; other servers do not know what is meant, which is fine. */
export async function sendReadOnly(session: ServerSession): Promise<void> {
  const reply = await call(session, 'READONLY');
  if (!isError(reply)) return;
  const text = replyText(reply);
  if (text === 'ERR This instance has cluster support disabled' || text.startsWith('ERR unknown command')) return;
  session.console.complainBytes(`Error: ${text}\n`);
  throw new Exit(1);
}
