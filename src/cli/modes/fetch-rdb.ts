// fetch-rdb: --rdb and --functions-rdb fetch a snapshot over the replication protocol and write it to a file.
import { open, type FileHandle } from 'node:fs/promises';
import { ByteSource } from '../../client/byte-source.js';
import { readSnapshot, readSnapshotHeader, SnapshotError } from '../../client/snapshot-transfer.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { Progress } from './progress.js';
import { sendReplconf } from './replica-handshake.js';

export async function runFetchRdb(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  await sendReplconf(session, 'capa', 'eof');
  await sendReplconf(session, 'rdb-only', '1');
  if (options.modes.has('functions-rdb') && !(await sendReplconf(session, 'rdb-filter-only', 'functions'))) {
    console.complain('Failed requesting functions only RDB from server, aborting\n');
    return 1;
  }
  const { stream, rest } = session.connection!.detach();
  session.connection = undefined;
  stream.write('SYNC\r\n');
  try {
    await writeSnapshot(new ByteSource(stream, rest), options.rdbFile, console);
  } catch (error) {
    if (error instanceof Exit) throw error;
    if (error instanceof SnapshotError) console.complainBytes(`${error.message}\n`);
    else console.complain(`I/O Error reading RDB payload from socket: ${systemErrorText(error)}\n`);
    return 1;
  } finally {
    stream.on('error', () => undefined);
    stream.destroy();
  }
  return 0;
}

async function writeSnapshot(source: ByteSource, file: string, console: Console): Promise<void> {
  const header = await readSnapshotHeader(source);
  const amount = header.bytes === undefined ? 'bytes of bulk transfer until EOF marker' : `${header.bytes} bytes`;
  console.complain(`SYNC sent to master, writing ${amount} to '${file}'\n`);
  const refuse = (what: string, error: unknown): never => {
    console.complain(`${what}: ${systemErrorText(error)}\n`);
    throw new Exit(1);
  };
  let target: FileHandle | undefined;
  if (file !== '-') {
    target = await open(file, 'w', 0o644).catch((error: unknown) => refuse(`Error opening '${file}'`, error));
  }
  const progress = new Progress(console, 'bytes', header.bytes);
  let bytes = 0;
  for await (const part of readSnapshot(source, header)) {
    if (target === undefined) {
      console.writeBytes(part);
      console.flush();
    } else {
      await target.writeFile(part).catch((error: unknown) => refuse('Error writing data to file', error));
    }
    bytes += part.length;
    progress.update(bytes);
  }
  progress.clear();
  if (header.mark === undefined) console.complain('Transfer finished with success.\n');
  else console.complain(`Transfer finished with success after ${bytes} bytes\n`);
  await target?.sync().catch((error: unknown) => refuse(`Fail to fsync '${file}'`, error));
  await target?.close();
}
