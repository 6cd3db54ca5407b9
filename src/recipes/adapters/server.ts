// server: `Commands` of a server in the same process: the test kit's `run`, or the stream of `connect()`.

import type { CommandArgument, Commands } from '../commands.js';
import { ReplyReader } from './reply-reader.js';

/** A server of `createServer`. */
export interface RunnableServer {
  run(command: string, ...args: CommandArgument[]): unknown;
}

/** `Commands` of a server of the test kit: each runs at once, without a connection. */
export function fromServer(server: RunnableServer): Commands {
  return {
    send: async (command, args) => {
      await Promise.resolve();
      return server.run(command, ...args);
    },
  };
}

/** The part of a stream that the adapter uses: from `connect()` of an embedded server, or a socket. */
export interface CommandStream {
  write(bytes: Uint8Array): unknown;
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

interface Waiting {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * `Commands` over a stream that speaks RESP2 or RESP3. Commands are pipelined in the order of calls. When the stream breaks or the other
 * side breaks the protocol, all commands that wait, and all later ones, reject.
 */
export function fromStream(stream: CommandStream): Commands {
  const waiting: Waiting[] = [];
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const one of waiting.splice(0)) one.reject(failure);
  };
  const reader = new ReplyReader((reply) => {
    const one = waiting.shift();
    if (reply instanceof Error) one?.reject(reply);
    else one?.resolve(reply);
  });
  stream.on('data', (bytes) => {
    try {
      reader.add(bytes);
    } catch (error) {
      fail(error as Error);
    }
  });
  stream.on('error', fail);
  stream.on('close', () => fail(new Error('the connection is closed')));
  return {
    send: (command, args) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        waiting.push({ resolve, reject });
        stream.write(encodeRequest([command, ...args]));
      }),
  };
}

const encoder = new TextEncoder();

export function encodeRequest(words: readonly CommandArgument[]): Uint8Array {
  const parts: Uint8Array[] = [encoder.encode(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = word instanceof Uint8Array ? word : encoder.encode(String(word));
    parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, encoder.encode('\r\n'));
  }
  return Buffer.concat(parts);
}
