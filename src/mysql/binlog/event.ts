// event: what the decoder makes of the bytes of a binlog.

import type { RowsHead } from './rows.js';
import type { TableMap } from './table-map.js';

export interface EventHeader {
  /** Seconds since 1970, of the statement's start. */
  readonly timestamp: number;
  readonly type: number;
  readonly serverId: number;
  readonly size: number;
  /** Where the event ends in its file; 0 for events that are in none, and within a transaction payload. */
  readonly endPosition: number;
  readonly flags: number;
}

export type EventBody =
  /** A new file begins, and the position in it. */
  | { readonly kind: 'rotate'; readonly file: string; readonly position: number }
  | { readonly kind: 'format'; readonly serverVersion: string; readonly hasChecksums: boolean }
  | { readonly kind: 'query'; readonly database: string; readonly sql: string; readonly errorCode: number }
  /** LOAD DATA in statement format. */
  | { readonly kind: 'load'; readonly database: string; readonly sql: string }
  | { readonly kind: 'xid' }
  /** A transaction begins: MySQL's `uuid:number`, with a tag `uuid:tag:number`. Undefined for an anonymous one. */
  | { readonly kind: 'gtid'; readonly gtid: string | undefined }
  /** MariaDB's: `domain-server-sequence`. Without `isStandalone` a COMMIT or XID ends the transaction. */
  | {
      readonly kind: 'mariadbGtid';
      readonly gtid: string;
      readonly isStandalone: boolean;
      /** The event ends with XA PREPARE, or it completes a transaction that was prepared. */
      readonly xa: 'none' | 'prepare' | 'complete';
    }
  /** The GTIDs before a file's first event, as MySQL and MariaDB write them. */
  | { readonly kind: 'previousGtids'; readonly gtids: string }
  | { readonly kind: 'tableMap'; readonly map: TableMap }
  | { readonly kind: 'rows'; readonly head: RowsHead; readonly map: TableMap | undefined }
  /** `xid` names the transaction; `isOnePhase` means that it is committed with this. */
  | { readonly kind: 'xaPrepare'; readonly xid: string; readonly isOnePhase: boolean }
  | { readonly kind: 'incident'; readonly message: string }
  | { readonly kind: 'heartbeat'; readonly file: string; readonly position: number }
  /** Nothing that changes rows. */
  | { readonly kind: 'other' };

export type BinlogEvent = { readonly header: EventHeader } & EventBody;
