// stream-invalidations: news of changed keys over a stream of one's own: `connect()` of an embedded server, or a socket.

import { type CommandStream, encodeRequest } from '../adapters/server.js';
import { ReplyReader } from '../adapters/reply-reader.js';
import { machineSurroundings } from '../surroundings.js';
import {
  beginToListen,
  type InvalidationListener,
  type InvalidationOptions,
  type Invalidations,
  keyOfChannel,
  tellKeys,
} from './invalidations.js';

export interface ClosableStream extends CommandStream {
  destroy(): unknown;
}

/** Listens over streams that `open` gives, in RESP3; in RESP2, by keyspace notifications, where the server has no RESP3. */
export function streamInvalidations(open: () => ClosableStream, options: InvalidationOptions = {}): Invalidations {
  const { retryMs = 200, surroundings = machineSurroundings, onError } = options;
  return {
    listen(prefixes, listener) {
      let isClosed = false;
      let cancel = (): void => undefined;
      let stream: ClosableStream | undefined;
      const connect = (): void => {
        const own = open();
        stream = own;
        const end = (error?: Error): void => {
          if (stream !== own) return;
          stream = undefined;
          own.destroy();
          if (isClosed) return;
          listener.lost();
          if (error !== undefined) onError?.(error);
          cancel = surroundings.after(retryMs, connect);
        };
        listenOn(own, prefixes, listener, options, end).then(
          () => {
            if (stream === own) listener.ready();
          },
          (error: Error) => end(error),
        );
      };
      connect();
      return () => {
        isClosed = true;
        cancel();
        stream?.destroy();
      };
    },
  };
}

async function listenOn(
  stream: ClosableStream,
  prefixes: readonly string[],
  listener: InvalidationListener,
  options: InvalidationOptions,
  end: (error?: Error) => void,
): Promise<void> {
  const waiting: { readonly resolve: (reply: unknown) => void; readonly reject: (error: Error) => void }[] = [];
  const fail = (error: Error): void => {
    for (const { reject } of waiting.splice(0)) reject(error);
    end(error);
  };
  const hear = (message: readonly unknown[]): boolean => {
    if (message[0] === 'invalidate') tellKeys(listener, message[1]);
    else if (message[0] === 'pmessage') listener.changed(keyOfChannel(String(message[2])));
    else return false;
    return true;
  };
  const answer = (reply: unknown): void => {
    if (reply instanceof Error) waiting.shift()?.reject(reply);
    else if (!Array.isArray(reply) || !hear(reply)) waiting.shift()?.resolve(reply);
  };
  // In RESP3 the reply to a subscription is a push.
  const reader = new ReplyReader(answer, (message) => {
    if (!hear(message) && /subscribe$/.test(String(message[0]))) waiting.shift()?.resolve(message);
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
  const call = (command: string, ...args: string[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      stream.write(encodeRequest([command, ...args]));
    });
  const hasPushes = await call('HELLO', '3').then(
    () => true,
    (error: Error) => {
      if (!/unknown command/i.test(error.message)) throw error;
      return false;
    },
  );
  await beginToListen(
    {
      call,
      hasPushes,
      subscribe: (channel) => call('SUBSCRIBE', channel),
      psubscribe: (pattern) => call('PSUBSCRIBE', pattern),
    },
    prefixes,
    hasPushes ? options : { ...options, by: 'keyspace' },
  );
}
