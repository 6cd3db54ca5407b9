// event-type: the numbers of binlog events, of MySQL and of MariaDB.
//
// Source: the pages "Binlog Event" of MySQL's source documentation (namespace mysql::binlog::event) and "Replication Protocol"
// of MariaDB's knowledge base. The numbers are on disk and on the wire, so they never change.

export const EventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  intVar: 5,
  load: 6,
  createFile: 8,
  appendBlock: 9,
  execLoad: 10,
  deleteFile: 11,
  newLoad: 12,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV0: 20,
  updateRowsV0: 21,
  deleteRowsV0: 22,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRowsV2: 30,
  updateRowsV2: 31,
  deleteRowsV2: 32,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  gtidTagged: 42,
  mariadbAnnotateRows: 160,
  mariadbCheckpoint: 161,
  mariadbGtid: 162,
  mariadbGtidList: 163,
  mariadbStartEncryption: 164,
  mariadbQueryCompressed: 165,
  mariadbWriteRowsCompressedV1: 166,
  mariadbUpdateRowsCompressedV1: 167,
  mariadbDeleteRowsCompressedV1: 168,
  mariadbWriteRowsCompressed: 169,
  mariadbUpdateRowsCompressed: 170,
  mariadbDeleteRowsCompressed: 171,
} as const;

/** An event of this flag may be passed over by readers that do not know it. */
export const IGNORABLE_FLAG = 0x80;
/** The event was made for this connection and is in no file: it has no position. */
export const ARTIFICIAL_FLAG = 0x20;

export type RowsKind = 'insert' | 'update' | 'delete';

export interface RowsForm {
  readonly kind: RowsKind;
  /** The version of the header before the rows. */
  readonly version: 0 | 1 | 2;
  readonly isCompressed: boolean;
  /** The images after updates may hold JSON as differences. */
  readonly isPartial: boolean;
}

const form = (kind: RowsKind, version: 0 | 1 | 2, isCompressed = false, isPartial = false): RowsForm => ({
  kind,
  version,
  isCompressed,
  isPartial,
});

const rowsForms = new Map<number, RowsForm>([
  [EventType.writeRowsV0, form('insert', 0)],
  [EventType.updateRowsV0, form('update', 0)],
  [EventType.deleteRowsV0, form('delete', 0)],
  [EventType.writeRowsV1, form('insert', 1)],
  [EventType.updateRowsV1, form('update', 1)],
  [EventType.deleteRowsV1, form('delete', 1)],
  [EventType.writeRowsV2, form('insert', 2)],
  [EventType.updateRowsV2, form('update', 2)],
  [EventType.deleteRowsV2, form('delete', 2)],
  [EventType.partialUpdateRows, form('update', 2, false, true)],
  [EventType.mariadbWriteRowsCompressedV1, form('insert', 1, true)],
  [EventType.mariadbUpdateRowsCompressedV1, form('update', 1, true)],
  [EventType.mariadbDeleteRowsCompressedV1, form('delete', 1, true)],
  [EventType.mariadbWriteRowsCompressed, form('insert', 2, true)],
  [EventType.mariadbUpdateRowsCompressed, form('update', 2, true)],
  [EventType.mariadbDeleteRowsCompressed, form('delete', 2, true)],
]);

/** How the rows of an event are written; undefined when the event has none. */
export function rowsFormOf(type: number): RowsForm | undefined {
  return rowsForms.get(type);
}
