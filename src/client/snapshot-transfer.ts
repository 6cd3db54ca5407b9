// snapshot-transfer: the RDB that a master sends after SYNC or PSYNC.
//
//   $<bytes>\r\n<rdb>                    a file of known size
//   $EOF:<40 random bytes>\r\n<rdb><the 40 bytes again>     straight from memory, of unknown size
//
// After PSYNC a line +FULLRESYNC <id> <offset> or +CONTINUE [<id>] comes first; the latter has no RDB.
import type { ByteSource } from './byte-source.js';

const markBytes = 40;
const headerBytesMax = 4096;

export interface SnapshotHeader {
  /** The line that answered PSYNC; undefined after SYNC. */
  readonly resync: string | undefined;
  /** False after +CONTINUE. */
  readonly hasSnapshot: boolean;
  /** Undefined when a mark ends the snapshot. */
  readonly bytes: number | undefined;
  readonly mark: Buffer | undefined;
}

/** The master refused, or the stream ended or holds something else. */
export class SnapshotError extends Error {}

export async function readSnapshotHeader(source: ByteSource): Promise<SnapshotHeader> {
  let line = await readHeaderLine(source, 'SYNCing');
  let resync: string | undefined;
  if (line.startsWith('+FULLRESYNC') || line.startsWith('+CONTINUE')) {
    resync = line;
    if (line.startsWith('+CONTINUE')) return { resync, hasSnapshot: false, bytes: 0, mark: undefined };
    line = await readHeaderLine(source, 'PSYNCing');
  }
  const mark = /^\$EOF:(.{40})$/s.exec(line);
  if (mark !== null) return { resync, hasSnapshot: true, bytes: undefined, mark: Buffer.from(mark[1]!, 'latin1') };
  const bytes = /^\$(\d{1,15})$/.exec(line);
  if (bytes === null) throw new SnapshotError(`SYNC with master failed: ${line}`);
  return { resync, hasSnapshot: true, bytes: Number(bytes[1]), mark: undefined };
}

async function readHeaderLine(source: ByteSource, doing: string): Promise<string> {
  const line = await source.readLine(headerBytesMax);
  if (line === undefined) throw new SnapshotError(`Error reading bulk length while ${doing}`);
  if (line.startsWith('-')) throw new SnapshotError(`SYNC with master failed: ${line}`);
  return line;
}

/** The bytes of the snapshot, chunk by chunk, without the mark; what follows stays in the source. */
export async function* readSnapshot(source: ByteSource, header: SnapshotHeader): AsyncGenerator<Buffer, void> {
  if (header.mark === undefined) {
    for (let missing = header.bytes ?? 0; missing > 0;) {
      const chunk = await readChunk(source);
      source.unread(chunk.subarray(missing));
      const part = chunk.subarray(0, missing);
      missing -= part.length;
      yield part;
    }
    return;
  }
  // The last bytes are held back: they may be the mark, whole or begun. A master sends nothing after the mark until it
  // hears of the replica, so the mark is always at the end of what has arrived.
  let tail: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await readChunk(source);
    const joined = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    const found = joined.indexOf(header.mark, Math.max(0, tail.length - markBytes));
    if (found >= 0) {
      source.unread(joined.subarray(found + markBytes));
      if (found > 0) yield joined.subarray(0, found);
      return;
    }
    const keep = Math.min(joined.length, markBytes - 1);
    if (joined.length > keep) yield joined.subarray(0, joined.length - keep);
    tail = joined.subarray(joined.length - keep);
  }
}

async function readChunk(source: ByteSource): Promise<Buffer> {
  const chunk = await source.read();
  if (chunk === undefined) throw new SnapshotError('I/O Error reading RDB payload from socket');
  return chunk;
}
