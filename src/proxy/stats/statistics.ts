// statistics: the proxy's counters as twemproxy's JSON, as INFO, and as Prometheus text.
//
// The names and units of the JSON are twemproxy's, so that what watches nutcracker watches this too. twemproxy shows values that
// are up to an interval old; these are those of the moment.

import { KVASIR_VERSION, SERVER_VERSION } from '../../base/version.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { Plan } from '../routing/plan.js';

/** The version of twemproxy that is answered for. */
export const NUTCRACKER_VERSION = '0.5.0';

export interface StatisticsSource {
  readonly hostName: string;
  readonly startedMs: number;
  readonly processId: number;
  readonly totalConnections: number;
  readonly currentConnections: number;
  readonly pools: readonly { readonly pool: Pool; readonly ejectCount: number }[];
  readonly plans: Iterable<Plan>;
  readonly memoryBytes: number;
  nowMs(): number;
}

export const poolCounters = [
  ['client_eof', '# eof on client connections'],
  ['client_err', '# errors on client connections'],
  ['client_connections', '# active client connections'],
  ['server_ejects', '# times backend server was ejected'],
  ['forward_error', '# times we encountered a forwarding error'],
  ['fragments', '# fragments created from a multi-vector request'],
] as const;

export const serverCounters = [
  ['server_eof', '# eof on server connections'],
  ['server_err', '# errors on server connections'],
  ['server_timedout', '# timeouts on server connections'],
  ['server_connections', '# active server connections'],
  ['server_ejected_at', 'timestamp when server was ejected in usec since epoch'],
  ['requests', '# requests'],
  ['request_bytes', 'total request bytes'],
  ['responses', '# responses'],
  ['response_bytes', 'total response bytes'],
  ['in_queue', '# requests in incoming queue'],
  ['in_queue_bytes', 'current request bytes in incoming queue'],
  ['out_queue', '# requests in outgoing queue'],
  ['out_queue_bytes', 'current request bytes in outgoing queue'],
] as const;

type PoolCounter = (typeof poolCounters)[number][0];
type ServerCounter = (typeof serverCounters)[number][0];

function ofPool(pool: Pool, ejectCount: number): Record<PoolCounter, number> {
  return {
    client_eof: pool.clientEofCount,
    client_err: pool.clientErrorCount,
    client_connections: pool.clientCount,
    server_ejects: ejectCount,
    forward_error: pool.forwardErrors,
    fragments: pool.fragments,
  };
}

function ofServer(backend: Backend): Record<ServerCounter, number> {
  const { statistics } = backend;
  const unsent = backend.unsentBytes;
  return {
    server_eof: statistics.eofCount,
    server_err: statistics.errorCount,
    server_timedout: statistics.timeoutCount,
    server_connections: backend.openCount,
    server_ejected_at: Math.round(statistics.ejectedAtMs * 1000),
    requests: statistics.requests,
    request_bytes: statistics.requestBytes,
    responses: statistics.responses,
    response_bytes: statistics.responseBytes,
    in_queue: unsent > 0 ? backend.waitingCount : 0,
    in_queue_bytes: unsent,
    out_queue: unsent > 0 ? 0 : backend.waitingCount,
    out_queue_bytes: 0,
  };
}

/** The JSON of the statistics port: one line. */
export function statisticsJson(source: StatisticsSource): string {
  const top: Record<string, unknown> = {
    service: 'nutcracker',
    source: source.hostName,
    version: NUTCRACKER_VERSION,
    uptime: Math.floor((source.nowMs() - source.startedMs) / 1000),
    timestamp: Math.floor(source.nowMs() / 1000),
    total_connections: source.totalConnections,
    curr_connections: source.currentConnections,
  };
  for (const { pool, ejectCount } of source.pools) {
    const shown: Record<string, unknown> = ofPool(pool, ejectCount);
    for (const backend of pool.router.backends) shown[backend.options.name] = ofServer(backend);
    top[pool.name] = shown;
  }
  return `${JSON.stringify(top)}\n`;
}

function section(name: string, fields: readonly (readonly [string, string | number])[]): string {
  return `# ${name}\r\n${fields.map(([field, value]) => `${field}:${value}\r\n`).join('')}`;
}

/** INFO of the proxy, with the fields that clients look at. */
export function statisticsInfo(source: StatisticsSource, wanted: readonly string[]): string {
  const uptime = Math.floor((source.nowMs() - source.startedMs) / 1000);
  const sections: [string, () => string][] = [
    [
      'server',
      () =>
        section('Server', [
          ['redis_version', SERVER_VERSION],
          ['redis_mode', 'standalone'],
          ['kvasir_version', KVASIR_VERSION],
          ['proxy', 'kvasir-proxy'],
          ['process_id', source.processId],
          ['uptime_in_seconds', uptime],
        ]),
    ],
    [
      'clients',
      () =>
        section('Clients', [
          ['connected_clients', source.currentConnections],
          ['total_connections_received', source.totalConnections],
        ]),
    ],
    ['memory', () => section('Memory', [['used_memory_rss', source.memoryBytes]])],
    ['stats', () => section('Stats', statsFields(source))],
    [
      'replication',
      () =>
        section('Replication', [
          ['role', 'master'],
          ['connected_slaves', 0],
        ]),
    ],
    ['pools', () => section('Pools', poolFields(source))],
    ['commandstats', () => section('Commandstats', commandFields(source))],
  ];
  const all =
    wanted.length === 0 || wanted.some((name) => name === 'all' || name === 'everything' || name === 'default');
  return sections
    .filter(
      ([name]) =>
        (all && (name !== 'commandstats' || wanted.includes('all') || wanted.includes('everything'))) ||
        wanted.includes(name),
    )
    .map(([, make]) => make())
    .join('\r\n');
}

function statsFields(source: StatisticsSource): [string, number][] {
  let commands = 0;
  for (const plan of source.plans) commands += plan.calls;
  let errors = 0;
  for (const { pool } of source.pools) errors += pool.forwardErrors;
  return [
    ['total_connections_received', source.totalConnections],
    ['total_commands_processed', commands],
    ['total_forward_errors', errors],
  ];
}

function poolFields(source: StatisticsSource): [string, string][] {
  const fields: [string, string][] = [];
  for (const { pool, ejectCount } of source.pools) {
    fields.push([
      `pool_${pool.name}`,
      Object.entries(ofPool(pool, ejectCount))
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    ]);
    for (const [index, backend] of pool.router.backends.entries()) {
      const state = backend.ejectedUntilMs > 0 ? 'ejected' : backend.openCount > 0 ? 'connected' : 'idle';
      const counters = Object.entries(ofServer(backend)).map(([name, value]) => `${name}=${value}`);
      fields.push([
        `pool_${pool.name}_server${index}`,
        [`name=${backend.options.name}`, `address=${backend.options.label}`, `state=${state}`, ...counters].join(','),
      ]);
    }
  }
  return fields;
}

function commandFields(source: StatisticsSource): [string, string][] {
  const fields: [string, string][] = [];
  for (const plan of source.plans)
    if (plan.calls > 0)
      fields.push([`cmdstat_${plan.command.fullName}`, `calls=${plan.calls},rejected_calls=${plan.failures}`]);
  return fields;
}

function escaped(label: string): string {
  return label.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** The counters in Prometheus's text format. */
export function statisticsMetrics(source: StatisticsSource): string {
  const lines: string[] = [];
  const family = (
    name: string,
    help: string,
    kind: 'counter' | 'gauge',
    rows: readonly (readonly [string, number])[],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [labels, value] of rows) lines.push(`${name}${labels === '' ? '' : `{${labels}}`} ${value}`);
  };
  family('kvasir_proxy_uptime_seconds', 'Seconds since the start.', 'gauge', [
    ['', Math.floor((source.nowMs() - source.startedMs) / 1000)],
  ]);
  family('kvasir_proxy_connections_total', 'Client connections accepted.', 'counter', [['', source.totalConnections]]);
  family('kvasir_proxy_connections', 'Client connections open.', 'gauge', [['', source.currentConnections]]);
  family('kvasir_proxy_memory_bytes', 'Resident memory.', 'gauge', [['', source.memoryBytes]]);
  const gauges = new Set<string>([
    'client_connections',
    'server_connections',
    'in_queue',
    'in_queue_bytes',
    'out_queue',
    'out_queue_bytes',
    'server_ejected_at',
  ]);
  for (const [name, help] of poolCounters) {
    const kind = gauges.has(name) ? 'gauge' : 'counter';
    const rows = source.pools.map(
      ({ pool, ejectCount }) => [`pool="${escaped(pool.name)}"`, ofPool(pool, ejectCount)[name]] as const,
    );
    family(`kvasir_proxy_${name}${kind === 'counter' ? '_total' : ''}`, help.replace(/^# /, 'Number of '), kind, rows);
  }
  for (const [name, help] of serverCounters) {
    const kind = gauges.has(name) ? 'gauge' : 'counter';
    const rows = source.pools.flatMap(({ pool }) =>
      pool.router.backends.map(
        (backend) =>
          [`pool="${escaped(pool.name)}",server="${escaped(backend.options.name)}"`, ofServer(backend)[name]] as const,
      ),
    );
    family(`kvasir_proxy_${name}${kind === 'counter' ? '_total' : ''}`, help.replace(/^# /, 'Number of '), kind, rows);
  }
  const calls: [string, number][] = [];
  for (const plan of source.plans) if (plan.calls > 0) calls.push([`command="${plan.command.fullName}"`, plan.calls]);
  family('kvasir_proxy_commands_total', 'Commands that clients sent.', 'counter', calls);
  return `${lines.join('\n')}\n`;
}
