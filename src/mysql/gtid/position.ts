// position: a place in the stream of changes: file and offset of one server, and the GTIDs that mean the same on all of a group.
//
// Both are kept. GTIDs survive a failover and lead; file and offset serve servers without GTIDs, and say which transaction comes
// first on one server.
import { MariadbGtidPosition } from './mariadb-gtid.js';
import { MysqlGtidSet } from './mysql-gtid-set.js';

export type Flavor = 'mysql' | 'mariadb';

export interface Position {
  readonly file: string;
  readonly offset: number;
  /** Undefined where the server has none. */
  readonly gtids: string | undefined;
}

/** Files are numbered: `name.000012`. Undefined when the names are not of one sequence. */
export function compareFiles(one: string, other: string): number | undefined {
  const a = /^(.*)\.(\d+)$/.exec(one);
  const b = /^(.*)\.(\d+)$/.exec(other);
  if (a === null || b === null || a[1] !== b[1]) return one === other ? 0 : undefined;
  return Number(a[2]) - Number(b[2]);
}

/** True when everything up to `position` is within what `reached` has seen. */
export function isReached(position: Position, reached: Position, flavor: Flavor): boolean {
  if (position.gtids !== undefined && reached.gtids !== undefined && position.gtids !== '')
    return flavor === 'mysql'
      ? MysqlGtidSet.parse(reached.gtids).contains(MysqlGtidSet.parse(position.gtids))
      : MariadbGtidPosition.parse(reached.gtids).contains(MariadbGtidPosition.parse(position.gtids));
  const files = compareFiles(position.file, reached.file);
  if (files === undefined) return false;
  return files < 0 || (files === 0 && position.offset <= reached.offset);
}

/** The position so far, moved on by each transaction. */
export interface GtidTracker {
  add(gtid: string): void;
  has(gtid: string): boolean;
  toString(): string;
}

export function trackerOf(flavor: Flavor, gtids: string): GtidTracker {
  return flavor === 'mysql' ? MysqlGtidSet.parse(gtids) : MariadbGtidPosition.parse(gtids);
}

export function positionText({ file, offset, gtids }: Position): string {
  return gtids === undefined || gtids === '' ? `${file}:${offset}` : `${file}:${offset} (${gtids})`;
}
