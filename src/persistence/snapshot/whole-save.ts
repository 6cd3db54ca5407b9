// whole-save: all databases into a file in one go, while nothing else happens: SAVE, SHUTDOWN, the save after FLUSHALL.
//
// As nothing can change meanwhile it needs no cut, and leaves one that is under way (a BGREWRITEAOF) alone.
//
// Not here: saving while commands go on (snapshot, snapshot-run).

import type { Keyspace } from '../../keyspace/keyspace.js';
import { RefList } from '../../structures/dict.js';
import { Compression, RdbWriter } from '../rdb/writer.js';
import type { SnapshotEncoder } from './snapshot.js';

/** Where the bytes go: a file, or memory. It is done when `finish` returns. */
export interface WholeSink {
  /** Takes what the writer holds, and leaves it empty. */
  send(writer: RdbWriter): void;
  finish(done: (error: Error | null) => void): void;
}

const CHUNK_BYTES = 224 * 1024;
const BATCH = 64;

/** Writes all there is and puts the file in place; the error if that failed. */
export function saveWhole(
  keyspace: Keyspace,
  makeEncoder: (writer: RdbWriter) => SnapshotEncoder,
  sink: WholeSink,
  compresses: boolean,
  initialBytes?: number,
): Error | null {
  const writer = new RdbWriter(compresses ? Compression.marked : Compression.none, initialBytes);
  const encoder = makeEncoder(writer);
  const refs = new RefList();
  encoder.start(writer);
  keyspace.databases.forEach((database, index) => {
    if (database.size === 0) return;
    encoder.selectDatabase(writer, index);
    encoder.announceDatabase(writer, database.size, database.expiries.count);
    let cursor = 0;
    do {
      refs.clear();
      cursor = database.scan(cursor, BATCH, refs);
      for (let at = 0; at < refs.length; at++) {
        encoder.write(writer, refs.refs[at]!);
        if (writer.length >= CHUNK_BYTES) sink.send(writer);
      }
    } while (cursor !== 0);
  });
  encoder.end(writer);
  sink.send(writer);
  let failure: Error | null = null;
  sink.finish((error) => (failure = error));
  return failure;
}
