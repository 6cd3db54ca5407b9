// check: looks at source, target and mapping before anything is written, and prints the necessary changes.

import type { SyncConfig } from '../config/sync-config.js';
import { isError, replyText } from '../../client/reply.js';
import { isClusterNode } from '../../transfer/link/cluster.js';
import { infoField } from '../../transfer/link/replies.js';
import { Pipeline } from '../../transfer/link/pipeline.js';
import { readMasterStatus, type ServerFacts } from '../source/server-facts.js';
import { type SourceConnection, SourceRefused, sqlName } from '../source/source-connection.js';
import { readSchemas } from '../source/table-schema.js';
import { targetAddress } from '../target/open-target.js';
import { severalServers } from '../target/server-target.js';
import { mappingProblems } from './check-mapping.js';
import { readCascades } from './dependencies.js';
import { tableName } from './table-plan.js';

export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly text: string;
}

export type Tell = (level: Finding['level'], text: string) => void;

export async function checkSource(
  config: SyncConfig,
  connection: SourceConnection,
  facts: ServerFacts,
  tell: Tell,
): Promise<void> {
  tell('ok', `connected to ${connection.name}: ${facts.version}`);
  checkSettings(facts, tell);
  await checkServerId(config, connection, facts, tell);
  await checkGrants(connection, facts, config, tell);
  const schemas = await readSchemas(connection, config.tables);
  for (const table of config.tables) {
    const name = tableName(table);
    const schema = schemas.get(name);
    if (schema === undefined) {
      tell(
        'warning',
        `there is no table ${name}: it will be read when it is created (or the user may not see it: GRANT SELECT)`,
      );
      continue;
    }
    const problems = mappingProblems(table, schema);
    for (const { text, isFatal } of problems) tell(isFatal ? 'error' : 'warning', text);
    if (problems.length === 0) tell('ok', `${name}: ${schema.columns.length} columns, ${table.targets.length} targets`);
    if (schema.primaryKey.length === 0) tell('warning', `${name} has no primary key: its snapshot is one long query`);
    if (!/innodb/i.test(schema.engine))
      tell(
        'warning',
        `${name} is stored by ${schema.engine}: a snapshot of it is only consistent when nobody writes meanwhile`,
      );
  }
  for (const { child, parent } of await readCascades(connection, config.tables.map(tableName)))
    tell(
      'warning',
      `${child}: a foreign key to ${parent} changes rows in cascade, which the binlog does not tell: the table is read anew after such a change (source.cascades)`,
    );
}

function checkSettings({ variables, flavor }: ServerFacts, tell: Tell): void {
  const value = (name: string): string => variables.get(name) ?? '';
  if (value('log_bin') !== 'ON')
    tell(
      'error',
      'log_bin is off: put log-bin=mysql-bin and server_id=1 under [mysqld] in my.cnf and restart the server',
    );
  else tell('ok', 'log_bin is on');
  const format = value('binlog_format');
  if (format === 'ROW') tell('ok', 'binlog_format is ROW');
  else
    tell(
      'warning',
      `binlog_format is ${format}: changes that come as statements make a table be read anew. Put binlog_format=ROW under [mysqld], or run SET GLOBAL binlog_format=ROW (for new connections)`,
    );
  const image = value('binlog_row_image');
  if (image !== '' && image !== 'FULL')
    tell('error', `binlog_row_image is ${image}: run SET GLOBAL binlog_row_image=FULL and put it into my.cnf`);
  if (value('binlog_row_metadata') !== 'FULL' && variables.has('binlog_row_metadata'))
    tell(
      'ok',
      `binlog_row_metadata is ${value('binlog_row_metadata')}: columns are named by information_schema (FULL would name them in the binlog)`,
    );
  const seconds =
    Number(value('binlog_expire_logs_seconds') || '0') || Number(value('expire_logs_days') || '0') * 86_400;
  if (seconds > 0 && seconds < 86_400)
    tell('warning', `binlogs are removed after ${seconds} s: a longer stop needs a new snapshot`);
  if (flavor === 'mysql' && value('gtid_mode') !== 'ON')
    tell(
      'warning',
      `gtid_mode is ${value('gtid_mode') || 'OFF'}: after a failover to another server a new snapshot is needed`,
    );
  if (value('mysql56_temporal_format') === 'OFF')
    tell(
      'error',
      'mysql56_temporal_format is OFF: times with fractions cannot be read from the binlog; set it ON and ALTER TABLE ... FORCE',
    );
}

async function checkServerId(
  config: SyncConfig,
  connection: SourceConnection,
  facts: ServerFacts,
  tell: Tell,
): Promise<void> {
  const own = config.source.serverId;
  if (own === undefined) {
    tell('ok', 'server_id is not set: a random one above 1000000000 is taken at each start');
    return;
  }
  if (own === facts.serverId) {
    tell('error', `source.server_id ${own} is the source's own: take another one`);
    return;
  }
  try {
    const hosts = await connection
      .texts(facts.flavor === 'mysql' ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS')
      .catch(() => connection.texts('SHOW SLAVE HOSTS'));
    if (hosts.some(([id]) => Number(id) === own))
      tell('warning', `a replica with server_id ${own} is connected: the source ends one of two with the same id`);
    else tell('ok', `server_id ${own} is free`);
  } catch (error) {
    if (!(error instanceof SourceRefused)) throw error;
    tell('warning', `cannot see other replicas: ${error.message}`);
  }
}

async function checkGrants(
  connection: SourceConnection,
  facts: ServerFacts,
  config: SyncConfig,
  tell: Tell,
): Promise<void> {
  const user = `'${config.source.user}'@'%'`;
  try {
    await readMasterStatus(connection);
    tell('ok', 'the user may read the position (REPLICATION CLIENT)');
  } catch (error) {
    if (!(error instanceof SourceRefused)) throw error;
    tell(
      'error',
      `the user may not read the position: GRANT ${facts.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'} ON *.* TO ${user}`,
    );
  }
  const grants = (await connection.texts('SHOW GRANTS')).map(([grant]) => grant ?? '').join('\n');
  const hasAll = /GRANT ALL PRIVILEGES ON \*\.\*/i.test(grants);
  if (hasAll || /REPLICATION (?:SLAVE|REPLICA)/i.test(grants))
    tell('ok', 'the user may read the binlog (REPLICATION SLAVE)');
  else tell('error', `the user may not read the binlog: GRANT REPLICATION SLAVE ON *.* TO ${user}`);
  if (facts.flavor === 'mysql' && !hasAll && !/\bRELOAD\b/i.test(grants) && !/LOCK TABLES/i.test(grants))
    tell('error', `a snapshot needs GRANT RELOAD ON *.* TO ${user} (or LOCK TABLES on the mapped tables)`);
  for (const table of config.tables) {
    try {
      await connection.rows(`SELECT 1 FROM ${sqlName(table.database)}.${sqlName(table.table)} LIMIT 1`);
    } catch (error) {
      if (!(error instanceof SourceRefused)) throw error;
      if (error.number === 1142 || error.number === 1044)
        tell(
          'error',
          `the user may not read ${tableName(table)}: GRANT SELECT ON ${sqlName(table.database)}.${sqlName(table.table)} TO ${user}`,
        );
    }
  }
}

export const PROBED_KEYS = 64;

/**
 * A key that a proxy may place on any of its servers. The number comes first: keys that differ in their last byte alone have
 * neighbouring hashes under FNV and CRC, and so one server.
 */
export function probedKey(index: number): string {
  return `${index}:kvasir-mysql:check`;
}

/** Whether a transaction with some keys is refused because they lie on different servers. */
async function isSpread(pipeline: Pipeline): Promise<boolean> {
  const asked = [pipeline.call('MULTI')];
  for (let index = 0; index < PROBED_KEYS; index++) asked.push(pipeline.call('EXISTS', probedKey(index)));
  asked.push(pipeline.call('DISCARD'));
  const replies = await Promise.all(asked);
  return replies.some((reply) => isError(reply) && replyText(reply).startsWith('CROSSSLOT'));
}

export async function checkTarget(config: SyncConfig, tell: Tell): Promise<void> {
  const address = targetAddress(config.target);
  const pipeline = await Pipeline.open(address);
  try {
    const info = await pipeline.call('INFO');
    const version = isError(info) ? undefined : infoField(replyText(info), 'redis_version');
    tell(
      'ok',
      `connected to ${address.name}${version === undefined ? ' (a proxy: it has no INFO)' : `: version ${version}`}`,
    );
    if (version !== undefined && (await isClusterNode(pipeline))) {
      tell('ok', 'the target is a cluster: a transaction is applied slot by slot');
      return;
    }
    const watch = await pipeline.call('WATCH', config.target.stateKey);
    if (isError(watch))
      tell(
        'error',
        `the target refuses WATCH and MULTI (${replyText(watch)}): name the server behind it, or use kvasir-proxy`,
      );
    else if (await isSpread(pipeline)) tell('error', severalServers(address.name));
    const role = isError(info) ? undefined : infoField(replyText(info), 'role');
    if (role === 'slave') tell('error', 'the target is a replica: name its master');
    const policy = isError(info) ? undefined : infoField(replyText(info), 'maxmemory_policy');
    if (policy !== undefined && policy.startsWith('allkeys') && infoField(replyText(info), 'maxmemory') !== '0')
      tell(
        'warning',
        `maxmemory-policy is ${policy}: keys that are evicted are missing, and the state may be evicted too`,
      );
  } finally {
    pipeline.close();
  }
}
