// stream-reader: finds the transactions in a stream of events.
//
// MySQL writes: GTID, QUERY 'BEGIN', (TABLE_MAP, ROWS ...) ..., XID or QUERY 'COMMIT'. DDL is a GTID and a QUERY alone. MariaDB's
// GTID event stands for BEGIN; its flag says whether an end follows. Servers without GTIDs begin with the QUERY. A position is
// safe to go on at only after the end of a transaction, so positions are reported there and nowhere else.
//
// XA: the first part ends with XA_PREPARE, and much later a QUERY 'XA COMMIT' or 'XA ROLLBACK' of its own decides.
import type { BinlogEvent, EventHeader } from '../binlog/event.js';
import { ARTIFICIAL_FLAG } from '../binlog/event-type.js';
import type { RowsHead } from '../binlog/rows.js';
import type { TableMap } from '../binlog/table-map.js';
import { type Flavor, type GtidTracker, type Position, trackerOf } from '../gtid/position.js';

type Done = void | Promise<void>;

/** Receives the events of the stream, in order. */
export interface StreamHandler {
  begin(gtid: string | undefined, header: EventHeader): Done;
  rows(head: RowsHead, map: TableMap, header: EventHeader): Done;
  /** A statement: DDL, or changes in the format `statement` or `mixed`. */
  statement(database: string, sql: string, header: EventHeader): Done;
  /** LOAD DATA in statement format; `sql` may be empty. */
  load(database: string, sql: string, header: EventHeader): Done;
  /** Changes of this transaction so far may have been undone in part. */
  partlyUndone(): Done;
  /** The transaction is whole. */
  commit(position: Position, header: EventHeader): Done;
  /** The transaction is prepared; `xid` decides later. */
  prepared(xid: string, position: Position): Done;
  /** A prepared transaction was committed or rolled back. */
  decided(xid: string, isCommitted: boolean, position: Position): Done;
  /** Nothing happened up to here; `isFile` at the begin of a file. */
  moved(position: Position, isFile: boolean): Done;
}

/** The stream cannot be followed: the server lost events itself, or an event makes no sense where it stands. */
export class StreamError extends Error {}

const xaPattern = /^XA\s+(START|BEGIN|END|PREPARE|COMMIT|ROLLBACK)\s+(.*)$/is;

export class StreamReader {
  private file: string;
  private offset: number;
  private readonly tracker: GtidTracker;
  private hasGtids: boolean;
  private gtid: string | undefined;
  /** Within BEGIN and its end. */
  private isOpen = false;
  /** MariaDB: the next statement is a group of its own. */
  private isStandalone = false;

  constructor(
    start: Position,
    readonly flavor: Flavor,
    private readonly handler: StreamHandler,
  ) {
    this.file = start.file;
    this.offset = start.offset;
    this.hasGtids = start.gtids !== undefined;
    this.tracker = trackerOf(flavor, start.gtids ?? '');
  }

  get position(): Position {
    return {
      file: this.file,
      offset: this.offset,
      gtids: this.hasGtids ? this.tracker.toString() : undefined,
    };
  }

  take(event: BinlogEvent): Done {
    const { header } = event;
    switch (event.kind) {
      case 'rotate':
        this.file = event.file;
        this.offset = event.position;
        // The rotate at the begin of a connection only names the file: it says nothing about what has been read.
        if ((header.flags & ARTIFICIAL_FLAG) !== 0 || header.timestamp === 0) return undefined;
        return this.isOpen || this.gtid !== undefined ? undefined : this.handler.moved(this.position, true);
      case 'gtid':
        return this.beginGroup(event.gtid, header);
      case 'mariadbGtid':
        this.isStandalone = event.isStandalone;
        if (event.isStandalone) return this.beginGroup(event.gtid, header);
        this.isOpen = true;
        return this.beginGroup(event.gtid, header);
      case 'tableMap':
        return undefined;
      case 'rows':
        if (event.map === undefined) {
          if (event.head.columnCount === 0 || event.head.rows.left === 0) return undefined;
          throw new StreamError(`rows at ${this.file}:${this.offset} belong to no table that the stream named`);
        }
        return this.handler.rows(event.head, event.map, header);
      case 'query':
        return this.query(event.database, event.sql, header);
      case 'load':
        return this.handler.load(event.database, event.sql, header);
      case 'xid':
        return this.endGroup(header);
      case 'xaPrepare':
        return this.xaPrepare(event.xid, event.isOnePhase, header);
      case 'incident':
        throw new StreamError(`the server lost events itself (incident ${event.message}): a new snapshot is needed`);
      case 'heartbeat':
        return this.heartbeat(event.file, event.position);
      default:
        return undefined;
    }
  }

  private beginGroup(gtid: string | undefined, header: EventHeader): Done {
    this.gtid = gtid;
    if (gtid !== undefined) this.hasGtids = true;
    return this.handler.begin(gtid, header);
  }

  /** Moves on past the group that ends with this event. */
  private pass(header: EventHeader): Position {
    if (this.gtid !== undefined) this.tracker.add(this.gtid);
    this.gtid = undefined;
    this.isOpen = false;
    this.isStandalone = false;
    if (header.endPosition > 0) this.offset = header.endPosition;
    return this.position;
  }

  private endGroup(header: EventHeader): Done {
    return this.handler.commit(this.pass(header), header);
  }

  private async xaPrepare(xid: string, isOnePhase: boolean, header: EventHeader): Promise<void> {
    const position = this.pass(header);
    if (isOnePhase) await this.handler.commit(position, header);
    else await this.handler.prepared(xid, position);
  }

  private heartbeat(file: string, position: number): Done {
    if (this.isOpen || this.gtid !== undefined || file === '') return undefined;
    if (file === this.file && position <= this.offset) return this.handler.moved(this.position, false);
    this.file = file;
    this.offset = position;
    return this.handler.moved(this.position, false);
  }

  private query(database: string, sql: string, header: EventHeader): Done {
    const text = sql.trim();
    const word = /^\w+/.exec(text)?.[0]?.toUpperCase() ?? '';
    switch (word) {
      case 'BEGIN':
        if (text.length > 5) break;
        this.isOpen = true;
        return this.gtid === undefined ? this.handler.begin(undefined, header) : undefined;
      case 'COMMIT':
        if (text.length > 6) break;
        return this.endGroup(header);
      case 'ROLLBACK':
        return this.rollback(text, header);
      case 'SAVEPOINT':
      case 'RELEASE':
        return undefined;
      case 'XA':
        return this.xa(text, header);
      default:
    }
    return this.plainStatement(database, text, header);
  }

  private async plainStatement(database: string, sql: string, header: EventHeader): Promise<void> {
    const isGroup = !this.isOpen || this.isStandalone;
    if (isGroup && this.gtid === undefined) await this.handler.begin(undefined, header);
    await this.handler.statement(database, sql, header);
    if (isGroup) await this.endGroup(header);
  }

  private async rollback(text: string, header: EventHeader): Promise<void> {
    await this.handler.partlyUndone();
    if (/^ROLLBACK\s+TO\b/i.test(text)) return;
    await this.endGroup(header);
  }

  private async xa(text: string, header: EventHeader): Promise<void> {
    const match = xaPattern.exec(text);
    const verb = match?.[1]?.toUpperCase();
    const xid = (match?.[2] ?? '')
      .replace(/\s+ONE\s+PHASE\s*$/i, '')
      .replace(/\s+/g, '')
      .toUpperCase();
    if (verb === 'START' || verb === 'BEGIN') {
      this.isOpen = true;
      return;
    }
    if (verb === 'COMMIT' || verb === 'ROLLBACK')
      await this.handler.decided(normalXid(xid), verb === 'COMMIT', this.pass(header));
    else if (verb === 'PREPARE') await this.handler.prepared(normalXid(xid), this.pass(header));
  }
}

/** Names of XA transactions in one form: X'hex',X'hex',number. */
function normalXid(text: string): string {
  const parts = text.split(',');
  const global = parts[0] ?? "X''";
  return `${global},${parts[1] ?? "X''"},${parts[2] ?? '1'}`.toLowerCase();
}
