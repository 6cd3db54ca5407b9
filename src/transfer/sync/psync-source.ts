// psync-source: a server's data and then its stream of writes, as a replica gets them.
//
// The connection is read at once, whatever the target does: the data set and the commands go into a spool on disk, so that the
// source never cuts the link because of a full output buffer. Each second the offset that was received is acknowledged.
//
// The position is the replication id and the offset up to which the target has everything. A run that begins with one goes on
// there when the source's backlog still has it, and gets the whole data set otherwise.

import type { Duplex } from 'node:stream';
import { ByteSource } from '../../client/byte-source.js';
import { encodeCommand } from '../../client/encode-command.js';
import { openStream } from '../../client/open-stream.js';
import {
  readSnapshot,
  readSnapshotHeader,
  SnapshotError,
  type SnapshotHeader,
} from '../../client/snapshot-transfer.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { VALKEY_MAGIC } from '../../persistence/rdb/format.js';
import type { ServerAddress } from '../link/address.js';
import { LinkLost } from '../link/pipeline.js';
import { StallWatch } from '../link/stall-watch.js';
import { type Batch, type CommandRecord, type Position, type Source, TransferError } from '../record/record.js';
import { noteBytes } from '../garbage.js';
import { RdbSource } from '../sources/rdb-source.js';
import { Spool } from './spool.js';

const LINE_BYTES_MAX = 4096;
const BATCH_COMMANDS = 1000;
const ACKNOWLEDGE_MS = 1000;

/** The source lets nobody replicate from it, or not this user. */
export class PsyncRefused extends TransferError {}

export interface PsyncOptions {
  readonly spoolFolder: string;
  readonly from: Position | undefined;
  /** End after the data set and what came until it was written. */
  readonly stopsAfterSnapshot: boolean;
  /** Give the data set alone, as it was at one moment, without the changes since. */
  readonly isSnapshotOnly: boolean;
  /** Damage inside of values is left to the target. */
  readonly skimsValues?: boolean;
  /** See RdbSource; of a data set. */
  readonly packsStrings?: boolean;
  /**
   * Gets the bytes of a snapshot alone, as they come, before what was read out of them is given. Nothing is spooled then: it must be
   * as fast as a file.
   */
  readonly onSnapshot?: ((bytes: Uint8Array) => void) | undefined;
  readonly isStopping: () => boolean;
}

/** Whether the first bytes, however few came, are those of an RDB. */
function beginsAsRdb(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, 5);
  return ['REDIS', VALKEY_MAGIC].some((magic) => magic.startsWith(text) || text.startsWith(magic));
}

export class PsyncSource implements Source {
  totalBytes: number | undefined;
  readonly totalKeys = undefined;
  readonly warnings: string[] = [];
  /** Whether the whole data set comes; known from the first batch on. */
  isFull = false;
  phase: 'connecting' | 'receiving' | 'writing' | 'following' = 'connecting';
  replicationId = '';
  /** Offset up to which bytes were received, and up to which they were given out. */
  receivedOffset = 0;
  givenOffset = 0;
  private stream: Duplex | undefined;
  private readonly snapshot: Spool;
  private readonly commands: Spool;
  private database = 0;
  private snapshotBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private watch: StallWatch | undefined;

  constructor(
    private readonly address: ServerAddress,
    private readonly options: PsyncOptions,
  ) {
    this.snapshot = new Spool(options.spoolFolder);
    this.commands = new Spool(options.spoolFolder);
  }

  get name(): string {
    return this.address.name;
  }

  get isSnapshotOnly(): boolean {
    return this.options.isSnapshotOnly;
  }

  /** Bytes that the target is behind. */
  get lagBytes(): number {
    return this.receivedOffset - this.givenOffset;
  }

  private send(...words: string[]): void {
    this.stream?.write(encodeCommand(words));
  }

  private async ask(source: ByteSource, ...words: string[]): Promise<string> {
    this.send(...words);
    const line = await source.readLine(LINE_BYTES_MAX);
    if (line === undefined) throw new LinkLost(`${this.name} closed the connection after ${words[0]!}`);
    return line;
  }

  /** Connects and asks; true when the whole data set comes. */
  private async begin(): Promise<{ isFull: boolean; source: ByteSource; header: SnapshotHeader }> {
    const { address, options } = this;
    let stream: Duplex;
    try {
      stream = await openStream(address.endpoint);
    } catch (error) {
      throw new LinkLost(
        `cannot connect to ${address.name}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    this.stream = stream;
    this.watch = new StallWatch(stream, address.replyMs ?? 0);
    const source = new ByteSource(stream, new Uint8Array(0));
    if (address.password !== undefined) {
      const words = address.user === undefined ? [address.password] : [address.user, address.password];
      const line = await this.ask(source, 'AUTH', ...words);
      if (line.startsWith('-')) throw new TransferError(`${this.name} refuses the password: ${line.slice(1)}`);
    }
    await this.ask(source, 'REPLCONF', 'capa', 'eof', 'capa', 'psync2');
    // Then redis-server 7 and Kvasir do not count the connection as a replica, and older ones refuse the word.
    if (options.isSnapshotOnly) await this.ask(source, 'REPLCONF', 'rdb-only', '1');
    const { from } = options;
    if (from === undefined) this.send('PSYNC', '?', '-1');
    else this.send('PSYNC', String(from.id), String(Number(from.offset) + 1));
    const header = await readSnapshotHeader(source);
    const words = (header.resync ?? '').split(' ');
    if (!header.hasSnapshot) {
      if (from === undefined) throw new TransferError(`${this.name} goes on with a stream that nobody asked for`);
      this.replicationId = words[1] ?? String(from!.id);
      this.givenOffset = this.receivedOffset = Number(from!.offset);
      this.database = Number(from!.database ?? 0);
      return { isFull: false, source, header };
    }
    this.replicationId = words[1] ?? '';
    this.givenOffset = this.receivedOffset = Number(words[2] ?? 0);
    this.totalBytes = header.bytes;
    this.phase = 'receiving';
    if (!this.isDirect) {
      for await (const part of this.received(source, header)) this.snapshot.push(part);
      this.snapshot.end();
    }
    return { isFull: true, source, header };
  }

  private get isDirect(): boolean {
    return this.options.isSnapshotOnly && this.options.onSnapshot !== undefined;
  }

  private async *received(source: ByteSource, header: SnapshotHeader): AsyncGenerator<Uint8Array, void> {
    // An empty line now and then shows the source that we live while it sends.
    const beat = setInterval(() => this.stream?.write('\n'), ACKNOWLEDGE_MS);
    try {
      for await (const part of readSnapshot(source, header)) {
        // What is no RDB at all must not fill the spool.
        if (this.snapshotBytes === 0 && !beginsAsRdb(part))
          throw new TransferError(`${this.name} sends something that is no RDB`);
        this.snapshotBytes += part.length;
        yield part;
      }
    } finally {
      clearInterval(beat);
    }
  }

  /** The snapshot as it comes. */
  private async *direct(source: ByteSource, header: SnapshotHeader): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const part of this.received(source, header)) {
        noteBytes(part.length);
        this.options.onSnapshot!(part);
        yield part;
      }
    } catch (error) {
      throw this.failureOf(error);
    }
  }

  private reasonOf(error: unknown): string {
    if (this.watch?.hasEnded === true) return `nothing came for ${(this.address.replyMs ?? 0) / 1000} seconds`;
    return error instanceof Error ? error.message : String(error);
  }

  /** A refusal is final, unless it is one of the moment; all else means that the connection was lost. */
  private failureOf(error: unknown): unknown {
    if (error instanceof TransferError) return error;
    const message = this.reasonOf(error);
    const isRefusal =
      error instanceof SnapshotError && /: -(?!NOMASTERLINK|LOADING|MASTERDOWN|BUSY|ERR Can't SYNC)/.test(message);
    if (!isRefusal) return new LinkLost(`${this.name}: ${message}`);
    if (/NOPERM|unknown command|not allowed|unsupported|disabled/i.test(message))
      return new PsyncRefused(`${this.name} refuses PSYNC: ${message}`);
    return new TransferError(`${this.name}: ${message}`);
  }

  /** Reads the stream of writes into the spool until it ends. */
  private async receive(source: ByteSource): Promise<void> {
    this.timer = setInterval(() => this.acknowledge(), ACKNOWLEDGE_MS);
    this.acknowledge();
    try {
      for (;;) {
        const chunk = await source.read();
        if (chunk === undefined) break;
        this.receivedOffset += chunk.length;
        this.commands.push(chunk);
      }
      this.commands.fail(new LinkLost(`${this.name} closed the connection`));
    } catch (error) {
      this.commands.fail(new LinkLost(`${this.name}: ${this.reasonOf(error)}`));
    }
  }

  private acknowledge(): void {
    this.send('REPLCONF', 'ACK', String(this.receivedOffset));
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const { isFull, source, header } = await this.begin().catch((error: unknown) => {
      throw this.failureOf(error);
    });
    this.isFull = isFull;
    if (!this.isDirect) void this.receive(source);
    if (isFull) {
      this.phase = 'writing';
      const skimsValues = this.options.skimsValues === true;
      const chunks = this.isDirect ? this.direct(source, header) : this.spooled();
      const rdb = new RdbSource(`${this.name} (data set)`, chunks, this.totalBytes, { skimsValues });
      rdb.packsStrings = this.options.packsStrings === true;
      yield* rdb.batches();
      this.warnings.push(...rdb.warnings);
      if (rdb.reader.offset < this.snapshotBytes)
        throw new TransferError(`${this.name} sends bytes after the end of its data set`);
      yield { records: [], sourceBytes: rdb.reader.offset, position: this.position };
    }
    if (this.options.isSnapshotOnly) return;
    this.phase = 'following';
    yield* this.follow();
  }

  private async *spooled(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk = await this.snapshot.take();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  get position(): Position {
    return { id: this.replicationId, offset: this.givenOffset, database: this.database };
  }

  private async *follow(): AsyncGenerator<Batch, void> {
    const reader = new AofReader(this.givenOffset);
    let inTransaction = false;
    let records: CommandRecord[] = [];
    for (;;) {
      const item = reader.next();
      if (item === AofItem.malformed) throw new TransferError(`${this.name} sends something that is no command`);
      if (item === AofItem.command) {
        const name = reader.text(0).toUpperCase();
        if (name === 'MULTI') inTransaction = true;
        if (name === 'EXEC') inTransaction = false;
        const record = this.recordOf(name, reader);
        if (record !== undefined) records.push(record);
        if (!inTransaction) this.givenOffset = reader.offset;
        if (records.length < BATCH_COMMANDS || inTransaction) continue;
      }
      // Between transactions only: half of one must not be written when the link ends.
      if (records.length > 0 && !inTransaction) {
        yield { records, sourceBytes: this.givenOffset, position: this.position };
        records = [];
      }
      if (item === AofItem.command) continue;
      let chunk = await this.commands.take(0);
      while (chunk === undefined) {
        // Nothing comes: the target gets everything, and the position is noted.
        yield { records: [], sourceBytes: this.givenOffset, position: this.position };
        if (this.options.stopsAfterSnapshot || this.options.isStopping() || this.commands.hasEnded) return;
        chunk = await this.commands.take(ACKNOWLEDGE_MS);
      }
      reader.push(chunk);
    }
  }

  private recordOf(name: string, reader: AofReader): CommandRecord | undefined {
    if (name === 'PING') return undefined;
    if (name === 'REPLCONF') {
      if (reader.count > 1 && reader.text(1).toUpperCase() === 'GETACK') this.acknowledge();
      return undefined;
    }
    if (name === 'SELECT' && reader.count === 2) {
      this.database = Number(reader.text(1));
      return undefined;
    }
    return { what: 'command', database: this.database, args: reader.args, offset: reader.offset };
  }

  /** Wakes what waits for commands. */
  stop(): void {
    this.commands.end();
  }

  close(): void {
    clearInterval(this.timer);
    this.watch?.stop();
    this.stream?.on('error', () => undefined);
    this.stream?.destroy();
    this.snapshot.close();
    this.commands.close();
  }
}
