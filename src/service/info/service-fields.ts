// service-fields: the lines of INFO that every server has: the process, clients, commands, errors, latency.
//
// Names and units are Redis's, because monitoring reads them. A field that only makes sense for redis-server has the
// value that means "none".

import { KVASIR_VERSION, SERVER_VERSION } from '../../base/version.js';
import type { Clock } from '../../io/clock.js';
import type { Usage } from '../../io/usage.js';
import type { CommandTable } from '../../registry/table.js';
import { denials } from '../acl/denial.js';
import type { Client } from '../clients/client.js';
import type { ClientEviction } from '../clients/client-eviction.js';
import type { Pause } from '../clients/pause.js';
import type { Config } from '../config/config.js';
import { formatPercentile } from '../config/special-settings.js';
import type { ServerMode } from '../host.js';
import { systemName } from '../process/system-name.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { Activity } from '../watch/activity.js';
import type { CommandStats } from '../watch/command-stats.js';
import type { LatencyHistogram } from '../watch/latency-histogram.js';
import { counter, type Field, fixed, gauge, text } from './field.js';
import type { Info, InfoField } from './info.js';

/** The source of these fields. */
export interface ServiceFieldsHost {
  readonly info: Info;
  readonly config: Config;
  readonly clock: Clock;
  readonly usage: Usage;
  readonly processTag: string;
  readonly mode: ServerMode;
  readonly startedMs: number;
  /** 40 hex digits that no other run has. */
  readonly runId: string;
  readonly executable: string;
  readonly supervisedBy: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly clients: ReadonlyMap<number, Client>;
  readonly settings: { readonly maxClients: number };
  readonly pause: Pause;
  readonly pubsub: PubSub;
  readonly stats: CommandStats;
  readonly activity: Activity;
  readonly clientEviction: ClientEviction;
  readonly table: CommandTable<never>;
  readonly histograms: ReadonlyMap<string, LatencyHistogram>;
}

const MICROSECONDS = 1_000_000;
const DAY_SECONDS = 86400;

export function provideServiceInfo(server: ServiceFieldsHost): void {
  const { info } = server;
  info.declare('server', serverFields(server));
  info.provide('server', () => listenerLines(server));
  info.declare('clients', clientFields(server));
  info.declare('stats', trafficFields(server));
  info.declare('stats', commandFields(server));
  info.declare('cpu', cpuFields(server.usage));
  info.provide('modules', () => []);
  info.provide('commandstats', () => commandLines(server));
  info.provide('errorstats', () => errorLines(server));
  info.provide('latencystats', () => latencyLines(server));
}

function serverFields(server: ServiceFieldsHost): readonly Field[] {
  const { config, clock } = server;
  const seconds = (): number => Math.floor((clock.wallMs() - server.startedMs) / 1000);
  const port = (): number => Math.max(0, server.port >= 0 ? server.port : server.tlsPort);
  return [
    text('redis_version', 'Version of Redis whose behaviour this server has.', () => SERVER_VERSION),
    text('kvasir_version', 'Version of Kvasir.', () => KVASIR_VERSION),
    fixed('redis_git_sha1', 'Unused.', '00000000'),
    fixed('redis_git_dirty', 'Unused.', '0'),
    fixed('redis_build_id', 'Unused.', '0'),
    text('redis_mode', 'standalone, cluster or sentinel.', () => server.mode),
    text('os', 'System that the server runs on.', systemName),
    fixed('arch_bits', 'Width of addresses.', '64'),
    fixed('monotonic_clock', 'Source of steady time.', 'node:perf_hooks'),
    fixed('multiplexing_api', 'Source of network events.', 'libuv'),
    fixed('atomicvar_api', 'Unused.', 'none'),
    text('node_version', 'Version of Node.js.', () => process.versions.node),
    text('process_id', 'Number of the process.', () => server.processTag),
    text('process_supervised', 'Supervisor of the process.', () => server.supervisedBy),
    text('run_id', 'Word that no other run has.', () => server.runId),
    text('tcp_port', 'Port that clients connect to.', port),
    text('server_time_usec', 'Time of the server, in microseconds since 1970.', () =>
      Math.floor(clock.wallMs() * 1000),
    ),
    gauge('uptime_in_seconds', 'Seconds since the start.', seconds),
    text('uptime_in_days', 'Days since the start.', () => Math.floor(seconds() / DAY_SECONDS)),
    text('executable', 'Path of the program.', () => server.executable),
    text('config_file', 'Path of the config file.', () => config.file ?? ''),
  ];
}

/** The ports that clients come to. */
export function listenerLines(server: ServiceFieldsHost): InfoField[] {
  const addresses = server.config
    .special('bind')
    .value.map((host) => `bind=${host}`)
    .join(',');
  const ports = [
    ['tcp', server.port],
    ['tls', server.tlsPort],
  ] as const;
  return ports
    .filter(([, port]) => port >= 0)
    .map(([name, port], index) => [`listener${index}`, `name=${name},${addresses},port=${port}`]);
}

function clientFields(server: ServiceFieldsHost): readonly Field[] {
  const largest = (bytes: (client: Client) => number): number => {
    let max = 0;
    for (const client of server.clients.values()) max = Math.max(max, bytes(client));
    return max;
  };
  return [
    gauge('connected_clients', 'Connections of clients.', () => server.clients.size),
    fixed('cluster_connections', 'Sockets of the cluster bus.', 0),
    gauge('maxclients', 'Most connections that may be open.', () => server.settings.maxClients),
    gauge('client_recent_max_input_buffer', 'Bytes of the largest buffer of requests.', () =>
      largest(({ connection }) => connection?.queryBufferBytes ?? 0),
    ),
    gauge('client_recent_max_output_buffer', 'Bytes of the largest unsent output.', () =>
      largest(({ connection }) => connection?.wire.unsentBytes ?? 0),
    ),
    gauge('blocked_clients', 'Clients whose command waits.', () => server.pause.count),
    gauge('pubsub_clients', 'Clients with subscriptions.', () => server.pubsub.subscriberCount),
  ];
}

function trafficFields({ info, stats, activity, clientEviction, pubsub }: ServiceFieldsHost): readonly Field[] {
  const traffic = info.shared(() => activity.traffic());
  const kilobytes = (perSecond: number): string => (perSecond / 1024).toFixed(2);
  return [
    counter('total_connections_received', 'Connections that were accepted.', () => stats.connections),
    counter('total_commands_processed', 'Commands that ran.', () => stats.processed),
    gauge('instantaneous_ops_per_sec', 'Commands per second.', () => Math.round(activity.commands.perSecond)),
    counter('total_net_input_bytes', 'Bytes that clients sent.', () => traffic().bytesIn),
    counter('total_net_output_bytes', 'Bytes that clients were sent.', () => traffic().bytesOut),
    gauge('instantaneous_input_kbps', 'Kilobytes per second from clients.', () =>
      kilobytes(activity.bytesIn.perSecond),
    ),
    gauge('instantaneous_output_kbps', 'Kilobytes per second to clients.', () =>
      kilobytes(activity.bytesOut.perSecond),
    ),
    counter('rejected_connections', 'Connections over maxclients.', () => stats.rejectedConnections),
    counter('evicted_clients', 'Clients closed for maxmemory-clients.', () => clientEviction.count),
    gauge('pubsub_channels', 'Channels with subscribers.', () => pubsub.channelCount),
    gauge('pubsub_patterns', 'Patterns with subscribers.', () => pubsub.patternCount),
    gauge('pubsubshard_channels', 'Shard channels with subscribers.', () => pubsub.shardChannelCount),
    counter('total_reads_processed', 'Reads from sockets.', () => traffic().reads),
    counter('total_writes_processed', 'Writes to sockets.', () => traffic().writes),
    counter(
      'client_query_buffer_limit_disconnections',
      'Clients closed at client-query-buffer-limit.',
      () => stats.queryLimitDisconnections,
    ),
    counter(
      'client_output_buffer_limit_disconnections',
      'Clients closed at client-output-buffer-limit.',
      () => stats.outputLimitDisconnections,
    ),
    fixed('reply_buffer_shrinks', 'Unused.', 0),
    fixed('reply_buffer_expands', 'Unused.', 0),
  ];
}

function commandFields({ stats, activity }: ServiceFieldsHost): readonly Field[] {
  const { loop, loopCycles, loopMicros } = activity;
  const cycleMicros = (): number => Math.round(loopMicros.perSecond / Math.max(1, loopCycles.perSecond));
  const denied = (index: number) => (): number => stats.aclDenials[index]!;
  return [
    counter('unexpected_error_replies', 'Errors of commands that the master sent.', () => stats.unexpectedErrors),
    counter('total_error_replies', 'Error replies.', () => stats.errorReplies),
    counter('eventloop_cycles', 'Turns of the event loop.', () => loop.cycles),
    counter('eventloop_duration_sum', 'Microseconds in which the loop did not wait.', () => loop.activeMicros),
    counter('eventloop_duration_cmd_sum', 'Microseconds in commands.', () => Math.round(stats.commandMicros)),
    gauge('instantaneous_eventloop_cycles_per_sec', 'Turns of the loop per second.', () =>
      Math.round(loopCycles.perSecond),
    ),
    gauge('instantaneous_eventloop_duration_usec', 'Microseconds of a turn of the loop.', cycleMicros),
    gauge('eventloop_pause_max_usec', 'Longest delay of a tick, in microseconds.', () =>
      Math.round(activity.pauseMsMax * 1000),
    ),
    counter('acl_access_denied_auth', 'Failed authentications.', () => stats.authFailures),
    counter('acl_access_denied_cmd', 'Commands refused by ACL rules.', denied(denials.command)),
    counter('acl_access_denied_key', 'Keys refused by ACL rules.', denied(denials.key)),
    counter('acl_access_denied_channel', 'Channels refused by ACL rules.', denied(denials.channel)),
  ];
}

const seconds = (micros: number): string => (micros / MICROSECONDS).toFixed(6);

function cpuFields(usage: Usage): readonly Field[] {
  const system = (): string => seconds(usage.processorMicros().system);
  const user = (): string => seconds(usage.processorMicros().user);
  return [
    counter('used_cpu_sys', 'Seconds of processor time in the system.', system),
    counter('used_cpu_user', 'Seconds of processor time in the program.', user),
    fixed('used_cpu_sys_children', 'There are no child processes.', seconds(0)),
    fixed('used_cpu_user_children', 'There are no child processes.', seconds(0)),
    text('used_cpu_sys_main_thread', 'As used_cpu_sys.', system),
    text('used_cpu_user_main_thread', 'As used_cpu_user.', user),
  ];
}

function commandLines(server: ServiceFieldsHost): InfoField[] {
  const fields: InfoField[] = [];
  for (const command of server.table.all()) {
    const { calls, microseconds, rejected, failed } = server.stats.figures(command.id);
    if (calls === 0 && rejected === 0 && failed === 0) continue;
    const each = calls === 0 ? '0.00' : (microseconds / calls).toFixed(2);
    fields.push([
      `cmdstat_${command.fullName}`,
      `calls=${calls},usec=${Math.round(microseconds)},usec_per_call=${each},rejected_calls=${rejected},failed_calls=${failed}`,
    ]);
  }
  return fields;
}

function errorLines(server: ServiceFieldsHost): InfoField[] {
  return [...server.stats.errors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function latencyLines(server: ServiceFieldsHost): InfoField[] {
  const percentiles = server.config.special('latency-tracking-info-percentiles').value;
  const fields: InfoField[] = [];
  for (const [name, histogram] of server.histograms) {
    if (histogram.count === 0) continue;
    const shown = percentiles.map(
      (percent) => `p${formatPercentile(percent)}=${(histogram.percentile(percent) / 1000).toFixed(3)}`,
    );
    fields.push([`latency_percentiles_usec_${name}`, shown.join(',')]);
  }
  return fields;
}
