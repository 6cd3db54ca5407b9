// event-decoder: turns the bytes of events into events; pure but for what earlier events of the stream told.
//
//   timestamp (4)  type (1)  server id (4)  size (4)  end position (4)  flags (2)  header of the type  body  checksum (4, or none)
//
// The stream describes its own format: a format description says how long each type's own header is and whether
// checksums follow, table maps say how rows are cut. A decoder keeps that, and nothing else, so a stream can begin
// anywhere that a format description and a rotate come first, as a server sends them at each connection.
//
// An event of an unknown type is passed over when its flag or its number (beyond what changes data) allows it, else it is an
// error: going on without it could lose a change.
//
// Source: the binlog event pages of MySQL's source documentation and "Replication Protocol" in MariaDB's knowledge base.
import { crc32 } from '../../base/crc32.js';
import { formatUuid, readTaggedGtid } from '../gtid/gtid-event.js';
import { readMysqlGtidSet } from '../gtid/mysql-gtid-set.js';
import { BinlogFormatError, ByteCursor } from './byte-cursor.js';
import { ARTIFICIAL_FLAG, EventType, IGNORABLE_FLAG, rowsFormOf, type RowsForm } from './event-type.js';
import type { BinlogEvent, EventBody, EventHeader } from './event.js';
import { expandEvent, expandPayload } from './expand.js';
import { readRowsHead, STATEMENT_END_FLAG } from './rows.js';
import { readTableMap, type TableMap } from './table-map.js';

export const HEADER_BYTES = 19;
const CHECKSUM_BYTES = 4;
const CHECKSUM_CRC32 = 1;
/** Table maps that may wait for their rows at once: a statement has one for each of its tables. */
const TABLE_MAPS_MAX = 10_000;
/** Events within one transaction payload. */
const PAYLOAD_EVENTS_MAX = 50_000_000;
/** The highest type that this decoder knows of MySQL and of MariaDB. */
const MYSQL_TYPE_MAX = EventType.gtidTagged;

const MariadbFlag = { standalone: 1, groupCommit: 2, prepared: 0x40, completed: 0x80 } as const;

const passive = new Set<number>([
  EventType.stop,
  EventType.intVar,
  EventType.rand,
  EventType.userVar,
  EventType.ignorable,
  EventType.rowsQuery,
  EventType.transactionContext,
  EventType.viewChange,
  EventType.appendBlock,
  EventType.deleteFile,
  EventType.beginLoadQuery,
  EventType.mariadbAnnotateRows,
  EventType.mariadbCheckpoint,
]);

export class EventDecoder {
  private hasChecksums = false;
  private isMariadb = false;
  private postHeaderBytes: Uint8Array = new Uint8Array(0);
  private readonly tableMaps = new Map<number, TableMap>();

  /** Told by the format description; before it, a server may have announced checksums. */
  constructor(hasChecksums = false) {
    this.hasChecksums = hasChecksums;
  }

  /** Decodes one event, which may hold others; `take` gets them in order. */
  decode(bytes: Uint8Array, take: (event: BinlogEvent) => void): void {
    const header = readHeader(new ByteCursor(bytes));
    if (header.size !== bytes.length)
      throw new BinlogFormatError(`an event that declares ${header.size} bytes and has ${bytes.length}`);
    if (header.type === EventType.formatDescription) {
      take({ header, ...this.readFormat(bytes) });
      return;
    }
    let end = bytes.length;
    if (this.hasChecksums) {
      end -= CHECKSUM_BYTES;
      if (end < HEADER_BYTES) throw new BinlogFormatError('an event without room for its checksum');
      const told = new ByteCursor(bytes, end).u32();
      if (crc32(bytes.subarray(0, end)) !== told)
        throw new BinlogFormatError(
          `the checksum of an event of type ${header.type} at ${header.endPosition - header.size} is wrong`,
        );
    }
    const body = new ByteCursor(bytes, HEADER_BYTES, end);
    if (header.type === EventType.transactionPayload) this.decodePayload(header, body, take);
    else take({ header, ...this.readBody(header, body) });
  }

  private decodePayload(outer: EventHeader, body: ByteCursor, take: (event: BinlogEvent) => void): void {
    const expanded = expandPayload(body);
    let at = 0;
    for (let count = 0; at < expanded.length; count++) {
      if (count > PAYLOAD_EVENTS_MAX) throw new BinlogFormatError('a transaction of too many events');
      const inner = readHeader(new ByteCursor(expanded, at));
      if (inner.size < HEADER_BYTES || at + inner.size > expanded.length)
        throw new BinlogFormatError('an event in a transaction payload reaches past its end');
      if (inner.type === EventType.transactionPayload || inner.type === EventType.formatDescription)
        throw new BinlogFormatError(`an event of type ${inner.type} within a transaction payload`);
      const header: EventHeader = { ...inner, endPosition: outer.endPosition };
      take({ header, ...this.readBody(header, new ByteCursor(expanded, at + HEADER_BYTES, at + inner.size)) });
      at += inner.size;
    }
  }

  /** Table ids take four bytes in formats whose header of the type is six bytes long. */
  private tableIdBytes(type: number): 4 | 6 {
    return this.postHeaderBytes[type - 1] === 6 ? 4 : 6;
  }

  private readBody(header: EventHeader, body: ByteCursor): EventBody {
    const form = rowsFormOf(header.type);
    if (form !== undefined) return this.readRows(header.type, body, form);
    switch (header.type) {
      case EventType.tableMap: {
        const map = readTableMap(body, this.tableIdBytes(header.type), this.isMariadb);
        if (this.tableMaps.size >= TABLE_MAPS_MAX) this.tableMaps.clear();
        this.tableMaps.set(map.id, map);
        return { kind: 'tableMap', map };
      }
      case EventType.rotate: {
        const position = body.size64();
        // Table ids are of this server's run, and a new file may be that of another.
        if ((header.flags & ARTIFICIAL_FLAG) !== 0 || header.timestamp === 0) this.tableMaps.clear();
        return { kind: 'rotate', position, file: body.utf8(body.left) };
      }
      case EventType.query:
      case EventType.mariadbQueryCompressed:
        return this.readQuery(header.type, body);
      case EventType.executeLoadQuery:
        return this.readLoad(body);
      case EventType.load:
      case EventType.newLoad:
      case EventType.createFile:
      case EventType.execLoad:
        return { kind: 'load', database: '', sql: '' };
      case EventType.xid:
        return { kind: 'xid' };
      default:
        return readTransactionEvent(header, body);
    }
  }

  private readFormat(bytes: Uint8Array): EventBody {
    const body = new ByteCursor(bytes, HEADER_BYTES);
    const version = body.u16();
    if (version !== 4) throw new BinlogFormatError(`a binlog of version ${version}; 4 is needed (MySQL 5.0 and later)`);
    const serverVersion = body.latin1(50).replace(/\0.*$/s, '');
    body.skip(4);
    const headerBytes = body.u8();
    if (headerBytes !== HEADER_BYTES) throw new BinlogFormatError(`event headers of ${headerBytes} bytes`);
    // Servers that know checksums end the event with the algorithm and a checksum, also when the algorithm is none.
    const knowsChecksums = body.left > CHECKSUM_BYTES && versionAtLeast(serverVersion, 5, 6, 1);
    const lengths = body.slice(knowsChecksums ? body.left - CHECKSUM_BYTES - 1 : body.left);
    const algorithm = knowsChecksums ? body.u8() : 0;
    if (algorithm > CHECKSUM_CRC32 && algorithm !== 255)
      throw new BinlogFormatError(`checksums of an unknown kind ${algorithm}`);
    this.hasChecksums = algorithm === CHECKSUM_CRC32;
    this.postHeaderBytes = lengths;
    this.isMariadb = /mariadb/i.test(serverVersion);
    this.tableMaps.clear();
    return { kind: 'format', serverVersion, hasChecksums: this.hasChecksums };
  }

  private readQuery(type: number, body: ByteCursor): EventBody {
    body.skip(8);
    const databaseBytes = body.u8();
    const errorCode = body.u16();
    body.skip(body.u16());
    const database = body.utf8(databaseBytes);
    body.skip(1);
    const sql = type === EventType.query ? body.utf8(body.left) : Buffer.from(expandEvent(body)).toString('utf8');
    return { kind: 'query', database, sql, errorCode };
  }

  private readLoad(body: ByteCursor): EventBody {
    body.skip(8);
    const databaseBytes = body.u8();
    body.skip(2);
    const statusBytes = body.u16();
    body.skip(4 + 4 + 4 + 1);
    body.skip(statusBytes);
    const database = body.utf8(databaseBytes);
    body.skip(1);
    return { kind: 'load', database, sql: body.utf8(body.left) };
  }

  private readRows(type: number, body: ByteCursor, form: RowsForm): EventBody {
    let rows = body;
    if (form.isCompressed) rows = this.expandRows(type, body, form);
    const head = readRowsHead(rows, form, this.tableIdBytes(type));
    const map = this.tableMaps.get(head.tableId);
    if ((head.flags & STATEMENT_END_FLAG) !== 0) this.tableMaps.clear();
    return { kind: 'rows', head, map };
  }

  /** The head of a compressed rows event is plain up to the bitmaps; rows are joined to it as if they had never been apart. */
  private expandRows(type: number, body: ByteCursor, form: RowsForm): ByteCursor {
    const start = body.position;
    const { rows } = readRowsHead(body, form, this.tableIdBytes(type));
    const headBytes = body.bytes.subarray(start, rows.position);
    return new ByteCursor(Buffer.concat([headBytes, expandEvent(rows)]));
  }
}

function readHeader(cursor: ByteCursor): EventHeader {
  return {
    timestamp: cursor.u32(),
    type: cursor.u8(),
    serverId: cursor.u32(),
    size: cursor.u32(),
    endPosition: cursor.u32(),
    flags: cursor.u16(),
  };
}

function versionAtLeast(text: string, major: number, minor: number, patch: number): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(text);
  if (match === null) return true;
  const [a, b, c] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return a !== major ? a > major : b !== minor ? b > minor : c >= patch;
}

/** Events that begin, end or name transactions, and those that change nothing. */
function readTransactionEvent(header: EventHeader, body: ByteCursor): EventBody {
  switch (header.type) {
    case EventType.gtid: {
      body.skip(1);
      const uuid = formatUuid(body.slice(16));
      return { kind: 'gtid', gtid: `${uuid}:${body.u64()}` };
    }
    case EventType.anonymousGtid:
      return { kind: 'gtid', gtid: undefined };
    case EventType.gtidTagged:
      return { kind: 'gtid', gtid: readTaggedGtid(body) };
    case EventType.previousGtids:
      return { kind: 'previousGtids', gtids: readMysqlGtidSet(body).toString() };
    case EventType.mariadbGtid: {
      const sequence = body.u64();
      const domain = body.u32();
      const flags = body.u8();
      const xa =
        (flags & MariadbFlag.prepared) !== 0 ? 'prepare' : (flags & MariadbFlag.completed) !== 0 ? 'complete' : 'none';
      const gtid = `${domain}-${header.serverId}-${sequence}`;
      return { kind: 'mariadbGtid', gtid, isStandalone: (flags & MariadbFlag.standalone) !== 0, xa };
    }
    case EventType.mariadbGtidList: {
      const count = body.u32() & 0x0fff_ffff;
      const gtids: string[] = [];
      for (let index = 0; index < count; index++) {
        const domain = body.u32();
        const server = body.u32();
        gtids.push(`${domain}-${server}-${body.u64()}`);
      }
      return { kind: 'previousGtids', gtids: gtids.join(',') };
    }
    case EventType.xaPrepare: {
      const isOnePhase = body.u8() !== 0;
      const format = body.u32();
      const globalBytes = body.u32();
      const branchBytes = body.u32();
      if (globalBytes > 64 || branchBytes > 64)
        throw new BinlogFormatError('the name of an XA transaction is too long');
      const global = Buffer.from(body.slice(globalBytes)).toString('hex');
      const branch = Buffer.from(body.slice(branchBytes)).toString('hex');
      return { kind: 'xaPrepare', xid: `x'${global}',x'${branch}',${format}`, isOnePhase };
    }
    case EventType.incident: {
      const number = body.u16();
      return { kind: 'incident', message: `${number}: ${body.left > 0 ? body.utf8(body.u8()) : ''}` };
    }
    case EventType.heartbeat:
      return { kind: 'heartbeat', file: body.utf8(body.left), position: header.endPosition };
    case EventType.heartbeatV2:
      return readHeartbeat(body);
    case EventType.mariadbStartEncryption:
      return { kind: 'other' }; // a server sends its events decrypted
    default:
      if (passive.has(header.type) || (header.flags & IGNORABLE_FLAG) !== 0) return { kind: 'other' };
      throw new BinlogFormatError(
        header.type > MYSQL_TYPE_MAX
          ? `an event of type ${header.type}, which this version does not know`
          : `an event of type ${header.type}, which is not supported`,
      );
  }
}

/** Fields: type (length-encoded), size (length-encoded), value; 1 is the file, 2 the position. */
function readHeartbeat(body: ByteCursor): EventBody {
  let file = '';
  let position = 0;
  while (body.left > 0) {
    const type = body.lengthEncoded();
    if (type === 0) break;
    const size = body.lengthEncoded();
    const start = body.take(size);
    const value = new ByteCursor(body.bytes, start, start + size);
    if (type === 1) file = value.utf8(size);
    else if (type === 2) position = value.lengthEncoded();
  }
  return { kind: 'heartbeat', file, position };
}
