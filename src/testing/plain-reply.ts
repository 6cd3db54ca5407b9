// plain-reply: arguments and replies of a command as the plain values that a test writes and compares: strings, numbers, arrays,
// objects.

import type { Reply } from '../client/reply.js';

export type CallArgument = string | number | bigint | Uint8Array;

/** Bytes become text where they are UTF-8, else they stay a Buffer. A map becomes an object, an error reply an Error. */
export type PlainReply =
  string | number | bigint | boolean | null | Buffer | Error | PlainReply[] | { [name: string]: PlainReply };

const decoder = new TextDecoder('utf-8', { fatal: true });

export function plainBytes(bytes: Uint8Array): string | Buffer {
  try {
    return decoder.decode(bytes);
  } catch {
    return Buffer.from(bytes);
  }
}

export function plainReply(reply: Reply): PlainReply {
  switch (reply.kind) {
    case 'status':
    case 'bulk':
    case 'verbatim':
      return plainBytes(reply.bytes);
    case 'error':
      return new Error(Buffer.from(reply.bytes).toString());
    case 'integer':
    case 'boolean':
      return reply.value;
    case 'double':
      return reply.text === 'inf' ? Infinity : reply.text === '-inf' ? -Infinity : Number(reply.text);
    case 'bignumber':
      return BigInt(reply.text);
    case 'nil':
      return null;
    case 'map':
      return mapOf(reply.elements);
    case 'array':
    case 'set':
    case 'push':
      return reply.elements.map(plainReply);
  }
}

function mapOf(elements: readonly Reply[]): { [name: string]: PlainReply } {
  const map: { [name: string]: PlainReply } = Object.create(null) as { [name: string]: PlainReply };
  for (let index = 0; index + 1 < elements.length; index += 2)
    map[String(plainReply(elements[index]!))] = plainReply(elements[index + 1]!);
  return { ...map };
}
