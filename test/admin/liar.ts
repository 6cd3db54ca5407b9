// liar: a server that gives the INFO and the answers of a test, and an error in the words of the test to everything else.
import { bulk, ScriptedServer } from '../monitor/scripted-server.js';

export type Nested = string | number | readonly Nested[];

function resp(value: Nested): Buffer {
  if (typeof value === 'number') return Buffer.from(`:${value}\r\n`);
  if (typeof value === 'string') return bulk(value);
  return Buffer.concat([Buffer.from(`*${value.length}\r\n`), ...value.map(resp)]);
}

export interface Lies {
  readonly info: string;
  /** By the words of a command in upper case. */
  answer(words: string, port: number): Nested | undefined;
  readonly refusal: string;
  /** Sent to whoever subscribes. */
  readonly messages: readonly string[];
}

export async function startLiar({ info, answer, refusal, messages }: Lies): Promise<ScriptedServer> {
  const server: ScriptedServer = await ScriptedServer.start((words, socket) => {
    const text = words.join(' ');
    if (text.startsWith('INFO')) socket.write(bulk(info));
    else if (text.startsWith('PSUBSCRIBE'))
      socket.write(
        Buffer.concat([
          resp(['psubscribe', '*', 1]),
          ...messages.map((message) => resp(['pmessage', '*', message, message])),
        ]),
      );
    else {
      const found = answer(text, server.port);
      socket.write(found === undefined ? Buffer.from(`-ERR ${refusal}\r\n`) : resp(found));
    }
  });
  return server;
}
