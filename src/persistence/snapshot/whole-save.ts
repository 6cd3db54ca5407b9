// whole-save: all databases into a file in one go, while nothing else happens: SAVE, SHUTDOWN, the save after FLUSHALL.
//
// As nothing can change meanwhile it needs no cut, and leaves one that is under way (a BGREWRITEAOF) alone. Big values go in
// parts here too: a buffer ends at 4 GB, which a list may have, and would stand beside the data.
//
// Not here: saving while commands go on (snapshot, snapshot-run).

import type { Keyspace } from '../../keyspace/keyspace.js';
import { RefList } from '../../structures/dict.js';
import { Compression, RdbWriter } from '../rdb/writer.js';
import { BIG_BYTES, BigString, type BigValue, BigValues } from './big-value.js';
import { PieceList } from './piece-list.js';
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
  /** Collections of more bytes (estimated) are written in parts. */
  bigBytes = BIG_BYTES,
): Error | null {
  const writer = new RdbWriter(compresses ? Compression.marked : Compression.none, initialBytes);
  const encoder = makeEncoder(writer);
  const refs = new RefList();
  const bigValues = new BigValues(keyspace, bigBytes);
  const openBig = (entry: number): BigValue | undefined => {
    const isString = bigValues.isBigString(entry);
    if (!isString && !bigValues.isBig(entry)) return undefined;
    const head = encoder.open(writer, entry);
    if (head === undefined) return undefined;
    if (isString) return new BigString(keyspace, encoder, head, entry, writer);
    const early = new PieceList(writer.compression);
    return bigValues.open(encoder, head, keyspace.entries.word2(entry), early, true);
  };
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
        const entry = refs.refs[at]!;
        const value = openBig(entry);
        if (value === undefined) encoder.write(writer, entry);
        else {
          value.database = index;
          value.out = writer;
          while (!value.step()) if (writer.length >= CHUNK_BYTES) sink.send(writer);
          encoder.close(writer, value);
        }
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
