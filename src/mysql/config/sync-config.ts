// sync-config: what a configuration file of kvasir-mysql says, checked as far as the file alone allows.
//
// Mapping against the real tables is checked by engine/check, because it needs the schema.

import { Template } from '../mapping/template.js';
import { type Expression, parseExpression } from '../mapping/expression.js';
import { systemErrorText } from '../../base/system-error.js';
import { zoneOf } from '../values/time-zone.js';
import { parseAddress } from '../../transfer/link/address.js';
import type { JsonNumbers } from '../values/value-text.js';
import { readYaml, type Section } from './yaml-reader.js';

export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Accept any certificate. */
  readonly insecure: boolean;
}

export interface SourceConfig {
  /** Tried in order; more than one for a failover by GTID. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly socket: string | undefined;
  readonly user: string;
  readonly password: string;
  readonly serverId: number | undefined;
  readonly tls: TlsConfig | undefined;
  readonly timeZone: string;
  /** Treatment of changes of mapped tables that the binlog holds as statements. */
  readonly statementEvents: 'resnapshot' | 'stop';
  readonly ddl: 'follow' | 'resnapshot' | 'stop';
  readonly cascades: 'resnapshot' | 'ignore' | 'stop';
  readonly heartbeatSeconds: number;
  /** A table is not read anew more often than this. */
  readonly resnapshotSeconds: number;
}

/** Silence of a target after which it counts as lost, unless the configuration says another. */
const REPLY_SECONDS = 60;

export interface TargetConfig {
  readonly address: string;
  readonly tls: TlsConfig | undefined;
  /** Prefix of the keys that hold the state. */
  readonly stateKey: string;
  /** A target that owes replies and sends nothing for so long counts as lost. */
  readonly replyMs: number;
}

interface TargetBase {
  readonly key: Template;
  /** Where it stands in the file. */
  readonly path: string;
}

/** How long a key lives: seconds from the change, or the time in seconds since 1970. */
export interface LifeConfig {
  readonly ttl: Expression | undefined;
  readonly expireAt: Expression | undefined;
}

export interface ChildrenConfig {
  readonly name: string;
  readonly table: string;
  /** Column of the child -> column of the parent. */
  readonly by: readonly (readonly [string, string])[];
  readonly columns: readonly string[] | undefined;
  readonly orderBy: readonly string[];
}

export type MappingTarget =
  | (TargetBase & {
      readonly kind: 'hash' | 'json';
      readonly life: LifeConfig;
      readonly isShared: boolean;
      readonly children: readonly ChildrenConfig[];
    })
  | (TargetBase & { readonly kind: 'string'; readonly value: Template; readonly life: LifeConfig })
  | (TargetBase & { readonly kind: 'field'; readonly field: Template; readonly value: Template | undefined })
  | (TargetBase & { readonly kind: 'set'; readonly member: Template })
  | (TargetBase & { readonly kind: 'zset'; readonly member: Template; readonly score: Expression })
  | (TargetBase & { readonly kind: 'list'; readonly element: Template | undefined })
  | (TargetBase & { readonly kind: 'stream'; readonly lengthMax: number | undefined; readonly withSnapshot: boolean });

export interface TableConfig {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly string[] | undefined;
  readonly exclude: readonly string[];
  /** Column -> name in Redis. */
  readonly rename: ReadonlyMap<string, string>;
  /** Name -> expression. */
  readonly compute: readonly (readonly [string, Expression])[];
  readonly where: Expression | undefined;
  readonly module: string | undefined;
  readonly numbers: JsonNumbers;
  readonly omitNulls: boolean;
  /** Several rows may lead to the same key, and the user knows. */
  readonly assumesUnique: boolean;
  readonly targets: readonly MappingTarget[];
}

export interface LimitsConfig {
  readonly rowsPerSecond: number;
  readonly batchRows: number;
  readonly batchBytes: number;
  readonly transactionBytes: number;
}

export interface AlertsConfig {
  readonly lagSeconds: number;
  readonly webhook: string | undefined;
  readonly command: string | undefined;
}

export interface SyncConfig {
  readonly path: string;
  readonly name: string;
  readonly source: SourceConfig;
  readonly target: TargetConfig;
  readonly tables: readonly TableConfig[];
  readonly limits: LimitsConfig;
  readonly status: { readonly host: string; readonly port: number } | undefined;
  readonly alerts: AlertsConfig | undefined;
  readonly sweep: 'auto' | 'always' | 'never';
}

export interface ConfigSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readFile(path: string): string;
}

export function parseConfig(path: string, text: string, around: ConfigSurroundings): SyncConfig {
  return readYaml(path, text, (top) => {
    const tables = top.sections('tables').flatMap((section) => readTable(section) ?? []);
    if (tables.length === 0) top.fail('tables', 'must name at least one table');
    const seen = new Set<string>();
    for (const { database, table } of tables) {
      if (seen.has(`${database}.${table}`))
        top.fail('tables', `has ${database}.${table} twice: put the targets into one entry`);
      seen.add(`${database}.${table}`);
    }
    const name = top.text('name') ?? 'default';
    if (!/^[\w.-]{1,64}$/.test(name)) top.fail('name', 'must be letters, digits, dots and dashes');
    const status = top.section('status');
    const config: SyncConfig = {
      path,
      name,
      source: readSource(need(top, 'source'), around),
      target: readTarget(need(top, 'target'), name, around),
      tables,
      limits: readLimits(top.section('limits')),
      status:
        status === undefined
          ? undefined
          : { host: status.text('host') ?? '127.0.0.1', port: status.integer('port', 0, 65535) ?? 0 },
      alerts: readAlerts(top.section('alerts')),
      sweep: top.choice('sweep', ['auto', 'always', 'never']) ?? 'auto',
    };
    status?.end();
    top.end();
    return config;
  });
}

function need(top: Section, key: string): Section | undefined {
  const section = top.section(key);
  if (section === undefined && !top.has(key)) top.fail(key, 'is missing');
  return section;
}

/** The path of a file that can be read now; a wrong one would be noticed only at the first connection. */
function readableFile(section: Section, key: string, around: ConfigSurroundings): string | undefined {
  const path = section.text(key);
  if (path === undefined) return undefined;
  try {
    around.readFile(path);
    return path;
  } catch (error) {
    return section.fail(key, `cannot be read: ${systemErrorText(error as Error)}`);
  }
}

function readTls(section: Section | undefined, around: ConfigSurroundings): TlsConfig | undefined {
  if (section === undefined) return undefined;
  const tls = {
    caFile: readableFile(section, 'ca', around),
    certFile: readableFile(section, 'cert', around),
    keyFile: readableFile(section, 'key', around),
    insecure: section.flag('insecure') ?? false,
  };
  if (section.has('cert') !== section.has('key'))
    section.fail(section.has('key') ? 'key' : 'cert', 'goes with both cert and key');
  section.end();
  return tls;
}

const noSource: SourceConfig = {
  hosts: [],
  socket: undefined,
  user: '',
  password: '',
  serverId: undefined,
  tls: undefined,
  timeZone: '+00:00',
  statementEvents: 'resnapshot',
  ddl: 'follow',
  cascades: 'resnapshot',
  heartbeatSeconds: 5,
  resnapshotSeconds: 10,
};

function readPassword(section: Section, around: ConfigSurroundings): string {
  const variable = section.text('password_env');
  const file = section.text('password_file');
  const plain = section.text('password');
  if (variable !== undefined)
    return around.env[variable] ?? section.fail('password_env', `names ${variable}, which is not set`) ?? '';
  if (file === undefined) return plain ?? '';
  try {
    return around.readFile(file).replace(/\r?\n$/, '');
  } catch (error) {
    return section.fail('password_file', `cannot be read: ${systemErrorText(error as Error)}`) ?? '';
  }
}

function readSource(section: Section | undefined, around: ConfigSurroundings): SourceConfig {
  if (section === undefined) return noSource;
  const socket = section.text('socket');
  const hosts = (section.texts('hosts') ?? section.texts('host') ?? []).flatMap((text) => {
    const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text);
    const port = Number(match?.[2] ?? 3306);
    if (match === null || port < 1 || port > 65535) {
      section.fail('hosts', `has '${text}', which is no host:port`);
      return [];
    }
    return [{ host: match[1]!.replace(/^\[|\]$/g, ''), port }];
  });
  section.texts('host');
  if (hosts.length === 0 && socket === undefined) section.fail('hosts', 'is missing (host:port, or socket: PATH)');
  const timeZone = section.text('time_zone') ?? '+00:00';
  if (zoneOf(timeZone) === undefined)
    section.fail('time_zone', `is '${timeZone}', which is no time zone (write +08:00 or Asia/Shanghai)`);
  const source: SourceConfig = {
    hosts,
    socket,
    user: section.needText('user'),
    password: readPassword(section, around),
    serverId: section.integer('server_id', 1, 4_294_967_295),
    tls: readTls(section.section('tls'), around),
    timeZone,
    statementEvents: section.choice('statement_events', ['resnapshot', 'stop']) ?? 'resnapshot',
    ddl: section.choice('ddl', ['follow', 'resnapshot', 'stop']) ?? 'follow',
    cascades: section.choice('cascades', ['resnapshot', 'ignore', 'stop']) ?? 'resnapshot',
    heartbeatSeconds: section.number('heartbeat_seconds', 0.1, 3600) ?? 5,
    resnapshotSeconds: section.number('resnapshot_seconds', 0, 86_400) ?? 10,
  };
  section.end();
  return source;
}

function readTarget(section: Section | undefined, name: string, around: ConfigSurroundings): TargetConfig {
  const stateKey = section?.text('state_key') ?? `kvasir-mysql:{${name}}`;
  const address = section?.needText('address') ?? '';
  if (section !== undefined && address !== '') attempt(section, 'address', () => parseAddress(address));
  const target = {
    address,
    tls: readTls(section?.section('tls'), around),
    stateKey,
    replyMs: (section?.number('timeout_seconds', 0.1, 86_400) ?? REPLY_SECONDS) * 1000,
  };
  section?.end();
  return target;
}

function readLimits(section: Section | undefined): LimitsConfig {
  const limits = {
    rowsPerSecond: section?.number('rows_per_second', 1, 1e9) ?? Infinity,
    batchRows: section?.integer('batch_rows', 1, 1e6) ?? 2000,
    batchBytes: section?.number('batch_bytes', 1024, 1e9) ?? 4 << 20,
    transactionBytes: section?.number('transaction_bytes', 1024, 8e9) ?? 256 << 20,
  };
  section?.end();
  return limits;
}

function readAlerts(section: Section | undefined): AlertsConfig | undefined {
  if (section === undefined) return undefined;
  const alerts = {
    lagSeconds: section.number('lag_seconds', 0.001, 1e9) ?? 60,
    webhook: section.text('webhook'),
    command: section.text('command'),
  };
  section.end();
  return alerts;
}

function expressionOf(section: Section, key: string): Expression | undefined {
  const text = section.text(key);
  return text === undefined ? undefined : attempt(section, key, () => parseExpression(text));
}

function templateOf(section: Section, key: string): Template | undefined {
  const text = section.text(key);
  return text === undefined ? undefined : attempt(section, key, () => Template.parse(text));
}

function needTemplate(section: Section, key: string): Template {
  if (!section.has(key)) section.fail(key, 'is missing');
  return templateOf(section, key) ?? Template.parse('');
}

function attempt<T>(section: Section, key: string, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    return section.fail(key, `is wrong: ${(error as Error).message}`);
  }
}

function readTable(section: Section): TableConfig | undefined {
  const name = section.needText('table');
  const match = /^([^.`]+)\.([^.`]+)$/.exec(name);
  if (match === null && name !== '') section.fail('table', 'must be database.table');
  const compute = section.section('compute');
  const computed = (compute?.keys ?? []).flatMap((key): [string, Expression][] => {
    const expression = expressionOf(compute!, key);
    return expression === undefined ? [] : [[key, expression]];
  });
  const targets = section.sections('targets').flatMap((one) => readMappingTarget(one) ?? []);
  if (targets.length === 0) section.fail('targets', 'must name at least one key');
  const table: TableConfig = {
    database: match?.[1] ?? '',
    table: match?.[2] ?? '',
    columns: section.texts('columns'),
    exclude: section.texts('exclude') ?? [],
    rename: new Map(section.pairs('rename')),
    compute: computed,
    where: expressionOf(section, 'where'),
    module: section.text('module'),
    numbers: section.choice('numbers', ['exact', 'digits']) ?? 'exact',
    omitNulls: section.flag('omit_nulls') ?? false,
    assumesUnique: section.flag('assume_unique') ?? false,
    targets,
  };
  section.end();
  return table;
}

const kinds = ['hash', 'json', 'string', 'hash_field', 'set', 'zset', 'list', 'stream'] as const;

function readMappingTarget(section: Section): MappingTarget | undefined {
  const found = kinds.filter((kind) => section.has(kind));
  const kind = found[0];
  if (kind === undefined || found.length > 1) {
    section.failHere(`must have one of ${kinds.join(', ')}`);
    return undefined;
  }
  const base = { key: needTemplate(section, kind), path: section.path };
  const target = readKind(kind, base, section);
  section.end();
  return target;
}

function readKind(kind: (typeof kinds)[number], base: TargetBase, section: Section): MappingTarget {
  switch (kind) {
    case 'hash':
    case 'json': {
      const children = section.section('children');
      return {
        ...base,
        kind,
        life: readLife(section),
        isShared: kind === 'hash' && (section.flag('shared') ?? false),
        children: (children?.keys ?? []).flatMap((name) => readChildren(children!, name) ?? []),
      };
    }
    case 'string':
      return { ...base, kind, value: needTemplate(section, 'value'), life: readLife(section) };
    case 'hash_field':
      return { ...base, kind: 'field', field: needTemplate(section, 'field'), value: templateOf(section, 'value') };
    case 'set':
      return { ...base, kind, member: needTemplate(section, 'member') };
    case 'zset': {
      if (!section.has('score')) section.fail('score', 'is missing');
      const score = expressionOf(section, 'score') ?? parseExpression('0');
      return { ...base, kind, member: needTemplate(section, 'member'), score };
    }
    case 'list':
      return { ...base, kind, element: templateOf(section, 'element') };
    case 'stream':
      return {
        ...base,
        kind,
        lengthMax: section.integer('maxlen', 1, Number.MAX_SAFE_INTEGER),
        withSnapshot: section.flag('snapshot') ?? false,
      };
  }
}

function readLife(section: Section): LifeConfig {
  return { ttl: expressionOf(section, 'ttl'), expireAt: expressionOf(section, 'expire_at') };
}

function readChildren(parent: Section, name: string): ChildrenConfig | undefined {
  const section = parent.section(name);
  if (section === undefined) return undefined;
  const table = section.needText('table');
  if (!/^[^.`]+\.[^.`]+$/.test(table)) section.fail('table', 'must be database.table');
  const by = section.pairs('by');
  if (by.length === 0) section.fail('by', 'must name a column of the child and that of the parent (order_id: id)');
  const children = { name, table, by, columns: section.texts('columns'), orderBy: section.texts('order_by') ?? [] };
  section.end();
  return children;
}
