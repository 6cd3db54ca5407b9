// stream-encoder: writes a stream as RDB: its nodes, its ids, its groups with what is pending.

import type { Keyspace } from '../keyspace/keyspace.js';
import type { RdbWriter } from './rdb-writer.js';

export function writeStream(_keyspace: Keyspace, _ref: number, _writer: RdbWriter): void {
  throw new Error('streams cannot be saved yet');
}

/** Visits what DEBUG DIGEST sees of a stream: each id as text, then its fields and values. */
export function forEachStreamPart(_keyspace: Keyspace, _ref: number, _visit: (part: Uint8Array) => void): void {
  throw new Error('streams cannot be saved yet');
}
