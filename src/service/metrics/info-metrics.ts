// info-metrics: turns the text of INFO, of this server or any other, into metrics with the names of redis_exporter.
//
// Names of commands, errors, databases and replicas become labels. The text may be a stranger's: values that are
// no numbers are left out, and the number of labels is bounded.

import { infoNumber, infoPairs, type InfoText } from '../../base/info-text.js';
import { exporterNames } from './exporter-names.js';
import type { Exposition, Labels, MetricKind } from './exposition.js';

/** Lines of one kind (commands, errors, replicas) that become samples. */
const LINE_COUNT_MAX = 2000;

/** Adds metrics with labels that all of them have. */
export class InfoMetrics {
  constructor(
    private readonly to: Exposition,
    private readonly labels: Labels = {},
  ) {}

  private add(
    name: string,
    kind: MetricKind,
    help: string,
    value: number | undefined,
    labels: Labels = {},
    suffix = '',
  ): void {
    // A counter below zero is none, whatever the server says.
    if (value === undefined || (kind === 'counter' && value < 0)) return;
    this.to.add(`redis_${name}`, kind, help, value, { ...this.labels, ...labels }, suffix);
  }

  /** All that INFO says. */
  addInfo(info: InfoText, nowMs: number): void {
    const { fields } = info;
    for (const [field, value] of fields) {
      const known = exporterNames.get(field);
      const number = known === undefined ? undefined : stateNumber(value);
      if (known === undefined || number === undefined || (known.kind === 'counter' && number < 0)) continue;
      this.to.add(known.name, known.kind, known.help, scaled(number, known.factor), this.labels);
    }
    this.add(
      'config_maxmemory',
      'gauge',
      'Most bytes that used memory may be; 0: no limit.',
      infoNumber(fields.get('maxmemory')),
    );
    const uptime = infoNumber(fields.get('uptime_in_seconds'));
    if (uptime !== undefined)
      this.add('start_time_seconds', 'gauge', 'When the server started.', Math.round(nowMs / 1000 - uptime));
    this.addInstance(fields);
    this.addKeyspace(info);
    this.addCommands(info);
    this.addErrors(info);
    if (fields.get('role') === 'slave') this.addMaster(fields);
    this.addReplicas(fields);
    this.addSentinel(info);
  }

  /** What CLUSTER INFO says. */
  addCluster({ fields }: InfoText): void {
    for (const [field, value] of fields) {
      if (!/^cluster_[a-z0-9_]{1,80}$/.test(field)) continue;
      const number = stateNumber(value);
      if (field === 'cluster_stats_messages_sent')
        this.add('cluster_messages_sent_total', 'counter', 'Messages sent on the bus.', number);
      else if (field === 'cluster_stats_messages_received')
        this.add('cluster_messages_received_total', 'counter', 'Messages received on the bus.', number);
      else this.add(field, 'gauge', 'As CLUSTER INFO says.', number);
    }
  }

  private addInstance(fields: ReadonlyMap<string, string>): void {
    const word = (name: string): string => fields.get(name) ?? '';
    const names = ['role', 'redis_version', 'redis_build_id', 'os', 'maxmemory_policy', 'tcp_port', 'run_id'];
    const labels: Record<string, string> = {
      ...Object.fromEntries(names.map((name) => [name, word(name)])),
      redis_mode: word('redis_mode') || word('server_mode'),
      process_id: word('process_id'),
      master_replid: word('master_replid'),
    };
    for (const name of ['kvasir_version', 'valkey_version', 'availability_zone'])
      if (word(name) !== '') labels[name] = word(name);
    this.add('instance_info', 'gauge', 'What the server is, in labels; always 1.', 1, labels);
  }

  private addKeyspace({ sections }: InfoText): void {
    for (const [db, text] of sections.get('keyspace') ?? []) {
      if (!/^db\d{1,6}$/.test(db)) continue;
      const pairs = infoPairs(text);
      const ttl = infoNumber(pairs.get('avg_ttl'));
      this.add('db_keys', 'gauge', 'Keys of a database.', infoNumber(pairs.get('keys')), { db });
      this.add('db_keys_expiring', 'gauge', 'Keys with an age.', infoNumber(pairs.get('expires')), { db });
      if (ttl !== undefined)
        this.add('db_avg_ttl_seconds', 'gauge', 'Mean time until keys expire.', ttl / 1000, { db });
      const items = infoNumber(pairs.get('subexpiry') ?? pairs.get('keys_with_volatile_items'));
      this.add('db_keys_with_expiring_items', 'gauge', 'Keys whose items have an age.', items, { db });
    }
  }

  private addCommands({ sections }: InfoText): void {
    const latencies = sections.get('latencystats');
    let count = 0;
    for (const [field, text] of sections.get('commandstats') ?? []) {
      if (!field.startsWith('cmdstat_') || ++count > LINE_COUNT_MAX) continue;
      const cmd = field.slice('cmdstat_'.length);
      const pairs = infoPairs(text);
      const calls = infoNumber(pairs.get('calls'));
      const micros = infoNumber(pairs.get('usec'));
      const seconds = micros === undefined ? undefined : scaled(micros, 1e-6);
      const rejected = infoNumber(pairs.get('rejected_calls'));
      const failed = infoNumber(pairs.get('failed_calls'));
      this.add('commands_total', 'counter', 'Calls of a command.', calls, { cmd });
      this.add('commands_duration_seconds_total', 'counter', 'Seconds in a command.', seconds, { cmd });
      this.add('commands_rejected_calls_total', 'counter', 'Calls that were refused.', rejected, { cmd });
      this.add('commands_failed_calls_total', 'counter', 'Calls that failed.', failed, { cmd });
      const percentiles = latencies?.get(`latency_percentiles_usec_${cmd}`);
      if (percentiles !== undefined && calls !== undefined && micros !== undefined)
        this.addLatency(cmd, infoPairs(percentiles), calls, micros);
    }
  }

  private addLatency(cmd: string, percentiles: ReadonlyMap<string, string>, calls: number, micros: number): void {
    const help = 'Time of a command in microseconds.';
    const add = (value: number | undefined, suffix: string, quantile?: string): void =>
      this.add('latency_percentiles_usec', 'summary', help, value, { cmd, ...(quantile && { quantile }) }, suffix);
    for (const [name, text] of percentiles) {
      const quantile = /^p(\d{1,3}(?:\.\d{1,6})?)$/.exec(name)?.[1];
      if (quantile !== undefined) add(infoNumber(text), '', quantile);
    }
    add(micros, '_sum');
    add(calls, '_count');
  }

  private addErrors({ sections }: InfoText): void {
    let count = 0;
    for (const [field, text] of sections.get('errorstats') ?? []) {
      if (!field.startsWith('errorstat_') || ++count > LINE_COUNT_MAX) continue;
      const err = field.slice('errorstat_'.length);
      this.add('errors_total', 'counter', 'Error replies of a kind.', infoNumber(infoPairs(text).get('count')), {
        err,
      });
    }
  }

  private addMaster(fields: ReadonlyMap<string, string>): void {
    const word = (name: string): string => fields.get(name) ?? '';
    const labels = { master_host: word('master_host'), master_port: word('master_port') };
    const number = (name: string): number | undefined => infoNumber(fields.get(name));
    this.add(
      'master_link_up',
      'gauge',
      '1 while the link stands.',
      word('master_link_status') === 'up' ? 1 : 0,
      labels,
    );
    this.add(
      'master_last_io_seconds_ago',
      'gauge',
      'Seconds since the master was heard of.',
      number('master_last_io_seconds_ago'),
      labels,
    );
    this.add(
      'master_sync_in_progress',
      'gauge',
      '1 during a full synchronization.',
      number('master_sync_in_progress'),
      labels,
    );
    this.add('slave_repl_offset', 'gauge', 'Offset of this replica.', number('slave_repl_offset'), labels);
    this.add('slave_info', 'gauge', 'What the replica is, in labels; always 1.', 1, {
      ...labels,
      read_only: word('slave_read_only'),
    });
  }

  private addReplicas(fields: ReadonlyMap<string, string>): void {
    for (let index = 0; index < LINE_COUNT_MAX; index++) {
      const text = fields.get(`slave${index}`);
      if (text === undefined) return;
      const pairs = infoPairs(text);
      const word = (name: string): string => pairs.get(name) ?? '';
      const labels = { slave_ip: word('ip'), slave_port: word('port'), slave_state: word('state') };
      const offset = infoNumber(pairs.get('offset'));
      const lag = infoNumber(pairs.get('lag'));
      this.add('connected_slave_offset_bytes', 'gauge', 'Offset of a replica.', offset, labels);
      this.add('connected_slave_lag_seconds', 'gauge', 'Seconds since a replica was heard of.', lag, labels);
    }
  }

  private addSentinel({ sections }: InfoText): void {
    for (const [field, text] of sections.get('sentinel') ?? []) {
      if (!/^master\d+$/.test(field)) continue;
      const pairs = infoPairs(text);
      const word = (name: string): string => pairs.get(name) ?? '';
      const labels = { master_name: word('name'), master_address: word('address') };
      const isOk = word('status') === 'ok' ? 1 : 0;
      const replicas = infoNumber(pairs.get('slaves'));
      const sentinels = infoNumber(pairs.get('sentinels'));
      this.add('sentinel_master_status', 'gauge', '1 while the master is up.', isOk, {
        ...labels,
        master_status: word('status'),
      });
      this.add('sentinel_master_slaves', 'gauge', 'Replicas of a master.', replicas, labels);
      this.add('sentinel_master_sentinels', 'gauge', 'Sentinels that watch a master.', sentinels, labels);
    }
  }
}

/** A number, or the words that stand for one. */
function stateNumber(value: string): number | undefined {
  if (value === 'ok' || value === 'true') return 1;
  if (value === 'err' || value === 'fail' || value === 'false') return 0;
  return infoNumber(value);
}

/** Without the dust of binary fractions: 7 microseconds are 0.000007 seconds. */
function scaled(value: number, factor: number): number {
  return factor === 1 ? value : Number((value * factor).toPrecision(15));
}
