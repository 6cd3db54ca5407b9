// server-metrics: metrics and health of a server of this package, for a monitoring system.
//
// The figures are those of INFO, under the names of redis_exporter; declared figures that it has no name for follow its manner. Names
// that redis_exporter has for itself (`redis_up`, `redis_exporter_*`) exist too, because dashboards ask for them.

import { parseInfoText } from '../../base/info-text.js';
import type { Clock } from '../../io/clock.js';
import type { Info } from '../info/info.js';
import type { CommandLog } from '../watch/command-log.js';
import type { LatencyMonitor } from '../watch/latency-monitor.js';
import { exporterNames } from './exporter-names.js';
import { Exposition, type ExpositionFormat } from './exposition.js';
import { InfoMetrics } from './info-metrics.js';
import type { Health, ScrapeSource } from './scrape-door.js';

export interface ServerMetricsHost {
  readonly info: Info;
  readonly clock: Clock;
  readonly slowLog: CommandLog;
  readonly latency: LatencyMonitor;
  readonly loading: boolean;
  beginTurn(): void;
  /** What CLUSTER INFO says; undefined outside a cluster. */
  readonly clusterInfo?: string | undefined;
}

/** A declared field that only has Redis's name. */
const UNUSED = 'Unused.';

export class ServerMetrics implements ScrapeSource {
  private scrapeCount = 0;

  constructor(private readonly host: ServerMetricsHost) {}

  metrics(format: ExpositionFormat): string {
    const { host } = this;
    const beganMs = host.clock.steadyMs();
    host.beginTurn();
    const to = new Exposition();
    to.add('redis_up', 'gauge', 'The server answers; always 1.', 1);
    const metrics = new InfoMetrics(to);
    metrics.addInfo(parseInfoText(host.info.render(['all'])), host.clock.wallMs());
    if (host.clusterInfo !== undefined) metrics.addCluster(parseInfoText(host.clusterInfo));
    this.addDeclared(to);
    this.addLogs(to);
    to.add('redis_exporter_scrapes_total', 'counter', 'Times that these metrics were asked for.', ++this.scrapeCount);
    to.add('redis_exporter_last_scrape_error', 'gauge', 'Unused: nothing is scraped over a connection.', 0, {
      err: '',
    });
    const seconds = (host.clock.steadyMs() - beganMs) / 1000;
    to.add('redis_exporter_last_scrape_duration_seconds', 'gauge', 'Seconds that these metrics took.', seconds);
    return to.render(format);
  }

  health(): Health {
    const { host } = this;
    host.beginTurn();
    const { fields } = parseInfoText(host.info.render(['server', 'replication']));
    const details: Record<string, unknown> = { loading: host.loading };
    for (const name of ['role', 'master_link_status', 'redis_mode', 'redis_version', 'kvasir_version'])
      if (fields.has(name)) details[name] = fields.get(name);
    details.uptime_in_seconds = Number(fields.get('uptime_in_seconds') ?? 0);
    return { isHealthy: !host.loading, details };
  }

  private addDeclared(to: Exposition): void {
    for (const { name, kind, help, value } of this.host.info.metrics()) {
      if (kind === 'text' || help === UNUSED || exporterNames.has(name)) continue;
      // A counter `total_things` is `things_total`, as redis_exporter has it.
      const shown = kind === 'counter' ? `${name.replace(/^total_|_total$/, '')}_total` : name;
      to.add(`redis_${shown}`, kind, help, value);
    }
  }

  private addLogs(to: Exposition): void {
    const { slowLog, latency } = this.host;
    const [last] = slowLog.latest(1);
    to.add('redis_slowlog_length', 'gauge', 'Entries of the slow log.', slowLog.length);
    to.add('redis_slowlog_last_id', 'gauge', 'Number of the last entry of the slow log.', last?.id ?? 0);
    to.add(
      'redis_last_slow_execution_duration_seconds',
      'gauge',
      'Seconds of the last entry of the slow log.',
      (last?.value ?? 0) / 1e6,
    );
    for (const { name, samples } of latency.all()) {
      const spike = samples.at(-1);
      if (spike === undefined) continue;
      const labels = { event_name: name };
      to.add('redis_latency_spike_last', 'gauge', 'When a latency event was last seen.', spike.timeSeconds, labels);
      to.add('redis_latency_spike_duration_seconds', 'gauge', 'How long that took.', spike.milliseconds / 1000, labels);
    }
  }
}
