// router-call: requests of the proxy's own to the server of a key, through redirections and slots on their way like a client's.
import { latin1 } from '../../base/bytes.js';
import { encodeCommand } from '../../client/encode-command.js';
import { isError, replyText, type Reply } from '../../client/reply.js';
import { ReplyReader } from '../../client/reply-reader.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import type { ReplySink } from '../wire/reply-sink.js';

/** Finds what the proxy does with a command of this name. */
export type PlanFinder = (name: string) => Plan;

export class ReplyError extends Error {}

class Answer implements ReplySink {
  constructor(
    private readonly resolve: (reply: Reply) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    const reader = new ReplyReader();
    reader.feed(Buffer.from(bytes.slice(from, to)));
    try {
      const reply = reader.next();
      if (reply === undefined) this.reject(new Error('the reply is cut'));
      else if (isError(reply)) this.reject(new ReplyError(replyText(reply)));
      else this.resolve(reply);
    } catch (error) {
      this.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  takePart(): boolean {
    return false;
  }

  takeFailure(_tag: number, text: string): void {
    this.reject(new Error(text.replace(/^ERR /, '')));
  }
}

/** Sends a command whose key is its first argument; rejects with a ReplyError for an error reply. */
export function callByKey(
  router: Router,
  planOf: PlanFinder,
  databaseIndex: number,
  words: readonly [string, Uint8Array, ...(string | Uint8Array)[]],
): Promise<Reply> {
  const [name, key] = words;
  const plan = planOf(name.toLowerCase());
  const asker: Asker = { lane: 0, databaseIndex, protocol: 2 };
  const bytes = new Uint8Array(encodeCommand(words));
  return new Promise((resolve, reject) => {
    const answer = new Answer(resolve, reject);
    if (router.forward !== undefined) {
      const keyStart = bytes.length - trailingBytes(words);
      const frame: Frame = { bytes, from: 0, count: bytes.length, keyStart, keyLength: key.length };
      router.forward(answer, 0, asker, plan, frame);
      return;
    }
    const backend = router.pick(key, 0, key.length, plan.isWrite);
    if (backend === undefined) reject(new Error(router.error));
    else backend.connection(0, databaseIndex, 2).send(answer, 0, bytes, 0, bytes.length);
  });
}

/** Bytes of a request from its second argument on. */
function trailingBytes(words: readonly (string | Uint8Array)[]): number {
  let total = 0;
  for (const [index, word] of words.entries()) {
    if (index === 0) continue;
    const length = typeof word === 'string' ? Buffer.byteLength(word) : word.length;
    total += length + 2;
    // The length line of the key itself stands before it.
    if (index > 1) total += String(length).length + 3;
  }
  return total;
}

/** A key's name for maps. */
export function nameOf(databaseIndex: number, key: Uint8Array): string {
  return `${databaseIndex}:${latin1(key)}`;
}
