// ask: one question of the proxy's own to a server, on a shared connection.
import { encodeCommand } from '../../client/encode-command.js';
import type { Reply } from '../../client/reply.js';
import { ReplyReader } from '../../client/reply-reader.js';
import type { Backend } from '../pool/backend.js';

/** Resolves with the reply; rejects when none comes. */
export function ask(backend: Backend, words: readonly (string | Uint8Array)[], databaseIndex = 0): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const bytes = new Uint8Array(encodeCommand(words));
    backend.connection(0, databaseIndex, 2).send(
      {
        takeReply(_tag, reply, from, to) {
          const reader = new ReplyReader();
          reader.feed(Buffer.from(reply.slice(from, to)));
          try {
            const read = reader.next();
            if (read === undefined) reject(new Error('the reply is cut'));
            else resolve(read);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        },
        takePart: () => false,
        takeFailure: (_tag, text) => reject(new Error(text.replace(/^ERR /, ''))),
      },
      0,
      bytes,
      0,
      bytes.length,
    );
  });
}
