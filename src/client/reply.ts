// reply: what a server answered, as a tree of plain values; strings stay bytes, because Redis strings are bytes.

export interface TextReply {
  readonly kind: 'status' | 'error' | 'bulk';
  readonly bytes: Uint8Array;
}

/** A RESP3 verbatim string; `format` is its three-letter prefix (txt, mkd). */
export interface VerbatimReply {
  readonly kind: 'verbatim';
  readonly format: string;
  readonly bytes: Uint8Array;
}

export interface IntegerReply {
  readonly kind: 'integer';
  /** A bigint only where a number would lose digits. */
  readonly value: number | bigint;
}

/** A RESP3 double or big number, with the digits as they were sent. */
export interface NumberTextReply {
  readonly kind: 'double' | 'bignumber';
  readonly text: string;
}

export interface BooleanReply {
  readonly kind: 'boolean';
  readonly value: boolean;
}

export interface NilReply {
  readonly kind: 'nil';
}

/** Elements in the order of the wire; a map holds key, value, key, value. */
export interface AggregateReply {
  readonly kind: 'array' | 'set' | 'map' | 'push';
  readonly elements: readonly Reply[];
}

export type Reply =
  TextReply | VerbatimReply | IntegerReply | NumberTextReply | BooleanReply | NilReply | AggregateReply;

export const nilReply: NilReply = { kind: 'nil' };

export function isError(reply: Reply): reply is TextReply {
  return reply.kind === 'error';
}

export function isAggregate(reply: Reply): reply is AggregateReply {
  return reply.kind === 'array' || reply.kind === 'map' || reply.kind === 'set' || reply.kind === 'push';
}

/** The reply's scalar as one character per byte; empty for nil and aggregates. */
export function replyText(reply: Reply | undefined): string {
  if (reply === undefined) return '';
  switch (reply.kind) {
    case 'status':
    case 'error':
    case 'bulk':
    case 'verbatim':
      return Buffer.from(reply.bytes.buffer, reply.bytes.byteOffset, reply.bytes.length).toString('latin1');
    case 'integer':
    case 'boolean':
      return String(reply.value);
    case 'double':
    case 'bignumber':
      return reply.text;
    default:
      return '';
  }
}
