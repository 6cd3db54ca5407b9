// replies: small readings of replies.

import { isAggregate, type Reply, replyText } from '../../client/reply.js';

const NONE = new Uint8Array(0);

/** The bytes of a bulk or status; undefined for nil. */
export function bytesOf(reply: Reply | undefined): Uint8Array | undefined {
  return reply !== undefined && 'bytes' in reply ? reply.bytes : undefined;
}

export function numberOf(reply: Reply | undefined): number {
  return Number(replyText(reply));
}

/** The elements of an array, as bytes. */
export function listOf(reply: Reply | undefined): Uint8Array[] {
  if (reply === undefined || !isAggregate(reply)) return [];
  return reply.elements.map((element) => bytesOf(element) ?? Buffer.from(replyText(element)) ?? NONE);
}

/** An error reply of its text. */
export function replyOf(text: string): Reply {
  return { kind: 'error', bytes: Buffer.from(text, 'latin1') };
}

export function elementsOf(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && isAggregate(reply) ? reply.elements : [];
}

/** A field of INFO. */
export function infoField(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
}
