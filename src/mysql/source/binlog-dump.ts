// binlog-dump: asks a server for its binlog, as a replica does, and gives the bytes of the events.
//
// mysql2 brings the connection to where commands can be sent; then its stream is taken over, because its own reader of binlogs
// does not hold the server back and knows few events. A packet is a length (3), a sequence number (1) and a body; bodies of
// 2^24 - 1 bytes go on in the next packet. A body begins with 0 (an event follows), 0xfe (the end) or 0xff (an error: number
// (2), '#', state (5), text).
//
//   COM_REGISTER_SLAVE   0x15  server id (4)  host, user, password (each length (1) and bytes)  port (2)  rank (4)  master id (4)
//   COM_BINLOG_DUMP      0x12  position (4)  flags (2)  server id (4)  file
//   COM_BINLOG_DUMP_GTID 0x1e  flags (2)  server id (4)  file length (4)  file  position (8)  GTID set length (4)  GTID set
//
// MariaDB takes GTIDs as variables of the session before COM_BINLOG_DUMP.
//
// Source: "Replication Protocol" in MySQL's and MariaDB's documentation.
import type { Duplex } from 'node:stream';
import { systemErrorText } from '../../base/system-error.js';
import { BinlogFormatError } from '../binlog/byte-cursor.js';
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js';
import type { Flavor, Position } from '../gtid/position.js';
import { SourceLost, SourceRefused, sqlText, type SourceConnection } from './source-connection.js';

const HEAD_BYTES = 4;
const PART_BYTES_MAX = 0xff_ffff;
/** A server's max_allowed_packet goes up to 1 GB, and an event may be a little longer than a packet. */
const PACKET_BYTES_MAX = 0x4100_0000;
const DUMP_THROUGH_GTID = 4;
/** Waiting bytes above which reading stops until they are taken. */
const READ_AHEAD_BYTES = 8 << 20;
/** A server that has not answered COM_REGISTER_SLAVE for so long hangs. */
const REGISTER_MS = 30_000;

export interface DumpRequest {
  readonly flavor: Flavor;
  readonly serverId: number;
  readonly start: Position;
  readonly heartbeatSeconds: number;
  /** The server's binlog_checksum. */
  readonly hasChecksums: boolean;
  /** Go by GTIDs, not by file and offset. */
  readonly byGtid: boolean;
}

/** The server no longer has the binlog that is asked for. */
export class BinlogPurged extends Error {}

const ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236;

/** Joins packets, however their bytes arrive, and checks their lengths. */
export class PacketReader {
  private chunks: Buffer[] = [];
  /** Bytes of the first chunk that were taken. */
  private taken = 0;
  private length = 0;
  private parts: Buffer[] = [];
  private partsBytes = 0;

  feed(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  get waitingBytes(): number {
    return this.length;
  }

  /** The body of the next packet, or undefined until more bytes come. */
  next(): Buffer | undefined {
    for (;;) {
      if (this.length < HEAD_BYTES) return undefined;
      if (this.chunks[0]!.length - this.taken < HEAD_BYTES) this.join();
      const [first] = this.chunks as [Buffer];
      const at = this.taken;
      const size = first[at]! | (first[at + 1]! << 8) | (first[at + 2]! << 16);
      if (this.partsBytes + size > PACKET_BYTES_MAX) throw new BinlogFormatError('a packet of more than 1 GB');
      if (this.length < HEAD_BYTES + size) return undefined;
      const body = this.take(size);
      if (size === PART_BYTES_MAX) {
        this.parts.push(body);
        this.partsBytes += size;
        continue;
      }
      if (this.parts.length === 0) return body;
      const whole = Buffer.concat([...this.parts, body]);
      this.parts = [];
      this.partsBytes = 0;
      return whole;
    }
  }

  private join(): void {
    this.chunks[0] = this.chunks[0]!.subarray(this.taken);
    this.taken = 0;
    this.chunks = [Buffer.concat(this.chunks)];
  }

  /** The body after the head, which are both there. */
  private take(size: number): Buffer {
    const whole = HEAD_BYTES + size;
    if (this.chunks[0]!.length - this.taken < whole) this.join();
    const first = this.chunks[0]!;
    const body = first.subarray(this.taken + HEAD_BYTES, this.taken + whole);
    this.length -= whole;
    this.taken += whole;
    if (this.taken === first.length) {
      this.chunks.shift();
      this.taken = 0;
    }
    return body;
  }
}

/** Reads the body of an error packet. */
export function readErrorPacket(body: Buffer): SourceRefused | BinlogPurged {
  const number = body.length >= 3 ? body.readUInt16LE(1) : 0;
  const hasState = body[3] === 0x23;
  const state = hasState ? body.toString('latin1', 4, 9) : undefined;
  const message = body.toString('utf8', hasState ? 9 : 3);
  const isGone =
    /purged|could not find first log|missing|does not exist|impossible position|not in the master's binlog/i.test(
      message,
    );
  if (number === ER_MASTER_FATAL_ERROR_READING_BINLOG && isGone) return new BinlogPurged(message);
  return new SourceRefused(message, number, state);
}

function registerCommand(serverId: number): Buffer {
  const body = Buffer.alloc(18);
  body[0] = 0x15;
  body.writeUInt32LE(serverId, 1);
  return body;
}

function dumpCommand({ serverId, start, byGtid, flavor }: DumpRequest): Buffer {
  if (byGtid && flavor === 'mysql') {
    const set = MysqlGtidSet.parse(start.gtids ?? '').encode();
    const head = Buffer.alloc(1 + 2 + 4 + 4 + 8 + 4);
    head[0] = 0x1e;
    head.writeUInt16LE(DUMP_THROUGH_GTID, 1);
    head.writeUInt32LE(serverId, 3);
    head.writeBigUInt64LE(4n, 11);
    head.writeUInt32LE(set.length, 19);
    return Buffer.concat([head, set]);
  }
  const head = Buffer.alloc(11);
  head[0] = 0x12;
  head.writeUInt32LE(byGtid ? 4 : start.offset, 1);
  head.writeUInt32LE(serverId, 7);
  return Buffer.concat([head, Buffer.from(byGtid ? '' : start.file)]);
}

async function prepare(connection: SourceConnection, request: DumpRequest): Promise<void> {
  const { flavor, start, byGtid } = request;
  const nanoseconds = Math.round(request.heartbeatSeconds * 1e9);
  const checksum = request.hasChecksums ? 'CRC32' : 'NONE';
  const variables = [`@master_heartbeat_period = ${nanoseconds}`, `@master_binlog_checksum = '${checksum}'`];
  if (flavor === 'mysql')
    variables.push(`@source_heartbeat_period = ${nanoseconds}`, `@source_binlog_checksum = '${checksum}'`);
  else {
    // 4: knows GTIDs. The position is that of a replica, not a slave's own table.
    variables.push('@mariadb_slave_capability = 4');
    if (byGtid)
      variables.push(
        `@slave_connect_state = ${sqlText(start.gtids ?? '')}`,
        '@slave_gtid_strict_mode = 0',
        '@slave_gtid_ignore_duplicates = 0',
      );
  }
  await connection.rows(`SET ${variables.join(', ')}`);
}

function packet(body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  return Buffer.concat([head, body]);
}

/** The stream of a binlog. The connection is its own from then on. */
export class BinlogDump {
  private readonly reader = new PacketReader();
  private failure: Error | undefined;
  private waiting: (() => void) | undefined;

  private constructor(
    private readonly connection: SourceConnection,
    private readonly stream: Duplex,
  ) {
    stream.removeAllListeners('data');
    stream.on('data', (chunk: Buffer) => {
      this.reader.feed(chunk);
      if (this.reader.waitingBytes > READ_AHEAD_BYTES) stream.pause();
      this.wake();
    });
    stream.on('error', (error) => this.fail(new SourceLost(`${connection.name}: ${systemErrorText(error)}`)));
    stream.on('close', () => this.fail(new SourceLost(`${connection.name}: the server closed the connection`)));
    stream.on('end', () => this.fail(new SourceLost(`${connection.name}: the server closed the connection`)));
    stream.resume();
  }

  static async open(connection: SourceConnection, request: DumpRequest): Promise<BinlogDump> {
    await prepare(connection, request);
    const { stream } = connection.raw as unknown as { stream: Duplex };
    const dump = new BinlogDump(connection, stream);
    stream.write(packet(registerCommand(request.serverId)));
    const hangs = setTimeout(
      () => dump.fail(new SourceLost(`${connection.name}: no reply to COM_REGISTER_SLAVE`)),
      REGISTER_MS,
    );
    try {
      const reply = await dump.nextBody();
      if (reply[0] === 0xff) throw readErrorPacket(reply);
      if (reply[0] !== 0)
        throw new BinlogFormatError('the server gives no reply to COM_REGISTER_SLAVE that makes sense');
      stream.write(packet(dumpCommand(request)));
      return dump;
    } catch (error) {
      dump.close();
      throw error;
    } finally {
      clearTimeout(hangs);
    }
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  private async nextBody(): Promise<Buffer> {
    for (;;) {
      const body = this.reader.next();
      if (body !== undefined) return body;
      if (this.failure !== undefined) throw this.failure;
      if (this.stream.isPaused()) this.stream.resume();
      await new Promise<void>((resolve) => (this.waiting = resolve));
    }
  }

  /** Bytes that have come and were not taken: how far the reader is behind what it has. */
  get waitingBytes(): number {
    return this.reader.waitingBytes;
  }

  /** Waits for more bytes; throws when the connection is lost and nothing is left. */
  async ready(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.stream.isPaused()) this.stream.resume();
    await new Promise<void>((resolve) => (this.waiting = resolve));
  }

  /** The next event if it has come already. */
  takeReady(): Buffer | undefined {
    const body = this.reader.next();
    return body === undefined ? undefined : this.eventOf(body);
  }

  /** The bytes of the next event. Ends with SourceLost when the connection does. */
  async next(): Promise<Buffer> {
    return this.takeReady() ?? this.eventOf(await this.nextBody());
  }

  private eventOf(body: Buffer): Buffer {
    const mark = body[0];
    if (mark === 0) return body.subarray(1);
    if (mark === 0xff) throw readErrorPacket(body);
    if (mark === 0xfe && body.length < 9) throw new SourceLost(`${this.connection.name}: the server ended the binlog`);
    throw new BinlogFormatError(`a packet that begins with ${mark ?? 'nothing'}`);
  }

  close(): void {
    this.fail(new SourceLost(`${this.connection.name}: closed`));
    this.connection.close();
  }
}
