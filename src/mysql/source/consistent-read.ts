// consistent-read: a transaction that sees the tables as they are at a known position of the binlog.
//
// MariaDB reports the position of a consistent snapshot itself (binlog_snapshot_file and _position), without a lock.
// MySQL does not: another connection locks for the moment in which the transaction begins and the position is read.
// FLUSH TABLES WITH READ LOCK waits for running statements, and everything else waits for it; a short lock_wait_timeout
// keeps one long query from stalling all.
import type { Position } from '../gtid/position.js';
import type { SourceConfig } from '../config/sync-config.js';
import { gtidsAt, readEnd, type ServerFacts } from './server-facts.js';
import { type SourceAddress, SourceConnection, SourceRefused, sqlName } from './source-connection.js';

const LOCK_SECONDS = 5;
const TRIES_MAX = 12;
const NET_SECONDS = 3600;

export interface ConsistentRead {
  readonly connection: SourceConnection;
  readonly position: Position;
}

export async function beginConsistentRead(
  config: SourceConfig,
  address: SourceAddress,
  facts: ServerFacts,
  tables: readonly { readonly database: string; readonly table: string }[],
): Promise<ConsistentRead> {
  const connection = await SourceConnection.open(config, address);
  try {
    await connection.rows(
      `SET SESSION time_zone = '+00:00', net_write_timeout = ${NET_SECONDS}, net_read_timeout = ${NET_SECONDS}`,
    );
    await connection.rows('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const position =
      facts.flavor === 'mariadb'
        ? await beginOnMariadb(connection, facts)
        : await beginLocked(config, address, facts, connection, tables);
    return { connection, position };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function beginOnMariadb(connection: SourceConnection, facts: ServerFacts): Promise<Position> {
  await connection.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const status = new Map(
    (await connection.texts("SHOW STATUS LIKE 'binlog_snapshot_%'")).map(([name, value]) => [
      name!.toLowerCase(),
      value,
    ]),
  );
  const file = status.get('binlog_snapshot_file');
  const offset = Number(status.get('binlog_snapshot_position'));
  if (file === undefined || file === null || file === '' || !(offset > 0))
    throw new SourceRefused('the source writes no binlog (log_bin is off)', 0, undefined);
  return { file, offset, gtids: await gtidsAt(connection, facts, file, offset, undefined) };
}

async function beginLocked(
  config: SourceConfig,
  address: SourceAddress,
  facts: ServerFacts,
  connection: SourceConnection,
  tables: readonly { readonly database: string; readonly table: string }[],
): Promise<Position> {
  const locker = await SourceConnection.open(config, address);
  try {
    await locker.rows(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`);
    await lock(locker, tables);
    await connection.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    return await readEnd(locker, facts);
  } finally {
    locker.close(); // and with it the lock
  }
}

async function lock(
  locker: SourceConnection,
  tables: readonly { readonly database: string; readonly table: string }[],
): Promise<void> {
  const list = tables.map(({ database, table }) => `${sqlName(database)}.${sqlName(table)} READ`).join(', ');
  let sql = 'FLUSH TABLES WITH READ LOCK';
  for (let attempt = 1; ; attempt++) {
    try {
      await locker.rows(sql);
      return;
    } catch (error) {
      if (!(error instanceof SourceRefused)) throw error;
      const isDenied = error.number === 1227 || error.number === 1044 || error.number === 1142;
      if (isDenied && sql.startsWith('FLUSH') && list !== '') sql = `LOCK TABLES ${list}`;
      else if (error.number === 1205 && attempt < TRIES_MAX) await new Promise((resolve) => setTimeout(resolve, 1000));
      else if (isDenied)
        throw new SourceRefused(
          `a snapshot of MySQL needs the grant RELOAD, or LOCK TABLES for the mapped tables: ${error.message}`,
          error.number,
          error.state,
        );
      else throw error;
    }
  }
}
