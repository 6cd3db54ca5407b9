// fleet-metrics: metrics of every server that the monitor watches, for Prometheus, from the samples in memory.
//
// Each sample has the label `instance` with the server's name, as Prometheus would give it: scrape with `honor_labels: true`. A scrape
// asks no server anything, so figures are up to one interval old.

import { infoNumber, type InfoText } from '../base/info-text.js';
import { Exposition, type ExpositionFormat, type Labels } from '../service/metrics/exposition.js';
import { InfoMetrics } from '../service/metrics/info-metrics.js';
import type { Health, ScrapeSource } from '../service/metrics/scrape-door.js';
import type { Monitor } from './monitor.js';
import { isEjected, poolLines } from './proxy-pools.js';
import type { TargetWatch } from './target-watch.js';

/** Counters of a proxy's pools and servers; the others are gauges. */
const proxyGauges: ReadonlySet<string> = new Set([
  'client_connections',
  'server_connections',
  'in_queue',
  'in_queue_bytes',
  'out_queue',
  'out_queue_bytes',
  'server_ejected_at',
]);
const SECONDS_A_DAY = 86_400;

export class FleetMetrics implements ScrapeSource {
  constructor(
    private readonly monitor: Monitor,
    private readonly nowMs: () => number,
  ) {}

  metrics(format: ExpositionFormat): string {
    const to = new Exposition();
    const names = new Map<string, number>();
    const watches = [...this.monitor.all.values()];
    for (const { target } of watches) names.set(target.name, (names.get(target.name) ?? 0) + 1);
    const instanceOf = ({ target }: TargetWatch): string =>
      (names.get(target.name) ?? 0) > 1 ? target.id : target.name;
    for (const watch of watches) this.addTarget(to, watch, { instance: instanceOf(watch) });
    this.addAlerts(to, instanceOf);
    return to.render(format);
  }

  /** The monitor itself; whether servers are up is for alerts to tell. */
  health(): Health {
    const targets = this.monitor.targets();
    const down = targets.filter(({ state }) => state === 'down').map(({ name }) => name);
    return { isHealthy: true, details: { targets: targets.length, down } };
  }

  private addTarget(to: Exposition, watch: TargetWatch, labels: Labels): void {
    const { info, cluster, error, values } = watch;
    const isUp = watch.state === 'up';
    to.add('redis_up', 'gauge', '1 while the server answers.', isUp ? 1 : 0, labels);
    to.add(
      'redis_exporter_last_scrape_error',
      'gauge',
      '1 with the reason when the last sample failed.',
      isUp ? 0 : 1,
      {
        ...labels,
        err: error,
      },
    );
    const milliseconds = values.get('response_ms');
    if (milliseconds !== undefined)
      to.add(
        'redis_exporter_last_scrape_duration_seconds',
        'gauge',
        'Seconds until INFO was answered.',
        milliseconds / 1000,
        labels,
      );
    const days = values.get('certificate_days');
    if (days !== undefined)
      to.add(
        'kvasir_monitor_certificate_expires_seconds',
        'gauge',
        "Seconds until the server's certificate expires.",
        Math.round(days * SECONDS_A_DAY),
        labels,
      );
    if (info === undefined) return;
    const metrics = new InfoMetrics(to, labels);
    metrics.addInfo(info, this.nowMs());
    if (cluster !== undefined) metrics.addCluster(cluster);
    const slots = values.get('slots');
    if (slots !== undefined)
      to.add('kvasir_monitor_cluster_slots', 'gauge', 'Slots that the node owns.', slots, labels);
    addPools(to, info, labels);
  }

  private addAlerts(to: Exposition, instanceOf: (watch: TargetWatch) => string): void {
    for (const { rule, severity, target, phase, isSilenced } of this.monitor.alerts.current()) {
      const watch = this.monitor.all.get(target);
      if (phase !== 'firing' || watch === undefined) continue;
      const labels = { instance: instanceOf(watch), rule, severity, silenced: String(isSilenced) };
      to.add('kvasir_monitor_alert_firing', 'gauge', 'Alerts that fire; always 1.', 1, labels);
    }
  }
}

/** What INFO of a proxy says of its pools, under the names of its own metrics. */
function addPools(to: Exposition, info: InfoText, labels: Labels): void {
  for (const line of poolLines(info) ?? []) {
    const { pool, server, pairs } = line;
    const own = { ...labels, pool, ...(server === undefined ? {} : { server }) };
    for (const [name, value] of pairs) {
      const number = infoNumber(value);
      if (number === undefined || number < 0 || !/^[a-z_]{1,40}$/.test(name) || name === 'name' || name === 'address')
        continue;
      const kind = proxyGauges.has(name) ? 'gauge' : 'counter';
      to.add(`kvasir_proxy_${name}${kind === 'counter' ? '_total' : ''}`, kind, 'As the proxy tells it.', number, own);
    }
    if (server !== undefined) {
      const help = '1 while the server is ejected.';
      to.add('kvasir_proxy_server_ejected', 'gauge', help, isEjected(line) ? 1 : 0, own);
    }
  }
}
