// server-facts: what a source is and how it is set up, as far as following it depends on that.

import type { Flavor, Position } from '../gtid/position.js';
import { SourceRefused, type SourceConnection } from './source-connection.js';

export interface ServerFacts {
  readonly version: string;
  readonly flavor: Flavor;
  readonly serverId: number;
  readonly uuid: string;
  readonly variables: ReadonlyMap<string, string>;
  /** GTIDs are written for every transaction. */
  readonly hasGtids: boolean;
  readonly hasChecksums: boolean;
}

const names = [
  'log_bin',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'binlog_checksum',
  'binlog_transaction_compression',
  'log_bin_compress',
  'binlog_expire_logs_seconds',
  'expire_logs_days',
  'gtid_mode',
  'gtid_domain_id',
  'server_id',
  'server_uuid',
  'server_uid',
  'lower_case_table_names',
  'mysql56_temporal_format',
  'log_slave_updates',
  'log_replica_updates',
  'read_only',
  'time_zone',
  'system_time_zone',
  'max_allowed_packet',
];

export async function readFacts(connection: SourceConnection): Promise<ServerFacts> {
  const version = (await connection.value('SELECT VERSION()')) ?? '';
  const list = names.map((name) => `'${name}'`).join(',');
  const rows = await connection.texts(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list})`);
  const variables = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value ?? '']));
  const flavor: Flavor = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  return {
    version,
    flavor,
    serverId: Number(variables.get('server_id') ?? 0),
    uuid: variables.get('server_uuid') ?? variables.get('server_uid') ?? '',
    variables,
    hasGtids: flavor === 'mariadb' || variables.get('gtid_mode') === 'ON',
    hasChecksums: (variables.get('binlog_checksum') ?? 'NONE').toUpperCase() !== 'NONE',
  };
}

/** SHOW MASTER STATUS by whichever name the server knows; undefined when it has no binlog. */
export async function readMasterStatus(connection: SourceConnection): Promise<(string | null)[] | undefined> {
  for (const sql of ['SHOW MASTER STATUS', 'SHOW BINARY LOG STATUS']) {
    try {
      return (await connection.texts(sql))[0];
    } catch (error) {
      // MySQL 8.4 took the old name away: a syntax error.
      if (!(error instanceof SourceRefused && error.number === 1064)) throw error;
    }
  }
  return undefined;
}

/** Where the binlog ends now. */
export async function readEnd(connection: SourceConnection, facts: ServerFacts): Promise<Position> {
  const status = await readMasterStatus(connection);
  const file = status?.[0];
  if (file === undefined || file === null)
    throw new SourceRefused('the source writes no binlog (log_bin is off)', 0, undefined);
  const offset = Number(status![1]);
  return { file, offset, gtids: await gtidsAt(connection, facts, file, offset, status![4] ?? undefined) };
}

export async function gtidsAt(
  connection: SourceConnection,
  facts: ServerFacts,
  file: string,
  offset: number,
  executed: string | undefined,
): Promise<string | undefined> {
  if (!facts.hasGtids) return undefined;
  if (facts.flavor === 'mysql') return (executed ?? '').replace(/\s+/g, '');
  return (await connection.value(`SELECT BINLOG_GTID_POS('${file.replaceAll("'", "''")}', ${offset})`)) ?? '';
}
