// statistics: the proxy's counters as twemproxy's JSON, as INFO, and as Prometheus text.
//
// The names and units of the JSON are twemproxy's, so that what watches nutcracker watches this too. twemproxy shows values that
// are up to an interval old; these are those of the moment.

import { KVASIR_VERSION, SERVER_VERSION } from '../../base/version.js';
import { parseInfoText } from '../../base/info-text.js';
import { Exposition, type ExpositionFormat, type Labels } from '../../service/metrics/exposition.js';
import { InfoMetrics } from '../../service/metrics/info-metrics.js';
import type { Health } from '../../service/metrics/scrape-door.js';
import type { Pool } from '../pool/pool.js';
import type { Plan } from '../routing/plan.js';
import { type Counter, poolCounters, readCounters, serverCounters } from './counters.js';

/** The version of twemproxy that is answered for. */
export const NUTCRACKER_VERSION = '0.5.0';

export interface StatisticsSource {
  readonly hostName: string;
  readonly startedMs: number;
  readonly processId: number;
  readonly totalConnections: number;
  readonly currentConnections: number;
  readonly pools: readonly Pool[];
  readonly plans: Iterable<Plan>;
  readonly memoryBytes: number;
  nowMs(): number;
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
  for (const pool of source.pools) {
    const shown: Record<string, unknown> = readCounters(poolCounters, pool);
    for (const backend of pool.router.backends) shown[backend.options.name] = readCounters(serverCounters, backend);
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
  for (const { counters } of source.pools) errors += counters.forwardErrors;
  return [
    ['total_connections_received', source.totalConnections],
    ['total_commands_processed', commands],
    ['total_forward_errors', errors],
  ];
}

function poolFields(source: StatisticsSource): [string, string][] {
  const fields: [string, string][] = [];
  for (const pool of source.pools) {
    fields.push([
      `pool_${pool.name}`,
      Object.entries(readCounters(poolCounters, pool))
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    ]);
    for (const [index, backend] of pool.router.backends.entries()) {
      const state = backend.ejectedUntilMs > 0 ? 'ejected' : backend.openCount > 0 ? 'connected' : 'idle';
      const counters = Object.entries(readCounters(serverCounters, backend)).map(([name, value]) => `${name}=${value}`);
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

/** The counters for a monitoring system: those of the proxy, and those of its INFO under the names of redis_exporter. */
export function statisticsMetrics(source: StatisticsSource, format: ExpositionFormat): string {
  const to = new Exposition();
  const uptime = Math.floor((source.nowMs() - source.startedMs) / 1000);
  to.add('redis_up', 'gauge', 'The proxy answers; always 1.', 1);
  to.add('kvasir_proxy_uptime_seconds', 'gauge', 'Seconds since the start.', uptime);
  to.add('kvasir_proxy_connections_received_total', 'counter', 'Client connections accepted.', source.totalConnections);
  to.add('kvasir_proxy_connections', 'gauge', 'Client connections open.', source.currentConnections);
  to.add('kvasir_proxy_memory_bytes', 'gauge', 'Resident memory.', source.memoryBytes);
  const addAll = <Source>(counters: readonly Counter<Source>[], of: Source, labels: Labels): void => {
    for (const { name, kind, help, read } of counters) {
      const shown = `kvasir_proxy_${name}${kind === 'counter' ? '_total' : ''}`;
      to.add(shown, kind, help.replace(/^# /, 'Number of '), read(of), labels);
    }
  };
  for (const pool of source.pools) {
    addAll(poolCounters, pool, { pool: pool.name });
    for (const backend of pool.router.backends) {
      const labels = { pool: pool.name, server: backend.options.name };
      addAll(serverCounters, backend, labels);
      const isEjected = backend.ejectedUntilMs > 0 ? 1 : 0;
      to.add('kvasir_proxy_server_ejected', 'gauge', '1 while the server is ejected.', isEjected, labels);
    }
  }
  for (const { calls, command } of source.plans)
    if (calls > 0)
      to.add('kvasir_proxy_commands_total', 'counter', 'Commands that clients sent.', calls, {
        command: command.fullName,
      });
  new InfoMetrics(to).addInfo(parseInfoText(statisticsInfo(source, ['all'])), source.nowMs());
  return to.render(format);
}

/** Whether clients can be served: no pool may have lost all its servers. */
export function statisticsHealth(source: StatisticsSource): Health {
  const pools = source.pools.map(({ name, router: { backends } }) => {
    return {
      name,
      servers: backends.length,
      ejected: backends.filter((each) => each.ejectedUntilMs > 0).length,
    };
  });
  const isHealthy = pools.every(({ servers, ejected }) => servers === 0 || ejected < servers);
  const uptime = Math.floor((source.nowMs() - source.startedMs) / 1000);
  return { isHealthy, details: { kvasir_version: KVASIR_VERSION, uptime_in_seconds: uptime, pools } };
}
