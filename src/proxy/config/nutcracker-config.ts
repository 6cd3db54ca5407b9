// nutcracker-config: reads nutcracker.yml: every key of twemproxy 0.5, checked as it checks them, and keys of our own.
//
// Unlike twemproxy, the reader goes on after a mistake, so that -t prints all of them, each with its line. The texts
// are twemproxy's where it has one.

import { compareNames } from '../placement/distribution.js';
import { hashFunctions } from '../../base/hash-functions.js';
import { splitWords } from '../../base/quoting.js';
import type { ListenConfig, OutputLimit, PoolConfig, PoolKind, ReadPolicy, ServerConfig } from './pool-config.js';
import { readYml, type Mistake, type YmlEntry, type YmlPool, type YmlValue } from './yml.js';

const NUMBER_MAX = 2147483647;
/** twemproxy leaves the port of memcached out of the name that it hashes. */
const NAMELESS_PORT = 11211;
/** twemproxy leaves it to the system, whose two hours are longer than most firewalls remember a connection. */
const KEEP_ALIVE_SECONDS = 300;

/** All keys, in the order of the manual. */
export const poolKeys = [
  'listen',
  'client_connections',
  'hash',
  'hash_tag',
  'distribution',
  'timeout',
  'backlog',
  'preconnect',
  'redis',
  'tcpkeepalive',
  'reuseport',
  'redis_auth',
  'redis_db',
  'server_connections',
  'auto_eject_hosts',
  'server_retry_timeout',
  'server_failure_limit',
  'servers',
] as const;

/** Keys that twemproxy does not have. */
export const ownKeys = [
  'type',
  'nodes',
  'master_name',
  'migrate_to',
  'mirror_to',
  'tenants',
  'read_near',
  'max_lag_bytes',
  'watch_keys',
  'cache_keys',
  'read_policy',
  'users',
  'server_user',
  'databases',
  'client_output_limit_mb',
  'client_output_soft_limit_mb',
  'client_output_soft_seconds',
  'subscriber_output_limit_mb',
  'subscriber_output_soft_limit_mb',
  'subscriber_output_soft_seconds',
  'tls',
  'tls_ca_file',
  'tls_cert_file',
  'tls_key_file',
  'tls_insecure',
  'listen_tls',
  'listen_tls_ca_file',
  'listen_tls_cert_file',
  'listen_tls_key_file',
] as const;

const listKeys = new Set(['servers', 'nodes', 'users', 'tenants', 'read_near']);

/** A number of digits alone within 31 bits; NaN for anything else. */
export function digitsOnly(text: string): number {
  if (!/^\d{1,10}$/.test(text)) return NaN;
  const value = Number(text);
  return value <= NUMBER_MAX ? value : NaN;
}

class PoolReader {
  private readonly entries = new Map<string, YmlEntry>();

  constructor(
    private readonly pool: YmlPool,
    private readonly mistakes: Mistake[],
  ) {
    const known = new Set<string>([...poolKeys, ...ownKeys]);
    for (const entry of pool.entries) {
      if (!known.has(entry.key)) this.fail(entry.line, `conf: directive "${entry.key}" is unknown`);
      else if (this.entries.has(entry.key)) this.fail(entry.line, `conf: directive "${entry.key}" is a duplicate`);
      else this.entries.set(entry.key, entry);
    }
    for (const [key, entry] of this.entries) {
      if (listKeys.has(key)) {
        if (entry.items.length === 0)
          this.fail(entry.line, `conf: directive "${key}" needs a list below it, each line beginning with "- "`);
      } else if (entry.value === undefined) {
        this.fail(
          entry.line,
          entry.items.length > 0
            ? `conf: directive "${key}" has a list, but takes one value`
            : `conf: directive "${key}" is empty`,
        );
      }
    }
  }

  fail(line: number, text: string): void {
    this.mistakes.push({ line, text });
  }

  private value(key: string): YmlValue | undefined {
    return this.entries.get(key)?.value;
  }

  text(key: string): string | undefined {
    return this.value(key)?.text;
  }

  number(key: string, missing: number, min = 0): number {
    const value = this.value(key);
    if (value === undefined) return missing;
    const number = digitsOnly(value.text);
    if (Number.isNaN(number)) this.fail(value.line, `conf: directive "${key}" is not a number`);
    else if (number < min) this.fail(value.line, `conf: directive "${key}:" cannot be ${number}`);
    else return number;
    return missing;
  }

  /** Three keys of one class of clients; missing limits are those given, in MB, and a minute. */
  outputLimit(kind: 'client' | 'subscriber', hardMb: number, softMb: number): OutputLimit {
    return {
      hardBytes: this.number(`${kind}_output_limit_mb`, hardMb) * 1024 * 1024,
      softBytes: this.number(`${kind}_output_soft_limit_mb`, softMb) * 1024 * 1024,
      softSeconds: this.number(`${kind}_output_soft_seconds`, 60),
    };
  }

  boolean(key: string, missing: boolean): boolean {
    const value = this.value(key);
    if (value === undefined) return missing;
    if (value.text !== 'true' && value.text !== 'false')
      this.fail(value.line, `conf: directive "${key}" is not "true" or "false"`);
    return value.text === 'true';
  }

  choice<T extends string>(key: string, choices: readonly T[], missing: T, what: string): T {
    const value = this.value(key);
    if (value === undefined) return missing;
    if ((choices as readonly string[]).includes(value.text)) return value.text as T;
    this.fail(value.line, `conf: directive "${key}" is not a valid ${what}: one of ${choices.join(', ')}`);
    return missing;
  }

  items(key: string): readonly YmlValue[] {
    return this.entries.get(key)?.items ?? [];
  }

  line(key: string): number {
    return this.entries.get(key)?.line ?? this.pool.line;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  listen(key: string): ListenConfig | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const { text, line } = value;
    if (text.startsWith('/')) {
      const [path, permissions, ...rest] = text.split(/\s+/);
      if (rest.length > 0 || (permissions !== undefined && !/^[0-7]{1,4}$/.test(permissions))) {
        this.fail(
          line,
          `conf: directive "${key}" has an invalid file permission in "socket_path permission" format string`,
        );
        return undefined;
      }
      return {
        text: path!,
        host: '',
        port: 0,
        path,
        permissions: permissions === undefined ? 0 : parseInt(permissions, 8),
      };
    }
    const colon = text.lastIndexOf(':');
    if (colon <= 0) {
      this.fail(line, `conf: directive "${key}" has an invalid "hostname:port" format string`);
      return undefined;
    }
    const port = digitsOnly(text.slice(colon + 1));
    if (!(port >= 1 && port <= 65535)) {
      this.fail(line, `conf: directive "${key}" has an invalid port in "hostname:port" format string`);
      return undefined;
    }
    return { text, host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port, path: undefined, permissions: 0 };
  }

  servers(): ServerConfig[] {
    const servers: ServerConfig[] = [];
    const names = new Set<string>();
    for (const item of this.items('servers')) {
      const server = this.server(item);
      if (server === undefined) continue;
      if (names.has(server.name)) {
        this.fail(item.line, `conf: pool '${this.pool.name}' has servers with same name '${server.name}'`);
        continue;
      }
      names.add(server.name);
      servers.push(server);
    }
    return servers.sort((a, b) => compareNames(a.name, b.name));
  }

  private server({ text, line }: YmlValue): ServerConfig | undefined {
    const wrong = (what: string): undefined => {
      this.fail(line, `conf: directive "servers" has ${what}`);
      return undefined;
    };
    const format = '"hostname:port:weight [name]" format string';
    const blank = text.lastIndexOf(' ');
    const label = blank < 0 ? text : text.slice(0, blank);
    const alias = blank < 0 ? undefined : text.slice(blank + 1);
    const weightColon = label.lastIndexOf(':');
    const isUnix = text.startsWith('/');
    if (weightColon <= 0)
      return wrong('an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string');
    const weight = digitsOnly(label.slice(weightColon + 1));
    const place = label.slice(0, weightColon);
    const portColon = place.lastIndexOf(':');
    if (!isUnix && portColon <= 0)
      return wrong('an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string');
    if (Number.isNaN(weight)) return wrong(`an invalid weight in ${format}`);
    if (weight === 0) return wrong(`a zero weight in ${format}`);
    if (isUnix) return { host: '', port: 0, path: place, weight, name: alias ?? `${place}:`, label };
    const port = digitsOnly(place.slice(portColon + 1));
    if (!(port >= 1 && port <= 65535)) return wrong(`an invalid port in ${format}`);
    const host = place.slice(0, portColon);
    const name = alias ?? (port === NAMELESS_PORT ? host : place);
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port, path: undefined, weight, name, label };
  }

  nodes(): { host: string; port: number }[] {
    const nodes: { host: string; port: number }[] = [];
    for (const { text, line } of this.items('nodes')) {
      const colon = text.lastIndexOf(':');
      const port = digitsOnly(text.slice(colon + 1));
      if (colon <= 0 || !(port >= 1 && port <= 65535))
        this.fail(line, `conf: directive "nodes" has an invalid "hostname:port": ${text}`);
      else nodes.push({ host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port });
    }
    return nodes;
  }

  /** Lines of `user pool`. */
  tenants(): Map<string, string> {
    const tenants = new Map<string, string>();
    for (const { text, line } of this.items('tenants')) {
      const words = text.split(/\s+/);
      if (words.length !== 2) this.fail(line, 'conf: directive "tenants" wants "user pool" on each line');
      else if (tenants.has(words[0]!)) this.fail(line, `conf: user "${words[0]}" is a tenant twice`);
      else tenants.set(words[0]!, words[1]!);
    }
    return tenants;
  }

  users(): string[] {
    const users: string[] = [];
    for (const { text, line } of this.items('users')) {
      if (splitWords(text) === undefined) this.fail(line, 'conf: directive "users" has unbalanced quotes');
      else users.push(text);
    }
    return users;
  }
}

function readPool(pool: YmlPool, mistakes: Mistake[]): PoolConfig | undefined {
  const reader = new PoolReader(pool, mistakes);
  const before = mistakes.length;
  const kind = reader.choice<PoolKind>('type', ['twemproxy', 'cluster', 'sentinel'], 'twemproxy', 'type');
  const listen = reader.listen('listen');
  if (listen === undefined && !reader.has('listen')) reader.fail(pool.line, 'conf: directive "listen:" is missing');
  const hash = reader.text('hash') ?? 'fnv1a_64';
  if (!hashFunctions.has(hash)) reader.fail(reader.line('hash'), 'conf: directive "hash" is not a valid hash');
  const hashTag = reader.text('hash_tag') ?? '';
  if (hashTag.length !== 0 && hashTag.length !== 2)
    reader.fail(
      reader.line('hash_tag'),
      'conf: directive "hash_tag" is not a valid hash tag string with two characters',
    );
  const distribution = reader.choice('distribution', ['ketama', 'modula', 'random'], 'ketama', 'distribution');
  const isRedis = reader.boolean('redis', kind !== 'twemproxy');
  if (!isRedis) {
    if (reader.has('redis_auth'))
      reader.fail(reader.line('redis_auth'), 'conf: directive "redis_auth:" is only valid for a redis pool');
    else
      reader.fail(
        pool.line,
        `pool '${pool.name}' is for memcached, which kvasir-proxy does not speak: it needs "redis: true"`,
      );
  }
  const servers = reader.servers();
  if (kind === 'twemproxy' && reader.items('servers').length === 0)
    reader.fail(pool.line, `conf: pool '${pool.name}' has no servers`);
  const nodes = reader.nodes();
  if (kind !== 'twemproxy' && nodes.length === 0 && !reader.has('nodes'))
    reader.fail(pool.line, `conf: pool '${pool.name}' of type ${kind} needs "nodes:"`);
  const masterName = reader.text('master_name') ?? '';
  if (kind === 'sentinel' && masterName === '')
    reader.fail(pool.line, `conf: pool '${pool.name}' of type sentinel needs "master_name:"`);
  const keepAliveSeconds = reader.boolean('tcpkeepalive', false) ? KEEP_ALIVE_SECONDS : 0;
  const config: Omit<PoolConfig, 'listen'> = {
    name: pool.name,
    line: pool.line,
    kind,
    listenTls: reader.listen('listen_tls'),
    listenTlsFiles: {
      caFile: reader.text('listen_tls_ca_file'),
      certFile: reader.text('listen_tls_cert_file'),
      keyFile: reader.text('listen_tls_key_file'),
      isInsecure: false,
    },
    hash,
    hashTag,
    distribution,
    timeoutMs: reader.number('timeout', 0),
    backlog: reader.number('backlog', 512),
    clientConnections: reader.number('client_connections', 0),
    clientKeepAliveSeconds: keepAliveSeconds,
    serverKeepAliveSeconds: keepAliveSeconds,
    reusePort: reader.boolean('reuseport', false),
    password: reader.text('redis_auth'),
    serverUser: reader.text('server_user'),
    databaseIndex: reader.number('redis_db', 0),
    databaseCount: reader.number('databases', kind === 'cluster' ? 1 : 16, 1),
    preconnects: reader.boolean('preconnect', false),
    ejects: reader.boolean('auto_eject_hosts', false),
    serverConnections: reader.number('server_connections', 1, 1),
    retryTimeoutMs: reader.number('server_retry_timeout', 30_000),
    failureLimit: reader.number('server_failure_limit', 2),
    servers,
    nodes,
    masterName,
    migrateTo: reader.text('migrate_to') ?? '',
    mirrorTo: reader.text('mirror_to') ?? '',
    tenants: reader.tenants(),
    readNear: reader.items('read_near').map(({ text }) => text),
    maxLagBytes: reader.number('max_lag_bytes', 0),
    watchesKeys: reader.boolean('watch_keys', reader.number('cache_keys', 0) > 0),
    cachedKeysMax: reader.number('cache_keys', 0),
    readPolicy: reader.choice<ReadPolicy>(
      'read_policy',
      ['master', 'prefer_replica', 'replica'],
      'master',
      'read policy',
    ),
    users: reader.users(),
    serverTls: reader.boolean('tls', false)
      ? {
          caFile: reader.text('tls_ca_file'),
          certFile: reader.text('tls_cert_file'),
          keyFile: reader.text('tls_key_file'),
          isInsecure: reader.boolean('tls_insecure', false),
        }
      : undefined,
    clientLimit: reader.outputLimit('client', 512, 128),
    subscriberLimit: reader.outputLimit('subscriber', 32, 8),
  };
  if (
    config.listenTls !== undefined &&
    (config.listenTlsFiles.certFile === undefined || config.listenTlsFiles.keyFile === undefined)
  )
    reader.fail(
      reader.line('listen_tls'),
      'conf: directive "listen_tls" needs "listen_tls_cert_file:" and "listen_tls_key_file:"',
    );
  return listen === undefined || mistakes.length > before ? undefined : { ...config, listen };
}

export interface ReadConfig {
  /** Sorted by name as twemproxy sorts them; those without a mistake. */
  readonly pools: readonly PoolConfig[];
  readonly mistakes: readonly Mistake[];
}

/** A pool may name others; each must be there, and two that lead to each other lead nowhere. */
function checkOthers(
  pool: PoolConfig,
  pools: readonly PoolConfig[],
  names: ReadonlySet<string>,
  mistakes: Mistake[],
): void {
  const wrong = (text: string): void =>
    void mistakes.push({ line: pool.line, text: `conf: pool '${pool.name}' ${text}` });
  const { migrateTo, mirrorTo } = pool;
  for (const [key, other] of [
    ['migrate_to', migrateTo],
    ['mirror_to', mirrorTo],
    ...[...pool.tenants.values()].map((name) => ['tenants', name] as const),
  ] as const) {
    if (other === '') continue;
    if (!names.has(other)) wrong(`names a pool in "${key}" that there is not: '${other}'`);
    else if (other === pool.name && key !== 'tenants') wrong(`names itself in "${key}"`);
    const target = pools.find(({ name }) => name === other);
    if (key !== 'tenants' && target !== undefined && (target.migrateTo !== '' || target.mirrorTo !== ''))
      wrong(`names a pool in "${key}" that migrates or has a mirror itself: '${other}'`);
  }
  if (migrateTo !== '' && mirrorTo !== '') wrong('has "migrate_to" and "mirror_to": one at a time');
  for (const user of pool.tenants.keys())
    if (!pool.users.some((line) => line.split(/\s+/)[0] === user)) wrong(`has a tenant who is no user: '${user}'`);
}

/** Reads the text of a file that is called `fileName` in what is said. */
export function readNutcrackerConfig(text: string, fileName: string): ReadConfig {
  const mistakes: Mistake[] = [];
  const raw = readYml(text, mistakes);
  if (raw.length === 0) mistakes.push({ line: 0, text: `conf: '${fileName}' has no pools` });
  const pools: PoolConfig[] = [];
  const names = new Set<string>();
  const places = new Map<string, string>();
  for (const pool of raw) {
    if (names.has(pool.name))
      mistakes.push({ line: pool.line, text: `conf: '${fileName}' has pools with same name '${pool.name}'` });
    names.add(pool.name);
    const read = readPool(pool, mistakes);
    if (read === undefined) continue;
    for (const listen of [read.listen, read.listenTls]) {
      if (listen === undefined) continue;
      const other = places.get(listen.text);
      if (other !== undefined)
        mistakes.push({
          line: pool.line,
          text: `conf: pools '${other}' and '${pool.name}' have the same listen address '${listen.text}'`,
        });
      places.set(listen.text, pool.name);
    }
    pools.push(read);
  }
  for (const pool of pools) checkOthers(pool, pools, names, mistakes);
  pools.sort((a, b) => compareNames(a.name, b.name));
  mistakes.sort((a, b) => a.line - b.line);
  return { pools, mistakes };
}
