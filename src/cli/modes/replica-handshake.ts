// replica-handshake: what a pretended replica says before it asks for a snapshot.
import { isError, replyText } from '../../client/reply.js';
import type { ServerSession } from '../server-session.js';
import { call } from './server-call.js';

/** REPLCONF <name> <value>; false when the server refuses, which an old one may do without harm. */
export async function sendReplconf(session: ServerSession, name: string, value: string): Promise<boolean> {
  session.console.complain(`sending REPLCONF ${name} ${value}\n`);
  const reply = await call(session, 'REPLCONF', name, value);
  if (!isError(reply)) return true;
  session.console.complainBytes(`REPLCONF ${name} error: ${replyText(reply)}\n`);
  return false;
}
