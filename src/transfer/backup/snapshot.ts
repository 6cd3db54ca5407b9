// snapshot: the bytes of an RDB: from a server, which sends it as to a replica, or from a file.
//
// redis-server 7 and Kvasir hear `rdb-only` and count the connection as no replica; older ones see a replica that leaves.

import type { Duplex } from 'node:stream';
import { ByteSource } from '../../client/byte-source.js';
import { encodeCommand } from '../../client/encode-command.js';
import { openStream } from '../../client/open-stream.js';
import { streamErrorText } from '../../client/tls-words.js';
import { readSnapshot, readSnapshotHeader, SnapshotError } from '../../client/snapshot-transfer.js';
import { errorCode } from '../../base/system-error.js';
import type { ServerAddress } from '../link/address.js';
import { StallWatch } from '../link/stall-watch.js';
import { TransferError } from '../record/record.js';

const LINE_BYTES_MAX = 4096;

async function ask(stream: Duplex, source: ByteSource, ...words: string[]): Promise<string> {
  stream.write(encodeCommand(words));
  const line = await source.readLine(LINE_BYTES_MAX);
  if (line === undefined) throw new TransferError(`the server closed the connection after ${words[0]!}`);
  return line;
}

/** The snapshot of a server; `stallMs` is how long it may be silent. */
export async function* serverSnapshot(address: ServerAddress, stallMs: number): AsyncGenerator<Uint8Array, void> {
  let stream: Duplex;
  try {
    stream = await openStream(address.endpoint);
  } catch (error) {
    throw new TransferError(`cannot connect to ${address.name}: ${error instanceof Error ? error.message : ''}`);
  }
  const watch = new StallWatch(stream, stallMs);
  try {
    const source = new ByteSource(stream, new Uint8Array(0));
    if (address.password !== undefined) {
      const words = address.user === undefined ? [address.password] : [address.user, address.password];
      const line = await ask(stream, source, 'AUTH', ...words);
      if (line.startsWith('-')) throw new TransferError(`${address.name} refuses the password: ${line.slice(1)}`);
    }
    await ask(stream, source, 'REPLCONF', 'capa', 'eof');
    await ask(stream, source, 'REPLCONF', 'rdb-only', '1');
    stream.write(encodeCommand(['SYNC']));
    const header = await readSnapshotHeader(source);
    yield* readSnapshot(source, header);
  } catch (error) {
    if (watch.hasEnded) throw new TransferError(`${address.name} sent nothing for ${stallMs / 1000} seconds`);
    if (error instanceof SnapshotError) throw new TransferError(`${address.name}: ${error.message}`);
    if (errorCode(error) !== '') throw new TransferError(`${address.name}: ${streamErrorText(error)}`);
    throw error;
  } finally {
    watch.stop();
    stream.on('error', () => undefined);
    stream.destroy();
  }
}
