// replica: --replica, and SYNC or PSYNC typed as a command: passes over the snapshot and prints the stream of commands.
import { ByteSource } from '../../client/byte-source.js';
import { encodeCommand } from '../../client/encode-command.js';
import { ReplyProtocolError, ReplyReader } from '../../client/reply-reader.js';
import { readSnapshot, readSnapshotHeader, SnapshotError } from '../../client/snapshot-transfer.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import { writeCsv } from '../output/csv.js';
import type { ServerSession } from '../server-session.js';
import { sendReplconf } from './replica-handshake.js';

export async function runReplicaMode(session: ServerSession, _options: CliOptions, _console: Console): Promise<number> {
  await session.connectOrExit();
  await sendReplconf(session, 'capa', 'eof');
  await sendReplconf(session, 'rdb-filter-only', '');
  await runReplica(session, true);
  return 1;
}

/** Runs until the connection ends; the session has none afterwards. */
export async function runReplica(session: ServerSession, sendSync: boolean): Promise<void> {
  const { console } = session;
  const { stream, rest } = session.connection!.detach();
  session.connection = undefined;
  let failure = 'Server closed the connection';
  try {
    if (sendSync) stream.write('SYNC\r\n');
    const source = new ByteSource(stream, rest);
    await passSnapshot(source, stream, console);
    failure = await printCommands(source, console);
  } catch (error) {
    if (!(error instanceof SnapshotError)) {
      failure = error instanceof ReplyProtocolError ? error.message : systemErrorText(error);
    } else {
      console.complainBytes(`${error.message}\n`);
      throw new Exit(1);
    }
  } finally {
    stream.on('error', () => undefined);
    stream.destroy();
  }
  console.complain(`Error: ${failure}\n`);
  if (!session.interactive) throw new Exit(1);
}

async function passSnapshot(source: ByteSource, stream: Duplex, console: Console): Promise<void> {
  const header = await readSnapshotHeader(source);
  if (header.resync !== undefined) console.complainBytes(`PSYNC replied ${header.resync}\n`);
  const about = header.resync === undefined ? 'SYNC' : header.hasSnapshot ? 'Full resync' : 'Partial resync';
  if (!header.hasSnapshot) {
    console.complain(`${about} with master...\n`);
    return;
  }
  const amount =
    header.bytes === undefined ? 'bytes of bulk transfer until EOF marker' : `${header.bytes} bytes of bulk transfer`;
  console.complain(`${about} with master, discarding ${amount}...\n`);
  let bytes = 0;
  for await (const part of readSnapshot(source, header)) bytes += part.length;
  if (header.mark === undefined) {
    console.complain(`${about} done. Logging commands from master.\n`);
    return;
  }
  console.complain(`${about} done after ${bytes + header.mark.length} bytes. Logging commands from master.\n`);
  // A master that sends its snapshot from memory wants to hear from the replica before it goes on.
  await sleep(1000);
  console.complain('sending REPLCONF ACK 0\n');
  stream.write(encodeCommand(['REPLCONF', 'ACK', '0']));
}

async function printCommands(source: ByteSource, console: Console): Promise<string> {
  const reader = new ReplyReader();
  for (;;) {
    const chunk = await source.read();
    if (chunk === undefined) return 'Server closed the connection';
    // Lone line ends keep the link alive between commands.
    reader.feed(reader.midway ? chunk : chunk.subarray(chunk.findIndex((byte) => byte !== 10 && byte !== 13)));
    for (let command = reader.next(); command !== undefined; command = reader.next()) {
      writeCsv(console, command);
      console.write('\n');
    }
    console.flush();
  }
}
