// replies: replies that several commands of this layer share.
import { latin1Bytes } from '../../base/bytes.js';
import type { Call } from '../../registry/call.js';

/** A byte string as a bulk string. */
export function replyBytes(call: Call, text: string): void {
  const bytes = latin1Bytes(text);
  call.reply.bulk(bytes, 0, bytes.length);
}

/** A subcommand with more arguments than it takes, which its arity cannot tell. */
export function unknownSubcommand(call: Call, container: string): void {
  call.reply.error(
    `ERR unknown subcommand or wrong number of arguments for '${call.shown(1).slice(0, 128)}'. Try ${container} HELP.`,
  );
}
